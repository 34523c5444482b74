// SPDX-License-Identifier: MPL-2.0
//! What udevd promises, with the real program, the kernel's own events and loop devices; buses
//! that this machine does not have are told in a sysfs of the test's own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod machine;

use machine::{Disk, Machine, ask, image, run};
use proto::udev::{Reply, Request, Settled};
use proto::{Greeting, Refusal};
use sys::seqpacket::{self, Received};

const EXT4: &str = include_str!("../../../lib/wire/tests/superblocks/ext4.txt");
const XFS: &str = include_str!("../../../lib/wire/tests/superblocks/xfs.txt");
const FAT32: &str = include_str!("../../../lib/wire/tests/superblocks/fat32.txt");
const ISO: &str = include_str!("../../../lib/wire/tests/superblocks/iso.txt");
const SQUASH: &str = include_str!("../../../lib/wire/tests/superblocks/squash.txt");

#[test]
fn disks_that_are_there_at_the_start_get_their_names() {
    let mut machine = Machine::new("cold");
    let ext4 = Disk::attach(&machine, &image(&machine, "ext4", EXT4, &[]));
    let xfs = Disk::attach(&machine, &image(&machine, "xfs", XFS, &[]));
    let iso = Disk::attach(&machine, &image(&machine, "iso", ISO, &[]));
    let squash = Disk::attach(&machine, &image(&machine, "squash", SQUASH, &[]));

    machine.start();

    assert_eq!(
        machine.links(&ext4.node),
        [
            r"by-label/my\x20data",
            "by-uuid/11111111-2222-3333-4444-555555555555"
        ]
    );
    assert_eq!(
        machine.links(&xfs.node),
        [
            "by-label/STATE",
            "by-uuid/21111111-2222-3333-4444-555555555555"
        ]
    );
    assert_eq!(
        machine.links(&iso.node),
        ["by-label/metal-iso", "by-uuid/2021-02-03-04-05-06-00"]
    );
    assert_eq!(machine.links(&squash.node), [""; 0]);
}

#[test]
fn svc_09_a_disk_gets_its_names_when_it_comes_and_loses_them_when_it_goes() {
    let mut machine = Machine::new("hot");
    machine.start();

    let mut disk = Disk::attach(&machine, &image(&machine, "fat", FAT32, &[]));
    let settled = machine.settle();
    assert!(settled.events > 0);
    assert_eq!(
        machine.links(&disk.node),
        [r"by-label/EFI\x20SYS", "by-uuid/ABCD-1234"]
    );
    assert_eq!(machine.mode(&disk.node), 0o600);

    disk.detach();
    machine.settle();
    assert_eq!(machine.links(&disk.node), [""; 0]);
}

#[test]
fn who_waits_for_changes_hears_of_the_next_one_and_of_none_that_it_knows() {
    let mut machine = Machine::new("changes");
    machine.start();
    let socket = machine.connect();
    ask(&socket, &Request::Hello(Greeting::OURS));
    let Reply::Settled(known) = ask(&socket, &Request::Settle(())) else {
        panic!("not settled");
    };
    // Other counts than udevd's, as of one that ran before, are news at once.
    let other = Settled {
        events: known.events + 1000,
        ..known
    };
    assert!(matches!(
        ask(&socket, &Request::Changed(other)),
        Reply::Settled(_)
    ));

    let disk = Disk::attach(&machine, &image(&machine, "news", FAT32, &[]));
    let Reply::Settled(changed) = ask(&socket, &Request::Changed(known)) else {
        panic!("no change");
    };

    assert!(changed.events > known.events);
    assert!(
        machine
            .links(&disk.node)
            .contains(&"by-uuid/ABCD-1234".to_owned())
    );
}

