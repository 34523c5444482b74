// SPDX-License-Identifier: MPL-2.0
//! The node's own screen: the kernel's messages on the first terminal, the dashboard on the second.
//!
//! Owns: whether there is a screen, and what the dashboard is given.
//! Never: runs it where nobody could see it: a serial line is no screen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::container::{Access, Container, Device, DeviceAccess, Missing, Mount, Network};
use proto::paths::{READER_API_SOCKET, UID_DASHBOARD};
use proto::service::{Seccomp, ServiceSpec};

use crate::extensions::wait_for_core;
use crate::files;
use crate::node::Node;
use crate::places::Places;
use crate::services::{self, Agent};

/// Its name, as the documents have it.
pub(crate) const NAME: &str = "dashboard";
const DASHBOARD: Agent = Agent {
    name: NAME,
    program: "/console",
    user: UID_DASHBOARD,
    // Two logs of which it keeps so much, a screen, and its program, several times over.
    memory_max: 24 * 1024 * 1024,
    // Its own thread, the one that waits for keys, and room.
    pids_max: 8,
    // Who only looks goes before those who work.
    oom_score_adj: 0,
};
/// The folder of its program, which is all that it sees of the node's files.
const ROOT: &str = "/usr/lib/ichor/dashboard";
/// The terminal of the kernel's messages.
const MESSAGES_ON: u8 = 1;
/// The terminal of the dashboard, as the documents say.
const TERMINAL: &str = "/dev/tty2";
/// Who draws terminals, one folder each (Documentation/ABI/testing/sysfs-class-vtconsole).
const DRAWERS: &str = "/sys/class/vtconsole";
/// The end of the name of the one that draws nothing.
const NONE_IS_SEEN: &str = "dummy device";
/// In the name of one that takes a PC to have a screen because it finds memory where one's would be,
/// as there is without one too: `*CGA`, `*MDA`.
const TAKEN_FOR_GRANTED: char = '*';
/// Both files hold less.
const FILE_MAX: u64 = 4096;
/// How long after a failure the next try is.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Sees to the screen, if there is one and it is wanted.
pub(crate) async fn keep(node: Arc<Node>) {
    // A container sees the screen of its machine, which is not its own.
    let unwanted = node.arguments.in_container() || node.arguments.without_dashboard();
    if unwanted || !has_screen(&node.places) {
        return;
    }
    wait_for_core(&node).await;
    if let Err(errno) = separate_messages(&node.places) {
        node.journal.log(format_args!(
            "cannot keep the kernel's messages off the dashboard: {errno}"
        ));
    }
    let mut complained = false;
    // init sees to it from then on, also when machined starts again.
    while !DASHBOARD.is_there(&node) {
        let Err(error) = services::start(&node, spec()).await else {
            return;
        };
        if !complained {
            node.journal
                .log(format_args!("cannot start the dashboard: {error}"));
            complained = true;
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Whether somebody draws terminals on a screen: a driver that does is bound to them.
fn has_screen(places: &Places) -> bool {
    let Ok(drawers) = std::fs::read_dir(places.at(DRAWERS)) else {
        return false;
    };
    drawers.flatten().any(|drawer| draws(&drawer.path()))
}

fn draws(drawer: &Path) -> bool {
    let name = text(drawer, "name");
    text(drawer, "bind") == "1"
        && !name.ends_with(NONE_IS_SEEN)
        && !name.contains(TAKEN_FOR_GRANTED)
}

/// What one of the kernel's files of a line says; nothing if it cannot be read.
fn text(folder: &Path, name: &str) -> String {
    let text = files::read_text(&folder.join(name), FILE_MAX).unwrap_or_default();
    text.trim().to_owned()
}

/// Without this the kernel writes to the terminal that is shown, over what is there.
fn separate_messages(places: &Places) -> Result<(), std::io::Error> {
    let terminal = std::fs::File::options()
        .read(true)
        .open(places.at("/dev/tty0"))?;
    Ok(sys::virtual_terminal::send_kernel_messages_to(
        &terminal,
        MESSAGES_ON,
    )?)
}

/// The dashboard as init is told of it: a container of its program, one terminal and one socket.
fn spec() -> ServiceSpec<'static> {
    let mut spec = DASHBOARD.spec();
    let mut container = Container::of_folder();
    container.network = Network::Alone;
    container.no_new_privileges = true;
    // The lists have room for many.
    let _full = container.devices.push(Device {
        source: TERMINAL,
        target: TERMINAL,
        access: DeviceAccess::ReadWrite,
    });
    let _full = spec.mounts.push(Mount {
        // Its root has no place for it yet.
        missing: Missing::IsMade,
        ..Mount::bind(READER_API_SOCKET, READER_API_SOCKET, Access::ReadOnly)
    });
    spec.root = ROOT;
    spec.seccomp = Seccomp::Container;
    spec.container = Some(container);
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn dash_01_a_screen_is_there_when_a_driver_draws_on_it() {
        let dummy = "(S) dummy device\n";
        let vga = "(S) VGA+\n";
        let frame_buffer = "(M) frame buffer device\n";
        for (drawers, expected) in [
            (&[][..], false),
            (&[(dummy, "1\n")][..], false),
            (&[(vga, "1\n")][..], true),
            // A PC without a screen.
            (&[("(S) *CGA\n", "1\n")][..], false),
            (&[(frame_buffer, "0\n")][..], false),
            (&[(vga, "0\n"), (frame_buffer, "1\n")][..], true),
            (&[(dummy, "1\n"), (frame_buffer, "0\n")][..], false),
        ] {
            let folder = Folder::new();
            let places = Places::under(folder.path());
            for (number, (name, bind)) in drawers.iter().enumerate() {
                let drawer = places.at(DRAWERS).join(format!("vtcon{number}"));
                std::fs::create_dir_all(&drawer).unwrap();
                std::fs::write(drawer.join("name"), name).unwrap();
                std::fs::write(drawer.join("bind"), bind).unwrap();
            }

            assert_eq!(has_screen(&places), expected, "{drawers:?}");
        }
    }

    #[test]
    fn dash_01_it_has_no_right_and_sees_one_terminal_and_one_socket() {
        let spec = spec();
        let container = spec.container.as_ref().unwrap();

        assert_eq!((spec.uid, spec.gid, spec.capabilities), (55, 55, 0));
        assert_eq!(spec.mounts.len(), 1);
        assert_eq!(spec.mounts[0].source, "/system/run/machined/reader.sock");
        assert_eq!(container.devices.len(), 1);
        assert_eq!(container.devices[0].source, "/dev/tty2");
        assert_eq!(container.network, Network::Alone);
        assert!(!container.writable_root && container.groups.is_empty());
    }
}
