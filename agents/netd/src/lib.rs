// SPDX-License-Identifier: MPL-2.0
//! netd: links, addresses, routes, DHCP.
//!
//! Without being asked it brings loopback and physical links up, asks for a DHCPv4 lease on each
//! physical link, and makes the kernel and resolv.conf what the leases say. Over its socket it
//! tells what it sees. IPv6 addresses are the kernel's own work.
//!
//! Its arguments name kinds of virtual links that are to be treated as physical ones, as in a
//! container, whose only link is a `veth`.
//!
//! Owns: the order of start: acquire, announce, loop.
//! Never: decides; the modules do.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod channel;
pub mod desired;
pub mod dhcp;
pub mod hardware;
pub mod lease;
pub mod links;
pub mod news;
pub mod node;
pub mod ports;
mod report;
pub mod resolver;
pub mod slots;
pub mod table;

use heapless::String;
use proto::paths::{FIRST_LISTENER_FD, READY_FD, RESOLV_CONF, UID_ROOT};
use sys::io;
use sys::say;
use sys::start::Arguments;

use crate::desired::Kinds;
use crate::node::Node;

/// Runs until it is killed or cannot go on; the exit code says which.
pub fn main(arguments: Arguments) -> u8 {
    let mut kinds = Kinds::new();
    for index in 1..=desired::KINDS_MAX {
        let argument = arguments.get(index).and_then(|text| text.to_str().ok());
        if let Some(kind) = argument.and_then(|text| String::try_from(text).ok()) {
            let _ = kinds.push(kind);
        }
    }
    match run(kinds) {
        Ok(never) => never,
        Err(errno) => {
            say!("cannot start: {}", sys::errno::name(errno));
            1
        }
    }
}

/// Acquires what is needed, says that it is ready, and goes on for ever.
fn run(kinds: Kinds) -> io::Result<u8> {
    let listener = sys::inherited::take(FIRST_LISTENER_FD)?;
    // Absent when nobody waits for it.
    let ready = sys::inherited::take(READY_FD);
    let mut node = Node::new(listener, UID_ROOT, kinds, RESOLV_CONF)?;
    if let Ok(ready) = ready {
        // Whoever started us may have stopped waiting.
        let _ = io::write(&ready, b"\n");
    }
    loop {
        node.wait()?;
        node.hear();
        node.act();
    }
}
