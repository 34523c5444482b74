// SPDX-License-Identifier: MPL-2.0
//! What an extension service may do to its root and to what the kernel shows there.
//!
//! Owns: the section `container.security` and its defaults.
//! Never: tells apart who may be trusted: extension services are privileged.

use proto::container::{Container, PATHS_MAX, Propagation, Travel};
use proto::heapless;
use serde_yaml_ng::Value;

use super::read::{Refused, Section, is_plain, refused};

/// What containerd masks when nothing is said.
pub(crate) const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/proc/scsi",
];
/// What containerd makes read-only when nothing is said. The documents have these "mounted to
/// /dev/null" too, which would make them unreadable: taken for a slip (inventory, conflict 10).
pub(crate) const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// The section, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Security {
    /// `None` for the defaults; an empty list masks nothing.
    masked: Option<Vec<String>>,
    /// The same for paths that cannot be written.
    read_only: Option<Vec<String>>,
    writable_root: bool,
    writable_sysfs: bool,
    propagation: Option<Propagation>,
}

impl Security {
    /// Reads the section; a missing one is all defaults.
    pub(super) fn read(value: Option<&Value>) -> Result<Self, Refused> {
        let keys = [
            "maskedPaths",
            "readonlyPaths",
            "writeableRootfs",
            "writeableSysfs",
            "rootfsPropagation",
        ];
        let section = Section::open("container.security", value, &keys)?;
        Ok(Self {
            masked: paths(&section, "maskedPaths")?,
            read_only: paths(&section, "readonlyPaths")?,
            writable_root: section.flag("writeableRootfs")?,
            writable_sysfs: section.flag("writeableSysfs")?,
            propagation: propagation(&section)?,
        })
    }

    /// As init is told.
    pub(super) fn lower(&self) -> Container<'_> {
        Container {
            writable_root: self.writable_root,
            writable_sysfs: self.writable_sysfs,
            propagation: self.propagation,
            masked: lower_paths(self.masked.as_deref(), &MASKED),
            read_only: lower_paths(self.read_only.as_deref(), &READ_ONLY),
            ..Container::of_folder()
        }
    }
}

fn lower_paths<'a>(
    written: Option<&'a [String]>,
    defaults: &[&'static str],
) -> heapless::Vec<&'a str, PATHS_MAX> {
    match written {
        Some(paths) => paths.iter().map(String::as_str).collect(),
        None => defaults.iter().copied().collect(),
    }
}

fn paths(section: &Section<'_>, key: &str) -> Result<Option<Vec<String>>, Refused> {
    if section.get(key).is_none() {
        return Ok(None);
    }
    let paths = section.texts(key)?;
    if paths.len() > PATHS_MAX {
        let count = paths.len();
        let reason = format!("has {count} entries, at most {PATHS_MAX} are possible");
        return refused(section.path(key), reason);
    }
    match paths.iter().position(|path| !is_plain(path)) {
        Some(index) => refused(
            format!("{}[{index}]", section.path(key)),
            "an absolute path without .. is needed",
        ),
        None => Ok(Some(paths)),
    }
}

fn propagation(section: &Section<'_>) -> Result<Option<Propagation>, Refused> {
    let key = "rootfsPropagation";
    let Some(word) = section.text_if_any(key)? else {
        return Ok(None);
    };
    let (below, kind) = match word {
        "private" => (false, Travel::Private),
        "rprivate" => (true, Travel::Private),
        "slave" => (false, Travel::Slave),
        "rslave" => (true, Travel::Slave),
        "shared" => (false, Travel::Shared),
        "rshared" => (true, Travel::Shared),
        "unbindable" => (false, Travel::Unbindable),
        "runbindable" => (true, Travel::Unbindable),
        _ => {
            let reason = "private, slave, shared and unbindable are possible, also with r before";
            return refused(section.path(key), reason);
        }
    };
    Ok(Some(Propagation { kind, below }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Security {
        Security::read(Some(&serde_yaml_ng::from_str(text).unwrap())).unwrap()
    }

    #[test]
    fn ext_08_an_empty_list_is_not_a_missing_one() {
        let unset = Security::default();
        let empty = read("maskedPaths: []\nreadonlyPaths: []");
        let one = read("maskedPaths: [/a]");

        assert_eq!(unset.lower().masked.as_slice(), MASKED);
        assert_eq!(unset.lower().read_only.as_slice(), READ_ONLY);
        assert!(empty.lower().masked.is_empty() && empty.lower().read_only.is_empty());
        assert_eq!(one.lower().masked.as_slice(), ["/a"]);
        assert_eq!(one.lower().read_only.as_slice(), READ_ONLY);
    }

    #[test]
    fn ext_07_roots_and_sysfs_are_read_only_and_private_unless_said() {
        let unset = Security::default();
        let written =
            read("writeableRootfs: true\nwriteableSysfs: true\nrootfsPropagation: rslave");

        let lowered = unset.lower();
        assert!(!lowered.writable_root && !lowered.writable_sysfs);
        assert_eq!(lowered.propagation, None);
        let lowered = written.lower();
        assert!(lowered.writable_root && lowered.writable_sysfs);
        let slave = Propagation {
            kind: Travel::Slave,
            below: true,
        };
        assert_eq!(lowered.propagation, Some(slave));
    }
}
