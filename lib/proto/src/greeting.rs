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

/// Answers the first message of a connection whose user may ask: writes the answer to the front of
/// `reply` and returns its length. `Err` holds the length of a refusal, after which the server
/// closes.
///
/// # Errors
/// The client is not let in.
pub fn greet(first: &[u8], reply: &mut [u8]) -> Result<usize, usize> {
    match judge(first) {
        Ok(()) => encode(HELLO, &Greeting::OURS, reply).map_err(|EncodeError| 0),
        Err(refusal) => Err(refuse(refusal, reply)),
    }
}

/// Refuses a connection whose user may not ask anything on this socket.
pub fn deny(reply: &mut [u8]) -> usize {
    refuse(Refusal::NotAllowed, reply)
}

/// Refuses a connection for which there is no room.
pub fn full(reply: &mut [u8]) -> usize {
    refuse(Refusal::Full, reply)
}

/// Refuses a message that is longer than any message can be.
pub fn too_long(reply: &mut [u8]) -> usize {
    refuse(Refusal::Malformed, reply)
}

/// Writes a refusal to the front of `reply` and returns its length; 0 when it does not fit.
pub fn refuse(refusal: Refusal, reply: &mut [u8]) -> usize {
    encode(REFUSED, &refusal, reply).unwrap_or(0)
}

/// Whether a client that says `first` is let in.
fn judge(first: &[u8]) -> Result<(), Refusal> {
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
    use super::{deny, full, greet, refuse, too_long};
    use crate::{Greeting, Refusal, door, images, log, net, supervisor, udev};

    fn said(write: impl FnOnce(&mut [u8]) -> usize) -> Refusal {
        let mut reply = [0; 64];
        let len = write(&mut reply);
        let reply = supervisor::Reply::decode(&reply[..len]);
        let Ok(supervisor::Reply::Refused(refusal)) = reply else {
            panic!("no refusal: {reply:?}");
        };
        refusal
    }

    fn refused(first: &[u8]) -> Refusal {
        said(|reply| greet(first, reply).unwrap_err())
    }

    #[test]
    fn every_module_greets_and_refuses_with_the_same_bytes() {
        let mut hello = [0; 16];
        let len = supervisor::Request::Hello(Greeting::OURS)
            .encode(&mut hello)
            .unwrap();
        let hello = &hello[..len];
        let mut welcome = [0; 16];
        let welcome_len = greet(hello, &mut welcome).unwrap();
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
        holds!(supervisor log net udev door images);
    }

    #[test]
    fn a_client_that_is_not_welcome_hears_why() {
        assert_eq!(refused(&[]), Refusal::Malformed);
        assert_eq!(refused(&[1]), Refusal::Malformed);
        assert_eq!(refused(&[1, 1, 1]), Refusal::Malformed);
        assert_eq!(refused(&[1, 2]), Refusal::Version);
        assert_eq!(refused(&[2, 0]), Refusal::NotGreeted);
        assert_eq!(refused(&[255]), Refusal::NotGreeted);
    }

    #[test]
    fn a_client_that_nobody_asked_in_hears_why() {
        assert_eq!(said(deny), Refusal::NotAllowed);
        assert_eq!(said(full), Refusal::Full);
        assert_eq!(said(too_long), Refusal::Malformed);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_empty() {
        assert_eq!(refuse(Refusal::Full, &mut []), 0);
        assert_eq!(greet(&[1, 1], &mut []), Err(0));
    }
}
