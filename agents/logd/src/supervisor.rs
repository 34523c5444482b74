// SPDX-License-Identifier: MPL-2.0
//! The connection to init, which says whose pipes there are.
//!
//! Owns: the order of that conversation.
//! Never: waits for init, or goes on with an init that breaks the order.

use core::time::Duration;

use proto::supervisor::{Reply, Request};
use proto::{Greeting, MAX_MESSAGE, Name, Refusal};
use sys::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::io::{self, Errno};
use sys::seqpacket::{self, Received};

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `Hello` was said.
    Greeting,
    /// `Pipes` was asked.
    Asking,
    /// Pipes come.
    Listening,
}

/// What init's message means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It let us in: ask for the pipes.
    Ask,
    /// All present pipes are on their way: logd is ready.
    Ready,
    /// The output of this service comes with the message.
    Pipe(Name),
    /// Nothing for us.
    Nothing,
    /// The conversation cannot go on.
    Broken(Reason),
}

/// Why the conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The socket is not there or failed.
    Socket(Errno),
    /// init closed it.
    Closed,
    /// init refused.
    Refused(Refusal),
    /// init said something that does not come at this point.
    OutOfOrder,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Socket(errno) => write!(f, "its socket fails: {}", sys::errno::name(*errno)),
            Self::Closed => write!(f, "it closed the connection"),
            Self::Refused(refusal) => write!(f, "it refused: {refusal}"),
            Self::OutOfOrder => write!(f, "its answer is not to what was asked"),
        }
    }
}

/// Judges one message of init.
#[must_use]
pub fn judge(stage: Stage, message: &[u8]) -> (Stage, News) {
    let Ok(reply) = Reply::decode(message) else {
        return (stage, News::Broken(Reason::OutOfOrder));
    };
    match (stage, reply) {
        (Stage::Greeting, Reply::Welcome(_)) => (Stage::Asking, News::Ask),
        (Stage::Asking, Reply::Done(())) => (Stage::Listening, News::Ready),
        (Stage::Listening, Reply::Pipe(pipe)) => (stage, News::Pipe(pipe.name)),
        // The pipe's end says the same.
        (Stage::Listening, Reply::Removed(_)) => (stage, News::Nothing),
        (_, Reply::Refused(refusal)) => (stage, News::Broken(Reason::Refused(refusal))),
        (
            _,
            Reply::Welcome(_)
            | Reply::Done(())
            | Reply::Page(_)
            | Reply::Changed(_)
            | Reply::Pipe(_)
            | Reply::Removed(_)
            | Reply::Mounting(_),
        ) => (stage, News::Broken(Reason::OutOfOrder)),
    }
}

/// The connection.
#[derive(Debug)]
pub struct Init {
    socket: OwnedFd,
    stage: Stage,
}

impl Init {
    /// Connects to `path` and says `Hello`.
    ///
    /// # Errors
    /// init is not there.
    pub fn connect(path: &str) -> Result<Self, Reason> {
        let socket = seqpacket::connect(path, Duration::ZERO).map_err(Reason::Socket)?;
        let init = Self {
            socket,
            stage: Stage::Greeting,
        };
        init.ask(&Request::Hello(Greeting::OURS))
            .map_err(Reason::Socket)?;
        Ok(init)
    }

    fn ask(&self, request: &Request<'_>) -> io::Result<()> {
        let mut message = [0; 64];
        let len = request.encode(&mut message).unwrap_or(0);
        seqpacket::send(&self.socket, message.get(..len).unwrap_or_default())
    }

    /// The next news and the descriptor that came with it; `None` when there is none yet.
    pub fn hear(&mut self) -> Option<(News, Option<OwnedFd>)> {
        let mut message = [0; MAX_MESSAGE];
        let (len, descriptor) = match seqpacket::receive(&self.socket, &mut message) {
            Ok(Received::Message(len, descriptor)) => (len, descriptor),
            Ok(Received::TooLong) => return Some((News::Broken(Reason::OutOfOrder), None)),
            Ok(Received::Closed) => return Some((News::Broken(Reason::Closed), None)),
            Err(Errno::AGAIN) => return None,
            Err(errno) => return Some((News::Broken(Reason::Socket(errno)), None)),
        };
        let (stage, news) = judge(self.stage, message.get(..len).unwrap_or_default());
        self.stage = stage;
        if news == News::Ask
            && let Err(errno) = self.ask(&Request::Pipes(()))
        {
            return Some((News::Broken(Reason::Socket(errno)), None));
        }
        Some((news, descriptor))
    }
}

impl AsFd for Init {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{News, Reason, Stage, judge};
    use proto::supervisor::{PipeOf, Reply};
    use proto::{Greeting, Name, Refusal};

    fn said(reply: &Reply) -> Vec<u8> {
        let mut message = [0; 256];
        let len = reply.encode(&mut message).unwrap();
        message[..len].to_vec()
    }

    fn pipe() -> Reply {
        Reply::Pipe(PipeOf {
            name: Name::try_from("netd").unwrap(),
        })
    }

    #[test]
    fn the_conversation_goes_from_greeting_to_pipes() {
        let welcome = said(&Reply::Welcome(Greeting::OURS));

        assert_eq!(judge(Stage::Greeting, &welcome), (Stage::Asking, News::Ask));
        let done = said(&Reply::Done(()));
        assert_eq!(judge(Stage::Asking, &done), (Stage::Listening, News::Ready));
        let name = Name::try_from("netd").unwrap();
        assert_eq!(
            judge(Stage::Listening, &said(&pipe())),
            (Stage::Listening, News::Pipe(name))
        );
    }

    #[test]
    fn a_refusal_ends_it_and_says_why() {
        let refused = said(&Reply::Refused(Refusal::NotAllowed));
        for stage in [Stage::Greeting, Stage::Asking, Stage::Listening] {
            let reason = Reason::Refused(Refusal::NotAllowed);

            assert_eq!(judge(stage, &refused).1, News::Broken(reason));
        }
    }

    #[test]
    fn what_does_not_come_at_this_point_ends_it() {
        let early = [
            (Stage::Greeting, said(&pipe())),
            (Stage::Greeting, said(&Reply::Done(()))),
            (Stage::Asking, said(&pipe())),
            (Stage::Listening, said(&Reply::Done(()))),
            (Stage::Listening, said(&Reply::Welcome(Greeting::OURS))),
            (Stage::Listening, Vec::new()),
            (Stage::Listening, std::vec![255, 255]),
        ];
        for (stage, message) in early {
            let broken = (stage, News::Broken(Reason::OutOfOrder));

            assert_eq!(judge(stage, &message), broken, "{stage:?} {message:?}");
        }
    }
}
