// SPDX-License-Identifier: MPL-2.0
//! The root of a container and who lives in it.

use proto::container::Kind;
use proto::service::Stage;
use sys::io::Errno;
use sys::mount::{MountFlags, UnmountFlags};

use crate::node::{NEVER, Node, described, file_system, mount_tmpfs};
use crate::sandboxed::{failure, run};

const FIVE_SETS: [&str; 5] = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];

#[test]
fn ext_02_a_container_is_process_1_and_sees_and_signals_only_its_own() {
    let node = Node::new("process-1");
    let outside = std::process::id();
    let line = format!("echo $$ /proc/[0-9]*; kill -0 {outside}; kill -9 $$; echo alive");
    let spec = node.container(&line);

    let outcome = node.run(&spec);

    let mut lines = outcome.said.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.next(), Some("1 /proc/1"), "{outcome:?}");
    let refused = lines.next().unwrap();
    assert!(refused.contains("No such process"), "{outcome:?}");
    // The kernel keeps from process 1 what its own send it.
    assert_eq!(lines.next(), Some("alive"), "{outcome:?}");
}

#[test]
fn ext_02_a_container_has_system_v_objects_and_queues_of_its_own() {
    let node = Node::new("ipc");
    let outside = std::fs::read_link("/proc/self/ns/ipc").unwrap();

    let outcome = node.run(&node.container("readlink /proc/self/ns/ipc"));

    assert!(outcome.said.starts_with("ipc:["), "{outcome:?}");
    assert_ne!(outcome.said.trim(), outside.to_str().unwrap());
}

#[test]
fn ext_02_a_privileged_container_has_all_capabilities_but_two_and_no_filter() {
    let node = Node::new("privileged");
    // What this machine gives to anybody at all.
    let given = sys::thread::capabilities(None).unwrap().permitted.bits();

    let outcome = node.run(&node.container("cat /proc/self/status"));

    let expected = format!("{:016x}", given & !NEVER & ((1 << 41) - 1));
    for set in FIVE_SETS {
        assert_eq!(outcome.field(set), expected, "{set}");
    }
    assert_eq!(outcome.field("Seccomp:"), "0");
    assert_eq!(outcome.field("NoNewPrivs:"), "0");
    assert_eq!(outcome.field("Uid:"), "0\t0\t0\t0");
}

#[test]
fn ext_07_a_root_is_read_only_by_default() {
    let node = Node::new("read-only");
    node_file(&node, "old");

    let outcome = node.run(&node.container("echo a > /old; echo b > /new; cat /old"));

    let refusals = outcome.said.matches("Read-only file system").count();
    assert_eq!(refusals, 2, "{outcome:?}");
    assert!(outcome.said.ends_with("from the source\n"), "{outcome:?}");
}

#[test]
fn ext_07_what_is_written_to_a_root_is_gone_for_the_next_and_never_in_its_source() {
    let node = Node::new("writable");
    node_file(&node, "old");
    let line = "cat /old; ls /new; echo a > /old; echo b > /new; cat /old /new; rm /old && ls /old";
    let mut spec = node.container(line);
    spec.container.as_mut().unwrap().writable_root = true;

    for _ in 0..2 {
        let outcome = node.run(&spec);

        let lines: Vec<_> = outcome.said.lines().collect();
        assert_eq!(lines[0], "from the source");
        assert!(lines[1].contains("No such file"), "{outcome:?}");
        assert_eq!(lines[2..4], ["a", "b"]);
        assert!(lines[4].contains("No such file"), "{outcome:?}");
    }

    let source = std::fs::read_to_string(node.in_root("old")).unwrap();
    assert_eq!(source, "from the source\n");
}

#[test]
fn ext_02_places_that_a_root_lacks_are_made_and_not_in_its_source() {
    let node = Node::new("places");
    let (folder, file) = (node.make("folder"), node.path("file"));
    std::fs::write(&file, "a file\n").unwrap();
    std::fs::write(node.path("folder/inside"), "").unwrap();
    let mut spec =
        node.container("ls /deep/er/place; cat /etc/deep/file; stat -c %F /etc/deep/file");
    spec.mounts = [
        described(&folder, "/deep/er/place", Kind::Bind),
        described(&file, "/etc//./deep/file", Kind::Bind),
    ]
    .into_iter()
    .collect();

    // `run` looks at the source.
    let outcome = node.run(&spec);

    assert_eq!(outcome.said, "inside\na file\nregular file\n");
}

#[test]
fn ext_02_a_source_can_be_read_only_or_laid_over_another() {
    let node = Node::new("sources");
    let mut spec = node.container("echo a > /new && cat /new /old");
    spec.container.as_mut().unwrap().writable_root = true;
    node_file(&node, "old");
    let root = node.root();

    sys::mount::mount_bind(root, root).unwrap();
    let flags = MountFlags::BIND | MountFlags::RDONLY;
    sys::mount::mount_remount(root, flags, "").unwrap();
    assert_eq!(node.run(&spec).said, "a\nfrom the source\n");
    sys::mount::unmount(root, UnmountFlags::empty()).unwrap();

    // As a layer of the node's image is.
    let options = format!("lowerdir={root}:{}", node.make("layer"));
    let options = std::ffi::CString::new(options).unwrap();
    sys::mount::mount("layers", root, "overlay", MountFlags::empty(), &*options).unwrap();
    assert_eq!(node.run(&spec).said, "a\nfrom the source\n");
}

