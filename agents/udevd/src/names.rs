// SPDX-License-Identifier: MPL-2.0
//! The names of a block device below `/dev`, besides its node's own.
//!
//! Owns: which facts about a device give which links.
//! Never: finds out a fact, or makes a link.

use core::fmt::Write as _;

use heapless::{String, Vec};
use wire::superblock::{FILE_NAME_MAX, Superblock, file_name, stays};

use crate::place::Place;
use crate::vpd::{self, joined};

/// The longest name from an identity.
pub const ID_MAX: usize = 128;
/// The longest link's path below `/dev`.
pub const LINK_MAX: usize = FILE_NAME_MAX + 32;
/// The most links of one device: at most five identities and places, and five from its content.
pub const LINKS_MAX: usize = 16;

/// A link's path below `/dev`, such as `disk/by-label/EFI`.
pub type Link = String<LINK_MAX>;
/// The links of one device.
pub type Links = Vec<Link, LINKS_MAX>;

/// What a disk calls itself, in the words of its bus. Texts are as sysfs has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// virtio: the serial number that the machine's maker gave.
    pub virtio_serial: &'a [u8],
    /// NVMe: `wwid`, `model`, `serial` of the controller, and the namespace's number.
    pub nvme: Option<Nvme<'a>>,
    /// SCSI and ATA: `vendor` and `model` of the inquiry, vital product data pages.
    pub scsi: Option<Scsi<'a>>,
    /// MMC: `name` and `serial` of the card.
    pub mmc: Option<(&'a [u8], &'a [u8])>,
    /// Device mapper: `name` and `uuid`.
    pub mapper: Option<(&'a [u8], &'a [u8])>,
}

/// An NVMe namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nvme<'a> {
    /// The namespace's world wide name.
    pub wwid: &'a [u8],
    /// The controller's model.
    pub model: &'a [u8],
    /// The controller's serial number.
    pub serial: &'a [u8],
    /// The namespace's number.
    pub namespace: u32,
}

/// A SCSI disk, or what looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scsi<'a> {
    /// Its maker; `ATA` behind the kernel's translation.
    pub vendor: &'a [u8],
    /// Its model.
    pub model: &'a [u8],
    /// Page 0x80; empty when it has none.
    pub page_80: &'a [u8],
    /// Page 0x83; empty when it has none.
    pub page_83: &'a [u8],
    /// The serial number of the USB device that it is in, and its target and unit there.
    pub usb: Option<(&'a [u8], u32, u32)>,
}

/// A partition of a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Partition<'a> {
    /// Its number.
    pub number: u32,
    /// The UUID of its row in the table.
    pub uuid: &'a [u8],
    /// The name of its row in the table.
    pub label: &'a [u8],
}

/// A text of a device as a part of a name, as udev has it: blanks around it go, blanks inside
/// are one `_`, and what is not a letter, a digit or one of `#+-.:=@_` is `_`.
#[must_use]
pub fn clean(text: &[u8]) -> String<ID_MAX> {
    let mut cleaned = String::new();
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    let words = text.get(..end).unwrap_or_default();
    for word in words
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
    {
        if !cleaned.is_empty() {
            let _ = cleaned.push('_');
        }
        for byte in word {
            let c = char::from(*byte);
            let keeps = stays(c);
            let _ = cleaned.push(if keeps { c } else { '_' });
        }
    }
    cleaned
}

