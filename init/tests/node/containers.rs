// SPDX-License-Identifier: MPL-2.0
//! What init promises of containers.
//!
//! Owns: their start, their end and what is left of them.
//! Never: looks into what the sandbox promises.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use proto::container::{
    Access, Container, Missing, Mount, Propagation, Travel, USUAL_CAPABILITIES, Users,
};
use proto::heapless::Vec as List;
use proto::service::{Exit, Restart, Seccomp, ServiceSpec, SpawnFailure, Stage, State};
use proto::supervisor::{Named, Reply, Request};

use crate::bench::{Client, Node, number_inside, signal, until};
use crate::{define_and_start, shell};

/// The folder of the container's root, on the node.
const ROOT: &str = "/tmp/root";

/// A container that runs a line of shell, with the host's programs and the node's `/tmp`.
fn container<'a>(node: &Node, line: &'a str) -> ServiceSpec<'a> {
    let root = node.path(ROOT);
    std::fs::create_dir_all(&root).unwrap();
    let mut spec = shell("ext", line);
    let mut bind = |place| {
        let missing = Missing::IsMade;
        let mount = Mount::bind(place, place, Access::ReadWrite);
        spec.mounts.push(Mount { missing, ..mount }).unwrap();
    };
    bind("/usr");
    bind("/tmp");
    for place in ["/bin", "/lib", "/lib64"] {
        match std::fs::read_link(place) {
            Ok(target) => drop(symlink(target, Path::new(&root).join(&place[1..]))),
            Err(_) => bind(place),
        }
    }
    spec.root = ROOT;
    spec.seccomp = Seccomp::Unconfined;
    spec.capabilities = u64::MAX;
    spec.container = Some(Container {
        propagation: Some(Propagation {
            kind: Travel::Shared,
            below: true,
        }),
        read_only: List::from_slice(&["/proc/sys"]).unwrap(),
        ..Container::of_folder()
    });
    spec
}

/// Waits until the service has that many processes, and returns them, process 1 first.
fn processes(node: &Node, count: usize) -> Vec<u32> {
    let mut found = Vec::new();
    until("it has forked", || {
        found = node.processes_of("ext");
        found.len() == count
    });
    found.sort_by_key(|pid| number_inside(*pid));
    found
}

fn stop(client: &Client) -> Duration {
    let began = Instant::now();
    let named = Named { name: "ext" };
    assert_eq!(client.ask(&Request::Stop(named)), Reply::Done(()));
    client.wait_for("ext", State::Stopped);
    began.elapsed()
}

#[test]
fn ext_02_a_container_is_process_1_and_leaves_nothing_when_it_is_killed() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let mounts = node.mounts();
    let line = "echo $$ >> /tmp/said; setsid sleep 5678 & (setsid sleep 5678 &); wait; sleep 5678";

    define_and_start(&client, &container(&node, line));
    let before = processes(&node, 3);

    assert_eq!(number_inside(before[0]), Some(1));
    signal(before[0], "-KILL");
    until("it runs again", || {
        let status = client.status("ext");
        status.state == State::Running && status.restarts == 1
    });
    let after = processes(&node, 3);
    assert_eq!(client.status("ext").last_exit, Some(Exit::Signal(9)));
    assert!(after.iter().all(|pid| !before.contains(pid)));
    for pid in before {
        until("it is gone", || {
            !Path::new(&format!("/proc/{pid}")).exists()
        });
    }
    assert_eq!(
        std::fs::read_to_string(node.path("/tmp/said")).unwrap(),
        "1\n1\n"
    );

    stop(&client);
    assert_eq!(node.processes_of("ext"), [0; 0]);
    assert_eq!(node.mounts(), mounts);
    until("nobody is left unreaped", || node.zombies() == 0);
}

#[test]
fn ext_02_a_container_that_does_not_hear_is_killed_after_its_time() {
    let node = Node::start(&[]);
    let client = node.client();
    // The kernel passes a signal on to process 1 only if it has asked for it; sleep has not.
    let spec = container(&node, "sleep 6789 & exec sleep 6789");
    let patience = Duration::from_millis(u64::from(spec.stop_timeout_ms));
    define_and_start(&client, &spec);
    processes(&node, 2);

    let took = stop(&client);

    assert_eq!(client.status("ext").last_exit, Some(Exit::Signal(9)));
    assert!(took >= patience, "{took:?}");
    // Far less than the 10 seconds that others have.
    assert!(took < patience + Duration::from_secs(5), "{took:?}");
    assert_eq!(node.processes_of("ext"), [0; 0]);
}

#[test]
fn ext_02_a_container_that_hears_stops_by_itself() {
    let node = Node::start(&[]);
    let client = node.client();
    let line = "trap 'exit 5' TERM; sleep 7890 & wait";
    let mut spec = container(&node, line);
    spec.stop_timeout_ms = 20_000;
    define_and_start(&client, &spec);
    let first = processes(&node, 2)[0];
    // The shell has set its trap before it forks.
    assert_eq!(number_inside(first), Some(1));

    stop(&client);

    assert_eq!(client.status("ext").last_exit, Some(Exit::Code(5)));
    assert_eq!(node.processes_of("ext"), [0; 0]);
}

