// SPDX-License-Identifier: MPL-2.0
//! machined: configuration → resources → controllers → sequences; the machine API.
//!
//! One thread, and one more for each client that looks at files. It decides nothing about services
//! by itself: init supervises, netd and udevd do what they do without being asked. When machined ends, init starts it again, and it finds the
//! node as it is: services run, the configuration is stored, the boot is not repeated.
//!
//! Owns: the tasks that make up the program.
//! Never: starts a thread for anything else, or waits for an agent in a way that keeps others
//! waiting.
#![forbid(unsafe_code)]

mod acquire;
mod adjtime;
mod announce;
mod api;
mod base62;
mod browse;
mod capture;
mod clock;
mod configuration;
mod containers;
mod controller_log;
mod controllers;
mod difference;
mod door;
mod endpoint;
mod events;
mod extensions;
mod files;
pub mod journal;
mod keeper;
mod kernel_arguments;
mod kernel_modules;
mod layers;
mod life;
mod look;
mod lower;
mod meta;
mod metrics;
mod mounted;
mod news;
mod node;
mod ntp;
mod on_demand;
pub mod outside;
mod patience;
mod perf;
pub mod places;
mod proc;
mod registries;
mod resources;
mod screen;
pub mod seqpacket;
mod sequence;
mod services;
mod shipping;
mod smbios;
mod state_volume;
mod stored;
mod telling;
#[cfg(test)]
mod testing;
mod trial;
mod trust;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::UnixListener;

use api::serve::Callers;
use journal::Journal;
use node::Node;
use places::Places;
use seqpacket::Listener;

/// How many threads there are besides the one: one for each client that looks at files. A runtime
/// that would start more, while one is about to end, waits for that end.
pub const THREADS_MAX: usize = browse::SLOTS_MAX;

/// What machined is started with.
#[derive(Debug)]
pub struct Start {
    /// Where everything is.
    pub places: Places,
    /// Where lines go.
    pub journal: Journal,
    /// The listening socket for apid (`SOCK_SEQPACKET`).
    pub door: OwnedFd,
    /// The listening socket of the API (`SOCK_STREAM`).
    pub api: OwnedFd,
    /// The listening socket for trustd (`SOCK_SEQPACKET`).
    pub trust: OwnedFd,
    /// The listening socket of the API for the dashboard (`SOCK_STREAM`).
    pub reader: OwnedFd,
    /// Where readiness is told, if anybody asks.
    pub ready: Option<OwnedFd>,
}

/// Runs machined for ever.
///
/// # Errors
/// It cannot begin: a descriptor is not what it should be.
pub async fn run(start: Start) -> Result<(), Box<dyn std::error::Error>> {
    let door = Listener::over(start.door)?;
    let trust = Listener::over(start.trust)?;
    let api = listener(start.api)?;
    let reader = listener(start.reader)?;
    let seed = pki::random_bytes::<8>()?;
    let node = Node::new(start.places, start.journal, *seed)?;
    if let Some(ready) = start.ready {
        sys::io::write(&ready, b"\n")?;
    }
    layers::publish(&node);
    mounted::publish(&node);
    // Before the controllers: they must not see a node that runs without its configuration.
    let resumed = life::resume(&node);
    tokio::spawn(Arc::clone(&node).run_controllers());
    tokio::spawn(controller_log::deliver(Arc::clone(&node)));
    tokio::spawn(news::init::watch(Arc::clone(&node)));
    tokio::spawn(news::network::watch(Arc::clone(&node)));
    services::health::watch(&node);
    tokio::spawn(kernel_modules::keep(Arc::clone(&node)));
    tokio::spawn(kernel_modules::watch(Arc::clone(&node)));
    tokio::spawn(extensions::start(Arc::clone(&node)));
    tokio::spawn(containers::follow(Arc::clone(&node)));
    tokio::spawn(shipping::deliver(Arc::clone(&node)));
    tokio::spawn(shipping::publish(Arc::clone(&node)));
    tokio::spawn(metrics::serve(Arc::clone(&node)));
    tokio::spawn(announce::announce(Arc::clone(&node)));
    tokio::spawn(announce::status(Arc::clone(&node)));
    tokio::spawn(endpoint::follow(Arc::clone(&node)));
    tokio::spawn(telling::serve::<door::Opening>(Arc::clone(&node), door));
    tokio::spawn(telling::serve::<trust::Trust>(Arc::clone(&node), trust));
    tokio::spawn(trust::keep::keep(Arc::clone(&node)));
    tokio::spawn(trust::join::follow(Arc::clone(&node)));
    tokio::spawn(life::live(Arc::clone(&node), resumed));
    tokio::spawn(screen::keep(Arc::clone(&node)));
    tokio::spawn(api::serve::serve(
        Arc::clone(&node),
        reader,
        Callers::Reader,
    ));
    api::serve::serve(node, api, Callers::Door).await;
    Ok(())
}

/// A listening socket that init made, for the runtime.
fn listener(socket: OwnedFd) -> std::io::Result<UnixListener> {
    let socket = std::os::unix::net::UnixListener::from(socket);
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}
