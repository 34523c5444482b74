// SPDX-License-Identifier: MPL-2.0
//! How a message becomes bytes and comes back.
//!
//! Owns: the frame (operation number, postcard body) and the errors of both directions.
//! Never: guesses: a body that is short, too long or followed by anything is refused.

use serde::{Deserialize, Serialize};

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The datagram is empty.
    Empty,
    /// The operation number is not known in this version.
    UnknownOperation(u8),
    /// The body does not have the shape of this operation.
    BadBody(u8),
    /// Bytes follow the body.
    TrailingBytes(u8),
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => write!(f, "the message is empty"),
            Self::UnknownOperation(number) => write!(f, "operation {number} is not known"),
            Self::BadBody(number) => write!(f, "the body of operation {number} is malformed"),
            Self::TrailingBytes(number) => write!(f, "bytes follow the body of operation {number}"),
        }
    }
}

/// The message does not fit the buffer it was to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError;

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the message does not fit its buffer")
    }
}

/// The body of every `Hello`: the version the sender was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The sender's [`crate::VERSION`].
    pub version: u16,
}

impl Greeting {
    /// The greeting of this build.
    pub const OURS: Self = Self {
        version: crate::VERSION,
    };
}

/// Why a server did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The bytes were no message of this version.
    Malformed,
    /// The peer speaks another version.
    Version,
    /// The first message was not `Hello`.
    NotGreeted,
    /// The peer's user may not ask this.
    NotAllowed,
    /// There is nothing of that name.
    NotFound,
    /// There is something else of that name already.
    Exists,
    /// The state of the thing does not allow this now, for example removing a running service.
    WrongState,
    /// A limit is reached: services, connections or subscribers.
    Full,
    /// The kernel said no; the number is the errno.
    Failed(u16),
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed => write!(f, "the message is malformed"),
            Self::Version => write!(f, "the peer speaks another protocol version"),
            Self::NotGreeted => write!(f, "the first message was not a greeting"),
            Self::NotAllowed => write!(f, "this peer may not ask that"),
            Self::NotFound => write!(f, "there is nothing of that name"),
            Self::Exists => write!(f, "something else has that name"),
            Self::WrongState => write!(f, "its present state does not allow that"),
            Self::Full => write!(f, "a limit is reached"),
            Self::Failed(errno) => write!(f, "the kernel refused: errno {errno}"),
        }
    }
}

/// Writes `number` and the postcard form of `body` to the front of `buffer`.
pub(crate) fn encode<T: Serialize>(
    number: u8,
    body: &T,
    buffer: &mut [u8],
) -> Result<usize, EncodeError> {
    let (first, rest) = buffer.split_first_mut().ok_or(EncodeError)?;
    *first = number;
    let written = postcard::to_slice(body, rest).map_err(|_| EncodeError)?;
    Ok(written.len().saturating_add(1))
}

/// Reads the postcard body of operation `number`; nothing may follow it.
pub(crate) fn decode<'a, T: Deserialize<'a>>(
    number: u8,
    bytes: &'a [u8],
) -> Result<T, DecodeError> {
    let (body, rest) =
        postcard::take_from_bytes(bytes).map_err(|_| DecodeError::BadBody(number))?;
    if rest.is_empty() {
        Ok(body)
    } else {
        Err(DecodeError::TrailingBytes(number))
    }
}

/// Declares a set of messages: an enum whose variants have written-down operation numbers, and
/// its `encode` and `decode`. Retired numbers stay as a comment.
macro_rules! messages {
    ($(#[$meta:meta])* $vis:vis enum $name:ident $(<$life:lifetime>)? {
        $($(#[$doc:meta])* $number:literal => $variant:ident($body:ty),)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $name $(<$life>)? {
            $($(#[$doc])* $variant($body),)+
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Writes the message to the front of `buffer` and returns its length in bytes.
            ///
            /// # Errors
            /// The message does not fit.
            $vis fn encode(&self, buffer: &mut [u8]) -> Result<usize, $crate::EncodeError> {
                match self {
                    $(Self::$variant(body) => $crate::message::encode($number, body, buffer),)+
                }
            }

            /// The message in `bytes`, which must be a whole datagram.
            ///
            /// # Errors
            /// The bytes are not exactly one known message.
            $vis fn decode(bytes: &$($life)? [u8]) -> Result<Self, $crate::DecodeError> {
                let (number, body) = bytes.split_first().ok_or($crate::DecodeError::Empty)?;
                match *number {
                    $($number => $crate::message::decode($number, body).map(Self::$variant),)+
                    unknown => Err($crate::DecodeError::UnknownOperation(unknown)),
                }
            }
        }
    };
}
