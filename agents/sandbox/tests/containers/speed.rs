// SPDX-License-Identifier: MPL-2.0
//! What the start of a container costs.

use std::time::{Duration, Instant};

use proto::container::{Kind, Network};
use proto::heapless::Vec as List;
use sys::process::{WaitOptions, waitpid};
use sys::spawn::{Placement, Strings};

use crate::image::Image;
use crate::node::{Node, described, file_system};
use crate::sandboxed::{program, start};

/// How often both are measured; what else the machine does makes a start slower, never quicker.
const TIMES: usize = 60;
/// What a container may cost beyond a process that becomes the same program.
const PROMISED: Duration = Duration::from_millis(30);

fn best_of(mut run: impl FnMut()) -> Duration {
    let once = |()| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    std::iter::repeat_n((), TIMES).map(once).min().unwrap()
}

/// Measures the start of a container against that of a process with the host's program of a path.
fn promise(path: &str, run: impl FnMut()) {
    let bare = best_of(|| {
        let mut arguments = Strings::<2, 64>::new();
        arguments.push(path).unwrap();
        let become_it = || {
            let path = arguments.get(0).unwrap_or_default();
            sys::spawn::exec(path, &arguments, &Strings::<1, 1>::new());
            99
        };
        let child = sys::spawn::spawn(Placement::BESIDE, &[], become_it, |_| 98).unwrap();
        let end = waitpid(Some(child.pid), WaitOptions::empty()).unwrap();
        assert_eq!(end.unwrap().1.exit_status(), Some(0));
    });
    let contained = best_of(run);

    let cost = contained.saturating_sub(bare);
    assert!(
        cost <= PROMISED,
        "a container takes {contained:?}, a process {bare:?}"
    );
}

#[test]
fn ext_02_a_container_starts_at_most_30_ms_later_than_a_process() {
    let node = Node::new("speed");
    let folders: Vec<_> = (0..8).map(|n| node.make(&n.to_string())).collect();
    let mut spec = node.container("");
    let plain = program("/usr/bin/true", &[]);
    (spec.path, spec.args) = (plain.path, plain.args);
    for folder in &folders {
        spec.mounts
            .push(described(folder, folder, Kind::BindTree))
            .unwrap();
    }
    let tmp = described("own", "/tmp", file_system("tmpfs", ""));
    spec.mounts.push(tmp).unwrap();
    let container = spec.container.as_mut().unwrap();
    for path in ["/proc/keys", "/proc/kcore", "/sys/firmware"] {
        container.masked.push(path).unwrap();
    }
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"] {
        container.read_only.push(path).unwrap();
    }

    promise(spec.path, || {
        let outcome = node.start(&spec).finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    });
}

#[test]
fn a_container_of_an_image_starts_at_most_30_ms_later_than_a_process() {
    let image = Image::new("image-speed");
    let mut spec = image.container("");
    (spec.path, spec.args) = ("/bin/true", List::new());
    let container = spec.container.as_mut().unwrap();
    container.network = Network::Alone;
    for path in ["/proc/keys", "/proc/kcore", "/sys/firmware"] {
        container.masked.push(path).unwrap();
    }
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"] {
        container.read_only.push(path).unwrap();
    }

    promise(spec.path, || {
        let outcome = start(&spec).finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    });
}