#[test]
fn real_file_systems_made_here_are_named_and_renamed() {
    let mut machine = Machine::new("real");
    machine.start();
    let path = machine.folder.join("image");
    std::fs::File::create(&path)
        .unwrap()
        .set_len(16 << 20)
        .unwrap();
    let disk = Disk::attach(&machine, &path);
    machine.settle();
    assert_eq!(machine.links(&disk.node), [""; 0]);

    let device = format!("/dev/{}", disk.node);
    run(
        "mkfs.ext4",
        &[
            "-q",
            "-L",
            "one",
            "-U",
            "a1b2c3d4-0000-4000-8000-000000000001",
            &device,
        ],
    );
    disk.touch();
    machine.settle();
    assert_eq!(
        machine.links(&disk.node),
        [
            "by-label/one",
            "by-uuid/a1b2c3d4-0000-4000-8000-000000000001"
        ]
    );
    run("wipefs", &["--quiet", "--all", &device]);
    run(
        "mkswap",
        &[
            "--quiet",
            "-L",
            "two",
            "-U",
            "a1b2c3d4-0000-4000-8000-000000000002",
            &device,
        ],
    );
    disk.touch();
    machine.settle();
    assert_eq!(
        machine.links(&disk.node),
        [
            "by-label/two",
            "by-uuid/a1b2c3d4-0000-4000-8000-000000000002"
        ]
    );
}

#[test]
fn a_disk_with_marks_of_two_file_systems_gets_neither_name() {
    let mut machine = Machine::new("two");
    let both = format!("{XFS}{ISO}");
    let disk = Disk::attach(&machine, &image(&machine, "both", &both, &[]));

    machine.start();

    assert_eq!(machine.links(&disk.node), [""; 0]);
    assert!(
        machine
            .said()
            .contains("marks of more than one file system")
    );
}

#[test]
fn of_two_claims_the_first_stays_and_the_second_follows_it() {
    let mut machine = Machine::new("claims");
    machine.start();
    let patch: &[(u64, &[u8])] = &[(1024 + 104, &[0xcc; 16]), (1024 + 120, b"same\0\0\0\0")];
    let uuid = "disk/by-uuid/cccccccc-cccc-cccc-cccc-cccccccccccc";
    let mut first = Disk::attach(&machine, &image(&machine, "first", EXT4, patch));
    machine.settle();
    let second = Disk::attach(&machine, &image(&machine, "second", EXT4, patch));
    machine.settle();

    assert_eq!(machine.link(uuid).unwrap(), format!("../../{}", first.node));
    let said = format!(
        "/dev/{uuid} stays with {}; {} claims it too",
        first.node, second.node
    );
    assert!(machine.said().contains(&said), "{}", machine.said());

    first.detach();
    machine.settle();
    assert_eq!(
        machine.link(uuid).unwrap(),
        format!("../../{}", second.node)
    );
    assert_eq!(
        machine.link("disk/by-label/same").unwrap(),
        format!("../../{}", second.node)
    );
}

#[test]
fn killed_and_started_again_it_keeps_what_is_right_and_removes_what_is_not() {
    let mut machine = Machine::new("restart");
    let stays = Disk::attach(
        &machine,
        &image(&machine, "a", EXT4, &[(1024 + 104, &[0xaa; 16])]),
    );
    let mut goes = Disk::attach(
        &machine,
        &image(&machine, "b", EXT4, &[(1024 + 104, &[0xbb; 16])]),
    );
    machine.start();
    let kept = machine.links(&stays.node);
    assert!(!machine.links(&goes.node).is_empty());
    machine.kill();
    goes.detach();
    std::fs::remove_file(machine.folder.join("dev").join(&goes.node)).unwrap();

    machine.start();

    // Its label was contested, and is now its own.
    let now = machine.links(&stays.node);
    assert!(
        kept.iter().all(|link| now.contains(link)),
        "{kept:?} {now:?}"
    );
    assert!(now.contains(&r"by-label/my\x20data".to_owned()));
    assert_eq!(machine.links(&goes.node), [""; 0]);
}

