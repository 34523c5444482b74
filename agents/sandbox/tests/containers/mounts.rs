// SPDX-License-Identifier: MPL-2.0
//! The mounts of a container, kind by kind.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::container::{Attributes, Kind, Missing};
use proto::service::{MOUNTS_MAX, Stage};
use sys::io::Errno;
use sys::mount::MountFlags;

use crate::node::{Node, described, file_system, mount_tmpfs, set};
use crate::sandboxed::failure;

#[test]
fn ext_06_files_folders_and_what_is_mounted_below_are_bound() {
    let node = Node::new("binds");
    let source = node.make("source");
    mount_tmpfs("below", &node.make("source/below"));
    std::fs::write(node.path("source/below/deep"), "").unwrap();
    std::fs::write(node.path("source/file"), "a file\n").unwrap();
    let file = node.path("source/file");
    let line = "ls /one /one/below /tree/below; cat /file; echo more >> /file";
    let mut spec = node.container(line);
    spec.mounts = [
        described(&source, "/one", Kind::Bind),
        described(&source, "/tree", Kind::BindTree),
        described(&file, "/file", Kind::Bind),
    ]
    .into_iter()
    .collect();

    let outcome = node.run(&spec);

    assert_eq!(
        outcome.said,
        "/one:\nbelow\nfile\n\n/one/below:\n\n/tree/below:\ndeep\na file\n"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a file\nmore\n");
}

#[test]
fn ext_06_file_systems_get_their_options() {
    let node = Node::new("tmpfs");
    let line = "stat -c %a /own; stat -f -c '%T %b %S' /own; echo a > /own/a; \
                head -c 100000 /dev/zero > /own/b; grep -c ' /own/proc .* - proc ' /proc/self/mountinfo";
    let mut spec = node.container(line);
    spec.mounts = [
        described("own", "/own", file_system("tmpfs", "size=64k,mode=710")),
        described("proc", "/own/proc", file_system("proc", "")),
    ]
    .into_iter()
    .collect();

    let outcome = node.run(&spec);

    assert!(
        outcome.said.starts_with("710\ntmpfs 16 4096\n"),
        "{outcome:?}"
    );
    assert!(outcome.said.contains("No space left"), "{outcome:?}");
    assert!(outcome.said.ends_with("\n1\n"), "{outcome:?}");
}

#[test]
fn ext_06_attributes_are_those_of_the_description() {
    use Attributes as A;
    let node = Node::new("attributes");
    let source = node.make("source");
    mount_tmpfs("below", &node.make("source/below"));
    let closed = A::NOSUID | A::NODEV | A::NOEXEC;
    let mut spec = node.container("cut -d' ' -f5,6 /proc/self/mountinfo");
    let bind = |target| described(&source, target, Kind::BindTree);
    let mut mounts = [bind("/a"), bind("/b"), bind("/c"), bind("/d"), bind("/e")];
    mounts[1].attributes = set(A::RDONLY | closed);
    mounts[2].below = set(A::RDONLY | A::NOEXEC);
    // All below, but the mount itself not.
    mounts[3].below = set(A::RDONLY);
    mounts[3].attributes.clear = A::RDONLY;
    mounts[4].attributes = A {
        set: A::NOATIME | A::NODIRATIME | A::NOSYMFOLLOW,
        clear: A::ATIME,
    };
    spec.mounts = mounts.into_iter().collect();
    let mut own = described("own", "/own", file_system("tmpfs", ""));
    own.attributes = set(A::RDONLY | closed);
    spec.mounts.push(own).unwrap();

    let outcome = node.run(&spec);

    for expected in [
        "/a rw,relatime",
        "/a/below rw,relatime",
        "/b ro,nosuid,nodev,noexec,relatime",
        "/b/below rw,relatime",
        "/c ro,noexec,relatime",
        "/c/below ro,noexec,relatime",
        "/d rw,relatime",
        "/d/below ro,relatime",
        "/e rw,noatime,nodiratime,nosymfollow",
        "/e/below rw,relatime",
        "/own ro,nosuid,nodev,noexec,relatime",
    ] {
        assert!(
            outcome.said.lines().any(|line| line == expected),
            "{expected}: {outcome:?}"
        );
    }
}

#[test]
fn ext_06_as_many_mounts_as_can_be_described_are_made() {
    let node = Node::new("many-mounts");
    let sources: Vec<_> = (0..12).map(|n| node.make(&n.to_string())).collect();
    let targets: Vec<_> = (0..12).map(|n| format!("/made/{n}")).collect();
    let mut spec = node.container("grep -c ' /made/' /proc/self/mountinfo");
    for (source, target) in sources.iter().zip(&targets) {
        spec.mounts
            .push(described(source, target, Kind::Bind))
            .unwrap();
    }
    assert!(spec.mounts.len() + 4 <= MOUNTS_MAX, "with the programs");

    assert_eq!(node.run(&spec).said, "12\n");
}

#[test]
fn ext_06_a_missing_source_is_made_where_the_node_can_be_written() {
    let node = Node::new("made");
    let missing = node.path("var/log/audit");
    let mut spec = node.container("touch /audit/a; stat -c %a /audit");
    spec.mounts
        .push(described(&missing, "/audit", Kind::Bind))
        .unwrap();

    let outcome = node.run(&spec);

    assert_eq!(outcome.said, "755\n");
    assert!(std::fs::exists(node.path("var/log/audit/a")).unwrap());
}

#[test]
fn ext_06_a_source_that_cannot_be_made_is_an_error_with_its_index() {
    let node = Node::new("not-made");
    let (good, fixed) = (node.make("good"), node.make("fixed"));
    sys::mount::mount("fixed", &*fixed, "tmpfs", MountFlags::RDONLY, None).unwrap();
    std::fs::write(node.path("file"), "").unwrap();
    symlink("nowhere", node.path("dangling")).unwrap();
    for (source, errno) in [
        ("fixed/a/b", Errno::ROFS),
        ("file/below", Errno::NOTDIR),
        ("dangling", Errno::NOENT),
    ] {
        let source = node.path(source);
        let mut spec = node.container("true");
        spec.mounts = [
            described(&good, "/good", Kind::Bind),
            described(&source, "/a", Kind::BindTree),
        ]
        .into_iter()
        .collect();

        let outcome = node.run(&spec);

        assert_eq!(
            outcome.failure,
            failure(Stage::Mount, errno, 1),
            "{source}: {outcome:?}"
        );
    }
}

#[test]
fn ext_06_what_is_not_to_be_made_is_not() {
    let node = Node::new("fails");
    let (good, missing) = (node.make("good"), node.path("missing"));
    for (source, target) in [(&missing, "/usr"), (&good, "/missing")] {
        let mut spec = node.container("true");
        let mut mount = described(source, target, Kind::Bind);
        mount.missing = Missing::Fails;
        spec.mounts.push(mount).unwrap();

        let outcome = node.run(&spec);

        let expected = failure(Stage::Mount, Errno::NOENT, 0);
        assert_eq!(outcome.failure, expected, "{source}");
    }
    assert!(!std::fs::exists(missing).unwrap());
}

#[test]
fn ext_06_a_source_below_the_root_of_the_container_is_the_nodes() {
    let node = Node::new("within");
    std::fs::create_dir(node.in_root("part")).unwrap();
    std::fs::write(node.in_root("part/old"), "").unwrap();
    let part = node.in_root("part");
    let mut spec = node.container("ls /elsewhere");
    spec.mounts
        .push(described(part.to_str().unwrap(), "/elsewhere", Kind::Bind))
        .unwrap();

    assert_eq!(node.run(&spec).said, "old\n");
}

#[test]
fn ext_06_a_link_never_leads_a_mount_or_a_made_place_outside_of_the_root() {
    let node = Node::new("mount-links");
    let (outside, source) = (node.make("outside"), node.make("source"));
    std::fs::write(node.path("source/mine"), "").unwrap();
    symlink(&outside, node.in_root("absolute")).unwrap();
    symlink("../../../../../../../../tmp", node.in_root("upwards")).unwrap();
    let line = format!("ls {outside}/a /tmp/b {outside}");
    let mut spec = node.container(&line);
    spec.mounts = [
        // The places that the links lead to, inside.
        described("own", "/tmp", file_system("tmpfs", "")),
        described("own", &outside, file_system("tmpfs", "")),
        described(&source, "/absolute/a", Kind::Bind),
        described(&source, "/upwards/b", Kind::Bind),
    ]
    .into_iter()
    .collect();

    let outcome = node.run(&spec);

    let expected = format!("/tmp/b:\nmine\n\n{outside}:\na\n\n{outside}/a:\nmine\n");
    assert_eq!(outcome.said, expected, "{outcome:?}");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!std::fs::exists("/tmp/b").unwrap());
}

