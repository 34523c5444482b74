// SPDX-License-Identifier: MPL-2.0
//! How mounts travel between the node and a container.

use std::ffi::CString;

use proto::container::{Kind, Mount, Propagation, Travel};
use proto::service::ServiceSpec;
use sys::fs::{CWD, FileType, Mode};
use sys::mount::MountPropagationFlags;

use crate::node::{Node, all, described, mount_tmpfs, mountinfo, travel, unmount};

/// Where mounts got to.
#[derive(Debug, PartialEq, Eq)]
struct Went {
    /// One that the service made is on the node.
    out: bool,
    /// A later one of the node is in the service.
    inwards: bool,
}

const NOWHERE: Went = Went {
    out: false,
    inwards: false,
};
const IN: Went = Went {
    out: false,
    inwards: true,
};
const BOTH_WAYS: Went = Went {
    out: true,
    inwards: true,
};

/// Makes a mount in the service, then one on the node, below the same folder.
const LINE: &str = "mount -t tmpfs made /host/out && echo ready; read go < /host/go; \
                    test -e /host/late/file && echo came";

/// Tries a propagation of the root with one of a mount.
fn try_out(node: &Node, root: Option<Propagation>, mount: Option<Propagation>) -> Went {
    let shared = node.path("shared");
    let mut spec = node.container(LINE);
    spec.container.as_mut().unwrap().propagation = root;
    let bind = described(&shared, "/host", Kind::BindTree);
    spec.mounts
        .push(Mount {
            propagation: mount,
            ..bind
        })
        .unwrap();
    let before = mountinfo();

    let mut running = node.start(&spec);
    while !running.said.ends_with(b"ready\n") {
        assert!(running.read_more(), "{running:?}");
    }
    let out = mountinfo().contains(" - tmpfs made ");
    let late = node.path("shared/late");
    mount_tmpfs("late", &late);
    std::fs::write(node.path("shared/late/file"), "").unwrap();
    std::fs::write(node.path("shared/go"), "go\n").unwrap();
    let outcome = running.finish();

    unmount(&late);
    if out {
        unmount(&node.path("shared/out"));
    }
    assert_eq!(mountinfo(), before, "{outcome:?}");
    Went {
        out,
        inwards: outcome.said.ends_with("came\n"),
    }
}

fn node_with_shared_folder(name: &str) -> Node {
    let node = Node::new(name);
    for folder in ["shared/out", "shared/late"] {
        node.make(folder);
    }
    let fifo = CString::new(node.path("shared/go")).unwrap();
    let mode = Mode::from_raw_mode(0o600);
    sys::fs::mknodat(CWD, &*fifo, FileType::Fifo, mode, 0).unwrap();
    node
}

#[test]
fn ext_07_mounts_travel_as_the_root_and_the_mount_say() {
    let node = node_with_shared_folder("travel");
    let one = |kind| Some(Propagation { kind, below: false });
    for (root, mount, expected) in [
        (None, None, IN),
        // A copy of what only comes in has nobody to share with.
        (None, all(Travel::Shared), IN),
        (None, all(Travel::Slave), IN),
        (None, one(Travel::Private), NOWHERE),
        (None, all(Travel::Private), NOWHERE),
        (None, all(Travel::Unbindable), NOWHERE),
        (one(Travel::Shared), None, BOTH_WAYS),
        (one(Travel::Shared), one(Travel::Shared), BOTH_WAYS),
        (all(Travel::Shared), all(Travel::Shared), BOTH_WAYS),
        (all(Travel::Shared), all(Travel::Slave), IN),
        (all(Travel::Shared), all(Travel::Private), NOWHERE),
        (one(Travel::Slave), None, IN),
        (all(Travel::Slave), all(Travel::Shared), IN),
        (one(Travel::Private), None, IN),
        (all(Travel::Private), None, NOWHERE),
        (one(Travel::Unbindable), None, IN),
        (all(Travel::Unbindable), None, NOWHERE),
    ] {
        assert_eq!(
            try_out(&node, root, mount),
            expected,
            "root {root:?}, mount {mount:?}"
        );
    }
}

#[test]
fn ext_07_what_the_node_keeps_to_itself_is_not_shared() {
    let node = node_with_shared_folder("kept");
    let shared = node.path("shared");
    sys::mount::mount_bind(&*shared, &*shared).unwrap();
    travel(&shared, MountPropagationFlags::PRIVATE);

    let went = try_out(&node, all(Travel::Shared), all(Travel::Shared));

    assert_eq!(went, NOWHERE);
}

#[test]
fn ext_07_a_container_that_shares_its_mounts_leaves_those_of_the_node_alone() {
    let node = Node::new("alone");
    // What lies below a mount that is shared, and the root of a container on another one.
    mount_tmpfs("outer", &node.make("outer"));
    mount_tmpfs("inner", &node.make("outer/inner"));
    let source = node.path("outer");
    for kind in [
        Travel::Private,
        Travel::Slave,
        Travel::Shared,
        Travel::Unbindable,
    ] {
        for below in [false, true] {
            let mut spec: ServiceSpec<'_> = node.container("echo run");
            let propagation = Some(Propagation { kind, below });
            spec.container.as_mut().unwrap().propagation = propagation;
            spec.mounts
                .push(described(&source, "/outer", Kind::BindTree))
                .unwrap();

            // `run` compares the mounts of the node.
            let outcome = node.run(&spec);

            assert_eq!(outcome.said, "run\n", "{propagation:?}: {outcome:?}");
        }
    }
}

#[test]
fn ext_07_the_root_itself_is_as_it_is_said_to_be() {
    let node = Node::new("root-itself");
    let line = "grep ' / / r' /proc/self/mountinfo | cut -d' ' -f7";
    for (kind, expected) in [
        (Travel::Private, "-"),
        (Travel::Slave, "-"),
        (Travel::Shared, "shared:"),
        (Travel::Unbindable, "unbindable"),
    ] {
        let mut spec = node.container(line);
        spec.container.as_mut().unwrap().propagation = all(kind);

        let outcome = node.run(&spec);

        assert!(outcome.said.starts_with(expected), "{kind:?}: {outcome:?}");
    }
}

/// Today's truth, which decision 0042 owns up to: to the kernel a mask is a mount like others.
#[test]
fn ext_08_a_mask_below_a_mount_that_is_shared_both_ways_is_on_the_node_too() {
    let node = Node::new("mask-travels");
    let shared = node.make("shared");
    mount_tmpfs("shared", &shared);
    node.make("shared/secret");
    std::fs::write(node.path("shared/secret/file"), "").unwrap();
    let hides = |root: Option<Propagation>| {
        let mut spec = node.container("ls -A /host/secret");
        let mut bind = described(&shared, "/host", Kind::BindTree);
        bind.propagation = all(Travel::Shared);
        spec.mounts.push(bind).unwrap();
        let container = spec.container.as_mut().unwrap();
        container.propagation = root;
        container.masked.push("/host/secret").unwrap();

        let outcome = node.start(&spec).finish();

        assert_eq!((outcome.said.as_str(), outcome.code), ("", Some(0)));
        !std::fs::exists(node.path("shared/secret/file")).unwrap()
    };

    assert!(!hides(None));
    assert!(hides(all(Travel::Shared)));
}