#[test]
fn ext_02_a_root_with_nothing_but_a_static_program_is_enough() {
    let node = Node::new("static");
    // The sandbox is one. Run as a service it finds nobody to report to, and says so.
    let program = node.in_root("static");
    std::fs::copy(env!("CARGO_BIN_EXE_sandbox"), program).unwrap();
    let mut spec = node.container("");
    (spec.path, spec.args) = ("/static", proto::heapless::Vec::new());

    let outcome = run(&spec);

    assert_eq!((outcome.failure, outcome.code), (None, Some(2)));
}

#[test]
fn ext_02_a_root_that_is_missing_or_a_file_is_named() {
    let node = Node::new("no-root");
    node_file(&node, "file");
    let file = node.in_root("file");
    let mut spec = node.container("true");
    for (root, errno) in [
        ("/no/such/root", Errno::NOENT),
        (file.to_str().unwrap(), Errno::NOTDIR),
    ] {
        spec.root = root;

        let outcome = node.run(&spec);

        assert_eq!(outcome.failure, failure(Stage::Root, errno, 0), "{root}");
        assert_eq!(outcome.code, Some(1));
    }
}

#[test]
fn ext_07_a_root_takes_half_of_the_memory_of_its_service_and_then_is_full() {
    let node = Node::new("full");
    let line = "head -c 900000 /dev/zero > /a && echo fits; head -c 900000 /dev/zero > /b; \
                rm /a /b; echo again > /c; cat /c";
    let mut spec = node.container(line);
    spec.memory_max = 2 << 20;
    spec.container.as_mut().unwrap().writable_root = true;

    let outcome = node.run(&spec);

    let lines: Vec<_> = outcome.said.lines().collect();
    assert_eq!(lines[0], "fits", "{outcome:?}");
    assert!(lines[1].contains("No space left on device"), "{outcome:?}");
    assert_eq!(lines[2], "again", "{outcome:?}");
}

#[test]
fn ext_02_the_smallest_limit_bounds_a_root_too() {
    let node = Node::new("small");
    let line = "head -c 900000 /dev/zero > /a; exec 2>&1; stat -f -c %b /";
    let mut spec = node.container(line);
    spec.memory_max = 1;
    spec.container.as_mut().unwrap().writable_root = true;

    let outcome = node.run(&spec);

    assert!(outcome.said.contains("No space left"), "{outcome:?}");
}

#[test]
fn ext_02_nothing_of_the_node_and_nothing_of_the_overlay_is_in_a_container() {
    let node = Node::new("inside");
    let tmp = described("own", "/tmp", file_system("tmpfs", ""));
    let mut spec = node.container("ls -a /; ls -a /..; cut -d' ' -f5 /proc/self/mountinfo");
    spec.mounts.push(tmp).unwrap();

    let outcome = node.run(&spec);

    let expected = [
        "/",
        "/dev",
        "/dev/mqueue",
        "/dev/pts",
        "/dev/shm",
        "/proc",
        "/run",
        "/sys",
    ];
    let mut mounts: Vec<_> = outcome
        .said
        .lines()
        .filter(|line| line.starts_with('/'))
        .collect();
    mounts.retain(|path| !["/usr", "/bin", "/lib", "/lib64", "/tmp"].contains(path));
    mounts.sort_unstable();
    assert_eq!(mounts, expected, "{outcome:?}");
    for name in ["upper", "work"] {
        assert!(
            !outcome.said.lines().any(|line| line == name),
            "{outcome:?}"
        );
    }
}

#[test]
fn ext_02_the_root_of_the_node_can_be_shown_without_what_is_made_for_the_container() {
    let node = Node::new("host");
    mount_tmpfs("mark", &node.make("mark"));
    let line = format!(
        "ls {0}; grep -c ' - tmpfs mark ' /proc/self/mountinfo; ls /host{1}",
        format_args!("/host{}", node.root()),
        node.path("")
    );
    let mut spec = node.container(&line);
    spec.mounts
        .push(described("/", "/host", Kind::BindTree))
        .unwrap();
    node_file(&node, "old");

    let outcome = node.run(&spec);

    assert!(!outcome.said.contains("upper"), "{outcome:?}");
    assert!(outcome.said.contains("old\n1\n"), "{outcome:?}");
    assert!(outcome.said.contains("mark\nroot\n"), "{outcome:?}");
}

/// Puts a file into the source of a root.
fn node_file(node: &Node, name: &str) {
    std::fs::write(node.in_root(name), "from the source\n").unwrap();
}
