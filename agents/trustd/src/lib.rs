// SPDX-License-Identifier: MPL-2.0
//! The root of trust on a control plane: signs what nodes without the CA's key ask for.
//!
//! A node shows the machine token and a request; it gets a certificate of a server, whatever it asks
//! for besides. What is signed with comes from machined, and is nowhere in a file.
//!
//! Owns: TCP 50001, the token, and what a request is granted.
//! Never: gives away a role, a CA, or the key of one.
#![forbid(unsafe_code)]

mod desk;
mod limits;
mod news;
mod office;
mod sign;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use agent::{listen, porch};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Where nodes ask, and where machined tells.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where nodes connect; `None`: every address, port 50001.
    pub listen: Option<SocketAddr>,
    /// Where machined tells what to sign with (`SOCK_SEQPACKET`).
    pub machined: String,
}

impl Places {
    /// The places on a node.
    #[must_use]
    pub fn node() -> Self {
        Self {
            listen: None,
            machined: proto::paths::TRUST_SOCKET.to_owned(),
        }
    }
}

/// Why trustd ends.
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
            Self::Listen(error) => write!(f, "cannot listen on port {PORT}: {error}"),
            Self::NewsEnded => write!(f, "the task that listens to machined ended"),
        }
    }
}

const PORT: u16 = api::wire::TRUSTD_PORT;

/// Opens and serves until something fatal happens.
///
/// # Errors
/// [`Fatal`]; init starts trustd again.
pub async fn run(places: Places, ready: Option<OwnedFd>) -> Result<Infallible, Fatal> {
    let listener = match places.listen {
        Some(address) => TcpListener::bind(address).await,
        None => listen::everywhere(PORT).await,
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
    let (publish, office) = watch::channel(None);
    let news = tokio::spawn(agent::news::follow(places.machined, news::Trust(publish)));
    if let Some(ready) = ready {
        // Nobody is harmed when init does not listen.
        let _ = sys::io::write(&ready, b"\n");
    }
    tokio::select! {
        never = porch::open(listener, limits::CONNECTIONS_MAX, |stream, peer, place| {
            desk::receive(stream, peer, place, office.clone())
        }) => match never {},
        _ = news => Err(Fatal::NewsEnded),
    }
}
