// SPDX-License-Identifier: MPL-2.0
//! What readers ask, and the one log whose lines come with a request.
//!
//! Owns: the answers of `proto::log`, and which readers wait for more.
//! Never: keeps bytes for a reader: a reader that waits is a cursor.

use proto::greeting;
use proto::heapless::Vec;
use proto::log::{
    APPEND_MAX, Begun, CHUNK_MAX, CLIENTS_MAX, CONTROLLERS, Chunk, From, GROWN_MAX, Grown, Index,
    KERNEL, Length, LogName, Reply, Request,
};
use proto::paths::UID_ROOT;
use proto::{Greeting, MAX_MESSAGE, Refusal};
use sys::seqpacket::{Manners, Next, Peer, Server, Service};

use crate::clock;
use crate::ring::Ring;
use crate::shelf::{Log, Shelf};
use crate::stamp;

/// The most readers at once. Besides those for clients machined opens 17 to ship logs and one to append;
/// what is left is for services that the console shows, which ask again when there is no room.
pub const READERS_MAX: usize = CLIENTS_MAX + 32;

/// The server of logd's socket.
pub type Readers = Server<Reader, READERS_MAX, MAX_MESSAGE>;

/// What is remembered of one reader: what it waits for.
#[derive(Debug, Default)]
pub struct Reader {
    waits: Option<Waits>,
}

/// What a reader waits for.
#[derive(Debug, Clone, Copy)]
enum Waits {
    /// More of a log.
    Log(Place),
    /// Any log's growth after this one.
    Growth(u64),
}

/// A place in a log.
#[derive(Debug, Clone, Copy)]
struct Place {
    shelf: usize,
    born: u64,
    cursor: u64,
}

/// The pages of one `Chunk`.
type Page = [u8; CHUNK_MAX];

impl Shelf {
    /// Answers one request; `None` when the reader is to wait.
    fn answer<'a>(
        &mut self,
        reader: &mut Reader,
        request: Request<'_>,
        page: &'a mut Page,
    ) -> Result<Option<Reply<'a>>, Refusal> {
        if reader.waits.is_some() {
            // It must wait for its answer first.
            return Err(Refusal::WrongState);
        }
        Ok(Some(match request {
            Request::Hello(_) => Reply::Welcome(Greeting::OURS),
            Request::Log(Index { index }) => {
                let log = self
                    .places()
                    .nth(usize::from(index))
                    .ok_or(Refusal::NotFound)?
                    .1;
                Reply::Log(LogName {
                    name: log.name.clone(),
                })
            }
            Request::Tail(tail) => {
                let (_, log, ring) = self.readable(tail.log)?;
                let from = ring.tail(tail.lines).map_err(failed)?;
                let end = ring.header().total;
                let first = chunk(log, ring, from, Times::OfDay, page)?;
                Reply::Begun(Begun { end, first })
            }
            Request::Read(From { log, cursor }) => {
                let (_, log, ring) = self.readable(log)?;
                Reply::Chunk(chunk(log, ring, cursor, Times::OfDay, page)?)
            }
            Request::Raw(From { log, cursor }) => {
                let (_, log, ring) = self.readable(log)?;
                Reply::Chunk(chunk(log, ring, cursor, Times::AsKept, page)?)
            }
            Request::Grown(since) => match self.grown(since.growth) {
                Some(grown) => Reply::Grown(grown),
                None => {
                    reader.waits = Some(Waits::Growth(since.growth));
                    return Ok(None);
                }
            },
            Request::Append(lines) => {
                self.append_lines(lines.bytes)?;
                Reply::Appended(())
            }
            Request::Follow(From { log, cursor }) => {
                let (shelf, log, ring) = self.readable(log)?;
                if cursor == ring.header().total {
                    reader.waits = Some(Waits::Log(Place {
                        shelf,
                        born: log.born,
                        cursor,
                    }));
                    return Ok(None);
                }
                Reply::Chunk(chunk(log, ring, cursor, Times::OfDay, page)?)
            }
        }))
    }

    /// Adds lines to the log of the controllers, unless more has come than a log may be given.
    fn append_lines(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > APPEND_MAX || bytes.last() != Some(&b'\n') {
            return Err(Refusal::Malformed);
        }
        let place = self.find(CONTROLLERS).ok_or(Refusal::NotFound)?;
        let log = self.get_mut(place).ok_or(Refusal::NotFound)?;
        if !log.share.allows(clock::since_start_ms()) {
            return Err(Refusal::Full);
        }
        log.share.spend(bytes.len());
        self.add(place, bytes);
        Ok(())
    }

    /// The log `name` with its ring.
    fn readable(&self, name: &str) -> Result<(usize, &Log, &Ring), Refusal> {
        let place = self.find(name).ok_or(Refusal::NotFound)?;
        let log = self.get(place).ok_or(Refusal::NotFound)?;
        let ring = log.ring.as_ref().ok_or(Refusal::NotFound)?;
        Ok((place, log, ring))
    }

    /// The logs that grew after a growth, those that did so longest ago first: when there are more
    /// than an answer holds, the next one begins where it ended. `None`: none did.
    fn grown(&self, after: u64) -> Option<Grown> {
        let mut logs = Vec::<Length, GROWN_MAX>::new();
        let mut growth = after;
        while !logs.is_full() {
            let later = self.places().filter(|(_, log)| log.grown_at > growth);
            let Some((_, log)) = later.min_by_key(|(_, log)| log.grown_at) else {
                break;
            };
            growth = log.grown_at;
            let end = log.ring.as_ref().map_or(0, |ring| ring.header().total);
            let _ = logs.push(Length {
                name: log.name.clone(),
                end,
            });
        }
        (!logs.is_empty()).then_some(Grown { growth, logs })
    }

    /// What a waiting reader is to hear; `None` while there is nothing new.
    fn news<'a>(&self, waits: Waits, page: &'a mut Page) -> Option<Reply<'a>> {
        let place = match waits {
            Waits::Log(place) => place,
            Waits::Growth(after) => return self.grown(after).map(Reply::Grown),
        };
        let log = self.get(place.shelf).filter(|log| log.born == place.born);
        let Some((log, ring)) = log.and_then(|log| Some((log, log.ring.as_ref()?))) else {
            return Some(Reply::Refused(Refusal::NotFound));
        };
        if ring.header().total == place.cursor {
            return None;
        }
        let chunk = chunk(log, ring, place.cursor, Times::OfDay, page);
        Some(chunk.map_or_else(Reply::Refused, Reply::Chunk))
    }
}

