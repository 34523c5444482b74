// SPDX-License-Identifier: MPL-2.0
//! udevd's loop: look at everything once, then hear the kernel.
//!
//! Owns: the order: the socket is open before sysfs is walked, so no device is missed between.
//! Never: waits for a device.

use proto::paths::{FIRST_LISTENER_FD, READY_FD};
use sys::event::{PollFd, PollFlags, poll};
use sys::io::{self, Errno};
use wire::uevent::{Action, MESSAGE_MAX, Properties, Uevent};

use crate::attribute::{Sysfs, folder};
use crate::device;
use crate::links::Tree;
use crate::modules::{Kernel, Modules};
use crate::serve::{Callers, Work};
use crate::uevents::{Received, Uevents};

/// Events dealt with before callers are looked at again.
const EVENTS_PER_TURN: usize = 64;

/// udevd, as it runs.
struct Udevd {
    tree: Tree,
    uevents: Uevents,
    callers: Callers,
    work: Work,
    /// Everything must be looked at again.
    stale: bool,
}

/// Runs until something of the kernel's fails.
pub fn main(_arguments: sys::start::Arguments) -> u8 {
    let (step, errno) = match Udevd::start() {
        Ok(mut udevd) => udevd.run(),
        Err(error) => error,
    };
    sys::say!("udevd: ends: {step}: {}", sys::errno::name(errno));
    1
}

/// The step that failed, and the kernel's word.
type Failure = (&'static str, Errno);

impl Udevd {
    /// Takes what init gave, looks at all devices and says that it is ready.
    fn start() -> Result<Self, Failure> {
        let ready = sys::inherited::take(READY_FD).ok();
        let listener = sys::inherited::take(FIRST_LISTENER_FD)
            .map_err(|errno| ("no socket was given", errno))?;
        let dev = folder(c"/dev").map_err(|errno| ("cannot open /dev", errno))?;
        let sysfs = Sysfs::open().map_err(|errno| ("cannot open /sys", errno))?;
        let mut udevd = Self {
            tree: Tree::open(dev),
            uevents: Uevents::open().map_err(|errno| ("cannot hear the kernel", errno))?,
            callers: Callers::new(listener).map_err(|errno| ("cannot serve", errno))?,
            work: Work::new(sysfs, Modules::open()),
            stale: false,
        };
        udevd.look_at_all();
        if let Some(ready) = ready {
            let _ = io::write(&ready, b"\n");
        }
        Ok(udevd)
    }

    /// Runs until it cannot.
    fn run(&mut self) -> Failure {
        loop {
            if !self.stale && !self.work.asked {
                let mut polled = [
                    PollFd::new(&self.uevents, PollFlags::IN),
                    PollFd::new(&self.callers, PollFlags::IN),
                ];
                match poll(&mut polled, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(errno) => return ("cannot wait", errno),
                }
            }
            self.callers.turn(&mut self.work);
            match self.hear() {
                Err(errno) => return ("cannot hear the kernel", errno),
                Ok(Heard::More) => {}
                Ok(Heard::All) => {
                    if core::mem::take(&mut self.stale) {
                        self.look_at_all();
                    } else {
                        self.work.rounds = self.work.rounds.saturating_add(1);
                        self.work.asked = false;
                        self.callers.pump(&mut self.work);
                    }
                }
            }
        }
    }

    /// Deals with some events.
    fn hear(&mut self) -> io::Result<Heard> {
        let mut message = [0; MESSAGE_MAX];
        for _ in 0..EVENTS_PER_TURN {
            match self.uevents.receive(&mut message)? {
                Received::Message(len) => self.event(message.get(..len).unwrap_or_default()),
                Received::Foreign => {}
                Received::Overrun => {
                    self.work.overruns = self.work.overruns.saturating_add(1);
                    self.stale = true;
                    sys::say!("udevd: events were lost; looking at all devices again");
                }
                Received::Nothing => return Ok(Heard::All),
            }
        }
        Ok(Heard::More)
    }

    /// Deals with one event.
    fn event(&mut self, message: &[u8]) {
        let Ok(event) = Uevent::parse(message) else {
            sys::say!("udevd: an event of the kernel is malformed");
            return;
        };
        self.work.events = self.work.events.saturating_add(1);
        let (path, properties) = (event.devpath, event.properties);
        let freed = match event.action {
            Action::Add | Action::Change | Action::Move | Action::Online => {
                device::appeared(&self.work.sysfs, &mut self.tree, path, properties)
            }
            Action::Remove => device::disappeared(&mut self.tree, path, properties),
            Action::Offline | Action::Bind | Action::Unbind => false,
        };
        if event.action == Action::Add
            && let Some(modalias) = properties.text("MODALIAS")
        {
            let Work { modules, sysfs, .. } = &self.work;
            modules.plugged(&mut Kernel(sysfs), modalias);
        }
        // Somebody else may be waiting for the name.
        if freed && core::mem::take(&mut self.tree.contested) {
            self.stale = true;
        }
    }

    /// Looks at every device that has a node: sysfs lists them by number, so nothing is walked. Where
    /// modules say for which devices they are, it looks at the devices of all buses besides.
    fn look_at_all(&mut self) {
        self.tree.prune();
        let Self { tree, work, .. } = self;
        let Work {
            sysfs,
            modules,
            events,
            ..
        } = work;
        for class in ["char", "block"] {
            let mut path = heapless::String::<16>::new();
            let _ = core::fmt::Write::write_fmt(&mut path, format_args!("dev/{class}"));
            sysfs.list(&path, |number| {
                let Some(devpath) = sysfs.device(class, number) else {
                    return;
                };
                let text = sysfs.read(&devpath, "uevent");
                *events = events.saturating_add(1);
                let _ = device::appeared(sysfs, tree, &devpath, Properties::of_file(&text));
            });
        }
        modules.plug_all(&mut Kernel(sysfs), sysfs);
    }
}

/// Whether there may be more events.
enum Heard {
    /// There may.
    More,
    /// There were none left.
    All,
}