/// The kernel answers EAGAIN where a way leads upwards while anything at all is renamed or mounted.
#[test]
fn ext_06_a_way_upwards_is_found_while_others_rename() {
    let node = Node::new("renames");
    let (one, other) = (node.path("one"), node.path("other"));
    std::fs::write(&one, "").unwrap();
    symlink("../../../../../tmp", node.in_root("upwards")).unwrap();
    let mut spec = node.container("echo run");
    spec.mounts = [
        described("own", "/tmp", file_system("tmpfs", "")),
        described("own", "/upwards/a", file_system("tmpfs", "")),
        described("own", "/upwards/a/b", file_system("tmpfs", "")),
    ]
    .into_iter()
    .collect();
    let over = AtomicBool::new(false);

    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::fs::rename(&one, &other).unwrap();
                std::fs::rename(&other, &one).unwrap();
            }
        });
        for _ in 0..20 {
            let outcome = node.start(&spec).finish();
            if outcome.said != "run\n" {
                over.store(true, Ordering::Relaxed);
                panic!("{outcome:?}");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn ext_06_a_target_that_cannot_be_one_is_an_error() {
    let node = Node::new("targets");
    let (source, file) = (node.make("source"), node.path("file"));
    std::fs::write(&file, "").unwrap();
    std::fs::write(node.in_root("a-file"), "").unwrap();
    std::fs::create_dir(node.in_root("a-folder")).unwrap();
    symlink("nowhere", node.in_root("dangling")).unwrap();
    symlink("/proc/self/root", node.in_root("magic")).unwrap();
    let long = format!("size=1m,{}", "x".repeat(1100));
    for (mount, errno) in [
        (described(&source, "/dangling", Kind::Bind), Errno::EXIST),
        (described(&source, "/dangling/a", Kind::Bind), Errno::EXIST),
        (described(&source, "/magic/a", Kind::Bind), Errno::LOOP),
        (described(&source, "/a-file", Kind::Bind), Errno::INVAL),
        (described(&source, "/a-file/a", Kind::Bind), Errno::NOTDIR),
        (described(&file, "/a-folder", Kind::Bind), Errno::INVAL),
        (
            described("own", "/a", file_system("no-such-type", "")),
            Errno::NODEV,
        ),
        (
            described("own", "/a", file_system("tmpfs", "no-such-option")),
            Errno::INVAL,
        ),
        (
            described("own", "/a", file_system("tmpfs", &long)),
            Errno::TOOBIG,
        ),
        (
            described("own", "/a-file", file_system("tmpfs", "")),
            Errno::NOTDIR,
        ),
    ] {
        let mut spec = node.container("true");
        spec.mounts = [described(&source, "/good", Kind::Bind), mount]
            .into_iter()
            .collect();

        let outcome = node.run(&spec);

        assert_eq!(
            outcome.failure,
            failure(Stage::Mount, errno, 1),
            "{mount:?}"
        );
        assert_eq!((outcome.said.as_str(), outcome.code), ("", Some(1)));
    }
}
