// SPDX-License-Identifier: MPL-2.0
//! The files behind kernel parameters: `proc.sys.*` below `/proc/sys`, `sys.*` below `/sys`.
//!
//! Owns: which file an id means, reading it, and writing it.
//! Never: leaves the folder that the id says, makes a file, or reads without an end.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::files;
use crate::places::Places;

/// The longest value: those of sysfs are a page (Documentation/filesystems/sysfs.rst), and tables below
/// `/proc/sys` some pages.
const VALUE_MAX: u64 = 64 * 1024;

/// The folders, by the prefix of their ids.
#[derive(Debug)]
pub(super) struct Roots([(&'static str, PathBuf); 2]);

impl Roots {
    pub(super) fn of(places: &Places) -> Self {
        Self([
            ("proc.sys.", places.at("/proc/sys")),
            ("sys.", places.at("/sys")),
        ])
    }

    /// The file of a parameter. What separates the first two parts of the name separates all, as
    /// sysctl.conf(5) has it: after a slash dots are dots, and after a dot a slash stands for one
    /// (`net.ipv4.conf.eth0/100.forwarding`).
    pub(super) fn file(&self, id: &str) -> Option<PathBuf> {
        let Self(all) = self;
        let (name, root) = all
            .iter()
            .find_map(|(prefix, root)| Some((id.strip_prefix(prefix)?, root)))?;
        let by_slashes = name.find(['.', '/']).is_some_and(|at| {
            let separator = name.as_bytes().get(at);
            separator == Some(&b'/')
        });
        let mut path = root.clone();
        for part in name.split(if by_slashes { '/' } else { '.' }) {
            let part = match by_slashes {
                true => part.to_owned(),
                false => part.replace('/', "."),
            };
            if part.is_empty() || part.starts_with('.') || part.contains(['/', '\0']) {
                return None;
            }
            path.push(part);
        }
        Some(path)
    }
}

/// What the kernel says, without the end of the line.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let text = files::read_text(path, VALUE_MAX)?;
    Ok(text.trim_end().to_owned())
}

/// Gives a parameter a value.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(value.as_bytes())
}

/// The value in what the kernel says: some files list all there are, with the present one in brackets
/// (`always [madvise] never`), and take one word only.
pub(super) fn value(said: &str) -> &str {
    let mut chosen = said.split_whitespace().filter_map(|word| {
        let inner = word.strip_prefix('[')?.strip_suffix(']')?;
        (!inner.is_empty()).then_some(inner)
    });
    match (chosen.next(), chosen.next()) {
        (Some(only), None) => only,
        (None, _) | (Some(_), Some(_)) => said,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    fn file(id: &str) -> Option<PathBuf> {
        Roots::of(&Places::under("/")).file(id)
    }

    #[test]
    fn nothing_outside_of_the_two_folders_is_meant() {
        for id in [
            "proc.sys.",
            "proc.sys.a..b",
            "proc.sys./etc/passwd",
            "proc.sys.//x",
            "proc.sys.kernel./",
            "proc.sys.a/../../../etc/passwd",
            "sys.",
            "sys.a/../../etc/passwd",
            "sys./etc/passwd",
            "sys...etc.passwd",
            "sys.a.//../b",
            "etc.passwd",
            "proc.self.mem",
            "",
        ] {
            let found = file(id);
            let is_inside = found.as_ref().is_none_or(|path| {
                let is_plain = |part| matches!(part, Component::Normal(_) | Component::RootDir);
                path.components().all(is_plain)
                    && (path.starts_with("/proc/sys") || path.starts_with("/sys"))
            });
            assert!(is_inside, "{id} gives {found:?}");
        }
    }

    #[test]
    fn wnew_11_the_first_separator_says_what_the_others_are() {
        for (id, path) in [
            (
                "proc.sys.net.ipv4.conf.eth0/100.forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
            ),
            (
                "proc.sys.net/ipv4/conf/eth0.100/forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
            ),
            (
                "sys.block.sda.queue.scheduler",
                "/sys/block/sda/queue/scheduler",
            ),
            (
                "sys.bus/pci/devices/0000:00:1f.2/power/control",
                "/sys/bus/pci/devices/0000:00:1f.2/power/control",
            ),
        ] {
            assert_eq!(file(id).unwrap(), Path::new(path), "{id}");
        }
    }

    #[test]
    fn the_value_of_a_list_of_choices_is_the_chosen_one() {
        for (said, chosen) in [
            ("always [madvise] never", "madvise"),
            ("[none] mq-deadline", "none"),
            ("10", "10"),
            ("", ""),
            ("[a] [b]", "[a] [b]"),
            ("a[0] []", "a[0] []"),
        ] {
            assert_eq!(value(said), chosen);
        }
    }
}
