// SPDX-License-Identifier: MPL-2.0
//! `/sys/block`: the disks of the machine.
//!
//! Owns: which block devices are disks, and where the kernel writes what is known of each
//! (Documentation/ABI/stable/sysfs-block).
//! Never: opens a device: what is only looked at must not spin up or hang.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use api::storage::Disk;
use api::storage::disk::DiskType;

use crate::places::Places;

/// More disks than a machine of ours has; a reply stays far below the longest message.
const DISKS_MAX: usize = 512;
/// An attribute is one page at most (Documentation/filesystems/sysfs.rst).
const ATTRIBUTE_MAX: u64 = 4096;
/// `size` counts these, whatever the device's own blocks are.
const SECTOR: u64 = 512;
/// Partitions of the system: the disk that has one is the system's.
const OF_SYSTEM: [&str; 3] = ["META", "STATE", "EPHEMERAL"];

/// Lists the disks, by name. Devices that are made of software (loop, RAM, device mapper) are none.
///
/// # Errors
/// The folder cannot be read, for another reason than that it is not there.
pub(crate) fn list(places: &Places) -> io::Result<Vec<Disk>> {
    let entries = match std::fs::read_dir(places.at("/sys/block")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let system = system_partitions(places);
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    let disks = names.iter().filter_map(|name| disk(places, name, &system));
    Ok(disks.take(DISKS_MAX).collect())
}

/// The kernel's names of the system's partitions.
fn system_partitions(places: &Places) -> Vec<String> {
    let links = OF_SYSTEM
        .into_iter()
        .map(|label| places.at("/dev/disk/by-partlabel").join(label));
    let targets = links.filter_map(|link| std::fs::read_link(link).ok());
    targets
        .filter_map(|target| Some(target.file_name()?.to_str()?.to_owned()))
        .collect()
}

fn disk(places: &Places, name: &str, system: &[String]) -> Option<Disk> {
    let link = places.at("/sys/block").join(name);
    let bus_path = bus_path(&std::fs::read_link(&link).ok()?, name)?;
    let first = |paths: &[&str]| {
        let mut values = paths.iter().map(|path| attribute(&link.join(path)));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    };
    let size: u64 = first(&["size"]).parse().unwrap_or(0);
    let mut disk = Disk {
        size: size.saturating_mul(SECTOR),
        model: first(&["device/model"]),
        // The kernel has `!` where the name of the device has `/`.
        device_name: format!("/dev/{}", name.replace('!', "/")),
        name: first(&["device/name"]),
        serial: first(&["device/serial", "serial"]),
        modalias: first(&["device/modalias"]),
        uuid: first(&["uuid", "device/uuid"]),
        wwid: first(&["wwid", "device/wwid"]),
        bus_path,
        system_disk: system.iter().any(|part| link.join(part).is_dir()),
        subsystem: subsystem(&link),
        readonly: first(&["ro"]) == "1",
        ..Disk::default()
    };
    disk.set_type(kind(name, &first(&["queue/rotational"])));
    Some(disk)
}

/// What the kernel calls the way to a disk: `/pci0000:00/0000:00:06.0/virtio2/`. `None` for what has
/// no hardware.
fn bus_path(target: &Path, name: &str) -> Option<String> {
    let target = target.to_str()?;
    let (_, path) = target.split_once("devices/")?;
    if path.starts_with("virtual/") {
        return None;
    }
    let path = path.strip_suffix(name)?;
    Some(format!("/{}", path.strip_suffix("block/").unwrap_or(path)))
}

/// `/sys/class/block`, or `/sys/block` in older kernels.
fn subsystem(link: &Path) -> String {
    let target: Option<PathBuf> = std::fs::read_link(link.join("subsystem")).ok();
    let target = target.as_deref().and_then(Path::to_str).unwrap_or_default();
    let rest = target.trim_start_matches("../");
    if rest.is_empty() || rest == target {
        return String::new();
    }
    format!("/sys/{rest}")
}

fn kind(name: &str, rotational: &str) -> DiskType {
    if name.starts_with("nvme") {
        DiskType::Nvme
    } else if name.starts_with("mmcblk") {
        DiskType::Sd
    } else if name.starts_with("sr") || name.starts_with("fd") {
        // Discs turn, too, and are no disks to install on.
        DiskType::Unknown
    } else {
        match rotational {
            "1" => DiskType::Hdd,
            "0" => DiskType::Ssd,
            _ => DiskType::Unknown,
        }
    }
}

/// What stands in an attribute; nothing for one that cannot be read.
fn attribute(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| {
        let mut file = file.take(ATTRIBUTE_MAX);
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return String::new();
    }
    // Firmware fills serial numbers with blanks, zeros and worse.
    let text = String::from_utf8_lossy(&bytes);
    let shown: String = text.chars().filter(|c| !c.is_control()).collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::Folder;

    /// A disk as the kernel lays one out: a folder of its bus, and a link to it.
    fn add(root: &Path, bus: &str, name: &str, attributes: &[(&str, &[u8])]) {
        let folder = root.join("sys/devices").join(bus).join(name);
        std::fs::create_dir_all(folder.join("device")).unwrap();
        std::fs::create_dir_all(folder.join("queue")).unwrap();
        std::fs::create_dir_all(root.join("sys/block")).unwrap();
        for (file, value) in attributes {
            std::fs::write(folder.join(file), value).unwrap();
        }
        symlink("../../../../../class/block", folder.join("subsystem")).unwrap();
        let target = format!("../devices/{bus}/{name}");
        symlink(target, root.join("sys/block").join(name)).unwrap();
    }

    #[test]
    fn rpc_058_a_disk_is_told_with_everything_the_kernel_says_of_it() {
        let folder = Folder::new();
        let root = folder.path();
        let places = Places::under(root);
        let virtio: &[(&str, &[u8])] = &[
            ("size", b"134217728\n"),
            ("ro", b"0\n"),
            ("serial", b"abc"),
            ("queue/rotational", b"1\n"),
            ("device/modalias", b"virtio:d00000002v00001AF4\n"),
        ];
        add(root, "pci0000:00/0000:00:06.0/virtio2/block", "vda", virtio);
        std::fs::create_dir_all(root.join("sys/block/vda/vda6")).unwrap();
        std::fs::create_dir_all(root.join("dev/disk/by-partlabel")).unwrap();
        symlink("../../vda6", root.join("dev/disk/by-partlabel/STATE")).unwrap();
        add(
            root,
            "pci0000:00/0000:00:07.0/nvme/nvme0",
            "nvme0n1",
            &[
                ("size", b"8\n"),
                ("device/model", b"Fast one       \n"),
                ("device/serial", b"S\x1b[2J\xff \0\n"),
                ("uuid", b"0-1\n"),
                ("wwid", b"eui.1\n"),
            ],
        );
        let card: &[(&str, &[u8])] = &[("device/name", b"SC16G\n"), ("ro", b"1\n")];
        add(root, "platform/mmc0/mmc0:1/block", "mmcblk0", card);
        add(root, "virtual/block", "loop0", virtio);

        let disks = list(&places).unwrap();

        let names: Vec<&str> = disks.iter().map(|disk| disk.device_name.as_str()).collect();
        assert_eq!(names, ["/dev/mmcblk0", "/dev/nvme0n1", "/dev/vda"]);
        let [card, fast, vda] = &disks[..] else {
            panic!("{disks:?}");
        };
        assert_eq!((vda.size, vda.r#type()), (68_719_476_736, DiskType::Hdd));
        assert_eq!(vda.bus_path, "/pci0000:00/0000:00:06.0/virtio2/");
        assert_eq!(vda.modalias, "virtio:d00000002v00001AF4");
        assert_eq!((vda.serial.as_str(), vda.readonly), ("abc", false));
        assert_eq!(vda.subsystem, "/sys/class/block");
        assert!(vda.system_disk && !fast.system_disk);
        assert_eq!(
            (fast.model.as_str(), fast.r#type()),
            ("Fast one", DiskType::Nvme)
        );
        assert_eq!((fast.uuid.as_str(), fast.wwid.as_str()), ("0-1", "eui.1"));
        assert_eq!(fast.serial, "S[2J\u{fffd}");
        assert_eq!(fast.bus_path, "/pci0000:00/0000:00:07.0/nvme/nvme0/");
        assert_eq!((card.name.as_str(), card.r#type()), ("SC16G", DiskType::Sd));
        assert_eq!((card.size, card.readonly), (0, true));
    }

    #[test]
    fn a_machine_without_disks_has_none_and_that_is_no_error() {
        let folder = Folder::new();
        let places = Places::under(folder.path());

        assert_eq!(list(&places).unwrap(), []);
        std::fs::create_dir_all(folder.path().join("sys/block/what")).unwrap();
        assert_eq!(list(&places).unwrap(), []);
    }

    #[test]
    fn a_disc_and_a_disk_that_says_nothing_have_no_type() {
        assert_eq!(kind("sr0", "1"), DiskType::Unknown);
        assert_eq!(kind("sda", ""), DiskType::Unknown);
        assert_eq!(kind("sda", "0"), DiskType::Ssd);
    }
}
