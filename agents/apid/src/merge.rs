// SPDX-License-Identifier: MPL-2.0
//! The streams of several nodes as one, each message labelled with the node that it is from.
//!
//! Messages go out as they come, in turn. One is held until it is whole, so that a node which stops
//! in the middle of it holds up nobody; only a long one passes in pieces.
//!
//! Owns: whose turn it is, and how the end of a node's stream becomes a message.
//! Never: puts anything between the pieces of a message.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Frame;

use crate::answer::Answer;
use crate::envelope;
use crate::limits;
use crate::refused::{self, Refused};
use crate::relabel::{Splitter, misshapen};

/// A call to one node, on its way.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Response<Answer>, Refused>> + Send>>;

/// The body of a reply from several nodes.
#[derive(Debug)]
pub(crate) struct Merged {
    seats: Vec<Seat>,
    /// Whose turn is next.
    next: usize,
    /// Whose message is under way.
    speaking: Option<usize>,
    is_over: bool,
}

/// What a seat gives when it is its turn.
enum Turn {
    Piece(Bytes),
    Nothing,
    Over,
    /// It ended in the middle of a message that others have seen a part of.
    Broken(Refused),
}

impl Merged {
    /// Merges the calls to nodes by the names that the client gave.
    pub(crate) fn new(calls: Vec<(String, Asking)>) -> Self {
        Self {
            seats: calls
                .into_iter()
                .map(|(name, asking)| Seat::new(name, asking))
                .collect(),
            next: 0,
            speaking: None,
            is_over: false,
        }
    }

    /// How many nodes are not over.
    pub(crate) fn going_on(&self) -> usize {
        let seats = self.seats.iter();
        seats
            .filter(|seat| !matches!(seat.state, State::Over))
            .count()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let turns = match self.speaking {
            Some(place) => place..place.saturating_add(1),
            None => self.next..self.next.saturating_add(self.seats.len()),
        };
        let count = self.seats.len().max(1);
        let mut over = 0_usize;
        for turn in turns {
            let place = turn.checked_rem(count).unwrap_or_default();
            let Some(seat) = self.seats.get_mut(place) else {
                continue;
            };
            match seat.poll(cx) {
                Turn::Piece(piece) => {
                    self.speaking = seat.is_speaking().then_some(place);
                    self.next = place
                        .saturating_add(1)
                        .checked_rem(count)
                        .unwrap_or_default();
                    return Poll::Ready(Some(Frame::data(piece)));
                }
                Turn::Nothing => {}
                Turn::Over => over = over.saturating_add(1),
                Turn::Broken(refused) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Frame::trailers(refused.trailers())));
                }
            }
        }
        if over == self.seats.len() {
            self.is_over = true;
            return Poll::Ready(Some(Frame::trailers(refused::success())));
        }
        Poll::Pending
    }
}

/// One node.
struct Seat {
    name: String,
    state: State,
    splitter: Splitter,
    /// The pieces of a message that is not whole yet.
    partial: VecDeque<Bytes>,
    /// What can go out.
    ready: VecDeque<Bytes>,
    /// Whether a part of a long message went out.
    in_pieces: bool,
}

enum State {
    Asking(Asking),
    Answering(Answer),
    Over,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Seat {
    fn new(name: String, asking: Asking) -> Self {
        Self {
            splitter: Splitter::new(envelope::name(&name)),
            name,
            state: State::Asking(asking),
            partial: VecDeque::new(),
            ready: VecDeque::new(),
            in_pieces: false,
        }
    }

    /// Whether what comes next from here belongs to what went out last.
    fn is_speaking(&self) -> bool {
        self.in_pieces || !self.ready.is_empty()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Turn {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Turn::Piece(piece);
            }
            let outcome = match &mut self.state {
                State::Over => return Turn::Over,
                State::Asking(asking) => match asking.as_mut().poll(cx) {
                    Poll::Pending => return Turn::Nothing,
                    Poll::Ready(Err(refused)) => Err(refused),
                    Poll::Ready(Ok(response)) => self.begin(response),
                },
                State::Answering(answer) => match answer.poll_frame(cx) {
                    Poll::Pending => return Turn::Nothing,
                    Poll::Ready(Some(Ok(frame))) => self.take(frame),
                    Poll::Ready(Some(Err(refused))) => Err(refused),
                    Poll::Ready(None) => Err(answer.interrupted()),
                },
            };
            if let Err(refused) = outcome {
                self.state = State::Over;
                if self.in_pieces {
                    return Turn::Broken(refused);
                }
                self.partial.clear();
                let message = envelope::failure(&self.name, &refused);
                self.ready.push_back(envelope::frame(&message));
            }
        }
    }

    fn begin(&mut self, response: Response<Answer>) -> Result<(), Refused> {
        match Refused::from_headers(response.headers()) {
            Some(refused) => Err(refused),
            None => {
                self.state = State::Answering(response.into_body());
                Ok(())
            }
        }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), Refused> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return match Refused::from_headers(&trailers) {
                    Some(refused) => Err(refused),
                    None if !self.splitter.is_between_messages() => Err(misshapen()),
                    None => {
                        self.state = State::Over;
                        Ok(())
                    }
                };
            }
        };
        let whole = self
            .splitter
            .feed(data, &mut self.partial)
            .map_err(|_| misshapen())?;
        if whole > 0 {
            self.ready.extend(self.partial.drain(..whole));
            self.in_pieces = false;
        }
        let held: usize = self.partial.iter().map(Bytes::len).sum();
        if self.in_pieces || held > limits::WHOLE_MESSAGE_MAX {
            self.in_pieces = true;
            self.ready.append(&mut self.partial);
        }
        Ok(())
    }
}
