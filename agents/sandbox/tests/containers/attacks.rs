// SPDX-License-Identifier: MPL-2.0
//! What a privileged container that means harm can and cannot do. What it can stands in
//! docs/decisions/0042.

use proto::container::{Kind, Missing};
use sys::io::Errno;
use sys::system::RebootCommand;

use crate::node::{Node, described, mountinfo};

/// The variable that tells this program that it is the service.
const INSIDE: &str = "ICHOR_INSIDE_A_CONTAINER";

/// Does nothing but as the service of the test below.
#[test]
fn calls_that_end_or_change_the_kernel() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }

    // The mildest that asks for the capability.
    let reboot = sys::system::reboot(RebootCommand::CadOff);
    let load = sys::system::init_module(b"no module", c"");
    let unload = sys::system::delete_module(c"no_module", 0);

    assert_eq!(reboot, Err(Errno::PERM));
    // The second is the answer of a kernel without modules.
    for refused in [load, unload] {
        assert!(
            matches!(refused, Err(Errno::PERM | Errno::NOSYS)),
            "{refused:?}"
        );
    }
}

#[test]
fn ext_02_a_container_can_neither_reboot_nor_load_modules() {
    let node = Node::new("kernel");
    let program = std::env::current_exe().unwrap();
    let mut mount = described(program.to_str().unwrap(), "/program", Kind::Bind);
    mount.missing = Missing::IsMade;
    let variable = format!("{INSIDE}=1");
    let mut spec = node.container("exec /program calls_that_end_or_change_the_kernel");
    spec.mounts.push(mount).unwrap();
    spec.env.push(&variable).unwrap();

    let outcome = node.run(&spec);

    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.said.contains("1 passed"), "{outcome:?}");
}

/// Today's truth, which decision 0042 owns up to: who may mount can take off what was laid over.
#[test]
fn ext_08_a_privileged_container_can_take_off_its_protection_but_not_the_nodes() {
    let node = Node::new("takes-off");
    let line = "umount /proc/sys && true >> /proc/sys/kernel/panic && echo took off; \
                mount -o remount,rw,bind / && echo a > /a && cat /a; \
                umount -l /usr; grep -c upper /proc/self/mountinfo";
    let mut spec = node.container(line);
    let container = spec.container.as_mut().unwrap();
    container.read_only.push("/proc/sys").unwrap();
    let before = mountinfo();

    let outcome = node.run(&spec);

    assert!(outcome.said.starts_with("took off\na\n"), "{outcome:?}");
    assert_eq!(mountinfo(), before);
}

#[test]
fn ext_02_a_service_without_sys_admin_cannot_take_off_its_protection() {
    let node = Node::new("unprivileged");
    let line = "umount /proc/version; mount -o remount,rw,bind /; mknod /dev/x b 7 0; wc -c < /proc/version";
    let mut spec = node.container(line);
    spec.capabilities = 0;
    let container = spec.container.as_mut().unwrap();
    container.masked.push("/proc/version").unwrap();

    let outcome = node.run(&spec);

    assert!(outcome.said.ends_with("\n0\n"), "{outcome:?}");
    for refused in ["umount: ", "mount: ", "mknod: "] {
        assert!(outcome.said.contains(refused), "{outcome:?}");
    }
}

/// As for every privileged container: the devices of the machine are open to it.
#[test]
fn ext_02_a_privileged_container_can_make_devices_but_dev_of_the_node_does_not_change() {
    let node = Node::new("devices-made");
    let mut spec =
        node.container("mknod /dev/made-by-test b 7 0 && stat -c %t:%T /dev/made-by-test");
    spec.container.as_mut().unwrap().writable_root = true;

    let outcome = node.run(&spec);

    assert_eq!(outcome.said, "7:0\n");
    assert!(!std::fs::exists("/dev/made-by-test").unwrap());
}

#[test]
fn ext_02_no_descriptor_leads_out_of_a_container() {
    let node = Node::new("descriptors");

    let outcome = node.run(&node.container("ls /proc/self/fd; readlink /proc/self/cwd"));

    // 3 is the folder that ls reads.
    assert_eq!(outcome.said, "0\n1\n2\n3\n/\n");
}

#[test]
fn ext_02_a_container_that_is_ended_takes_all_its_processes_along() {
    let node = Node::new("ended");
    let line = "sleep 4321 & sleep 4321 & echo started; kill -9 $$; read x < /dev/stdin; exit 7";

    let outcome = node.run(&node.container(line));

    // Its own signals do not reach process 1, and the others go with it.
    assert_eq!(
        (outcome.said.as_str(), outcome.code),
        ("started\n", Some(7))
    );
    let left = std::fs::read_dir("/proc").unwrap().flatten();
    let left = left.filter(|entry| {
        let text = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        text == b"sleep\x004321\0"
    });
    assert_eq!(left.count(), 0);
}