/// The names that an identity gives, without a partition's suffix.
fn identities(identity: &Identity<'_>) -> Vec<String<ID_MAX>, 6> {
    let mut names = Vec::new();
    let mut add = |name: Option<String<ID_MAX>>| {
        if let Some(name) = name {
            let _ = names.push(name);
        }
    };
    add(joined("virtio-", &[&clean(identity.virtio_serial)]));
    if let Some(nvme) = &identity.nvme {
        let (model, serial) = (clean(nvme.model), clean(nvme.serial));
        let mut number = String::<10>::new();
        let _ = write!(number, "{}", nvme.namespace);
        add(joined("nvme-", &[&clean(nvme.wwid)]));
        add(joined("nvme-", &[&model, &serial, &number]));
        // The short form names the controller's first namespace.
        add(joined("nvme-", &[&model, &serial]).filter(|_| nvme.namespace == 1));
    }
    if let Some(scsi) = &identity.scsi {
        let (vendor, model) = (clean(scsi.vendor), clean(scsi.model));
        match scsi.usb {
            Some((serial, target, unit)) => {
                let serial = clean(serial);
                let name = joined("usb-", &[&vendor, &model, &serial]);
                add(name.and_then(|mut name| {
                    write!(name, "-{target}:{unit}").ok()?;
                    Some(name)
                }));
            }
            None => {
                for name in vpd::names(scsi.page_83) {
                    add(Some(name));
                }
                let serial = vpd::serial(scsi.page_80);
                let is_ata = vendor == "ATA";
                add(joined("scsi-S", &[&vendor, &model, &serial]).filter(|_| !is_ata));
            }
        }
    }
    if let Some((name, serial)) = identity.mmc {
        add(joined("mmc-", &[&clean(name), &clean(serial)]));
    }
    if let Some((name, uuid)) = identity.mapper {
        add(joined("dm-name-", &[&clean(name)]));
        add(joined("dm-uuid-", &[&clean(uuid)]));
    }
    names
}

