// SPDX-License-Identifier: MPL-2.0
//! One receiver: reads the logs at the places it has got to, and sends what is there.
//!
//! logd's rings are the only buffer. A receiver that is slow, or away, is a few cursors; what the
//! rings have moved on over meanwhile is counted and told to it.
//!
//! Owns: the order of what one receiver gets.
//! Never: goes on behind what could not be sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::Refusal;
use serde_json::{Map, Value};

use super::destination::{Destination, Transport, What};
use super::link::{self, Link};
use super::logs::Logs;
use super::message::{self, KernelLine};
use super::outage::Outage;
use super::positions::Positions;
use crate::clock;
use crate::news;
use crate::news::logs::{Piece, Pieces};
use crate::node::Node;

/// How much is collected before it is sent over a stream, in bytes.
const BATCH: usize = 16 * 1024;

/// Why a receiver does not get anything.
#[derive(Debug)]
enum Error {
    Link(link::Error),
    Logd(news::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(error) => write!(f, "{error}"),
            Self::Logd(error) => write!(f, "logd: {error}"),
        }
    }
}

impl From<link::Error> for Error {
    fn from(error: link::Error) -> Self {
        Self::Link(error)
    }
}

impl From<news::Error> for Error {
    fn from(error: news::Error) -> Self {
        Self::Logd(error)
    }
}

/// Who delivers to one receiver.
pub(super) struct Delivery {
    node: Arc<Node>,
    logs: Arc<Logs>,
    positions: Arc<Positions>,
    /// The receiver's key.
    key: String,
    destination: Destination,
    tags: Map<String, Value>,
    outage: Outage,
}

/// One connection.
struct Session {
    link: Link,
    pieces: Pieces,
    /// Up to which growth each log was sent.
    sent: BTreeMap<String, u64>,
    /// The last packet: its log, and where it began. The kernel hears only afterwards that there
    /// was nobody.
    last: Option<(String, u64)>,
}

impl Delivery {
    /// Prepares one.
    pub(super) fn new(
        node: Arc<Node>,
        logs: Arc<Logs>,
        positions: Arc<Positions>,
        key: String,
        destination: Destination,
    ) -> Self {
        let tags = message::tags(&destination.tags).unwrap_or_else(|| {
            node.journal.console(format_args!(
                "logs go to {} without extraTags: together they are too long",
                destination.endpoint
            ));
            Map::new()
        });
        Self {
            node,
            logs,
            positions,
            key,
            destination,
            tags,
            outage: Outage::none(),
        }
    }