#[test]
fn disks_of_every_bus_have_the_names_that_udev_gives_them() {
    let mut machine = Machine::new("buses");
    let disk = "DEVTYPE=disk\n";
    let virtio = "pci0000:00/0000:00:04.0/virtio1/block/vda";
    machine.device("block", virtio, (254, 0), disk);
    machine.sysfs(&format!("devices/{virtio}/serial"), "root disk");
    let part = "DEVTYPE=partition\nPARTN=5\nPARTNAME=STATE\nPARTUUID=0b0b-05\n";
    machine.device("block", &format!("{virtio}/vda5"), (254, 5), part);
    let nvme = "pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0/nvme0n1";
    machine.device("block", &format!("{nvme}/block/nvme0n1"), (259, 1), disk);
    for (name, text) in [
        ("wwid", "eui.0011\n"),
        ("nsid", "1\n"),
        ("device/model", "Fast One \n"),
        ("device/serial", "S1 \n"),
    ] {
        machine.sysfs(&format!("devices/{nvme}/block/nvme0n1/{name}"), text);
    }
    let ata = "pci0000:00/0000:00:1f.2/ata3";
    let sda = format!("{ata}/host2/target2:0:0/2:0:0:0/block/sda");
    machine.device("block", &sda, (8, 0), disk);
    machine.sysfs(&format!("devices/{ata}/ata_port/ata3/port_no"), "1\n");
    let mut page = vec![0, 0x83, 0, 72, 2, 1, 0, 68];
    page.extend_from_slice(format!("{:8}{:40}{:20}", "ATA", "QEMU HARDDISK", "QM1").as_bytes());
    machine.sysfs(&format!("devices/{sda}/device/vpd_pg83"), page);
    machine.sysfs(&format!("devices/{sda}/device/vendor"), "ATA     \n");
    let usb = "pci0000:00/0000:00:14.0/usb1/1-2";
    let sdb = format!("{usb}/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb");
    machine.device("block", &sdb, (8, 16), disk);
    machine.sysfs(&format!("devices/{usb}/serial"), "0001\n");
    machine.sysfs(&format!("devices/{sdb}/device/vendor"), "Stick   \n");
    machine.sysfs(&format!("devices/{sdb}/device/model"), "Thumb 8         \n");
    let mmc = "platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0";
    machine.device("block", mmc, (179, 0), disk);
    machine.sysfs(&format!("devices/{mmc}/device/name"), "SD32G\n");
    machine.sysfs(&format!("devices/{mmc}/device/serial"), "0x12ab\n");
    let dm = "virtual/block/dm-0";
    machine.device("block", dm, (253, 0), disk);
    machine.sysfs(&format!("devices/{dm}/dm/name"), "luks-STATE\n");
    machine.sysfs(&format!("devices/{dm}/dm/uuid"), "CRYPT-1\n");

    machine.start();

    assert_eq!(
        machine.links("vda"),
        [
            "by-id/virtio-root_disk",
            "by-path/pci-0000:00:04.0",
            "by-path/virtio-pci-0000:00:04.0"
        ]
    );
    assert_eq!(
        machine.links("vda5"),
        [
            "by-id/virtio-root_disk-part5",
            "by-partlabel/STATE",
            "by-partuuid/0b0b-05",
            "by-path/pci-0000:00:04.0-part5",
            "by-path/virtio-pci-0000:00:04.0-part5"
        ]
    );
    assert_eq!(
        machine.links("nvme0n1"),
        [
            "by-id/nvme-Fast_One_S1",
            "by-id/nvme-Fast_One_S1_1",
            "by-id/nvme-eui.0011",
            "by-path/pci-0000:01:00.0-nvme-1"
        ]
    );
    assert_eq!(
        machine.links("sda"),
        [
            "by-id/ata-QEMU_HARDDISK_QM1",
            "by-path/pci-0000:00:1f.2-ata-1"
        ]
    );
    assert_eq!(
        machine.links("sdb"),
        [
            "by-id/usb-Stick_Thumb_8_0001-0:0",
            "by-path/pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0"
        ]
    );
    assert_eq!(
        machine.links("mmcblk0"),
        ["by-id/mmc-SD32G_0x12ab", "by-path/platform-fe340000.mmc"]
    );
    assert_eq!(
        machine.links("dm-0"),
        ["by-id/dm-name-luks-STATE", "by-id/dm-uuid-CRYPT-1"]
    );
    assert_eq!(machine.link("mapper/luks-STATE").unwrap(), "../dm-0");
}

