// SPDX-License-Identifier: MPL-2.0
//! Where a disk is plugged in: the names of `/dev/disk/by-path`.
//!
//! They are read off the device's path in sysfs, from the machine inwards: a platform device,
//! the last PCI function, a USB interface, and the disk's address on its own bus. The forms are
//! those of udev's path_id, which configurations out there use.
//!
//! Owns: the forms.
//! Never: reads sysfs; the two numbers that the path does not tell are arguments.

use core::fmt::Write as _;

use heapless::String;

/// The longest name.
pub const PLACE_MAX: usize = 128;

/// The name of a place.
pub type Place = String<PLACE_MAX>;

/// What the path alone does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The port of an ATA link on its controller (`port_no`).
    pub ata_port: Option<u32>,
    /// The lowest number of a SCSI host on the same controller.
    pub first_host: u32,
    /// An NVMe namespace's number (`nsid`).
    pub namespace: Option<u32>,
}

/// Whether a step of the path is a PCI function: `0000:00:1f.2`.
fn is_pci(step: &str) -> bool {
    let shape = step.len() >= 12 && step.bytes().filter(|byte| *byte == b':').count() == 2;
    let hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    shape && step.split([':', '.']).all(hex) && step.split([':', '.']).count() == 4
}

/// The part of a USB interface's name that says where it is: `1-2.3:1.0` is `2.3:1.0`.
#[must_use]
pub fn usb(step: &str) -> Option<&str> {
    let (bus, rest) = step.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (port, interface) = rest.split_once(':')?;
    let plain = digits(bus) && port.split('.').all(digits) && interface.split('.').all(digits);
    plain.then_some(rest)
}

/// A step that is a word and a number, such as `ata3`: the number.
#[must_use]
pub fn numbered(step: &str, word: &str) -> Option<u32> {
    step.strip_prefix(word)?.parse().ok()
}

/// Host, channel, target and unit of a SCSI device: `2:0:0:0`.
#[must_use]
pub fn scsi(step: &str) -> Option<[u32; 4]> {
    let mut numbers = step.split(':').map(str::parse);
    let address = [
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ];
    numbers.next().is_none().then_some(address)
}

/// The name of the place at `devpath`, the path of a whole disk. `None` for what has no place:
/// loop devices, device mapper, RAM.
#[must_use]
pub fn name(devpath: &str, numbers: Numbers) -> Option<Place> {
    let mut steps = devpath.strip_prefix("/devices/")?.split('/');
    let mut on_platform = false;
    let (mut platform, mut pci, mut port) = (None, None, None);
    let mut bus = String::<64>::new();
    let mut before = "";
    for step in steps.by_ref().take_while(|step| *step != "block") {
        let after_platform = core::mem::replace(&mut on_platform, false);
        if is_pci(step) {
            pci = Some(step);
        } else if step == "platform" || after_platform && !begins_another_bus(step) {
            on_platform = true;
            platform = (step != "platform").then_some(step).or(platform);
        } else if let Some(interface) = usb(step) {
            port = Some(interface);
        } else if let Some([host, channel, target, unit]) = scsi(step) {
            bus.clear();
            match numbers.ata_port {
                Some(number) => write!(bus, "-ata-{number}").ok()?,
                None => {
                    let host = host.saturating_sub(numbers.first_host);
                    write!(bus, "-scsi-{host}:{channel}:{target}:{unit}").ok()?;
                }
            }
        } else if before == "nvme" {
            bus.clear();
            write!(bus, "-nvme-{}", numbers.namespace.unwrap_or(1)).ok()?;
        }
        before = step;
    }
    let mut place = Place::new();
    if let Some(platform) = platform {
        write!(place, "platform-{platform}").ok()?;
    }
    if let Some(pci) = pci {
        let joint = if place.is_empty() { "" } else { "-" };
        write!(place, "{joint}pci-{pci}").ok()?;
    }
    if place.is_empty() {
        return None;
    }
    if let Some(port) = port {
        write!(place, "-usb-0:{port}").ok()?;
    }
    place.push_str(&bus).ok()?;
    Some(place)
}

/// Whether a step below a platform device is no platform device itself.
fn begins_another_bus(step: &str) -> bool {
    let root_of_pci = step
        .strip_prefix("pci")
        .is_some_and(|rest| rest.contains(':'));
    let numbered_bus = ["ata", "host", "usb", "virtio", "nvme"]
        .iter()
        .any(|word| numbered(step, word).is_some());
    root_of_pci || numbered_bus || matches!(step, "mmc_host" | "nvme" | "block")
}

#[cfg(test)]
mod tests {
    use super::{Numbers, name};

    fn place(devpath: &str, numbers: Numbers) -> heapless::String<128> {
        name(devpath, numbers).unwrap()
    }

    #[test]
    fn disks_are_named_by_where_they_are_as_udev_names_them() {
        let plain = Numbers::default();
        let ata = Numbers {
            ata_port: Some(2),
            ..plain
        };
        let second = Numbers {
            first_host: 3,
            ..plain
        };
        let space = Numbers {
            namespace: Some(7),
            ..plain
        };
        let cases = [
            (
                "pci0000:00/0000:00:04.0/virtio1/block/vda",
                plain,
                "pci-0000:00:04.0",
            ),
            (
                "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda",
                ata,
                "pci-0000:00:1f.2-ata-2",
            ),
            (
                "pci0000:00/0000:00:05.0/virtio3/host4/target4:0:0/4:0:1:5/block/sdb",
                second,
                "pci-0000:00:05.0-scsi-1:0:1:5",
            ),
            (
                "pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0/nvme0n7/block/nvme0n7",
                space,
                "pci-0000:01:00.0-nvme-7",
            ),
            (
                "pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0/nvme0n1",
                plain,
                "pci-0000:01:00.0-nvme-1",
            ),
            (
                "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdc",
                Numbers {
                    first_host: 6,
                    ..plain
                },
                "pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0",
            ),
            (
                "platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
                plain,
                "platform-fe340000.mmc",
            ),
            (
                "platform/a003e00.virtio_mmio/virtio0/block/vda",
                plain,
                "platform-a003e00.virtio_mmio",
            ),
            (
                "platform/4010000000.pcie/pci0000:00/0000:00:02.0/virtio1/block/vda",
                plain,
                "platform-4010000000.pcie-pci-0000:00:02.0",
            ),
        ];
        for (devpath, numbers, expected) in cases {
            let devpath = std::format!("/devices/{devpath}");

            assert_eq!(place(&devpath, numbers).as_str(), expected);
        }
    }

    #[test]
    fn what_is_plugged_in_nowhere_has_no_place() {
        for devpath in [
            "",
            "/",
            "/devices",
            "/devices/virtual/block/loop0",
            "/block/vda",
            "/devices/virtual/block/dm-0",
            "/devices/platform",
            "/devices/pci0000:00/block/x",
        ] {
            assert_eq!(name(devpath, Numbers::default()), None, "{devpath}");
        }
    }

    #[test]
    fn a_path_too_long_for_a_name_gives_none() {
        let devpath = std::format!("/devices/platform/{}/block/vda", "x".repeat(200));

        assert_eq!(name(&devpath, Numbers::default()), None);
    }

    extern crate std;
}