    /// Delivers for ever.
    pub(super) async fn run(mut self) {
        // Should logd be away, they count from where they began when they were first heard of.
        let _begun = self.begin().await;
        loop {
            let began = clock::now().monotonic;
            let Err(error) = self.connect_and_send().await;
            self.note_beginnings();
            self.positions.unreachable(&self.key);
            let now = clock::now().monotonic;
            let (tell, pause) = self.outage.failed(now.saturating_sub(began), now);
            if tell {
                let endpoint = &self.destination.endpoint;
                self.node.journal.log(format_args!(
                    "cannot send logs to {endpoint}: {error}; trying again"
                ));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Notes where the logs begin that there are when the receiver is configured: what it does not
    /// get of them from now on is lost to it, whether it was ever reached or not.
    async fn begin(&self) -> Result<(), Error> {
        let mut pieces = Pieces::open(&self.node.places).await?;
        for (log, _) in self.logs.of(self.destination.what) {
            if self.positions.get(&self.key, &log).is_some() {
                continue;
            }
            match pieces.read(&log, 0).await {
                Ok(piece) => self.positions.begin(&self.key, &log, piece.from),
                Err(news::Error::Refused(Refusal::NotFound)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Notes where the logs begin that were heard of since.
    fn note_beginnings(&self) {
        for (log, began) in self.logs.beginnings(self.destination.what) {
            self.positions.begin(&self.key, &log, began);
        }
    }

    async fn connect_and_send(&mut self) -> Result<std::convert::Infallible, Error> {
        let mut session = Session {
            link: Link::open(&self.node.places, &self.destination.endpoint).await?,
            pieces: Pieces::open(&self.node.places).await?,
            sent: BTreeMap::new(),
            last: None,
        };
        let mut growths = self.logs.growths();
        loop {
            let growth = *growths.borrow_and_update();
            while self.send_round(&mut session).await? {}
            self.positions.sent(&self.key, growth);
            tokio::select! {
                // First: what is sent to a receiver that has gone is lost.
                biased;
                error = session.link.gone() => {
                    self.step_back(&mut session);
                    return Err(error.into());
                }
                // Its sender lives as long as the logs do.
                _grown = growths.changed() => {}
            }
        }
    }

    /// Sends a piece of every log that has more. Says whether there was one.
    async fn send_round(&mut self, session: &mut Session) -> Result<bool, Error> {
        let mut sent = false;
        self.note_beginnings();
        for (log, growth) in self.logs.of(self.destination.what) {
            if session.sent.get(&log).is_some_and(|sent| *sent >= growth) {
                continue;
            }
            let cursor = self.positions.get(&self.key, &log).unwrap_or(0);
            let piece = match session.pieces.read(&log, cursor).await {
                Ok(piece) => piece,
                Err(news::Error::Refused(Refusal::NotFound)) => {
                    self.positions.forget(&self.key, &log);
                    self.logs.forget(&log);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if piece.from > cursor {
                let lost = piece.from.saturating_sub(cursor);
                self.send_loss(session, &log, lost, &piece).await?;
                self.positions.set(&self.key, &log, piece.from);
            }
            if piece.bytes.is_empty() {
                self.positions.set(&self.key, &log, piece.next);
                session.sent.insert(log, growth);
                continue;
            }
            sent = true;
            self.send_piece(session, &log, &piece).await?;
            // Another receiver, and whoever else machined works for, has a turn.
            tokio::task::yield_now().await;
        }
        Ok(sent)
    }

    async fn send_piece(
        &mut self,
        session: &mut Session,
        log: &str,
        piece: &Piece,
    ) -> Result<(), Error> {
        let now = clock::now();
        let started_at = clock::wall_at(now, Duration::ZERO);
        let mut batch = Vec::new();
        let mut begin = piece.from;
        for line in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = begin.saturating_add(u64::try_from(line.len()).unwrap_or(0));
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let written_at = self.logs.written_at(log, end);
            let at = written_at.map_or(now.wall, |moment| clock::wall_at(now, moment));
            let message = self.message(log, text, at, started_at);
            match self.destination.endpoint.transport {
                Transport::Udp => {
                    self.send_packet(session, &message).await?;
                    session.last = Some((log.to_owned(), begin));
                    self.positions.set(&self.key, log, end);
                }
                Transport::Tcp => {
                    batch.extend_from_slice(&message);
                    batch.push(b'\n');
                    if batch.len() >= BATCH {
                        self.send_batch(session, &mut batch).await?;
                        self.positions.set(&self.key, log, end);
                    }
                }
            }
            begin = end;
        }
        if !batch.is_empty() {
            self.send_batch(session, &mut batch).await?;
        }
        self.positions.set(&self.key, log, piece.next);
        Ok(())
    }

    fn message(
        &self,
        log: &str,
        line: &[u8],
        written_at: SystemTime,
        started_at: SystemTime,
    ) -> Vec<u8> {
        if self.destination.what == What::Kernel {
            let text = String::from_utf8_lossy(line);
            if let Some(line) = KernelLine::parse(&text) {
                return line.message(started_at);
            }
        }
        message::of_service(log, line, written_at, &self.tags)
    }

    /// Tells the receiver how much of a log is lost before a piece of it.
    async fn send_loss(
        &mut self,
        session: &mut Session,
        log: &str,
        lost: u64,
        piece: &Piece,
    ) -> Result<(), Error> {
        let now = clock::now();
        let mut message = match self.destination.what {
            What::Services => {
                let text = message::lost(lost);
                message::of_service(log, text.as_bytes(), now.wall, &self.tags)
            }
            What::Kernel => {
                let started_at = clock::wall_at(now, Duration::ZERO);
                message::of_lost_kernel_lines(lost, &piece.bytes, started_at)
            }
        };
        match self.destination.endpoint.transport {
            Transport::Udp => self.send_packet(session, &message).await,
            Transport::Tcp => {
                message.push(b'\n');
                self.send_batch(session, &mut message).await
            }
        }
    }

    async fn send_batch(
        &mut self,
        session: &mut Session,
        batch: &mut Vec<u8>,
    ) -> Result<(), Error> {
        session.link.send(batch).await?;
        batch.clear();
        self.reached();
        Ok(())
    }

    async fn send_packet(&mut self, session: &mut Session, packet: &[u8]) -> Result<(), Error> {
        match session.link.send(packet).await {
            Ok(()) => {
                self.reached();
                Ok(())
            }
            Err(error) => {
                self.step_back(session);
                Err(error.into())
            }
        }
    }

    /// Goes back to the last packet: it was that which found nobody.
    fn step_back(&self, session: &mut Session) {
        if let Some((log, begin)) = session.last.take() {
            self.positions.set(&self.key, &log, begin);
        }
    }

    fn reached(&mut self) {
        if self.outage.succeeded() {
            self.node.journal.log(format_args!(
                "logs are sent to {} again",
                self.destination.endpoint
            ));
        }
    }
}
