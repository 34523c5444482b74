// SPDX-License-Identifier: MPL-2.0
//! Listens to machined.
//!
//! Owns: the subscription, made again with growing pauses whenever it breaks.
//! Never: takes back what was told because machined is away or talks nonsense.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::time::Duration;

use proto::{EncodeError, Greeting, Refusal};
use sys::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sys::seqpacket::{self, Received};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

use crate::journal;

/// How long machined may take to greet.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause before machined is asked again, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What an agent is told, and how that is said on the wire.
pub trait Topic {
    /// What one message of it is.
    type News;
    /// The longest message, in bytes.
    const MESSAGE_MAX: usize;

    /// Writes the greeting.
    ///
    /// # Errors
    /// It does not fit, which is a fault of ours.
    fn hello(greeting: Greeting, buffer: &mut [u8]) -> Result<usize, EncodeError>;

    /// Writes the wish to be told.
    ///
    /// # Errors
    /// As [`Topic::hello`].
    fn subscribe(buffer: &mut [u8]) -> Result<usize, EncodeError>;

    /// Reads one message. What it holds may be secret: the bytes are wiped after it.
    ///
    /// # Errors
    /// It means nothing, for this reason.
    fn read(message: &[u8]) -> Result<Said<Self::News>, String>;

    /// Takes what was told.
    fn tell(&self, news: Self::News);

    /// Whether nobody wants it any more.
    fn is_over(&self) -> bool;
}

/// One message of machined.
#[derive(Debug)]
pub enum Said<N> {
    /// It greets back.
    Welcome(Greeting),
    /// It refuses, and the subscription ends.
    Refused(Refusal),
    /// It tells.
    News(N),
}

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

/// Listens to machined at `path` for as long as there is somebody to tell.
pub async fn follow<T: Topic>(path: String, topic: T) {
    let (first, longest) = PAUSE;
    let mut pause = first;
    let mut quiet = false;
    while !topic.is_over() {
        let mut heard = false;
        let broken = match subscribe(&path, &topic, &mut heard).await {
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

async fn subscribe<T: Topic>(
    path: &str,
    topic: &T,
    heard: &mut bool,
) -> Result<Infallible, Broken> {
    let socket = connect(path)?;
    // It holds keys while a message is read.
    let mut buffer = Zeroizing::new(vec![0; T::MESSAGE_MAX]);
    send(&socket, |buffer| T::hello(Greeting::OURS, buffer))?;
    let first = timeout(GREETING_TIMEOUT, receive(&socket, &mut buffer));
    let len = first
        .await
        .map_err(|_| Broken::Silent)??
        .ok_or(Broken::Confused)?;
    match T::read(buffer.get(..len).unwrap_or_default()) {
        Ok(Said::Welcome(greeting)) if greeting == Greeting::OURS => {}
        Ok(Said::Refused(refusal)) => return Err(Broken::Refused(refusal)),
        Ok(Said::Welcome(_) | Said::News(_)) | Err(_) => return Err(Broken::Confused),
    }
    send(&socket, T::subscribe)?;
    let mut complained = false;
    loop {
        let len = receive(&socket, &mut buffer).await?;
        let said = match len.and_then(|len| buffer.get(..len)) {
            Some(message) => T::read(message),
            None => Err("the message is too long".to_owned()),
        };
        // One that was too long filled it.
        let used = len.unwrap_or(T::MESSAGE_MAX);
        buffer.get_mut(..used).unwrap_or_default().zeroize();
        let nonsense = match said {
            Ok(Said::News(news)) => {
                *heard = true;
                topic.tell(news);
                continue;
            }
            Ok(Said::Refused(refusal)) => return Err(Broken::Refused(refusal)),
            Ok(Said::Welcome(_)) => "a second greeting".to_owned(),
            Err(reason) => reason,
        };
        // Messages are whole, so the next one may be good again.
        if !complained {
            journal::say(format_args!("machined said something unusable: {nonsense}"));
            complained = true;
        }
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

fn send(
    socket: &UnixDatagram,
    write: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), Broken> {
    let mut buffer = [0; 64];
    let len = write(&mut buffer).map_err(|_| Broken::Confused)?;
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
        let (mut pause, longest) = PAUSE;
        for _ in 0..100 {
            pause = grown(pause, longest);
        }

        assert_eq!(pause, longest);
    }
}
