// SPDX-License-Identifier: MPL-2.0
//! What apid hears from machined: how to open the door.
//!
//! Owns: what a message becomes, and which of them is a line in the log.
//! Never: forgets the last good door because machined is away or talks nonsense.

use std::sync::Arc;

use agent::journal;
use agent::news::{Said, Topic};
use proto::door::{MAX_MESSAGE, Mode, Reply, Request};
use proto::{EncodeError, Greeting};
use tokio::sync::watch;

use crate::entrance::Entrance;

/// The door, for all who stand at it.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) watch::Sender<Arc<Entrance>>);

impl Topic for Door {
    type News = Entrance;
    const MESSAGE_MAX: usize = MAX_MESSAGE;

    fn hello(greeting: Greeting, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        Request::Hello(greeting).encode(buffer)
    }

    fn subscribe(buffer: &mut [u8]) -> Result<usize, EncodeError> {
        Request::Subscribe(()).encode(buffer)
    }

    fn read(message: &[u8]) -> Result<Said<Entrance>, String> {
        match Reply::decode(message).map_err(|error| error.to_string())? {
            Reply::Welcome(greeting) => Ok(Said::Welcome(greeting)),
            Reply::Refused(refusal) => Ok(Said::Refused(refusal)),
            Reply::Door(door) => Entrance::open(&door)
                .map(Said::News)
                .map_err(|unusable| unusable.to_string()),
        }
    }

    fn tell(&self, entrance: Entrance) {
        // A renewed certificate or another name is no news for the log.
        if !entrance.admits_like(&self.0.borrow()) {
            let how = match entrance.mode {
                Mode::Closed => "the door is closed",
                Mode::Maintenance => "maintenance: the door is open for a configuration",
                Mode::Running => "running: the door is open for clients of the machine CA",
            };
            journal::say(format_args!("{how}"));
        }
        self.0.send_replace(Arc::new(entrance));
    }

    fn is_over(&self) -> bool {
        self.0.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_a_door_changes_nothing() {
        for message in [&b""[..], b"\x03", b"\xff\x01", b"\x01\x01\0"] {
            assert!(Door::read(message).is_err(), "{message:?}");
        }
    }
}
