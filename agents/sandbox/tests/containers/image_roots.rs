// SPDX-License-Identifier: MPL-2.0
//! The root of a container of an image, and who its users are.

use proto::container::{Kind, Users};
use proto::service::{Seccomp, Stage};
use sys::io::Errno;
use sys::process::{Signal, kill_process};

use crate::image::{FIRST, Image, devices_of, users_of};
use crate::node::{described, file_system, mount_tmpfs};
use crate::sandboxed::{failure, start};

#[test]
fn an_image_is_the_root_with_the_owners_that_it_says() {
    let image = Image::new("image-root");
    let line =
        "cat /of-root; stat -c '%n %u:%g %a' / /of-root /srv /srv/of-user /dev /run; id -u; pwd";

    let said = image.say(line);

    let expected = "of root\n/ 0:0 755\n/of-root 0:0 644\n/srv 1000:1000 755\n\
        /srv/of-user 1000:100 600\n/dev 0:0 755\n/run 0:0 755\n0\n/\n";
    assert_eq!(said, expected);
}

#[test]
fn root_in_a_container_is_nobody_on_the_node() {
    let image = Image::new("image-users");
    let mut container = start(&image.container("cat /proc/self/uid_map; echo $$; exec sleep 9753"));

    while !container.said.ends_with(b"1\n") {
        assert!(container.read_more());
    }
    let (uids, groups) = users_of(&container);
    kill_process(container.pid, Signal::KILL).unwrap();
    let said = String::from_utf8(container.finish().said.into_bytes()).unwrap();

    assert_eq!(uids, [FIRST; 4]);
    assert_eq!(groups, [FIRST; 4]);
    let map: Vec<_> = said.split_whitespace().take(3).collect();
    assert_eq!(map, ["0", &FIRST.to_string(), "65536"]);
}

#[test]
fn an_image_is_read_only_unless_told_and_never_changes() {
    let image = Image::new("image-read-only");
    let before = std::fs::read(image.path()).unwrap();
    let line =
        "echo a > /of-root; echo a > /new; rm /srv/of-user; echo b >> /etc/hosts; cat /of-root";

    let said = image.say(line);

    assert_eq!(said.matches("Read-only file system").count(), 3, "{said}");
    assert!(said.ends_with("of root\n"), "{said}");

    let line = "cat /of-root; echo a > /of-root; echo b > /new; cat /of-root /new; \
                stat -c %u:%g /of-root /new; rm /srv/of-user && ls /srv; chown 33:33 /new && stat -c %u /new";
    let mut spec = image.container(line);
    spec.container.as_mut().unwrap().writable_root = true;
    for _ in 0..2 {
        let outcome = image.run(&spec);

        let expected = "of root\na\nb\n0:0\n0:0\n33\n";
        assert_eq!(outcome.said, expected, "{outcome:?}");
    }
    assert_eq!(std::fs::read(image.path()).unwrap(), before);
}

#[test]
fn a_user_of_the_image_is_that_user_and_has_no_rights() {
    let image = Image::new("image-user");
    let line =
        "id -u; id -g; id -G; cat /srv/of-user; cat /proc/self/status; echo out > /dev/stdout";
    let mut spec = image.container(line);
    (spec.uid, spec.gid) = (1000, 100);
    let container = spec.container.as_mut().unwrap();
    container.groups.extend_from_slice(&[7, 65535]).unwrap();

    let outcome = image.run(&spec);

    let said = &outcome.said;
    assert!(
        said.starts_with("1000\n100\n100 7 65535\nof user\n"),
        "{said}"
    );
    assert_eq!(outcome.field("CapEff:"), "0000000000000000");
    assert_eq!(outcome.field("CapPrm:"), "0000000000000000");
    assert_eq!(outcome.field("CapInh:"), "0000000000000000");
    assert_eq!(outcome.field("CapAmb:"), "0000000000000000");
    assert_eq!(outcome.field("NoNewPrivs:"), "1");
    assert_eq!(outcome.field("Seccomp:"), "2");
    assert!(said.ends_with("out\n"), "{said}");
}

