// SPDX-License-Identifier: MPL-2.0
//! What the other agents tell, taken in as it comes.
//!
//! Owns: one connection to each of them, its reconnection, and listing everything again after it.
//! Never: keeps what an agent no longer says.

pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod network;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use proto::{EncodeError, Greeting, Refusal};

use crate::node::Node;
use crate::seqpacket::Connection;

/// The first pause before connecting again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest: an agent that cannot start costs next to nothing, and one that can is not missed.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The pauses between connections to one agent.
#[derive(Debug)]
pub(crate) struct Retry {
    agent: &'static str,
    pause: Duration,
}

impl Retry {
    /// Nothing failed yet.
    pub(crate) const fn of(agent: &'static str) -> Self {
        Self {
            agent,
            pause: PAUSE_FIRST,
        }
    }

    /// It told everything: the next failure is a first one.
    pub(crate) const fn succeeded(&mut self) {
        self.pause = PAUSE_FIRST;
    }

    /// Says what failed and waits until it is time to ask again.
    pub(crate) async fn wait(&mut self, node: &Node, error: Error) {
        node.journal
            .log(format_args!("{}: {error}; asking again", self.agent));
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// Why an agent's answer did not come.
#[derive(Debug)]
pub(crate) enum Error {
    /// The socket failed.
    Io(io::Error),
    /// The agent hung up.
    Closed,
    /// The agent refused.
    Refused(Refusal),
    /// The agent said something that does not belong here.
    Unexpected,
    /// What was to be said does not fit a message.
    TooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Closed => write!(f, "the connection was closed"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Unexpected => write!(f, "the answer does not belong to the question"),
            Self::TooLong => write!(f, "the question does not fit a message"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<EncodeError> for Error {
    fn from(_: EncodeError) -> Self {
        Self::TooLong
    }
}

/// A connection with the buffer for its messages.
#[derive(Debug)]
pub(crate) struct Line {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Line {
    /// Connects and greets.
    ///
    /// # Errors
    /// Nobody is there, or it is of another build.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        Self::with_room(path, proto::MAX_MESSAGE).await
    }

    /// The same for messages of other lengths.
    ///
    /// # Errors
    /// As [`Line::open`].
    pub(crate) async fn with_room(path: &Path, max: usize) -> Result<Self, Error> {
        let mut line = Self {
            connection: Connection::open(path).await?,
            buffer: vec![0; max],
        };
        // `Hello`, `Welcome` and `Refused` have the same numbers and bodies for every agent.
        let hello = proto::udev::Request::Hello(Greeting::OURS);
        line.send(|buffer| hello.encode(buffer)).await?;
        match proto::udev::Reply::decode(line.receive().await?) {
            Ok(proto::udev::Reply::Welcome(_)) => Ok(line),
            Ok(proto::udev::Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
            Ok(proto::udev::Reply::Settled(_) | proto::udev::Reply::Loaded(_)) | Err(_) => {
                Err(Error::Unexpected)
            }
        }
    }

    /// Sends what `encode` writes.
    ///
    /// # Errors
    /// It does not fit, or the peer is gone.
    pub(crate) async fn send(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
    ) -> Result<(), Error> {
        let len = encode(&mut self.buffer)?;
        let message = self.buffer.get(..len).unwrap_or_default();
        Ok(self.connection.send(message).await?)
    }

    /// Receives the next message.
    ///
    /// # Errors
    /// The peer is gone.
    pub(crate) async fn receive(&mut self) -> Result<&[u8], Error> {
        self.connection
            .receive(&mut self.buffer)
            .await?
            .ok_or(Error::Closed)
    }

    /// The same with the descriptor that came along.
    ///
    /// # Errors
    /// The peer is gone.
    pub(crate) async fn receive_with(&mut self) -> Result<(&[u8], Option<OwnedFd>), Error> {
        self.connection
            .receive_with(&mut self.buffer)
            .await?
            .ok_or(Error::Closed)
    }
}
