// SPDX-License-Identifier: MPL-2.0
//! The first message of a connection and the refusals that every server has alike.
//!
//! In every module `Hello` and `Welcome` have number 1 and `Refused` has number 2; a test holds
//! them to it.
//!
//! Owns: who is let in, and the bytes that say so.
//! Never: knows a socket.

use crate::message::{EncodeError, Greeting, Refusal, decode, encode};

/// The number of `Hello` and of its answer `Welcome`.
const HELLO: u8 = 1;
/// The number of `Refused`.
const REFUSED: u8 = 2;

/// Whether the peer's user may ask anything on this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// It may not.
    Denied,
}

/// Answers the first message of a connection: writes the answer to the front of `reply` and
/// returns its length. `Err` holds the length of a refusal, after which the server closes.
///
/// # Errors
/// The client is not let in.
pub fn greet(first: &[u8], access: Access, reply: &mut [u8]) -> Result<usize, usize> {
    match judge(first, access) {
        Ok(()) => encode(HELLO, &Greeting::OURS, reply).map_err(|EncodeError| 0),
        Err(refusal) => Err(refuse(refusal, reply)),
    }
}

/// Writes a refusal to the front of `reply` and returns its length; 0 when it does not fit.
pub fn refuse(refusal: Refusal, reply: &mut [u8]) -> usize {
    encode(REFUSED, &refusal, reply).unwrap_or(0)
}

/// Whether a client that says `first` is let in.
fn judge(first: &[u8], access: Access) -> Result<(), Refusal> {
    match access {
        Access::Allowed => {}
        Access::Denied => return Err(Refusal::NotAllowed),
    }
    let (number, body) = first.split_first().ok_or(Refusal::Malformed)?;
    if *number != HELLO {
        return Err(Refusal::NotGreeted);
    }
    let greeting: Greeting = decode(HELLO, body).map_err(|_| Refusal::Malformed)?;
    if greeting == Greeting::OURS {
        Ok(())
    } else {
        Err(Refusal::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, greet, refuse};
    use crate::{Greeting, Refusal, door, log, net, supervisor, udev};

    fn refused(first: &[u8], access: Access) -> Refusal {
        let mut reply = [0; 64];
        let len = greet(first, access, &mut reply).unwrap_err();
        let reply = supervisor::Reply::decode(&reply[..len]);
        let Ok(supervisor::Reply::Refused(refusal)) = reply else {
            panic!("no refusal: {reply:?}");
        };
        refusal
    }

    #[test]
    fn every_module_greets_and_refuses_with_the_same_bytes() {
        let mut hello = [0; 16];
        let len = supervisor::Request::Hello(Greeting::OURS)
            .encode(&mut hello)
            .unwrap();
        let hello = &hello[..len];
        let mut welcome = [0; 16];
        let welcome_len = greet(hello, Access::Allowed, &mut welcome).unwrap();
        let welcome = &welcome[..welcome_len];
        let mut refusal = [0; 16];
        let refusal_len = refuse(Refusal::Full, &mut refusal);
        let refusal = &refusal[..refusal_len];

        macro_rules! holds {
            ($($module:ident)+) => {$(
                assert_eq!(
                    $module::Request::decode(hello).unwrap(),
                    $module::Request::Hello(Greeting::OURS)
                );
                assert_eq!(
                    $module::Reply::decode(welcome).unwrap(),
                    $module::Reply::Welcome(Greeting::OURS)
                );
                assert_eq!(
                    $module::Reply::decode(refusal).unwrap(),
                    $module::Reply::Refused(Refusal::Full)
                );
            )+};
        }
        holds!(supervisor log net udev door);
    }

    #[test]
    fn a_client_that_is_not_welcome_hears_why() {
        assert_eq!(refused(&[1, 1], Access::Denied), Refusal::NotAllowed);
        assert_eq!(refused(&[], Access::Allowed), Refusal::Malformed);
        assert_eq!(refused(&[1], Access::Allowed), Refusal::Malformed);
        assert_eq!(refused(&[1, 1, 1], Access::Allowed), Refusal::Malformed);
        assert_eq!(refused(&[1, 2], Access::Allowed), Refusal::Version);
        assert_eq!(refused(&[2, 0], Access::Allowed), Refusal::NotGreeted);
        assert_eq!(refused(&[255], Access::Allowed), Refusal::NotGreeted);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_empty() {
        assert_eq!(refuse(Refusal::Full, &mut []), 0);
        assert_eq!(greet(&[1, 1], Access::Allowed, &mut []), Err(0));
    }
}
