// SPDX-License-Identifier: MPL-2.0
//! The only door of a node: TLS, roles, routing.
//!
//! A request is authenticated by TLS, admitted by the table of methods, and passed on to machined
//! frame by frame. What it says is machined's business.
//!
//! Owns: TCP 50000, who comes in, and what metadata machined can trust.
//! Never: decodes a request, holds the CA's key, or answers for a method.
#![forbid(unsafe_code)]

mod activity;
mod admission;
mod answer;
mod ask;
mod clients;
mod connection;
mod delivery;
mod entrance;
mod envelope;
mod fan;
mod gather;
mod ledger;
mod limits;
mod lookup;
mod merge;
mod news;
mod pace;
mod peers;
mod proxy;
mod question;
mod refused;
mod relabel;
mod reply;
mod room;
mod route;
mod tab;
mod target;
mod under_way;
mod unread;
mod upstream;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use agent::{listen, porch};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::connection::Hall;
use crate::entrance::Entrance;

pub use crate::lookup::Lookup;

/// Threads that apid needs besides its own: they look up names.
pub const THREADS_MAX: usize = limits::LOOKUPS_MAX;

/// Where the door is and what it leads to.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where clients connect; `None`: every address, port 50000.
    pub listen: Option<SocketAddr>,
    /// Where machined tells how to open the door (`SOCK_SEQPACKET`).
    pub door: String,
    /// Where machined serves the API (`SOCK_STREAM`).
    pub machined: PathBuf,
    /// Where other nodes are found.
    pub lookup: Lookup,
    /// Bytes of memory of the machine: how much may be held depends on it.
    pub memory: u64,
}

impl Places {
    /// The places on a node.
    #[must_use]
    pub fn node() -> Self {
        let info = sys::system::sysinfo();
        Self {
            listen: None,
            door: proto::paths::MACHINED_SOCKET.to_owned(),
            machined: PathBuf::from(proto::paths::MACHINE_API_SOCKET),
            lookup: Lookup::System,
            memory: info.totalram.saturating_mul(u64::from(info.mem_unit)),
        }
    }
}

/// Why apid ends.
#[derive(Debug)]
pub enum Fatal {
    /// The port cannot be had.
    Listen(io::Error),
    /// Somebody ended the task that listens to machined, which is a fault of ours.
    NewsEnded,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => write!(f, "cannot listen on port {}: {error}", port()),
            Self::NewsEnded => write!(f, "the task that listens to machined ended"),
        }
    }
}

const fn port() -> u16 {
    api::wire::APID_PORT
}

/// Opens the door and serves until something fatal happens.
///
/// # Errors
/// [`Fatal`]; init starts apid again.
pub async fn run(places: Places, ready: Option<OwnedFd>) -> Result<Infallible, Fatal> {
    let listener = match places.listen {
        Some(address) => TcpListener::bind(address).await,
        None => listen::everywhere(port()).await,
    };
    let listener = listener.map_err(Fatal::Listen)?;
    serve(listener, places, ready).await
}

/// Serves on a socket that listens already.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    listener: TcpListener,
    places: Places,
    ready: Option<OwnedFd>,
) -> Result<Infallible, Fatal> {
    let (publish, entrance) = watch::channel(Arc::new(Entrance::closed()));
    let news = tokio::spawn(agent::news::follow(places.door, news::Door(publish)));
    let scale = limits::Scale::of(places.memory);
    let hall = Hall::new(entrance, places.machined, places.lookup, scale);
    let hall = Arc::new(hall);
    let first = Arc::clone(&hall);
    tokio::spawn(async move { first.prepare().await });
    if let Some(ready) = ready {
        // Nobody is harmed when init does not listen.
        let _ = sys::io::write(&ready, b"\n");
    }
    tokio::select! {
        never = porch::open(listener, limits::HANDSHAKES_MAX, |stream, peer, place| {
            Arc::clone(&hall).receive(stream, peer, place)
        }) => match never {},
        never = hall.watch() => match never {},
        _ = news => Err(Fatal::NewsEnded),
    }
}
