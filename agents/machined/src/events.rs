// SPDX-License-Identifier: MPL-2.0
//! What happened on the node: a ring of events and those who follow it.
//!
//! Owns: ids, order, the bounded ring, and catching up from a place in the past.
//! Never: survives a restart of machined; a client sees a gap and a new series of ids.

use std::collections::VecDeque;
use std::time::SystemTime;

use prost::Message;
use prost_types::Any;
use tokio::sync::Notify;

/// How many events are kept.
pub(crate) const RING_MAX: usize = 1000;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// Its id, in order.
    pub id: String,
    /// Who caused it: the id of a request, or nothing.
    pub actor_id: String,
    /// What happened.
    pub payload: Any,
    /// When.
    pub at: SystemTime,
}

/// Packs a message with the name that clients know it by.
#[must_use]
pub(crate) fn pack(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("talos/runtime/machine.{name}"),
        value: message.encode_to_vec(),
    }
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Ring {
    events: VecDeque<Event>,
    /// How many events there ever were before the first one kept.
    first: u64,
    ids: Ids,
    /// Told whenever an event comes.
    pub news: std::sync::Arc<Notify>,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From<'a> {
    /// With what happens next.
    Now,
    /// With the last so many.
    Last(usize),
    /// With everything that is kept.
    Oldest,
    /// With what came after an id.
    After(&'a str),
    /// With what happened since a moment.
    Since(SystemTime),
}

/// A reader was so slow that events were overwritten before it saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overrun;

impl Ring {
    /// Returns an empty ring whose ids begin with `seed`, the process's own random bytes.
    #[must_use]
    pub(crate) fn new(seed: [u8; 8]) -> Self {
        Self {
            events: VecDeque::new(),
            first: 0,
            ids: Ids::new(seed),
            news: std::sync::Arc::default(),
        }
    }

    /// Adds an event.
    pub(crate) fn publish(&mut self, actor_id: &str, payload: Any, at: SystemTime) {
        if self.events.len() == RING_MAX {
            self.events.pop_front();
            self.first = self.first.saturating_add(1);
        }
        let id = self.ids.next(at);
        self.events.push_back(Event {
            id,
            actor_id: actor_id.to_owned(),
            payload,
            at,
        });
        self.news.notify_waiters();
    }

    /// Makes an id for a request.
    pub(crate) fn next_id(&mut self, at: SystemTime) -> String {
        self.ids.next(at)
    }

    /// Returns the place where a reader begins. An id that is not kept any more is older than
    /// everything that is, and so is one of another process: a clock that began anew says nothing
    /// of their order.
    #[must_use]
    pub(crate) fn place(&self, from: From<'_>) -> u64 {
        let end = self.first.saturating_add(count(self.events.len()));
        let index = match from {
            From::Now => return end,
            From::Oldest => 0,
            From::Last(wanted) => self.events.len().saturating_sub(wanted),
            From::After(id) if !self.ids.made(id) => 0,
            From::After(id) => self.events.partition_point(|event| event.id.as_str() <= id),
            From::Since(moment) => self.events.partition_point(|event| event.at < moment),
        };
        self.first.saturating_add(count(index))
    }

    /// Returns an id behind which a reader begins at `place`: that of the event before it, or one
    /// that is older than everything that is kept.
    #[must_use]
    pub(crate) fn id_before(&self, place: u64) -> String {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.read(before).ok().flatten());
        before.map_or_else(|| self.ids.origin(), |event| event.id.clone())
    }

    /// Returns the event at `place`, if it has come.
    ///
    /// # Errors
    /// It was overwritten.
    pub(crate) fn read(&self, place: u64) -> Result<Option<&Event>, Overrun> {
        let index = place.checked_sub(self.first).ok_or(Overrun)?;
        Ok(usize::try_from(index)
            .ok()
            .and_then(|index| self.events.get(index)))
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Ids that sort in the order they were made: four bytes of time, five of the process, three of a
/// counter, in base 32 with the digits in their order.
#[derive(Debug)]
struct Ids {
    process: [u8; 5],
    counter: u32,
    latest: u32,
}

impl Ids {
    fn new(seed: [u8; 8]) -> Self {
        let [process @ .., a, b, c] = seed;
        Self {
            process,
            // The top bit stays free: a million ids fit before the counter wraps.
            counter: u32::from_be_bytes([0, a & 0x7f, b, c]),
            latest: 0,
        }
    }

    fn next(&mut self, at: SystemTime) -> String {
        let seconds = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
            });
        // A clock that is set back must not turn the order around.
        self.latest = self.latest.max(seconds);
        self.counter = self.counter.wrapping_add(1) & 0x00ff_ffff;
        if self.counter == 0 {
            self.latest = self.latest.saturating_add(1);
        }
        self.id(self.latest, self.counter)
    }

    /// The id before all that are made: no counter is 0 in the first second of 1970.
    fn origin(&self) -> String {
        self.id(0, 0)
    }

    /// Whether an id is one of this process.
    fn made(&self, id: &str) -> bool {
        bytes_of(id).is_some_and(|[_, _, _, _, process @ .., _, _, _]| process == self.process)
    }

    fn id(&self, seconds: u32, counter: u32) -> String {
        let [t0, t1, t2, t3] = seconds.to_be_bytes();
        let [p0, p1, p2, p3, p4] = self.process;
        let [_, c0, c1, c2] = counter.to_be_bytes();
        base32([t0, t1, t2, t3, p0, p1, p2, p3, p4, c0, c1, c2])
    }
}

