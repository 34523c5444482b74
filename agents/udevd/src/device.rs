// SPDX-License-Identifier: MPL-2.0
//! One device: finding out what it is and doing what follows.
//!
//! Owns: which attributes are read for which bus.
//! Never: remembers a device.

use core::fmt::Write as _;

use sys::fs::{self, AtFlags, FileType, Gid, Mode, Uid};
use wire::uevent::Properties;

use crate::attribute::{Attribute, DevicePath, Sysfs};
use crate::links::Tree;
use crate::names::{self, Identity, Links, Nvme, Partition, Scsi};
use crate::place::{self, Numbers, Place};
use crate::probe::{self, Ambiguous};
use crate::rules;

/// Everything read about a disk's identity; the texts that an [`Identity`] borrows.
#[derive(Default)]
struct Texts {
    serial: Attribute,
    name: Attribute,
    model: Attribute,
    vendor: Attribute,
    wwid: Attribute,
    page_80: Attribute,
    page_83: Attribute,
}

/// Sets permissions of the node of a device that is there, and its links when it is a block
/// device. Returns whether a name became free.
pub fn appeared(sysfs: &Sysfs, tree: &mut Tree, devpath: &str, properties: Properties<'_>) -> bool {
    let (Some(node), Some(number)) = (properties.node(), properties.device_number()) else {
        return false;
    };
    let is_block = is_block(devpath);
    if !permit(tree, node, number, is_block) || !is_block {
        return false;
    }
    let links = links(sysfs, tree, devpath, properties, node);
    tree.set(node, &links)
}

/// Removes the links of a device that is gone. Returns whether a name became free.
pub fn disappeared(tree: &mut Tree, devpath: &str, properties: Properties<'_>) -> bool {
    match properties.node() {
        Some(node) if is_block(devpath) => tree.set(node, &Links::new()),
        Some(_) | None => false,
    }
}

/// Whether the device at `devpath` is a block device.
fn is_block(devpath: &str) -> bool {
    devpath.split('/').any(|step| step == "block")
}

