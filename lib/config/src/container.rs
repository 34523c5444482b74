// SPDX-License-Identifier: MPL-2.0
//! A container as meant: what a `ContainerConfig` says, with what it leaves out.
//!
//! Owns: the defaults of containers, and the words that their keys take.
//! Never: knows what is in an image.

use crate::document::ContainerConfig;

/// The longest name: `ctr-` and this fit into what init takes for a name.
pub(crate) const NAME_MAX: usize = 48;
/// The smallest limit of memory that a program can be started with, in bytes.
pub(crate) const MEMORY_MIN: u64 = 1024 * 1024;
/// The most thousandths of a processor: more than any machine has.
const MILLI_CPUS_MAX: u64 = 1_024_000;

/// When the registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pull {
    /// When the node has none of this reference.
    #[default]
    IfNotPresent,
    /// At each start; an image that is there is used when nobody answers.
    Always,
    /// Never.
    Never,
}

impl Pull {
    /// Reads the word of a document; nothing is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "IfNotPresent" => Some(Self::IfNotPresent),
            "Always" => Some(Self::Always),
            "Never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// When a container starts again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ContainerRestart {
    /// Whatever its exit was.
    #[default]
    Always,
    /// Until it exits with 0.
    UntilSuccess,
    /// Never.
    Never,
}

impl ContainerRestart {
    /// Reads the word of a document; nothing is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "always" => Some(Self::Always),
            "untilSuccess" => Some(Self::UntilSuccess),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// Which network a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ContainerNetwork {
    /// The node's.
    #[default]
    Host,
    /// One of its own, with nothing but a loopback.
    None,
}

impl ContainerNetwork {
    /// Reads the word of a document; nothing is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "host" => Some(Self::Host),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// What a container may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// Users of its own, few capabilities, a filter of system calls.
    #[default]
    Default,
    /// What extension services may: for what administers the machine.
    Privileged,
}

impl Profile {
    /// Reads the word of a document; nothing is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "default" => Some(Self::Default),
            "privileged" => Some(Self::Privileged),
            _ => None,
        }
    }
}

/// What is done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceAccess {
    /// It is read and written.
    #[default]
    ReadWrite,
    /// It is read.
    ReadOnly,
}

impl DeviceAccess {
    /// Reads the word of a document; nothing is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "rw" => Some(Self::ReadWrite),
            "r" => Some(Self::ReadOnly),
            _ => None,
        }
    }
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerMountSpec {
    /// A path of the node; empty for a file system in memory.
    pub source: String,
    /// Where it is in the container.
    pub destination: String,
    /// Options as mount(8) has them.
    pub options: Vec<String>,
}

/// A container to run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerSpec {
    /// Its name, without prefix.
    pub name: String,
    /// The reference of its image.
    pub image: String,
    /// When the registry is asked for it.
    pub pull: Pull,
    /// In place of the image's entrypoint, unless empty.
    pub entrypoint: Vec<String>,
    /// In place of the image's command, unless empty.
    pub args: Vec<String>,
    /// `NAME=value` each.
    pub environment: Vec<String>,
    /// What it sees besides its image.
    pub mounts: Vec<ContainerMountSpec>,
    /// A number or a name of the image; empty for the image's own user.
    pub user: String,
    /// A number or a name of the image; empty for the user's own group.
    pub group: String,
    /// Paths of devices, and what is done with each.
    pub devices: Vec<(String, DeviceAccess)>,
    /// What it may do.
    pub profile: Profile,
    /// Whether it may write to its root.
    pub writable_root: bool,
    /// Limit of memory in bytes; `None`: what the node gives to every guest.
    pub memory_max: Option<u64>,
    /// Limit in thousandths of a processor.
    pub milli_cpus: Option<u32>,
    /// Limit of processes; `None`: what the node gives to every guest.
    pub pids_max: Option<u32>,
    /// When it starts again.
    pub restart: ContainerRestart,
    /// Its network.
    pub network: ContainerNetwork,
}

impl ContainerSpec {
    /// What a document means; `None` where a word is none of those that are possible, which validation
    /// refuses.
    #[must_use]
    pub fn from_document(written: &ContainerConfig) -> Option<Self> {
        let limits = &written.resources.limits;
        let devices = written.devices.iter();
        Some(Self {
            name: written.name.clone(),
            image: written.image.reference.clone(),
            pull: Pull::parse(&written.image.pull)?,
            entrypoint: written.entrypoint.clone(),
            args: written.args.clone(),
            environment: written.environment.clone(),
            mounts: (written.mounts.iter())
                .map(|mount| ContainerMountSpec {
                    source: mount.source.clone(),
                    destination: mount.destination.clone(),
                    options: mount.options.clone(),
                })
                .collect(),
            user: written.run_as.user.clone(),
            group: written.run_as.group.clone(),
            devices: devices
                .map(|device| Some((device.path.clone(), DeviceAccess::parse(&device.access)?)))
                .collect::<Option<_>>()?,
            profile: Profile::parse(&written.security.profile)?,
            writable_root: written.security.writable_root == Some(true),
            memory_max: Some(limits.memory.0).filter(|bytes| *bytes != 0),
            milli_cpus: optional(&limits.cpus, milli_cpus)?,
            pids_max: optional(&limits.pids, pids)?,
            restart: ContainerRestart::parse(&written.restart)?,
            network: ContainerNetwork::parse(&written.network)?,
        })
    }
}

/// What a text means, where there is one; `None` if it means nothing.
fn optional<T>(text: &str, parse: fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        parse(text).map(Some)
    }
}

/// Reads processors, `2`, `0.5` or `500m`, as thousandths; at least one.
pub(crate) fn milli_cpus(text: &str) -> Option<u32> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let milli: u64 = match text.strip_suffix('m') {
        Some(milli) if is_number(milli) => milli.parse().ok()?,
        Some(_) => return None,
        None => {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            if !is_number(whole) || !is_number(part) || part.len() > 3 {
                return None;
            }
            let whole: u64 = whole.parse().ok()?;
            let part: u64 = format!("{part:0<3}").parse().ok()?;
            whole.checked_mul(1000)?.checked_add(part)?
        }
    };
    (1..=MILLI_CPUS_MAX)
        .contains(&milli)
        .then(|| u32::try_from(milli).ok())?
}

/// Reads a number of processes; at least one.
pub(crate) fn pids(text: &str) -> Option<u32> {
    text.parse().ok().filter(|pids| *pids > 0)
}

#[cfg(test)]
mod tests {
    use super::{milli_cpus, pids};

    #[test]
    fn processors_are_whole_parts_or_thousandths() {
        for (text, milli) in [
            ("1", 1000),
            ("0.5", 500),
            ("0.25", 250),
            ("1.125", 1125),
            ("500m", 500),
            ("1024", 1_024_000),
        ] {
            assert_eq!(milli_cpus(text), Some(milli), "{text}");
        }
        for text in [
            "",
            "0",
            "0.0",
            "0m",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.2345",
            "1e3",
            "m",
            "0.5m",
            "1025",
            "99999999999999999999",
            "half",
            " 1",
        ] {
            assert_eq!(milli_cpus(text), None, "{text:?}");
        }
        assert_eq!(pids("64"), Some(64));
        for text in ["0", "-1", "many", "4294967296"] {
            assert_eq!(pids(text), None, "{text}");
        }
    }
}
