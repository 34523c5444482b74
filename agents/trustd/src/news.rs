// SPDX-License-Identifier: MPL-2.0
//! Listens to machined.
//!
//! Owns: the subscription, made again with growing pauses whenever it breaks.
//! Never: forgets the last good word because machined is away or talks nonsense.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use proto::trust::{MAX_MESSAGE, Reply, Request};
use proto::{Greeting, Refusal};
use sys::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sys::seqpacket::{self, Received};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

use crate::office::Office;
use crate::{journal, limits};

/// Why a subscription ended.
#[derive(Debug)]
enum Broken {
    /// The socket failed.
    Io(io::Error),
    /// machined closed it.
    Closed,
    /// machined refused.
    Refused(Refusal),
    /// machined speaks another version, or answered something else than it was asked.
    Confused,
    /// machined did not answer.
    Silent,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Closed => write!(f, "machined closed the connection"),
            Self::Refused(refusal) => write!(f, "machined refused: {refusal}"),
            Self::Confused => write!(f, "machined speaks another version"),
            Self::Silent => write!(f, "machined does not answer"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Listens for as long as there is somebody to tell.
pub(crate) async fn follow(path: String, publish: watch::Sender<Option<Arc<Office>>>) {
    let (first, longest) = limits::NEWS_PAUSE;
    let mut pause = first;
    let mut quiet = false;
    while !publish.is_closed() {
        let mut heard = false;
        let broken = match subscribe(&path, &publish, &mut heard).await {
            Ok(never) => match never {},
            Err(broken) => broken,
        };
        if heard {
            pause = first;
            quiet = false;
        }
        // Once a story is enough.
        if !quiet {
            journal::say(format_args!(
                "no news from machined: {broken}; what it said last holds"
            ));
            quiet = true;
        }
        tokio::time::sleep(pause).await;
        pause = grown(pause, longest);
    }
}

fn grown(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}

async fn subscribe(
    path: &str,
    publish: &watch::Sender<Option<Arc<Office>>>,
    heard: &mut bool,
) -> Result<std::convert::Infallible, Broken> {
    let socket = connect(path)?;
    // It holds the CA's key while a message is read.
    let mut buffer = Zeroizing::new(vec![0; MAX_MESSAGE]);
    send(&socket, &Request::Hello(Greeting::OURS))?;
    let first = timeout(limits::MACHINED_TIMEOUT, receive(&socket, &mut buffer));
    let len = first
        .await
        .map_err(|_| Broken::Silent)??
        .ok_or(Broken::Confused)?;
    match Reply::decode(buffer.get(..len).unwrap_or_default()) {
        Ok(Reply::Welcome(greeting)) if greeting == Greeting::OURS => {}
        Ok(Reply::Refused(refusal)) => return Err(Broken::Refused(refusal)),
        Ok(Reply::Welcome(_) | Reply::Trust(_)) | Err(_) => return Err(Broken::Confused),
    }
    send(&socket, &Request::Subscribe(()))?;
    let mut complained = false;
    loop {
        let len = receive(&socket, &mut buffer).await?;
        match read(len.and_then(|len| buffer.get(..len))) {
            Ok(office) => {
                *heard = true;
                if office.is_some() != publish.borrow().is_some() {
                    let how = match &office {
                        Some(_) => "nodes with the machine token get certificates",
                        None => "there is no trust to give",
                    };
                    journal::say(format_args!("{how}"));
                }
                publish.send_replace(office.map(Arc::new));
            }
            Err(Bad::Refused(refusal)) => return Err(Broken::Refused(refusal)),
            Err(Bad::Nonsense(reason)) => {
                // Messages are whole, so the next one may be good again.
                if !complained {
                    journal::say(format_args!("machined said something unusable: {reason}"));
                    complained = true;
                }
            }
        }
        // One that was too long filled it.
        let used = len.unwrap_or(MAX_MESSAGE);
        buffer.get_mut(..used).unwrap_or_default().zeroize();
    }
}

/// News that changes nothing.
#[derive(Debug)]
enum Bad {
    /// machined ends the subscription.
    Refused(Refusal),
    /// It cannot be used, for this reason.
    Nonsense(String),
}

/// Reads one message; `None` was longer than any message is.
fn read(message: Option<&[u8]>) -> Result<Option<Office>, Bad> {
    let message = message.ok_or_else(|| Bad::Nonsense("the message is too long".to_owned()))?;
    match Reply::decode(message) {
        Ok(Reply::Trust(trust)) => {
            Office::open(&trust).map_err(|unusable| Bad::Nonsense(unusable.to_string()))
        }
        Ok(Reply::Refused(refusal)) => Err(Bad::Refused(refusal)),
        Ok(Reply::Welcome(_)) => Err(Bad::Nonsense("a second greeting".to_owned())),
        Err(error) => Err(Bad::Nonsense(error.to_string())),
    }
}

/// Connects without ever waiting: a full backlog is an error like any other. tokio has no type for
/// `SOCK_SEQPACKET`; its datagram socket waits for the same events, which is all it is used for.
fn connect(path: &str) -> io::Result<UnixDatagram> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = sys::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    sys::net::connect(&socket, &address)?;
    UnixDatagram::from_std(socket.into())
}

fn send(socket: &UnixDatagram, request: &Request) -> Result<(), Broken> {
    let mut buffer = [0; 64];
    let len = request.encode(&mut buffer).map_err(|_| Broken::Confused)?;
    // The socket is new, so there is room.
    seqpacket::send(socket, buffer.get(..len).unwrap_or_default())
        .map_err(|errno| Broken::Io(errno.into()))
}

/// Waits for one message; `None` is one that was too long.
async fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> Result<Option<usize>, Broken> {
    loop {
        socket.readable().await?;
        let received = socket.try_io(Interest::READABLE, || {
            seqpacket::receive(socket, buffer).map_err(io::Error::from)
        });
        let received = match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            other => other,
        };
        return match received? {
            Received::Message(len, _) => Ok(Some(len)),
            Received::TooLong => Ok(None),
            Received::Closed => Err(Broken::Closed),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_limit_and_no_further() {
        let (mut pause, longest) = limits::NEWS_PAUSE;
        for _ in 0..100 {
            pause = grown(pause, longest);
        }

        assert_eq!(pause, longest);
    }

    #[test]
    fn a_message_that_is_no_trust_changes_nothing() {
        for message in [
            None,
            Some(&b""[..]),
            Some(b"\x03"),
            Some(b"\xff\x01"),
            Some(b"\x01\x01\0"),
        ] {
            assert!(read(message).is_err(), "{message:?}");
        }
    }
}