/// Applies the rule of a node. Returns whether the node is there and is this device.
fn permit(tree: &Tree, node: &str, number: (u32, u32), is_block: bool) -> bool {
    let Ok(stat) = fs::statat(tree.dev(), node, AtFlags::SYMLINK_NOFOLLOW) else {
        // It is gone already; the event that says so is on its way.
        return false;
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    let expected = if is_block {
        FileType::BlockDevice
    } else {
        FileType::CharacterDevice
    };
    if kind != expected || number != (fs::major(stat.st_rdev), fs::minor(stat.st_rdev)) {
        return false;
    }
    let Some(rule) = rules::find(node) else {
        return true;
    };
    let done = if stat.st_mode & 0o7777 == rule.mode
        && (stat.st_uid, stat.st_gid) == (rule.uid, rule.gid)
    {
        Ok(())
    } else {
        let owner = (Some(Uid::from_raw(rule.uid)), Some(Gid::from_raw(rule.gid)));
        fs::chownat(
            tree.dev(),
            node,
            owner.0,
            owner.1,
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .and_then(|()| {
            // Only root can put anything in /dev, and it was a device a moment ago.
            fs::chmodat(
                tree.dev(),
                node,
                Mode::from_raw_mode(rule.mode),
                AtFlags::empty(),
            )
        })
    };
    if let Err(errno) = done {
        sys::say!(
            "udevd: cannot set permissions of /dev/{node}: {}",
            sys::errno::name(errno)
        );
    }
    true
}

/// The links of a block device.
fn links(
    sysfs: &Sysfs,
    tree: &Tree,
    devpath: &str,
    properties: Properties<'_>,
    node: &str,
) -> Links {
    let partition = (properties.text("DEVTYPE") == Some("partition")).then(|| Partition {
        number: properties.number("PARTN").unwrap_or(0),
        uuid: properties.bytes("PARTUUID").unwrap_or_default(),
        label: properties.bytes("PARTNAME").unwrap_or_default(),
    });
    // A partition is plugged in where its disk is.
    let disk = match partition {
        Some(_) => devpath.rsplit_once('/').map_or(devpath, |(disk, _)| disk),
        None => devpath,
    };
    let content = probe::probe(tree.dev(), node).unwrap_or_else(|Ambiguous| {
        sys::say!("udevd: {node} has marks of more than one file system: it gets no name");
        None
    });
    let mut texts = Texts::default();
    let identity = identity(sysfs, disk, &mut texts);
    let place = place(sysfs, disk);
    names::links(
        &identity,
        place.as_ref(),
        partition.as_ref(),
        content.as_ref(),
    )
}

/// What a disk calls itself.
fn identity<'a>(sysfs: &Sysfs, disk: &str, texts: &'a mut Texts) -> Identity<'a> {
    let name = disk.rsplit_once('/').map_or("", |(_, name)| name);
    let mut identity = Identity::default();
    let read = |attribute: &str| sysfs.read(disk, attribute);
    if name.starts_with("vd") {
        texts.serial = read("serial");
        identity.virtio_serial = &texts.serial;
    } else if name.starts_with("nvme") {
        texts.wwid = read("wwid");
        texts.model = read("device/model");
        texts.serial = read("device/serial");
        identity.nvme = Some(Nvme {
            wwid: &texts.wwid,
            model: &texts.model,
            serial: &texts.serial,
            namespace: sysfs.number(disk, "nsid").unwrap_or(1),
        });
    } else if name.starts_with("mmcblk") {
        texts.name = read("device/name");
        texts.serial = read("device/serial");
        identity.mmc = Some((&texts.name, &texts.serial));
    } else if name.starts_with("dm-") {
        texts.name = line(read("dm/name"));
        texts.serial = line(read("dm/uuid"));
        identity.mapper = Some((&texts.name, &texts.serial));
    } else if name.starts_with("sd") || name.starts_with("sr") {
        texts.vendor = read("device/vendor");
        texts.model = read("device/model");
        texts.page_80 = read("device/vpd_pg80");
        texts.page_83 = read("device/vpd_pg83");
        let address = disk.split('/').find_map(place::scsi);
        let usb = usb_device(disk);
        if let Some(device) = usb {
            texts.serial = sysfs.read(device, "serial");
        }
        let numbers = usb.zip(address);
        identity.scsi = Some(Scsi {
            vendor: &texts.vendor,
            model: &texts.model,
            page_80: &texts.page_80,
            page_83: &texts.page_83,
            usb: numbers.map(|(_, [_, _, target, unit])| (&texts.serial[..], target, unit)),
        });
    }
    identity
}

/// An attribute without the newline at its end.
fn line(mut attribute: Attribute) -> Attribute {
    while attribute.last() == Some(&b'\n') {
        attribute.pop();
    }
    attribute
}

/// The path of the USB device that a disk is in: what stands before its interface.
fn usb_device(disk: &str) -> Option<&str> {
    let mut end = 0_usize;
    let mut before = 0_usize;
    for step in disk.split('/') {
        if place::usb(step).is_some() {
            return disk.get(..before);
        }
        end = end.saturating_add(step.len());
        before = end;
        end = end.saturating_add(1);
    }
    None
}

/// Where a disk is plugged in.
fn place(sysfs: &Sysfs, disk: &str) -> Option<Place> {
    let mut numbers = Numbers {
        namespace: sysfs.number(disk, "nsid"),
        ..Numbers::default()
    };
    let mut path = DevicePath::new();
    for step in disk.split('/').skip(1) {
        if place::numbered(step, "ata").is_some() {
            let mut port = DevicePath::new();
            write!(port, "{path}/{step}/ata_port/{step}").ok()?;
            numbers.ata_port = sysfs.number(&port, "port_no");
        }
        if let Some(host) = place::numbered(step, "host") {
            numbers.first_host = host;
            sysfs.list(&path, |name| {
                let other = place::numbered(name, "host").unwrap_or(host);
                numbers.first_host = numbers.first_host.min(other);
            });
        }
        write!(path, "/{step}").ok()?;
    }
    place::name(disk, numbers)
}
