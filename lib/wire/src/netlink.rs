// SPDX-License-Identifier: MPL-2.0
//! Netlink: messages and their attributes, as netlink(7) shapes them.
//!
//! Numbers are in the machine's own byte order; everything is aligned to four bytes.
//!
//! Owns: the header, the walk over messages and attributes, and writing both.
//! Never: knows what a message is about.

/// A bare acknowledgement asked for: `NLM_F_REQUEST | NLM_F_ACK`.
pub const REQUEST: u16 = 0x01 | 0x04;
/// Everything asked for: `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH`.
pub const DUMP: u16 = 0x01 | 0x100 | 0x200;
/// What exists is replaced, what does not is made (`NLM_F_REPLACE | NLM_F_CREATE`); with [`REQUEST`].
pub const REPLACE: u16 = 0x100 | 0x400;
/// Made beside what exists (`NLM_F_CREATE | NLM_F_APPEND`); with [`REQUEST`].
pub const APPEND: u16 = 0x400 | 0x800;
/// Set in a dump that changed while it was made: it must be asked for again.
const DUMP_INTERRUPTED: u16 = 0x10;

/// `NLMSG_NOOP`, `NLMSG_ERROR`, `NLMSG_DONE`, `NLMSG_OVERRUN`.
const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const OVERRUN: u16 = 4;

/// The bits of an attribute's kind that are not its number: nested, network byte order.
const ATTRIBUTE_FLAGS: u16 = 0xc000;
/// Set in the kind of an attribute that holds attributes.
const NESTED: u16 = 0x8000;
/// The length of an attribute's head.
const ATTRIBUTE_HEAD: usize = 4;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A head or a fixed part is not whole.
    Truncated,
    /// A length says less than its own head or more than there is.
    BadLength,
    /// An attribute has the wrong size, or text that is no text; its number.
    BadAttribute(u16),
    /// Something that must be there is not; its attribute's number.
    Missing(u16),
    /// What was to be written does not fit.
    NoRoom,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => write!(f, "a netlink message is truncated"),
            Self::BadLength => write!(f, "a length in a netlink message is wrong"),
            Self::BadAttribute(kind) => write!(f, "netlink attribute {kind} is malformed"),
            Self::Missing(kind) => write!(f, "netlink attribute {kind} is missing"),
            Self::NoRoom => write!(f, "the netlink message does not fit its buffer"),
        }
    }
}

/// The head of a message (`struct nlmsghdr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its length, this head counted.
    pub len: u32,
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// The request it answers; 0 for news.
    pub sequence: u32,
    /// The socket it answers; 0 for the kernel.
    pub port: u32,
}

impl Header {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// The header in its bytes.
    fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self {
            len: u32::from_ne_bytes([a, b, c, d]),
            kind: u16::from_ne_bytes([e, f]),
            flags: u16::from_ne_bytes([g, h]),
            sequence: u32::from_ne_bytes([i, j, k, l]),
            port: u32::from_ne_bytes([m, n, o, p]),
        }
    }

    /// The bytes of the header.
    fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b, c, d] = self.len.to_ne_bytes();
        let [e, f] = self.kind.to_ne_bytes();
        let [g, h] = self.flags.to_ne_bytes();
        let [i, j, k, l] = self.sequence.to_ne_bytes();
        let [m, n, o, p] = self.port.to_ne_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its head.
    pub header: Header,
    /// What it says.
    pub content: Content<'a>,
}

impl Message<'_> {
    /// Whether it belongs to a dump that must be asked for again.
    #[must_use]
    pub const fn interrupted(&self) -> bool {
        self.header.flags & DUMP_INTERRUPTED != 0
    }
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Nothing.
    Noop,
    /// The request of this sequence is done.
    Acknowledged,
    /// The request of this sequence failed with this errno.
    Failed(i32),
    /// The dump of this sequence is complete; an errno other than 0 ended it.
    Done(i32),
    /// Messages were lost.
    Overrun,
    /// Something of the protocol's own; its kind is in the head.
    Payload(&'a [u8]),
}

