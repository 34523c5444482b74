// SPDX-License-Identifier: MPL-2.0
//! What trustd hears from machined: what to sign with.
//!
//! Owns: what a message becomes, and which of them is a line in the log.
//! Never: forgets the last good word because machined is away or talks nonsense.

use std::sync::Arc;

use agent::journal;
use agent::news::{Said, Topic};
use proto::trust::{MAX_MESSAGE, Reply, Request};
use proto::{EncodeError, Greeting};
use tokio::sync::watch;

use crate::office::Office;

/// What there is to sign with, if anything.
#[derive(Debug)]
pub(crate) struct Trust(pub(crate) watch::Sender<Option<Arc<Office>>>);

impl Topic for Trust {
    type News = Option<Office>;
    const MESSAGE_MAX: usize = MAX_MESSAGE;

    fn hello(greeting: Greeting, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        Request::Hello(greeting).encode(buffer)
    }

    fn subscribe(buffer: &mut [u8]) -> Result<usize, EncodeError> {
        Request::Subscribe(()).encode(buffer)
    }

    fn read(message: &[u8]) -> Result<Said<Option<Office>>, String> {
        match Reply::decode(message).map_err(|error| error.to_string())? {
            Reply::Welcome(greeting) => Ok(Said::Welcome(greeting)),
            Reply::Refused(refusal) => Ok(Said::Refused(refusal)),
            Reply::Trust(trust) => Office::open(&trust)
                .map(Said::News)
                .map_err(|unusable| unusable.to_string()),
        }
    }

    fn tell(&self, office: Option<Office>) {
        if office.is_some() != self.0.borrow().is_some() {
            let how = match &office {
                Some(_) => "nodes with the machine token get certificates",
                None => "there is no trust to give",
            };
            journal::say(format_args!("{how}"));
        }
        self.0.send_replace(office.map(Arc::new));
    }

    fn is_over(&self) -> bool {
        self.0.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_no_trust_changes_nothing() {
        for message in [&b""[..], b"\x03", b"\xff\x01", b"\x01\x01\0"] {
            assert!(Trust::read(message).is_err(), "{message:?}");
        }
    }
}