/// How the times of the kernel's lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// As a calendar has them.
    OfDay,
    /// As the ring has them.
    AsKept,
}

/// Reads a piece of a log into `page`.
fn chunk<'a>(
    log: &Log,
    ring: &Ring,
    cursor: u64,
    times: Times,
    page: &'a mut Page,
) -> Result<Chunk<'a>, Refusal> {
    let piece = ring.read(cursor, page).map_err(failed)?;
    let bytes = page.get_mut(..piece.len).unwrap_or_default();
    if log.name == KERNEL && times == Times::OfDay {
        stamp::convert(bytes, clock::started_at_ns());
    }
    Ok(Chunk {
        from: piece.from,
        next: piece
            .from
            .saturating_add(u64::try_from(piece.len).unwrap_or(0)),
        bytes,
    })
}

/// The refusal for an error of the kernel.
fn failed(errno: sys::io::Errno) -> Refusal {
    Refusal::Failed(u16::try_from(errno.raw_os_error()).unwrap_or(0))
}

impl Service for Shelf {
    type Connection = Reader;

    const MANNERS: Manners = Manners {
        greet: greeting::greet,
        deny: greeting::deny,
        full: greeting::full,
        too_long: greeting::too_long,
    };

    fn admits(&self, peer: Peer) -> bool {
        peer.uid == UID_ROOT
    }

    fn request(
        &mut self,
        _peer: Peer,
        reader: &mut Reader,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize> {
        let Ok(request) = Request::decode(message) else {
            return Some(greeting::refuse(Refusal::Malformed, reply));
        };
        let mut page = [0; CHUNK_MAX];
        match self.answer(reader, request, &mut page) {
            Ok(answer) => Some(answer?.encode(reply).unwrap_or(0)),
            Err(refusal) => Some(greeting::refuse(refusal, reply)),
        }
    }

    fn next(&self, reader: &Reader, message: &mut [u8]) -> Next<'_> {
        let mut page = [0; CHUNK_MAX];
        match reader.waits.and_then(|waits| self.news(waits, &mut page)) {
            Some(reply) => Next::Message(reply.encode(message).unwrap_or(0)),
            None => Next::Nothing,
        }
    }

    fn told(&mut self, reader: &mut Reader) {
        reader.waits = None;
    }
}
