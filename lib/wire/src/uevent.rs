// SPDX-License-Identifier: MPL-2.0
//! What the kernel says when a device comes, changes or goes.
//!
//! Two shapes of one thing: the netlink message (`NETLINK_KOBJECT_UEVENT`: a headline
//! `action@devpath`, then `KEY=value`, each ended by a NUL) and the `uevent` file that every
//! device has in sysfs (`KEY=value` lines).
//!
//! Owns: both shapes and the kernel's names in them.
//! Never: knows what a property is used for.

/// The longest message: the kernel's `UEVENT_BUFFER_SIZE` (2048) for properties, and a headline
/// with the longest path.
pub const MESSAGE_MAX: usize = 8192;

/// Why bytes are not a message of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No NUL ends the headline, or the last property.
    Truncated,
    /// The headline is not `action@devpath`.
    BadHeadline,
    /// The kernel has no such action.
    UnknownAction,
    /// The path does not begin with a slash, or steps upwards.
    BadPath,
}

/// What happened to the device (`enum kobject_action` of the kernel).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is there.
    Add,
    /// It is gone.
    Remove,
    /// Something about it is different.
    Change,
    /// It has another path.
    Move,
    /// It may be used again.
    Online,
    /// It may not be used for now.
    Offline,
    /// A driver took it.
    Bind,
    /// Its driver let it go.
    Unbind,
}

/// Every action and the kernel's word for it.
const ACTIONS: &[(&[u8], Action)] = &[
    (b"add", Action::Add),
    (b"remove", Action::Remove),
    (b"change", Action::Change),
    (b"move", Action::Move),
    (b"online", Action::Online),
    (b"offline", Action::Offline),
    (b"bind", Action::Bind),
    (b"unbind", Action::Unbind),
];

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uevent<'a> {
    /// What happened.
    pub action: Action,
    /// The device: a path below `/sys`, with its slash.
    pub devpath: &'a str,
    /// The rest.
    pub properties: Properties<'a>,
}

impl<'a> Uevent<'a> {
    /// The message in `bytes`.
    ///
    /// # Errors
    /// The bytes are not exactly one message of the kernel.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let end = bytes
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(Error::Truncated)?;
        let (headline, rest) = bytes.split_at_checked(end).ok_or(Error::Truncated)?;
        let rest = rest.get(1..).unwrap_or_default();
        if rest.last().is_some_and(|byte| *byte != 0) {
            return Err(Error::Truncated);
        }
        let at = headline
            .iter()
            .position(|byte| *byte == b'@')
            .ok_or(Error::BadHeadline)?;
        let (action, path) = headline.split_at_checked(at).ok_or(Error::BadHeadline)?;
        let action = ACTIONS
            .iter()
            .find(|(word, _)| *word == action)
            .map(|(_, action)| *action)
            .ok_or(Error::UnknownAction)?;
        let devpath = path
            .get(1..)
            .and_then(|path| core::str::from_utf8(path).ok())
            .ok_or(Error::BadPath)?;
        if !devpath.starts_with('/') || devpath.split('/').any(|step| step == "..") {
            return Err(Error::BadPath);
        }
        Ok(Self {
            action,
            devpath,
            properties: Properties {
                bytes: rest,
                separator: 0,
            },
        })
    }
}

/// `KEY=value` pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
    separator: u8,
}

impl<'a> Properties<'a> {
    /// The properties in the text of a `uevent` file of sysfs.
    #[must_use]
    pub const fn of_file(text: &'a [u8]) -> Self {
        Self {
            bytes: text,
            separator: b'\n',
        }
    }

    /// The value of `key` as bytes: names that come from a disk may be anything.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&'a [u8]> {
        let separator = self.separator;
        self.bytes
            .split(move |byte| *byte == separator)
            .find_map(|pair| pair.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
    }

