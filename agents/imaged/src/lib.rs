// SPDX-License-Identifier: MPL-2.0
//! Images of containers: pulled from registries, checked, made into roots, and kept.
//!
//! machined asks for an image and hears how far it is; what it gets is a squashfs that the sandbox
//! mounts, and what the image says of its program. Bytes of strangers are read here and nowhere else
//! on the node: this program has a user of its own, no capability, and a folder.
//!
//! Owns: the store of images, and whatever registries send.
//! Never: runs anything of an image, or keeps half of one.
#![forbid(unsafe_code)]

mod command;
pub mod journal;
mod line;
mod present;
mod pull;
mod retry;
mod server;
mod settings;
mod store;
mod users;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::store::record::{RECORD_MAX, REFERENCES_MAX, Record, Run};

use crate::pull::Works;
use crate::store::Store;

/// How many threads unpack: one image comes at a time, and one that was called off ends soon.
pub const UNPACKERS_MAX: usize = 2;

/// Where everything is that imaged touches.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of the store.
    pub store: PathBuf,
    /// Where it listens (`SOCK_SEQPACKET`).
    pub socket: String,
    /// What is said of registries.
    pub registries: PathBuf,
    /// The authorities that are trusted everywhere, PEM.
    pub roots: PathBuf,
    /// The first pause before a registry that failed is asked again.
    pub pause: std::time::Duration,
    /// The user that may ask besides root, for tests; root on a node.
    pub asker: u32,
}

impl Places {
    /// The places on a node.
    #[must_use]
    pub fn node() -> Self {
        Self {
            store: PathBuf::from(proto::images::STORE),
            socket: proto::images::SOCKET.to_owned(),
            registries: PathBuf::from(proto::images::REGISTRIES),
            roots: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
            pause: retry::FIRST,
            asker: proto::paths::UID_ROOT,
        }
    }
}

/// Why imaged ends.
#[derive(Debug)]
pub enum Fatal {
    /// The store cannot be used.
    Store(PathBuf, io::Error),
    /// The socket cannot be had.
    Listen(String, io::Error),
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(path, error) => {
                write!(f, "cannot use the store {}: {error}", path.display())
            }
            Self::Listen(path, error) => write!(f, "cannot listen at {path}: {error}"),
        }
    }
}

/// Looks through the store and serves until something fatal happens.
///
/// # Errors
/// [`Fatal`]; init starts imaged again.
pub async fn run(places: &Places, ready: Option<OwnedFd>) -> Result<Infallible, Fatal> {
    let unusable = |error| Fatal::Store(places.store.clone(), error);
    let (store, leftovers) = Store::open(&places.store).map_err(unusable)?;
    for name in leftovers {
        journal::say(format_args!("{name} was not whole and is removed"));
    }
    let unheard = |error| Fatal::Listen(places.socket.clone(), error);
    let listener = line::Listener::bind(&places.socket).map_err(unheard)?;
    if let Some(ready) = ready {
        // Nobody is harmed when init does not listen.
        let _ = sys::io::write(&ready, b"\n");
    }
    let works = Arc::new(Works::new(places.clone(), store));
    Ok(server::serve(&listener, &works).await)
}
