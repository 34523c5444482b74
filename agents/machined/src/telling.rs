// SPDX-License-Identifier: MPL-2.0
//! Tells an agent something whole, whenever it changes, over a socket of its own.
//!
//! Owns: who may ask, how many at one time, and what a wrong question is answered.
//! Never: keeps what it tells in memory after it was sent: keys are in it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use proto::{EncodeError, Greeting, Refusal, paths};
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

use crate::journal::Journal;
use crate::node::Node;
use crate::seqpacket::{Connection, Listener};

/// More connections than an agent and its restarts ever have.
const CONNECTIONS_MAX: usize = 8;
/// The pause after a connection could not be taken: others must give descriptors back first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Requests and short answers are a few bytes long.
const SHORT: usize = 64;

/// What an agent is told, and how that is said on the wire.
pub(crate) trait Topic: Clone + Send + Sync + 'static {
    /// What it is, in the log.
    const NAME: &'static str;
    /// The user that may ask, besides user 0.
    const USER: u32;
    /// The longest message, in bytes.
    const MESSAGE_MAX: usize;

    /// Where it is found as it is now.
    fn of(node: &Node) -> watch::Receiver<Self>;

    /// Reads a request; `None` is none.
    fn asked(bytes: &[u8]) -> Option<Asked>;

    /// Writes a short answer.
    fn answer(answer: Answer, buffer: &mut [u8]) -> Result<usize, EncodeError>;

    /// Writes it whole.
    fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError>;
}

/// What an agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It greets.
    Hello(Greeting),
    /// It wants to be told.
    Subscribe,
}

/// What it is answered before it is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may ask.
    Welcome,
    /// It may not, or not this.
    Refused(Refusal),
}

/// Serves for ever.
pub(crate) async fn serve<T: Topic>(node: Arc<Node>, listener: Listener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                node.journal.log(format_args!("{}: {error}", T::NAME));
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            let _gone = answer::<T>(&connection, Answer::Refused(Refusal::Full)).await;
            continue;
        };
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            // An error is the peer's: it went away in the middle.
            let _gone = talk::<T>(&node, &connection).await;
            drop(permit);
        });
    }
}

async fn answer<T: Topic>(connection: &Connection, answer: Answer) -> io::Result<()> {
    let mut buffer = [0; SHORT];
    let len = T::answer(answer, &mut buffer).map_err(|_| io::ErrorKind::InvalidInput)?;
    connection.send(buffer.get(..len).unwrap_or_default()).await
}

async fn talk<T: Topic>(node: &Node, connection: &Connection) -> io::Result<()> {
    let refuse = |refusal| answer::<T>(connection, Answer::Refused(refusal));
    let uid = connection.peer_uid()?;
    if uid != paths::UID_ROOT && uid != T::USER {
        return refuse(Refusal::NotAllowed).await;
    }
    // A longer request is refused and ends the connection.
    let mut request = [0; SHORT];
    let mut greeted = false;
    loop {
        let bytes = match connection.receive(&mut request).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return refuse(Refusal::Malformed).await;
            }
            Err(error) => return Err(error),
        };
        match T::asked(bytes) {
            None => refuse(Refusal::Malformed).await?,
            Some(Asked::Hello(greeting)) if greeting != Greeting::OURS => {
                return refuse(Refusal::Version).await;
            }
            Some(Asked::Hello(_)) => {
                greeted = true;
                answer::<T>(connection, Answer::Welcome).await?;
            }
            Some(Asked::Subscribe) if !greeted => refuse(Refusal::NotGreeted).await?,
            Some(Asked::Subscribe) => {
                return tell(T::of(node), &node.journal, connection).await;
            }
        }
    }
}

/// Tells it, again and again, until the peer hangs up.
async fn tell<T: Topic>(
    mut topic: watch::Receiver<T>,
    journal: &Journal,
    connection: &Connection,
) -> io::Result<()> {
    let mut said = [0; 1];
    loop {
        {
            let now = topic.borrow_and_update().clone();
            let mut buffer = Zeroizing::new(vec![0; T::MESSAGE_MAX]);
            match now.encode(&mut buffer) {
                Ok(len) => {
                    let message = buffer.get(..len).unwrap_or_default();
                    connection.send(message).await?;
                }
                // A connection that ends would be made again, and end again, for ever.
                Err(error) => journal.console(format_args!(
                    "{}: cannot be told what is new, it keeps what it has: {error}",
                    T::NAME
                )),
            }
        }
        tokio::select! {
            changed = topic.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            // A subscriber says no more: its end, or anything it says, ends this.
            _ended = connection.receive(&mut said) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sys::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// What is told: as many bytes, all the same, and how often it was tried.
    #[derive(Clone)]
    struct Bytes(usize, Arc<Notify>);

    impl Topic for Bytes {
        const NAME: &'static str = "bytes";
        const USER: u32 = 0;
        const MESSAGE_MAX: usize = 16;

        fn of(_: &Node) -> watch::Receiver<Self> {
            watch::channel(Self(0, Arc::default())).1
        }

        fn asked(_: &[u8]) -> Option<Asked> {
            None
        }

        fn answer(_: Answer, _: &mut [u8]) -> Result<usize, EncodeError> {
            Ok(0)
        }

        fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
            self.1.notify_one();
            let part = buffer.get_mut(..self.0).ok_or(EncodeError)?;
            part.fill(7);
            Ok(self.0)
        }
    }

    fn line() -> (Connection, Connection) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        (
            Connection::over(ours).unwrap(),
            Connection::over(theirs).unwrap(),
        )
    }

    #[tokio::test]
    async fn what_is_too_long_to_be_told_costs_neither_the_line_nor_what_comes_after_it() {
        let tried = Arc::new(Notify::new());
        let told = |len| Bytes(len, Arc::clone(&tried));
        let (say, topic) = watch::channel(told(3));
        let (ours, theirs) = line();
        let telling = tokio::spawn(async move { tell(topic, &Journal::Test, &ours).await });
        let mut buffer = [0; 16];
        let mut heard = async || {
            let message = timeout(PATIENCE, theirs.receive(&mut buffer)).await;
            message.unwrap().unwrap().map(<[u8]>::len)
        };
        assert_eq!(heard().await, Some(3));

        tried.notified().await;
        assert!(say.send(told(17)).is_ok());
        timeout(PATIENCE, tried.notified()).await.unwrap();
        assert!(say.send(told(5)).is_ok());

        assert_eq!(heard().await, Some(5));
        drop(theirs);
        timeout(PATIENCE, telling).await.unwrap().unwrap().unwrap();
    }
}