    /// The value of `key`, when it is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'a str> {
        core::str::from_utf8(self.bytes(key)?).ok()
    }

    /// The value of `key`, when it is a decimal number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }

    /// The device's number, when it has a node.
    #[must_use]
    pub fn device_number(&self) -> Option<(u32, u32)> {
        Some((self.number("MAJOR")?, self.number("MINOR")?))
    }

    /// The path of the device's node below `/dev`, when it has one: never empty, never with a
    /// leading slash, never upwards.
    #[must_use]
    pub fn node(&self) -> Option<&'a str> {
        let name = self.text("DEVNAME")?;
        let inside = !name
            .split('/')
            .any(|step| step.is_empty() || step == "." || step == "..");
        (inside && name.len() <= NODE_MAX).then_some(name)
    }
}

/// The longest path of a node below `/dev`. The kernel's longest are about 30 bytes
/// (`bus/usb/001/001`, `mapper/control`).
pub const NODE_MAX: usize = 128;

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Action, Error, Properties, Uevent};

    const PARTITION: &[u8] = b"add@/devices/pci0000:00/0000:00:04.0/virtio1/block/vda/vda1\0ACTION=add\0\
        DEVPATH=/devices/pci0000:00/0000:00:04.0/virtio1/block/vda/vda1\0SUBSYSTEM=block\0MAJOR=254\0\
        MINOR=1\0DEVNAME=vda1\0DEVTYPE=partition\0DISKSEQ=9\0PARTN=1\0PARTNAME=STATE\0SEQNUM=813\0";

    #[test]
    fn a_message_of_the_kernel_is_read() {
        let event = Uevent::parse(PARTITION).unwrap();

        assert_eq!(event.action, Action::Add);
        assert!(event.devpath.ends_with("/vda/vda1"));
        assert_eq!(event.properties.device_number(), Some((254, 1)));
        assert_eq!(event.properties.node(), Some("vda1"));
        assert_eq!(event.properties.bytes("PARTNAME"), Some(&b"STATE"[..]));
        assert_eq!(event.properties.text("PART"), None);
    }

    #[test]
    fn a_uevent_file_is_read() {
        let file = Properties::of_file(b"MAJOR=7\nMINOR=0\nDEVNAME=loop0\nDEVTYPE=disk\n");

        assert_eq!(file.device_number(), Some((7, 0)));
        assert_eq!(file.text("DEVTYPE"), Some("disk"));
    }

    #[test]
    fn what_the_kernel_never_says_is_refused() {
        let bad: &[(&[u8], Error)] = &[
            (b"", Error::Truncated),
            (b"add@/devices/x", Error::Truncated),
            (b"add@/devices/x\0ACTION=add", Error::Truncated),
            (b"\0", Error::BadHeadline),
            (b"add\0", Error::BadHeadline),
            (b"libudev\0@\0", Error::BadHeadline),
            (b"erase@/devices/x\0", Error::UnknownAction),
            (b"@/devices/x\0", Error::UnknownAction),
            (b"add@devices/x\0", Error::BadPath),
            (b"add@\0", Error::BadPath),
            (b"add@/devices/../../etc\0", Error::BadPath),
            (b"add@/devices/\xff\0", Error::BadPath),
        ];
        for (bytes, error) in bad {
            assert_eq!(Uevent::parse(bytes), Err(*error), "{bytes:?}");
        }
    }

    #[test]
    fn every_prefix_and_every_flipped_byte_is_read_or_refused() {
        for len in 0..PARTITION.len() {
            let _ = Uevent::parse(&PARTITION[..len]);
        }
        for index in 0..PARTITION.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes: Vec<u8> = PARTITION.to_vec();
                bytes[index] ^= flip;
                if let Ok(event) = Uevent::parse(&bytes) {
                    let _ = (event.properties.node(), event.properties.device_number());
                }
            }
        }
    }

    #[test]
    fn a_node_outside_dev_is_no_node() {
        for name in ["", "/etc/passwd", "../x", "a/../../b", "a//b", "."] {
            let text = std::format!("DEVNAME={name}\n");

            assert_eq!(Properties::of_file(text.as_bytes()).node(), None, "{name}");
        }
        let long = std::format!("DEVNAME={}\n", "x".repeat(200));
        assert_eq!(Properties::of_file(long.as_bytes()).node(), None);
    }

    #[test]
    fn a_number_out_of_range_is_no_number() {
        let file = Properties::of_file(b"MAJOR=4294967296\nMINOR=-1\n");

        assert_eq!(file.device_number(), None);
    }
}
