// SPDX-License-Identifier: MPL-2.0
//! What a container of an image is given of the node, and what is left of it.

use proto::container::{Attributes, Device, DeviceAccess, Kind, Network, Users};
use proto::service::Stage;
use sys::fs::{CWD, FileType, Mode, makedev, mknodat};
use sys::io::Errno;
use sys::process::{Signal, kill_process};

use crate::image::{FIRST, Image, devices_of};
use crate::node::described;
use crate::sandboxed::{failure, run, start};

const fn device<'a>(source: &'a str, target: &'a str, access: DeviceAccess) -> Device<'a> {
    Device {
        source,
        target,
        access,
    }
}

#[test]
fn a_device_that_was_given_can_be_used_as_told_by_everybody() {
    let image = Image::new("image-devices");
    let line = "head -c 3 /dev/in/zero | wc -c; echo a > /dev/in/zero; \
                echo a > /dev/sink && echo written; cat /dev/sink; \
                chmod 777 /dev/sink; chown 0:0 /dev/sink; stat -c '%t:%T %a' /dev/sink /dev/in/zero; \
                head -c 2 /dev/both | wc -c; echo a > /dev/both && echo both";
    for uid in [0, 1000] {
        let mut spec = image.container(line);
        spec.uid = uid;
        let container = spec.container.as_mut().unwrap();
        container.devices = [
            device("/dev/zero", "/dev/in/zero", DeviceAccess::Read),
            device("/dev/null", "/dev/sink", DeviceAccess::Write),
            device("/dev/zero", "/dev/both", DeviceAccess::ReadWrite),
        ]
        .into_iter()
        .collect();

        let outcome = image.run(&spec);

        let said: Vec<_> = outcome.said.lines().collect();
        let refused = |line: &str, word| line.contains(word);
        assert_eq!(said[0], "3", "{outcome:?}");
        assert!(refused(said[1], "Permission denied"), "{outcome:?}");
        assert_eq!(said[2], "written", "{outcome:?}");
        assert!(refused(said[3], "Permission denied"), "{outcome:?}");
        assert!(refused(said[4], "Operation not permitted"), "{outcome:?}");
        assert!(refused(said[5], "Operation not permitted"), "{outcome:?}");
        assert_eq!(
            said[6..],
            ["1:3 222", "1:5 444", "2", "both"],
            "{outcome:?}"
        );
    }
}