/// The digits of base 32 in their order.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The bytes of an id; nothing when it is none.
fn bytes_of(id: &str) -> Option<[u8; 12]> {
    if id.len() != 20 {
        return None;
    }
    let value = id.bytes().try_fold(0_u128, |value, digit| {
        let five = DIGITS.iter().position(|known| *known == digit)?;
        Some((value << 5) | u128::try_from(five).ok()?)
    })?;
    // The last digit has 4 bits to spare.
    let [_, _, _, _, bytes @ ..] = (value >> 4).to_be_bytes();
    Some(bytes)
}

fn base32(bytes: [u8; 12]) -> String {
    let value = bytes
        .iter()
        .fold(0_u128, |value, byte| (value << 8) | u128::from(*byte));
    // 96 bits are 20 digits of 5, the last of which has 4 bits to spare.
    let value = value << 4;
    (0..20_u32)
        .rev()
        .map(|digit| {
            let five = (value >> digit.saturating_mul(5)) & 0x1f;
            let index = usize::try_from(five).unwrap_or(0);
            char::from(DIGITS.get(index).copied().unwrap_or(b'0'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        let seconds = Duration::from_secs(seconds);
        SystemTime::UNIX_EPOCH.checked_add(seconds).unwrap()
    }

    fn with(count: u64) -> Ring {
        let mut ring = Ring::new([9; 8]);
        for n in 0..count {
            let payload = Any {
                type_url: n.to_string(),
                value: Vec::new(),
            };
            ring.publish("", payload, at(n));
        }
        ring
    }

    fn named(ring: &Ring, place: u64) -> Option<String> {
        let event = ring.read(place).unwrap()?;
        Some(event.payload.type_url.clone())
    }

    #[test]
    fn ids_are_twenty_digits_and_grow_even_when_the_clock_goes_back() {
        let mut ids = Ids::new([0xff; 8]);
        let mut last = String::new();
        for second in [5, 5, 5, 1_700_000_000, 7, 0, u64::from(u32::MAX) + 9] {
            let id = ids.next(at(second));
            assert_eq!(id.len(), 20);
            assert!(id > last, "{id} after {last}");
            last = id;
        }
    }

    #[test]
    fn ids_keep_their_order_when_the_counter_wraps() {
        let mut ids = Ids::new([0; 8]);
        ids.counter = 0x00ff_fffe;

        let three = [ids.next(at(1)), ids.next(at(1)), ids.next(at(1))];

        assert!(three.is_sorted(), "{three:?}");
    }

    #[test]
    fn a_reader_begins_where_it_wants() {
        let ring = with(20);
        let id = ring.read(4).unwrap().unwrap().id.clone();

        for (from, first) in [
            (From::Oldest, Some("0")),
            (From::Last(3), Some("17")),
            (From::Last(5000), Some("0")),
            (From::After(&id), Some("5")),
            (From::After("0"), Some("0")),
            (From::After("zzz"), Some("0")),
            (From::Since(at(18)), Some("18")),
            (From::Since(at(500)), None),
            (From::Now, None),
        ] {
            let found = named(&ring, ring.place(from));
            assert_eq!(found.as_deref(), first, "{from:?}");
        }
    }

    /// A board without a clock is back in 1970 after a reboot, and its ids are smaller than before.
    #[test]
    fn an_id_of_another_process_is_older_than_everything_whatever_its_time() {
        let ring = with(20);
        let mut before = Ids::new([7; 8]);
        let mut ours = Ids::new([9; 8]);

        for second in [0, 10, 1_800_000_000] {
            let id = before.next(at(second));
            assert_eq!(ring.place(From::After(&id)), 0, "{id}");
        }
        let last = ours.next(at(1_800_000_000));
        assert_eq!(ring.place(From::After(&last)), 20);
        let odd = ["", "0", &"w".repeat(20), &"é".repeat(10)];
        assert!(odd.iter().all(|odd| !ours.made(odd)));
    }

    #[test]
    fn a_place_has_an_id_behind_which_a_reader_begins_there() {
        let mut ring = with(0);
        let origin = ring.id_before(ring.place(From::Now));
        ring.publish("", Any::default(), at(0));
        assert_eq!(ring.place(From::After(&origin)), 0);

        let ring = with(1500);
        for place in [500, 501, 1499, 1500] {
            let id = ring.id_before(place);
            assert_eq!(ring.place(From::After(&id)), place);
        }
    }

    #[test]
    fn the_ring_holds_a_thousand_and_tells_a_slow_reader() {
        let ring = with(1500);

        assert_eq!(ring.events.len(), RING_MAX);
        assert_eq!(ring.read(0), Err(Overrun));
        assert_eq!(ring.read(499), Err(Overrun));
        assert_eq!(named(&ring, 500).as_deref(), Some("500"));
        assert_eq!(named(&ring, 1499).as_deref(), Some("1499"));
        assert_eq!(named(&ring, 1500), None);
    }
}
