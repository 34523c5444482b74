// SPDX-License-Identifier: MPL-2.0
//! `/dev`, `/sys`, `/run` and `/proc` of a container.

use crate::node::Node;

/// The default devices of the OCI runtime specification, and the links that runtimes make.
const DEV: &str = "\
core symbolic link 777 0:0
fd symbolic link 777 0:0
full character special file 666 1:7
mqueue directory 1777 0:0
null character special file 666 1:3
ptmx symbolic link 777 0:0
pts directory 755 0:0
random character special file 666 1:8
shm directory 1777 0:0
stderr symbolic link 777 0:0
stdin symbolic link 777 0:0
stdout symbolic link 777 0:0
tty character special file 666 5:0
urandom character special file 666 1:9
zero character special file 666 1:5
";

#[test]
fn ext_02_dev_has_exactly_the_default_devices() {
    let node = Node::new("dev");

    let outcome = node.run(&node.container("cd /dev; stat -c '%n %F %a %t:%T' *"));

    assert_eq!(outcome.said, DEV);
}

#[test]
fn ext_02_devices_and_links_work() {
    let node = Node::new("devices");
    let line = "echo lost > /dev/null; head -c 2 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; \
                echo a | cat /dev/stdin; echo b > /dev/stdout; echo c > /dev/fd/1; \
                head -c 1 /dev/zero > /dev/full";

    let outcome = node.run(&node.container(line));

    let (said, full) = outcome.said.split_at(10);
    assert_eq!(said, "2\n2\na\nb\nc\n");
    assert!(full.contains("No space left on device"), "{outcome:?}");
}

#[test]
fn ext_02_terminals_shared_memory_and_queues_work_and_are_its_own() {
    let node = Node::new("terminals");
    let line = "exec 3<>/dev/ptmx; ls /dev/pts; stat -c %a:%g /dev/pts/0; \
                echo in memory > /dev/shm/a; cat /dev/shm/a; \
                : > /dev/mqueue/queue; ls /dev/mqueue; echo e > /run/e; cat /run/e";

    for _ in 0..2 {
        let outcome = node.run(&node.container(line));

        assert_eq!(outcome.said, "0\nptmx\n620:5\nin memory\nqueue\ne\n");
    }
}

#[test]
fn ext_02_kernel_file_systems_are_mounted_as_containerd_does() {
    let node = Node::new("flags");
    let line = "cut -d' ' -f5,6 /proc/self/mountinfo";

    let outcome = node.run(&node.container(line));

    for expected in [
        "/ ro,relatime",
        "/proc rw,nosuid,nodev,noexec,relatime",
        "/dev rw,nosuid",
        "/dev/pts rw,nosuid,noexec,relatime",
        "/dev/shm rw,nosuid,nodev,noexec,relatime",
        "/dev/mqueue rw,nosuid,nodev,noexec,relatime",
        "/sys ro,nosuid,nodev,noexec,relatime",
        "/run rw,nosuid",
    ] {
        assert!(
            outcome.said.lines().any(|line| line == expected),
            "{expected}: {outcome:?}"
        );
    }
}

#[test]
fn ext_07_sys_is_read_only_unless_said_otherwise() {
    let node = Node::new("sys");
    // Opened and not written: nothing happens to the device.
    let mut spec = node.container("true > /sys/class/mem/null/uevent && echo opened");

    let outcome = node.run(&spec);
    assert!(
        outcome.said.contains("Read-only file system"),
        "{outcome:?}"
    );

    spec.container.as_mut().unwrap().writable_sysfs = true;
    assert_eq!(node.run(&spec).said, "opened\n");
}