/// Splits one message off `bytes`: it, and what follows.
///
/// # Errors
/// The bytes do not begin with a whole message.
pub fn parse(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Error> {
    let (head, _) = bytes.split_first_chunk().ok_or(Error::Truncated)?;
    let header = Header::from_bytes(*head);
    let len = usize::try_from(header.len).map_err(|_| Error::BadLength)?;
    let payload = bytes.get(Header::LEN..len).ok_or(Error::BadLength)?;
    // The last message of a datagram may lack its padding.
    let rest = bytes.get(aligned(len)..).unwrap_or(&[]);
    let content = match header.kind {
        NOOP => Content::Noop,
        ERROR => match errno(payload)? {
            0 => Content::Acknowledged,
            errno => Content::Failed(errno),
        },
        DONE => Content::Done(errno(payload).unwrap_or(0)),
        OVERRUN => Content::Overrun,
        _ => Content::Payload(payload),
    };
    Ok((Message { header, content }, rest))
}

/// The errno at the front of `payload`, made positive.
fn errno(payload: &[u8]) -> Result<i32, Error> {
    let (number, _) = payload.split_first_chunk().ok_or(Error::Truncated)?;
    Ok(i32::from_ne_bytes(*number).saturating_neg())
}

/// `len` rounded up to the alignment of netlink.
const fn aligned(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// All messages of a datagram. After the first error there is nothing more.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// The messages in `datagram`.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match parse(self.0) {
            Ok((message, rest)) => {
                self.0 = rest;
                Some(Ok(message))
            }
            Err(error) => {
                self.0 = &[];
                Some(Err(error))
            }
        }
    }
}

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, without flags.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The value as exactly `N` bytes.
    ///
    /// # Errors
    /// It has another length.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], Error> {
        <[u8; N]>::try_from(self.value).map_err(|_| Error::BadAttribute(self.kind))
    }

    /// The value as a number of one byte.
    ///
    /// # Errors
    /// It has another length.
    pub fn u8(&self) -> Result<u8, Error> {
        self.array().map(u8::from_ne_bytes)
    }

    /// The value as a number of four bytes.
    ///
    /// # Errors
    /// It has another length.
    pub fn u32(&self) -> Result<u32, Error> {
        self.array().map(u32::from_ne_bytes)
    }

    /// The value as text, its closing NUL left out.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&'a str, Error> {
        let text = self.value.split(|byte| *byte == 0).next().unwrap_or(&[]);
        core::str::from_utf8(text).map_err(|_| Error::BadAttribute(self.kind))
    }

    /// The attributes inside this one.
    #[must_use]
    pub const fn nested(&self) -> Attributes<'a> {
        Attributes(self.value)
    }
}

/// All attributes of a message. After the first error there is nothing more.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Splits one attribute off the front.
    fn split(bytes: &'a [u8]) -> Result<(Attribute<'a>, &'a [u8]), Error> {
        let (head, _) = bytes
            .split_first_chunk::<ATTRIBUTE_HEAD>()
            .ok_or(Error::Truncated)?;
        let [a, b, c, d] = *head;
        let len = usize::from(u16::from_ne_bytes([a, b]));
        let kind = u16::from_ne_bytes([c, d]) & !ATTRIBUTE_FLAGS;
        let value = bytes.get(ATTRIBUTE_HEAD..len).ok_or(Error::BadLength)?;
        let rest = bytes.get(aligned(len)..).unwrap_or(&[]);
        Ok((Attribute { kind, value }, rest))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match Self::split(self.0) {
            Ok((attribute, rest)) => {
                self.0 = rest;
                Some(Ok(attribute))
            }
            Err(error) => {
                self.0 = &[];
                Some(Err(error))
            }
        }
    }
}

/// Writes one message. What does not fit is noticed in [`Writer::finish`].
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    header: Header,
    len: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Begins a message of this kind at the front of `buffer`.
    pub const fn new(buffer: &'b mut [u8], kind: u16, flags: u16, sequence: u32) -> Self {
        let header = Header {
            len: 0,
            kind,
            flags,
            sequence,
            port: 0,
        };
        Self {
            buffer,
            header,
            len: Header::LEN,
            full: false,
        }
    }

    /// Adds bytes as they are, padded to the alignment.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        let padded = aligned(end);
        match self.buffer.get_mut(self.len..padded) {
            Some(room) => {
                let (value, padding) = room.split_at_mut(bytes.len());
                value.copy_from_slice(bytes);
                padding.fill(0);
                self.len = padded;
            }
            None => self.full = true,
        }
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let Ok(len) = u16::try_from(value.len().saturating_add(ATTRIBUTE_HEAD)) else {
            self.full = true;
            return;
        };
        let [a, b] = len.to_ne_bytes();
        let [c, d] = kind.to_ne_bytes();
        self.bytes(&[a, b, c, d]);
        self.bytes(value);
    }

    /// Adds an attribute that holds what `fill` adds.
    pub fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.len;
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let Ok(len) = u16::try_from(self.len.saturating_sub(start)) else {
            self.full = true;
            return;
        };
        if let Some(head) = self.buffer.get_mut(start..start.saturating_add(2)) {
            head.copy_from_slice(&len.to_ne_bytes());
        }
    }

    /// Writes the head and returns the message.
    ///
    /// # Errors
    /// It did not fit.
    pub fn finish(mut self) -> Result<&'b [u8], Error> {
        self.header.len = u32::try_from(self.len).map_err(|_| Error::NoRoom)?;
        let head = self.buffer.first_chunk_mut().ok_or(Error::NoRoom)?;
        *head = self.header.to_bytes();
        if self.full {
            return Err(Error::NoRoom);
        }
        self.buffer.get(..self.len).ok_or(Error::NoRoom)
    }
}
