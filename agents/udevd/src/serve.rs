// SPDX-License-Identifier: MPL-2.0
//! What udevd is asked.
//!
//! Owns: who waits for quiet, and the counts that they hear; and modules that are asked for.
//! Never: answers for quiet before everything that the kernel had said is done.

use proto::greeting;
use proto::paths::UID_ROOT;
use proto::udev::{MESSAGE_MAX, Reply, Request, Settled};
use proto::{Greeting, Refusal};
use sys::seqpacket::{Manners, Next, Peer, Server, Service};

use crate::attribute::Sysfs;
use crate::modules::{Kernel, Modules};

/// The most callers at once: machined, and one more while it starts again.
const CALLERS_MAX: usize = 8;

/// The server of udevd's socket.
pub type Callers = Server<Caller, CALLERS_MAX, MESSAGE_MAX>;

/// What is remembered of a caller.
#[derive(Debug, Default)]
pub struct Caller {
    waits: Option<Wait>,
}

/// What a caller waits for.
#[derive(Debug)]
struct Wait {
    /// For quiet, in a later round than this.
    round: u64,
    /// And for other work than this, if it asked for news.
    known: Option<Settled>,
}

/// What callers hear of udevd's work, and what they can have done.
#[derive(Debug)]
pub struct Work {
    /// What there is of devices and loaded modules.
    pub sysfs: Sysfs,
    /// What there is of modules.
    pub modules: Modules,
    /// Events dealt with.
    pub events: u32,
    /// Overruns of the socket.
    pub overruns: u32,
    /// How often there was nothing left to do.
    pub rounds: u64,
    /// Whether somebody asked since.
    pub asked: bool,
}

impl Service for Work {
    type Connection = Caller;

    const MANNERS: Manners = Manners {
        greet: greeting::greet,
        deny: greeting::deny,
        full: greeting::full,
        too_long: greeting::too_long,
    };

    fn admits(&self, peer: Peer) -> bool {
        peer.uid == UID_ROOT
    }

    fn request(
        &mut self,
        _peer: Peer,
        caller: &mut Caller,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize> {
        match Request::decode(message) {
            Err(_) => Some(greeting::refuse(Refusal::Malformed, reply)),
            Ok(_) if caller.waits.is_some() => Some(greeting::refuse(Refusal::WrongState, reply)),
            Ok(Request::Hello(_)) => {
                Some(Reply::Welcome(Greeting::OURS).encode(reply).unwrap_or(0))
            }
            Ok(Request::Settle(())) => self.wait(caller, None),
            Ok(Request::Changed(known)) => self.wait(caller, Some(known)),
            // While a driver starts, events wait in the kernel's queue.
            Ok(Request::Load(wanted)) => {
                let loaded = self.modules.load(&mut Kernel(&self.sysfs), wanted);
                Some(Reply::Loaded(loaded).encode(reply).unwrap_or(0))
            }
        }
    }

    fn next(&self, caller: &Caller, message: &mut [u8]) -> Next<'_> {
        let settled = Settled {
            events: self.events,
            overruns: self.overruns,
        };
        // A round that ended after the question began after everything said before it.
        let is_due = |wait: &Wait| wait.round != self.rounds && wait.known != Some(settled);
        if !caller.waits.as_ref().is_some_and(is_due) {
            return Next::Nothing;
        }
        Next::Message(Reply::Settled(settled).encode(message).unwrap_or(0))
    }

    fn told(&mut self, caller: &mut Caller) {
        caller.waits = None;
    }
}

impl Work {
    /// Nothing is done yet.
    #[must_use]
    pub const fn new(sysfs: Sysfs, modules: Modules) -> Self {
        Self {
            sysfs,
            modules,
            events: 0,
            overruns: 0,
            rounds: 0,
            asked: false,
        }
    }

    /// Remembers what a caller waits for, and has the loop look whether there is quiet already.
    fn wait(&mut self, caller: &mut Caller, known: Option<Settled>) -> Option<usize> {
        caller.waits = Some(Wait {
            round: self.rounds,
            known,
        });
        self.asked = true;
        None
    }
}