#[test]
fn a_device_of_a_volume_is_none() {
    let image = Image::new("image-volume-device");
    let volume = image.node.make("volume");
    let mode = Mode::from_raw_mode(0o666);
    let path = format!("{volume}/zero");
    mknodat(
        CWD,
        path.as_str(),
        FileType::CharacterDevice,
        mode,
        makedev(1, 5),
    )
    .unwrap();
    let mut spec =
        image.container("stat -c %u:%t:%T /data/zero; cat /data/zero; mknod /data/b b 7 0");
    let mut mount = described(&volume, "/data", Kind::BindTree);
    mount.attributes.clear = Attributes::NODEV;
    spec.mounts.push(mount).unwrap();

    let outcome = image.run(&spec);

    assert!(outcome.said.starts_with("0:1:5\n"), "{outcome:?}");
    assert!(
        outcome
            .said
            .contains("cat: can't open '/data/zero': Permission denied"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .said
            .contains("mknod: /data/b: Operation not permitted"),
        "{outcome:?}"
    );
}

/// Its own root is on such a device, with another container's beside it.
#[test]
fn a_container_that_wants_all_loop_devices_gets_none() {
    let image = Image::new("image-loop-devices");
    let other = start(&image.container("sleep 60"));
    let line = "echo have $(ls /dev); for n in 0 1 2 3 4 5 6 7; do \
                mknod /dev/loop$n b 7 $n && echo made; mknod /dev/shm/loop$n b 7 $n && echo made; \
                head -c 1 /dev/loop$n && echo read; done; \
                mknod /dev/shm/control c 10 237 && echo made; \
                losetup /dev/loop0 /bin/busybox && echo bound; \
                mount -o loop /bin/busybox /dev/shm && echo mounted; echo end";

    let outcome = run(&image.container(line));

    drop(other);
    let said: Vec<_> = outcome.said.lines().collect();
    let devices = said.iter().find(|line| line.starts_with("have "));
    let devices = devices.unwrap_or_else(|| panic!("{outcome:?}"));
    assert!(
        !devices.contains("loop") && devices.contains("null"),
        "{outcome:?}"
    );
    for word in ["made", "read", "bound", "mounted"] {
        assert!(!said.contains(&word), "{word}: {outcome:?}");
    }
    assert_eq!(said.last(), Some(&"end"), "{outcome:?}");
}

#[test]
fn what_is_no_device_is_an_error_with_its_index() {
    let image = Image::new("image-no-device");
    for (source, target, errno) in [
        ("/no/such/device", "/dev/a", Errno::NOENT),
        ("/etc/passwd", "/dev/a", Errno::NODEV),
        ("/tmp", "/dev/a", Errno::NODEV),
        ("/dev/zero", "/dev/null", Errno::EXIST),
    ] {
        let mut spec = image.container("true");
        let container = spec.container.as_mut().unwrap();
        container.devices = [
            device("/dev/null", "/dev/fine", DeviceAccess::Read),
            device(source, target, DeviceAccess::Read),
        ]
        .into_iter()
        .collect();

        let outcome = image.run(&spec);

        assert_eq!(
            outcome.failure,
            failure(Stage::Devices, errno, 1),
            "{source}"
        );
    }
}

#[test]
fn open_files_are_limited_as_told() {
    let image = Image::new("image-files");
    let mut spec = image.container("ulimit -n; ulimit -Hn; ulimit -c");
    spec.container.as_mut().unwrap().open_files_max = 77;

    assert_eq!(image.run(&spec).said, "77\n77\n0\n");
}

#[test]
fn users_of_another_container_are_others() {
    let image = Image::new("image-others");
    let folder = image.node.make("shared");
    std::fs::write(format!("{folder}/secret"), "secret\n").unwrap();
    let owner = Some(FIRST + 5);
    std::os::unix::fs::chown(format!("{folder}/secret"), owner, owner).unwrap();
    let secret = format!("{folder}/secret");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut spec = image.container("cat /proc/self/uid_map; cat /shared/secret");
    spec.mounts
        .push(described(&folder, "/shared", Kind::Bind))
        .unwrap();
    let next = FIRST + Users::COUNT;
    spec.container.as_mut().unwrap().users = Users::Own { first: next };

    let outcome = image.run(&spec);

    let map: Vec<_> = outcome.said.split_whitespace().take(3).collect();
    assert_eq!(map, ["0", &next.to_string(), "65536"]);
    assert!(outcome.said.contains("Permission denied"), "{outcome:?}");
}

#[test]
fn a_container_that_is_killed_leaves_no_device_no_mount_and_no_namespace() {
    let image = Image::new("image-killed");
    // Users that no other test has.
    let first = FIRST + 40 * Users::COUNT;
    let mut spec = image.container("echo started; exec sleep 9753");
    let container = spec.container.as_mut().unwrap();
    container.users = Users::Own { first };
    container.network = Network::Alone;
    container.hostname = "inside";
    for _ in 0..5 {
        let mut running = start(&spec);
        while !running.said.ends_with(b"\n") {
            assert!(running.read_more());
        }
        assert_eq!(devices_of(image.path()), 1);
        assert!(has_users(first));

        kill_process(running.pid, Signal::KILL).unwrap();
        assert_eq!(running.finish().failure, None);

        assert_eq!(devices_of(image.path()), 0);
        assert!(!has_users(first));
    }
}

/// Whether a process is in a user namespace whose users begin there.
fn has_users(first: u32) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut maps =
        processes.filter_map(|it| std::fs::read_to_string(it.path().join("uid_map")).ok());
    let first = first.to_string();
    maps.any(|map| map.split_whitespace().nth(1) == Some(&first))
}

#[test]
fn the_first_child_of_a_container_is_its_own() {
    let image = Image::new("image-alone");

    let said = image.say("ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm; :");

    // The shell, ls and wc.
    assert_eq!(said, "3\nsh\n");
}