#[test]
fn ext_06_a_mount_that_fails_is_said_with_its_place() {
    let node = Node::start(&[]);
    let client = node.client();
    let mut spec = container(&node, "true");
    spec.restart = Restart::Never;
    let index = u8::try_from(spec.mounts.len()).unwrap();
    let missing = Mount::bind("/no/such/source", "/a", Access::ReadOnly);
    spec.mounts.push(missing).unwrap();

    define_and_start(&client, &spec);
    client.wait_for("ext", State::Failed);

    let failure = SpawnFailure {
        stage: Stage::Mount,
        errno: 2,
        index,
    };
    assert_eq!(client.status("ext").last_exit, Some(Exit::Spawn(failure)));
}

/// The image of the containers below, on the node.
const IMAGE: &str = "/tmp/images/hello.sqsh";

/// A container of an image that has nothing but busybox.
fn container_of_image<'a>(node: &Node, line: &'a str) -> ServiceSpec<'a> {
    let tree = node.path("/tmp/tree");
    std::fs::create_dir_all(format!("{tree}/bin")).unwrap();
    std::fs::copy("/bin/busybox", format!("{tree}/bin/busybox")).unwrap();
    std::fs::create_dir_all(node.path("/tmp/images")).unwrap();
    let made = Command::new("mksquashfs")
        .args([&tree, &node.path(IMAGE)])
        .args(["-comp", "zstd", "-noappend", "-quiet"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut spec = shell("ext", line);
    spec.path = "/bin/busybox";
    spec.args = ["sh", "-c", line].into_iter().collect();
    spec.root = IMAGE;
    spec.seccomp = Seccomp::Container;
    spec.capabilities = USUAL_CAPABILITIES;
    spec.container = Some(Container::of_image(Users::FIRST));
    spec
}

#[test]
fn a_container_of_an_image_has_its_limits_and_leaves_nothing_when_it_is_killed() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let mounts = node.mounts();
    let mut spec = container_of_image(&node, "busybox sleep 8901 & wait");
    spec.memory_max = 64 << 20;
    spec.pids_max = 20;
    spec.cpu_max_us = 50_000;
    spec.cpu_weight = 50;

    define_and_start(&client, &spec);
    // Before, there are two with the child that has made its users.
    client.wait_for("ext", State::Running);
    let before = processes(&node, 2);

    assert_eq!(number_inside(before[0]), Some(1));
    for (file, value) in [
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("pids.max", "20"),
        ("cpu.max", "50000 100000"),
        ("cpu.weight", "50"),
    ] {
        let path = node.path(&format!("/sys/fs/cgroup/system/ext/{file}"));
        match std::fs::read_to_string(path) {
            Ok(text) => assert_eq!(text.trim(), value, "{file}"),
            // As init does on a host without the controller.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{file}"),
        }
    }
    let user = std::fs::metadata(format!("/proc/{}", before[0])).unwrap();
    assert_eq!(user.uid(), Users::FIRST);

    signal(before[0], "-KILL");
    until("it runs again", || {
        let status = client.status("ext");
        status.state == State::Running && status.restarts == 1
    });
    processes(&node, 2);
    stop(&client);

    assert_eq!(node.processes_of("ext"), [0; 0]);
    assert_eq!(node.mounts(), mounts);
    until("the image is free", || devices_of("hello.sqsh") == 0);
    let named = Named { name: "ext" };
    assert_eq!(client.ask(&Request::Remove(named)), Reply::Done(()));
    let group = node.path("/sys/fs/cgroup/system/ext");
    assert!(!Path::new(&group).exists());
    until("nobody is left unreaped", || node.zombies() == 0);
}

/// How many block devices are made of a file of that name, by this node or another.
fn devices_of(name: &str) -> usize {
    let devices = std::fs::read_dir("/sys/block").unwrap().flatten();
    let files =
        devices.filter_map(|it| std::fs::read_to_string(it.path().join("loop/backing_file")).ok());
    files.filter(|file| file.trim().ends_with(name)).count()
}

#[test]
fn a_container_of_what_is_no_image_is_said_with_its_stage() {
    let node = Node::start(&[]);
    let client = node.client();
    let mut spec = container_of_image(&node, "true");
    spec.restart = Restart::Never;
    let bytes = std::fs::read(node.path(IMAGE)).unwrap();
    for (content, stage, errno) in [
        (Some(&bytes[..bytes.len() / 2]), Stage::MountImage, 22),
        (None, Stage::OpenImage, 2),
    ] {
        match content {
            Some(content) => std::fs::write(node.path(IMAGE), content).unwrap(),
            None => std::fs::remove_file(node.path(IMAGE)).unwrap(),
        }

        define_and_start(&client, &spec);
        client.wait_for("ext", State::Failed);

        let failure = SpawnFailure {
            stage,
            errno,
            index: 0,
        };
        assert_eq!(client.status("ext").last_exit, Some(Exit::Spawn(failure)));
        until("the image is free", || devices_of("hello.sqsh") == 0);
    }
}
