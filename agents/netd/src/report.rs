// SPDX-License-Identifier: MPL-2.0
//! What an operator is told: one line for each event that matters.
//!
//! Owns: the words, and what of it is worth a line.
//! Never: says the same failure again and again.

use heapless::Vec;
use sys::io::Errno;
use sys::say;
use wire::rtnetlink::Dump;

use crate::desired::Order;
use crate::dhcp::{Client, Note};
use crate::links::Change;
use crate::news::Network;

/// How many different failures are remembered as said.
const FAILURES_MAX: usize = 8;

/// An order that was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The link it was for.
    pub(crate) index: u32,
    /// What was to be done.
    what: &'static str,
    /// The kernel's word.
    errno: Errno,
}

/// Failures that were said already.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<Failure, FAILURES_MAX>);

impl Failures {
    /// Says a failure, the first time.
    pub(crate) fn say(&mut self, name: &str, failure: Failure) {
        if self.0.contains(&failure) {
            return;
        }
        if self.0.is_full() {
            self.0.clear();
        }
        let _ = self.0.push(failure);
        let errno = sys::errno::name(failure.errno);
        say!("{name}: cannot {}: {errno}", failure.what);
    }
}

/// What an order's failure is to be called; `None` when what it was for is moot.
pub(crate) fn order_failed(network: &mut Network, order: Order, errno: i32) -> Option<Failure> {
    let errno = Errno::from_raw_os_error(errno);
    let gone = matches!(errno, Errno::NODEV | Errno::ADDRNOTAVAIL | Errno::SRCH);
    let (index, what) = match order {
        Order::RemoveAddress(_) | Order::RemoveRoute(_) if gone => return None,
        Order::AddRoute(_) if errno == Errno::EXIST => return None,
        Order::Up(index) => (index, "bring it up"),
        Order::Mtu(index, mtu) => {
            if let Some(slot) = network.slots.get_mut(index) {
                slot.mtu_refused = Some(mtu);
                slot.mtu_before = None;
            }
            (index, "set its MTU")
        }
        Order::AddAddress(address) => {
            if let Some(slot) = network.slots.get_mut(address.link_index) {
                slot.installed = None;
            }
            (address.link_index, "add its address")
        }
        Order::RemoveAddress(address) => (address.link_index, "remove its address"),
        Order::AddRoute(route) => (route.link_index, "add a route"),
        Order::RemoveRoute(route) => (route.link_index, "remove a route"),
    };
    Some(Failure { index, what, errno })
}

/// Says what an operator wants to know of the kernel's news.
pub(crate) fn tell_change(change: &Change) {
    match change {
        Change::LinkGone(link) if link.kind.is_empty() => say!("{}: gone", link.name),
        Change::Full(kind) => {
            let what = match kind {
                Dump::Links => "links",
                Dump::Addresses => "addresses",
                Dump::Routes => "routes",
            };
            say!("there are more {what} than netd has room for; the rest is not looked after");
        }
        Change::Nothing | Change::Something | Change::LinkGone(_) => {}
    }
}

/// Says what an operator wants to know of a client.
pub(crate) fn tell(name: &str, client: &Client, note: Note) {
    match (note, client.lease()) {
        (Note::Given, Some(lease)) => say!(
            "{name}: lease {}/{} from {} for {}s",
            lease.address,
            lease.prefix_len,
            lease.server,
            lease.lease_s
        ),
        (Note::Prolonged, Some(lease)) => say!(
            "{name}: lease {}/{} prolonged by {} for {}s",
            lease.address,
            lease.prefix_len,
            lease.server,
            lease.lease_s
        ),
        (Note::Given | Note::Prolonged, None) => {}
        (Note::Expired(address), _) => say!("{name}: lease of {address} expired"),
        (Note::Denied(Some(address)), _) => say!("{name}: a DHCP server took {address} back"),
        (Note::Denied(None), _) => say!("{name}: a DHCP server refused our request"),
        (Note::Silence, _) => say!("{name}: no DHCP server answered yet, still asking"),
        (Note::Refused(refused), _) => say!("{name}: answer of a DHCP server refused: {refused}"),
    }
}