#[test]
fn root_has_the_usual_capabilities_and_no_other_in_any_set() {
    let image = Image::new("image-capabilities");

    let outcome = image.run(&image.container("cat /proc/self/status"));

    let usual = format!("{:016x}", proto::container::USUAL_CAPABILITIES);
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(outcome.field(set), usual, "{set}");
    }
    for set in ["CapInh:", "CapAmb:"] {
        assert_eq!(outcome.field(set), "0000000000000000", "{set}");
    }
}

#[test]
fn a_working_folder_is_where_the_program_begins_and_is_made() {
    let image = Image::new("image-folder");
    for (folder, expected) in [("/srv", "/srv\n1000\n"), ("/a/b", "/a/b\n0\n")] {
        let mut spec = image.container("pwd; stat -c %u .");
        spec.container.as_mut().unwrap().working_folder = folder;

        let outcome = image.run(&spec);

        assert_eq!(outcome.said, expected, "{outcome:?}");
    }
}

#[test]
fn a_working_folder_does_not_lead_out_through_a_descriptor() {
    let image = Image::new("image-leak");
    for number in 0..24 {
        let folder = format!("/descriptors/{number}");
        let mut spec = image.container("pwd");
        spec.container.as_mut().unwrap().working_folder = &folder;

        let outcome = image.run(&spec);

        let stage = outcome.failure.map(|failure| failure.stage);
        assert_eq!(stage, Some(Stage::WorkingFolder), "{number}: {outcome:?}");
    }
}

#[test]
fn a_program_of_another_user_gains_nothing_unless_told() {
    let image = Image::new("image-setuid");
    let mut spec = image.node.with_programs(&image.container(""));
    (spec.uid, spec.gid) = (1000, 100);
    spec.path = "/root/cat";
    spec.args = ["/proc/self/status"].into_iter().collect();

    let outcome = image.run(&spec);

    assert_eq!(outcome.field("Uid:"), "1000\t1000\t1000\t1000");
    assert_eq!(outcome.field("CapEff:"), "0000000000000000");

    spec.container.as_mut().unwrap().no_new_privileges = false;
    let outcome = image.run(&spec);
    // Root of the container, and nobody more.
    assert_eq!(outcome.field("Uid:"), "1000\t0\t0\t0");
    let usual = format!("{:016x}", proto::container::USUAL_CAPABILITIES);
    assert_eq!(outcome.field("CapEff:"), usual);
    assert_eq!(outcome.field("Seccomp:"), "2");
}

#[test]
fn the_nodes_users_and_all_rights_when_told() {
    let image = Image::new("image-privileged");
    let mut spec = image.container("cat /proc/self/uid_map /proc/self/status; stat -c %u /srv");
    spec.seccomp = Seccomp::Unconfined;
    spec.capabilities = u64::MAX;
    let container = spec.container.as_mut().unwrap();
    container.users = Users::Node;
    container.no_new_privileges = false;

    let outcome = image.run(&spec);

    let given = sys::thread::capabilities(None).unwrap().permitted.bits();
    assert_eq!(outcome.field("CapEff:"), format!("{given:016x}"));
    assert_eq!(outcome.field("Seccomp:"), "0");
    let map: Vec<_> = outcome.said.split_whitespace().take(3).collect();
    assert_eq!(map, ["0", "0", "4294967295"]);
    assert!(outcome.said.ends_with("\n1000\n"), "{outcome:?}");
}

