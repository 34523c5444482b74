// SPDX-License-Identifier: MPL-2.0
//! A client of the control socket.
//!
//! Owns: one connection.
//! Never: waits longer than its patience.

use std::time::Duration;

use proto::MAX_MESSAGE;
use proto::service::{ServiceStatus, State};
use proto::supervisor::{ListFrom, Reply, Request};
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::OwnedFd;
use sys::seqpacket::{Received, connect, receive, send};

use super::until;

/// A client of the control socket.
pub(crate) struct Client(OwnedFd);

impl Client {
    /// Connects; `None` when that is not possible (now, or for this user).
    pub(super) fn connect(path: &str, patience: Duration) -> Option<Self> {
        connect(path, patience).ok().map(Self)
    }

    /// Sends a request and returns the reply.
    pub(crate) fn ask(&self, request: &Request<'_>) -> Reply {
        self.send(request);
        self.next()
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: &Request<'_>) {
        let mut buffer = [0; MAX_MESSAGE];
        let len = request.encode(&mut buffer).unwrap();
        send(&self.0, &buffer[..len]).unwrap();
    }

    /// Sends any bytes and returns the reply; `None` when the connection was closed.
    pub(crate) fn ask_bytes(&self, bytes: &[u8]) -> Option<Reply> {
        send(&self.0, bytes).ok()?;
        let mut buffer = [0; MAX_MESSAGE];
        match receive(&self.0, &mut buffer).ok()? {
            Received::Message(len, _) => Some(Reply::decode(&buffer[..len]).unwrap()),
            Received::TooLong | Received::Closed => None,
        }
    }

    /// The next message.
    pub(crate) fn next(&self) -> Reply {
        self.next_with().0
    }

    /// The next message and the descriptor that came with it.
    pub(crate) fn next_with(&self) -> (Reply, Option<OwnedFd>) {
        let mut buffer = [0; MAX_MESSAGE];
        match receive(&self.0, &mut buffer).expect("a message in time") {
            Received::Message(len, descriptor) => {
                (Reply::decode(&buffer[..len]).unwrap(), descriptor)
            }
            Received::TooLong | Received::Closed => panic!("the connection is closed"),
        }
    }

    /// Whether a message comes within 50 ms; it is left where it is.
    pub(crate) fn has_news(&self) -> bool {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)).unwrap() == 1
    }

    /// All services.
    pub(crate) fn list(&self) -> Vec<ServiceStatus> {
        let mut all = Vec::new();
        loop {
            let index = u16::try_from(all.len()).unwrap();
            let Reply::Page(page) = self.ask(&Request::List(ListFrom { index })) else {
                panic!("no page");
            };
            all.extend(page.services);
            if all.len() >= usize::from(page.total) {
                return all;
            }
        }
    }

    /// How one service fares.
    pub(crate) fn status(&self, name: &str) -> ServiceStatus {
        self.list()
            .into_iter()
            .find(|status| status.name == name)
            .expect("it is known")
    }

    /// Waits for a state of a service.
    pub(crate) fn wait_for(&self, name: &str, state: State) {
        until(&format!("{name} is {state:?}"), || {
            self.status(name).state == state
        });
    }

    /// Waits until the core services run, and returns them.
    pub(crate) fn wait_for_core(&self) -> Vec<ServiceStatus> {
        until("the core services run", || {
            self.list()
                .iter()
                .all(|status| status.state == State::Running)
        });
        self.list()
    }
}
