// SPDX-License-Identifier: MPL-2.0
//! logd: reading logs, from their last lines on, and hearing which ones have grown.
//!
//! Owns: one reader's place in one log.
//! Never: keeps more than one chunk.

use proto::log::{Begun, Chunk, From, Grown, Length, Reply, Request, Since, Tail};
use proto::paths;

use super::{Error, Line};
use crate::places::Places;

/// A reader.
#[derive(Debug)]
pub(crate) struct Reader {
    line: Line,
    log: String,
    cursor: u64,
    /// Where the log ended when it was opened.
    end: u64,
    /// What came with the answer; given first.
    first: Vec<u8>,
    /// How many bytes the log had moved on over since this was asked.
    lost: u64,
}

/// Whether to wait for more at the end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// What the log held when it was opened is read; it may grow faster than it is read.
    Stop,
    /// More will come.
    Wait,
}

impl Reader {
    /// Opens a log at its last `lines` lines; `u32::MAX` for all of them.
    ///
    /// # Errors
    /// There is no such log, or no logd.
    pub(crate) async fn open(places: &Places, log: &str, lines: u32) -> Result<Self, Error> {
        let mut line = Line::open(&places.at(paths::LOGD_SOCKET)).await?;
        line.send(|buffer| Request::Tail(Tail { log, lines }).encode(buffer))
            .await?;
        let (cursor, end, first) = match Reply::decode(line.receive().await?) {
            Ok(Reply::Begun(Begun { end, first })) => (first.next, end, first.bytes.to_vec()),
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            _other => return Err(Error::Unexpected),
        };
        Ok(Self {
            line,
            log: log.to_owned(),
            cursor,
            end,
            first,
            lost: 0,
        })
    }

    /// How many bytes were lost since this was asked: the log moved on before they were read.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Reads the next piece; nothing at the end, unless it is to wait.
    ///
    /// # Errors
    /// logd is gone.
    pub(crate) async fn next(&mut self, at_end: AtEnd) -> Result<Option<Vec<u8>>, Error> {
        if !self.first.is_empty() {
            return Ok(Some(std::mem::take(&mut self.first)));
        }
        if at_end == AtEnd::Stop && self.cursor >= self.end {
            return Ok(None);
        }
        let place = From {
            log: &self.log,
            cursor: self.cursor,
        };
        let request = match at_end {
            AtEnd::Stop => Request::Read(place),
            AtEnd::Wait => Request::Follow(place),
        };
        self.line.send(|buffer| request.encode(buffer)).await?;
        match Reply::decode(self.line.receive().await?) {
            Ok(Reply::Chunk(Chunk { from, next, bytes })) => {
                let wanted_from = match at_end {
                    AtEnd::Stop => from.min(self.end),
                    AtEnd::Wait => from,
                };
                let gap = wanted_from.saturating_sub(self.cursor);
                self.lost = self.lost.saturating_add(gap);
                self.cursor = next;
                let wanted = match at_end {
                    AtEnd::Stop => self.end.saturating_sub(from),
                    AtEnd::Wait => u64::MAX,
                };
                let len = usize::try_from(wanted).map_or(bytes.len(), |len| len.min(bytes.len()));
                let bytes = bytes.get(..len).unwrap_or_default();
                Ok((!bytes.is_empty()).then(|| bytes.to_vec()))
            }
            Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
            _other => Err(Error::Unexpected),
        }
    }
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins.
    pub from: u64,
    /// Where to go on.
    pub next: u64,
    /// Whole lines; empty at the end of the log.
    pub bytes: Vec<u8>,
}

/// A connection that reads any log at any place; the caller keeps the places.
#[derive(Debug)]
pub(crate) struct Pieces {
    line: Line,
}

impl Pieces {
    /// Connects.
    ///
    /// # Errors
    /// There is no logd.
    pub(crate) async fn open(places: &Places) -> Result<Self, Error> {
        let line = Line::open(&places.at(paths::LOGD_SOCKET)).await?;
        Ok(Self { line })
    }

    /// Reads what a log has from `cursor` on; the kernel's lines as they are kept.
    ///
    /// # Errors
    /// There is no such log, or logd is gone.
    pub(crate) async fn read(&mut self, log: &str, cursor: u64) -> Result<Piece, Error> {
        read(&mut self.line, log, cursor).await
    }
}

async fn read(line: &mut Line, log: &str, cursor: u64) -> Result<Piece, Error> {
    let request = Request::Raw(From { log, cursor });
    line.send(|buffer| request.encode(buffer)).await?;
    match Reply::decode(line.receive().await?) {
        Ok(Reply::Chunk(Chunk { from, next, bytes })) => Ok(Piece {
            from,
            next,
            bytes: bytes.to_vec(),
        }),
        Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
        _other => Err(Error::Unexpected),
    }
}

/// A connection that hears which logs have grown.
#[derive(Debug)]
pub(crate) struct Growth {
    line: Line,
    since: Since,
}

impl Growth {
    /// Connects; every log there is counts as one that has grown.
    ///
    /// # Errors
    /// There is no logd.
    pub(crate) async fn open(places: &Places) -> Result<Self, Error> {
        Ok(Self {
            line: Line::open(&places.at(paths::LOGD_SOCKET)).await?,
            since: Since { growth: 0 },
        })
    }

    /// Where the oldest line that a log holds begins.
    ///
    /// # Errors
    /// There is no such log, or logd is gone.
    pub(crate) async fn beginning(&mut self, log: &str) -> Result<u64, Error> {
        Ok(read(&mut self.line, log, 0).await?.from)
    }

    /// Waits until logs have grown.
    ///
    /// # Errors
    /// logd is gone.
    pub(crate) async fn next(&mut self) -> Result<Vec<Length>, Error> {
        let request = Request::Grown(self.since);
        self.line.send(|buffer| request.encode(buffer)).await?;
        match Reply::decode(self.line.receive().await?) {
            Ok(Reply::Grown(Grown { growth, logs })) => {
                self.since.growth = growth;
                Ok(logs.into_iter().collect())
            }
            Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
            _other => Err(Error::Unexpected),
        }
    }
}