/// All links of a device.
#[must_use]
pub fn links(
    identity: &Identity<'_>,
    place: Option<&Place>,
    partition: Option<&Partition<'_>>,
    content: Option<&Superblock>,
) -> Links {
    let mut links = Links::new();
    let mut suffix = String::<16>::new();
    if let Some(partition) = partition {
        let _ = write!(suffix, "-part{}", partition.number);
    }
    let mut add = |folder: &str, name: &str, suffix: &str| {
        let mut link = Link::new();
        if write!(link, "{folder}/{name}{suffix}").is_ok() && !links.contains(&link) {
            let _ = links.push(link);
        }
    };
    for name in identities(identity) {
        add("disk/by-id", &name, &suffix);
    }
    if let Some(place) = place {
        add("disk/by-path", place, &suffix);
        // Older udev's name for virtio disks; configurations have it.
        if !identity.virtio_serial.is_empty() || place.ends_with("virtio_mmio") {
            let mut old = String::<ID_MAX>::new();
            if place.starts_with("pci-") && write!(old, "virtio-{place}").is_ok() {
                add("disk/by-path", &old, &suffix);
            }
        }
    }
    if let Some((name, _)) = identity.mapper
        && let Some(name) = file_name(name)
    {
        add("mapper", &name, "");
    }
    let partition = partition.copied().unwrap_or_default();
    let nothing = (&[][..], &[][..]);
    let (uuid, label) = content.map_or(nothing, |content| {
        (content.uuid.as_bytes(), &content.label[..])
    });
    for (folder, name) in [
        ("disk/by-partuuid", partition.uuid),
        ("disk/by-partlabel", partition.label),
        ("disk/by-uuid", uuid),
        ("disk/by-label", label),
    ] {
        if let Some(name) = file_name(name) {
            add(folder, &name, "");
        }
    }
    links
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use super::{Identity, Nvme, Partition, Scsi, clean, links};
    use crate::place::Place;
    use wire::superblock::{Kind, Superblock};

    fn names(identity: &Identity<'_>, partition: Option<&Partition<'_>>) -> Vec<String> {
        let links = links(identity, None, partition, None);
        links.iter().map(|link| link.as_str().to_string()).collect()
    }

    #[test]
    fn texts_are_cleaned_as_udev_does() {
        assert_eq!(clean(b"  QEMU  NVMe\tCtrl \n").as_str(), "QEMU_NVMe_Ctrl");
        assert_eq!(clean(b"a/b\\c\xff").as_str(), "a_b_c_");
        assert_eq!(clean(b"serial\0garbage").as_str(), "serial");
        assert_eq!(clean(&[b'x'; 300]).len(), 128);
        assert_eq!(clean(b" \n").as_str(), "");
    }

    #[test]
    fn an_nvme_disk_has_its_wwid_and_its_serial_number() {
        let nvme = Nvme {
            wwid: b"eui.0025388b710116a1\n",
            model: b"QEMU NVMe Ctrl   \n",
            serial: b"deadbeef \n",
            namespace: 1,
        };
        let first = Identity {
            nvme: Some(nvme),
            ..Identity::default()
        };
        let second = Identity {
            nvme: Some(Nvme {
                namespace: 2,
                ..nvme
            }),
            ..Identity::default()
        };

        assert_eq!(
            names(&first, None),
            [
                "disk/by-id/nvme-eui.0025388b710116a1",
                "disk/by-id/nvme-QEMU_NVMe_Ctrl_deadbeef_1",
                "disk/by-id/nvme-QEMU_NVMe_Ctrl_deadbeef"
            ]
        );
        assert_eq!(names(&second, None).len(), 2);
    }

    #[test]
    fn other_disks_have_the_names_of_their_bus() {
        let scsi = Scsi {
            vendor: b"QEMU    ",
            model: b"QEMU HARDDISK   ",
            page_80: b"\0\x80\0\x03abc",
            page_83: b"",
            usb: None,
        };
        let usb = Scsi {
            usb: Some((b"0001\n", 0, 0)),
            ..scsi
        };

        let id = |identity: Identity<'_>| names(&identity, None).join(" ");
        let none = Identity::default();
        assert_eq!(
            id(Identity {
                virtio_serial: b"root-disk",
                ..none.clone()
            }),
            "disk/by-id/virtio-root-disk"
        );
        assert_eq!(
            id(Identity {
                scsi: Some(scsi),
                ..none.clone()
            }),
            "disk/by-id/scsi-SQEMU_QEMU_HARDDISK_abc"
        );
        assert_eq!(
            id(Identity {
                scsi: Some(usb),
                ..none.clone()
            }),
            "disk/by-id/usb-QEMU_QEMU_HARDDISK_0001-0:0"
        );
        assert_eq!(
            id(Identity {
                mmc: Some((b"SD32G\n", b"0x1234abcd\n")),
                ..none.clone()
            }),
            "disk/by-id/mmc-SD32G_0x1234abcd"
        );
        assert_eq!(
            id(Identity {
                mapper: Some((b"STATE crypt\n", b"CRYPT-LUKS2-1\n")),
                ..none
            }),
            "disk/by-id/dm-name-STATE_crypt disk/by-id/dm-uuid-CRYPT-LUKS2-1 mapper/STATE\\x20crypt\\x0a"
        );
    }

    #[test]
    fn a_partition_has_the_disks_names_with_its_number_and_its_own() {
        let identity = Identity {
            virtio_serial: b"root",
            ..Identity::default()
        };
        let partition = Partition {
            number: 5,
            uuid: b"ab-1",
            label: b"EPHEMERAL 1",
        };
        let content = Superblock {
            kind: Kind::Xfs,
            uuid: "2222".try_into().unwrap(),
            label: heapless::Vec::from_slice(b"STATE").unwrap(),
        };
        let place = Place::try_from("pci-0000:00:04.0").unwrap();

        let links = links(&identity, Some(&place), Some(&partition), Some(&content));

        assert_eq!(
            links.iter().map(|link| link.as_str()).collect::<Vec<_>>(),
            [
                "disk/by-id/virtio-root-part5",
                "disk/by-path/pci-0000:00:04.0-part5",
                "disk/by-path/virtio-pci-0000:00:04.0-part5",
                "disk/by-partuuid/ab-1",
                "disk/by-partlabel/EPHEMERAL\\x201",
                "disk/by-uuid/2222",
                "disk/by-label/STATE"
            ]
        );
    }

    #[test]
    fn a_device_that_says_nothing_has_no_links() {
        assert!(links(&Identity::default(), None, None, None).is_empty());
        assert_eq!(
            names(&Identity::default(), Some(&Partition::default())),
            [""; 0]
        );
    }

    #[test]
    fn no_name_leaves_its_folder() {
        let bad = b"../../etc/passwd";
        let identity = Identity {
            virtio_serial: bad,
            mmc: Some((bad, b"..")),
            mapper: Some((bad, b"/")),
            ..Identity::default()
        };
        let partition = Partition {
            number: 1,
            uuid: b"..",
            label: bad,
        };

        for link in links(&identity, None, Some(&partition), None) {
            let (folder, name) = link.rsplit_once('/').unwrap();
            assert!(
                folder == "mapper" || folder.starts_with("disk/by-"),
                "{link}"
            );
            assert!(!matches!(name, "" | "." | ".."), "{link}");
        }
    }
}