#[test]
fn a_volume_belongs_to_who_writes_it_in_the_container_and_on_the_node() {
    use std::os::unix::fs::MetadataExt as _;

    let image = Image::new("image-volumes");
    let volume = image.node.make("volume");
    mount_tmpfs("volume", &volume);
    std::fs::write(format!("{volume}/old"), "").unwrap();
    std::os::unix::fs::chown(format!("{volume}/old"), Some(33), Some(34)).unwrap();
    let line = "stat -c %u:%g /data /data/old /tmp; echo a > /data/new; su -s /bin/sh x -c true; \
                touch /tmp/a && stat -c %u:%g /tmp/a; chown 5:6 /data/old && stat -c %u:%g /data/old";
    let mut spec = image.container(line);
    spec.mounts = [
        described(&volume, "/data", Kind::BindTree),
        described("own", "/tmp", file_system("tmpfs", "mode=1777")),
    ]
    .into_iter()
    .collect();

    let outcome = image.run(&spec);

    let said: Vec<_> = outcome
        .said
        .lines()
        .filter(|line| !line.contains("su:"))
        .collect();
    assert_eq!(said, ["0:0", "33:34", "0:0", "0:0", "5:6"], "{outcome:?}");
    let owner = |name| {
        let about = std::fs::metadata(format!("{volume}/{name}")).unwrap();
        (about.uid(), about.gid())
    };
    assert_eq!(owner("new"), (0, 0));
    assert_eq!(owner("old"), (5, 6));
}

#[test]
fn what_cannot_be_shown_with_other_owners_is_nobodys() {
    let image = Image::new("image-nobody");
    let mut spec = image
        .container("stat -c %u /host; cat /host/version > /a; echo x > /host/sys/kernel/panic");
    let mut proc = described("/proc", "/host", Kind::BindTree);
    proc.attributes.set = proto::container::Attributes::NOSUID;
    spec.mounts.push(proc).unwrap();

    let outcome = image.run(&spec);

    assert!(outcome.said.starts_with("65534\n"), "{outcome:?}");
    assert!(outcome.said.contains("Permission denied"), "{outcome:?}");
}

#[test]
fn an_image_that_is_none_is_named_with_the_step() {
    let image = Image::new("image-bad");
    let text = image.node.path("text");
    std::fs::write(&text, "no image").unwrap();
    let cut = image.node.path("cut");
    let bytes = std::fs::read(image.path()).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let zeros = image.node.path("zeros");
    std::fs::write(&zeros, vec![0; 1 << 20]).unwrap();
    let folder = image.node.make("folder");
    for (root, stage, errno) in [
        ("/no/such/image.sqsh", Stage::OpenImage, Errno::NOENT),
        (folder.as_str(), Stage::ImageDevice, Errno::INVAL),
        (&text, Stage::MountImage, Errno::IO),
        (&cut, Stage::MountImage, Errno::INVAL),
        (&zeros, Stage::MountImage, Errno::INVAL),
    ] {
        let mut spec = image.container("true");
        spec.root = root;

        let outcome = image.run(&spec);

        let found = outcome.failure.map(|failure| failure.stage);
        assert_eq!(found, Some(stage), "{root}: {outcome:?}");
        assert_eq!(outcome.failure, failure(stage, errno, 0), "{root}");
        assert_eq!(devices_of(root), 0);
    }
}

#[test]
fn a_program_is_found_by_its_name_or_beside_the_working_folder() {
    let image = Image::new("image-program");
    let inside = |path, search, folder| {
        let mut spec = image.container("");
        (spec.path, spec.args) = (path, ["a b"].into_iter().collect());
        spec.env = [search].into_iter().collect();
        spec.container.as_mut().unwrap().working_folder = folder;
        image.run(&spec)
    };

    for (path, search, folder) in [
        ("echo", "PATH=/no/such:/of-root:/bin", ""),
        ("echo", "A=b", ""),
        ("echo", "PATH=", "/bin"),
        ("./echo", "PATH=", "/bin"),
        ("bin/echo", "PATH=", ""),
    ] {
        let outcome = inside(path, search, folder);
        assert_eq!(outcome.said, "a b\n", "{path} {search}: {outcome:?}");
    }
    for (path, errno) in [
        ("no-such", Errno::NOENT),
        ("of-root", Errno::ACCESS),
        ("a/b", Errno::NOENT),
    ] {
        let outcome = inside(path, "PATH=/bin:/", "/");
        assert_eq!(outcome.failure, failure(Stage::Exec, errno, 0), "{path}");
    }
}