#[test]
fn nodes_get_the_permissions_of_the_table_and_others_stay() {
    let mut machine = Machine::new("modes");
    machine.device("char", "virtual/misc/kvm", (10, 232), "");
    machine.device("char", "virtual/misc/watchdog0", (10, 130), "");
    machine.device("char", "virtual/misc/unheard-of", (10, 63), "");
    machine.device("block", "virtual/block/sdq", (65, 0), "DEVTYPE=disk\n");
    machine.node("kvm", "c", (10, 232), "0600");
    machine.node("unheard-of", "c", (10, 63), "0640");
    // A node that is not the device it is called after is left alone.
    machine.device("char", "virtual/misc/fuse", (10, 229), "");
    machine.node("fuse", "c", (10, 228), "0600");

    machine.start();

    assert_eq!(machine.mode("kvm"), 0o666);
    assert_eq!(machine.mode("watchdog0"), 0o600);
    assert_eq!(machine.mode("sdq"), 0o600);
    assert_eq!(machine.mode("unheard-of"), 0o640);
    assert_eq!(machine.mode("fuse"), 0o600);
}

#[test]
fn events_that_no_kernel_sent_are_not_believed() {
    use sys::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
    use sys::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

    let mut machine = Machine::new("forged");
    let disk = Disk::attach(
        &machine,
        &image(&machine, "x", EXT4, &[(1024 + 104, &[0xdd; 16])]),
    );
    machine.start();
    let before = machine.links(&disk.node);
    let socket = sys::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(KOBJECT_UEVENT),
    )
    .unwrap();
    let forged = format!(
        "remove@/devices/virtual/block/{0}\0MAJOR=7\0MINOR=0\0DEVNAME={0}\0SUBSYSTEM=block\0",
        disk.node
    );

    let port = SocketAddrNetlink::new(machine.pid(), 0);
    sys::net::sendto(&socket, forged.as_bytes(), SendFlags::empty(), &port).unwrap();
    machine.settle();

    assert!(before.iter().any(|link| link.contains("dddd")));
    assert_eq!(machine.links(&disk.node), before);
}

#[test]
fn after_an_overrun_everything_is_looked_at_again() {
    let mut machine = Machine::new("overrun");
    machine.start();
    let pid = machine.pid().to_string();
    run("kill", &["-STOP", &pid]);
    for _ in 0..4000 {
        std::fs::write("/sys/devices/virtual/mem/null/uevent", "change").unwrap();
    }
    let disk = Disk::attach(
        &machine,
        &image(&machine, "x", EXT4, &[(1024 + 104, &[0xee; 16])]),
    );
    run("kill", &["-CONT", &pid]);

    let settled = machine.settle();

    assert!(settled.overruns >= 1, "{settled:?}");
    assert!(
        machine
            .links(&disk.node)
            .iter()
            .any(|link| link.contains("eeee"))
    );
}

#[test]
fn ten_thousand_malformed_messages_change_nothing() {
    let mut machine = Machine::new("malformed");
    machine.start();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", machine.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    machine.settle();
    let before = memory();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let greeted = machine.connect();
    ask(&greeted, &Request::Hello(Greeting::OURS));
    let mut buffer = [0; 64];

    for round in 0..10_000_u32 {
        let len = if round % 100 == 0 {
            65 + random() as usize % 4000
        } else {
            1 + random() as usize % 8
        };
        let mut message: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        message[0] |= 4;
        if round % 3 == 0 {
            let socket = machine.connect();
            let _ = seqpacket::send(&socket, &message);
            let _ = seqpacket::receive(&socket, &mut buffer);
        } else {
            seqpacket::send(&greeted, &message).unwrap();
            let Received::Message(len, None) = seqpacket::receive(&greeted, &mut buffer).unwrap()
            else {
                panic!("udevd closed");
            };
            let refused = Reply::Refused(Refusal::Malformed);
            assert_eq!(Reply::decode(&buffer[..len]).unwrap(), refused);
        }
    }

    machine.settle();
    assert!(memory() <= before + 64, "{} {before}", memory());
}

#[test]
fn another_user_is_refused_and_closed() {
    let mut machine = Machine::new("user");
    machine.start();
    let path = machine.folder.join("udevd.sock");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let nobody = sys::process::Uid::from_raw(65_534);

    // A thread of Linux has a user of its own.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            sys::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            let socket = machine.connect();
            let refused = Reply::Refused(Refusal::NotAllowed);
            assert_eq!(ask(&socket, &Request::Hello(Greeting::OURS)), refused);
            assert!(matches!(
                seqpacket::receive(&socket, &mut [0; 64]),
                Ok(Received::Closed)
            ));
        });
        thread.join().unwrap();
    });

    machine.settle();
}
