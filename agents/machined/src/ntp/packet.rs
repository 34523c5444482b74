// SPDX-License-Identifier: MPL-2.0
//! One question to a time server and its answer, as bytes (RFC 5905 §7.3, RFC 4330).
//!
//! Owns: what an answer must say before its time counts.
//! Never: reads a clock.

use std::fmt;

/// A packet without extensions, in bytes.
pub(super) const LEN: usize = 48;
/// The seconds from 1900, where NTP begins, to 1970.
const TO_UNIX: i128 = 2_208_988_800;
/// The seconds of one era of NTP: 2³².
const ERA: i128 = 1 << 32;
const NANOS: i128 = 1_000_000_000;
/// Version 4, client (RFC 5905 §7.3: no warning, `VN` 4, `Mode` 3).
const OUR_HEAD: u8 = (4 << 3) | 3;
/// What a server answers with.
const MODE_SERVER: u8 = 4;
/// The warning of a clock that was never set.
const NOT_SET: u8 = 3;
/// From here on a server is not synchronised.
const STRATUM_MAX: u8 = 16;
/// The longest way to a true clock that still counts (RFC 5905 §A.1, `MAXDISP`), in 2⁻¹⁶ s.
const DISTANCE_MAX: u64 = 16 << 16;

/// Why an answer does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is no answer to our question: whoever sent it does not matter.
    NotOurs,
    /// It is of another version, or from somebody who is no server.
    NotAServer,
    /// The server wants not to be asked ("kiss of death"), and its reason.
    Refused([u8; 4]),
    /// The server does not know the time itself.
    NotSynchronised,
    /// Its time is missing, or it answered before it was asked.
    Impossible,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("the answer is to another question"),
            Self::NotAServer => f.write_str("what answers is no time server"),
            Self::Refused(code) => {
                f.write_str("the server refuses to answer: ")?;
                let letters = code.iter().filter(|byte| byte.is_ascii_graphic());
                letters
                    .map(|byte| char::from(*byte))
                    .try_for_each(|letter| write!(f, "{letter}"))
            }
            Self::NotSynchronised => f.write_str("the server does not know the time itself"),
            Self::Impossible => f.write_str("the times of the answer cannot be"),
        }
    }
}

/// What a server said: instants in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When it had our question.
    pub received_at: i128,
    /// When it answered.
    pub sent_at: i128,
}

/// Writes a question. The server sends `cookie` back; it is random, and says nothing of our clock.
pub(super) fn question(cookie: [u8; 8]) -> [u8; LEN] {
    let mut packet = [0; LEN];
    if let Some(head) = packet.first_mut() {
        *head = OUR_HEAD;
    }
    if let Some(transmit) = packet.last_chunk_mut() {
        *transmit = cookie;
    }
    packet
}

/// Reads an answer to the question with this cookie.
///
/// # Errors
/// It does not count.
pub(crate) fn parse(bytes: &[u8], cookie: [u8; 8]) -> Result<Answer, Problem> {
    let (packet, _extensions) = bytes.split_first_chunk::<LEN>().ok_or(Problem::NotOurs)?;
    let [head, stratum, _poll, _precision, delay @ ..] = packet;
    let (delay, rest) = delay.split_first_chunk::<4>().ok_or(Problem::NotOurs)?;
    let (dispersion, rest) = rest.split_first_chunk::<4>().ok_or(Problem::NotOurs)?;
    let (reference, rest) = rest.split_first_chunk::<4>().ok_or(Problem::NotOurs)?;
    let (_set_at, rest) = rest.split_first_chunk::<8>().ok_or(Problem::NotOurs)?;
    let (origin, rest) = rest.split_first_chunk::<8>().ok_or(Problem::NotOurs)?;
    let (received, rest) = rest.split_first_chunk::<8>().ok_or(Problem::NotOurs)?;
    let sent = rest.first_chunk::<8>().ok_or(Problem::NotOurs)?;
    if *origin != cookie {
        return Err(Problem::NotOurs);
    }
    let (warning, version, mode) = (head >> 6, (head >> 3) & 7, head & 7);
    if mode != MODE_SERVER || !(3..=4).contains(&version) {
        return Err(Problem::NotAServer);
    }
    if *stratum == 0 {
        return Err(Problem::Refused(*reference));
    }
    let delay = u64::from(u32::from_be_bytes(*delay));
    let dispersion = u64::from(u32::from_be_bytes(*dispersion));
    let distance = delay.wrapping_div(2).saturating_add(dispersion);
    if warning == NOT_SET || *stratum >= STRATUM_MAX || distance >= DISTANCE_MAX {
        return Err(Problem::NotSynchronised);
    }
    let received_at = instant(*received).ok_or(Problem::Impossible)?;
    let sent_at = instant(*sent).ok_or(Problem::Impossible)?;
    if sent_at < received_at {
        return Err(Problem::Impossible);
    }
    Ok(Answer {
        received_at,
        sent_at,
    })
}

/// Reads a timestamp: seconds and 2⁻³² of them. Zero is none. The era is the one of RFC 4330 §3:
/// small numbers are of the time after 2036.
fn instant(bytes: [u8; 8]) -> Option<i128> {
    let stamp = u64::from_be_bytes(bytes);
    if stamp == 0 {
        return None;
    }
    let fraction = i128::from(stamp & 0xffff_ffff);
    let seconds = i128::from(stamp >> 32);
    let seconds = if stamp >> 63 == 0 {
        seconds.saturating_add(ERA)
    } else {
        seconds
    };
    let whole = seconds.saturating_sub(TO_UNIX).saturating_mul(NANOS);
    Some(whole.saturating_add(fraction.saturating_mul(NANOS) >> 32))
}

/// How far the server's clock is ahead of ours, in nanoseconds (RFC 5905 §8), from when we asked by
/// our clock, in nanoseconds since 1970, and how long the answer took.
///
/// # Errors
/// The server claims to have taken longer than we waited.
pub(crate) fn offset(asked_at: i128, took: i128, answer: Answer) -> Result<i128, Problem> {
    let there = answer.sent_at.saturating_sub(answer.received_at);
    if there > took {
        return Err(Problem::Impossible);
    }
    let answered_at = asked_at.saturating_add(took);
    let forth = answer.received_at.saturating_sub(asked_at);
    let back = answer.sent_at.saturating_sub(answered_at);
    Ok(forth.saturating_add(back) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: [u8; 8] = *b"question";

    /// An answer of a good server at a Unix time.
    fn answer(seconds: u32) -> [u8; LEN] {
        let mut packet = question([0; 8]);
        packet[0] = (4 << 3) | MODE_SERVER;
        packet[1] = 2;
        packet[24..32].copy_from_slice(&COOKIE);
        let stamp = u64::from(seconds.wrapping_add(2_208_988_800)) << 32 | 0x8000_0000;
        packet[32..40].copy_from_slice(&stamp.to_be_bytes());
        packet[40..48].copy_from_slice(&stamp.to_be_bytes());
        packet
    }

    fn with(change: impl FnOnce(&mut [u8; LEN])) -> Result<Answer, Problem> {
        let mut packet = answer(1_700_000_000);
        change(&mut packet);
        parse(&packet, COOKIE)
    }

    #[test]
    fn a_question_says_nothing_of_our_clock() {
        let packet = question(COOKIE);

        assert_eq!((packet[0], &packet[40..]), (0x23, &COOKIE[..]));
        assert!(packet[1..40].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn an_answer_has_the_time_to_the_half_second_in_this_era_and_the_next() {
        for seconds in [1_700_000_000, 2_085_978_496, 4_000_000_000] {
            let half = i128::from(seconds) * NANOS + NANOS / 2;
            let read = parse(&answer(seconds), COOKIE).unwrap();
            assert_eq!((read.received_at, read.sent_at), (half, half), "{seconds}");
        }
        // What follows the packet are extensions.
        let long = [&answer(7)[..], &[0; 20]].concat();
        assert!(parse(&long, COOKIE).is_ok());
    }

    #[test]
    fn answers_that_lie_or_belong_to_others_do_not_count() {
        assert!(with(|_| {}).is_ok());
        assert_eq!(with(|p| p[31] ^= 1), Err(Problem::NotOurs));
        assert_eq!(parse(&answer(7)[..47], COOKIE), Err(Problem::NotOurs));
        assert_eq!(parse(&[], COOKIE), Err(Problem::NotOurs));
        // Our own question, sent back.
        assert_eq!(parse(&question(COOKIE), COOKIE), Err(Problem::NotOurs));
        assert_eq!(with(|p| p[0] = (4 << 3) | 3), Err(Problem::NotAServer));
        assert_eq!(with(|p| p[0] = (4 << 3) | 5), Err(Problem::NotAServer));
        assert_eq!(with(|p| p[0] = (2 << 3) | 4), Err(Problem::NotAServer));
        let kiss = with(|p| {
            p[1] = 0;
            p[12..16].copy_from_slice(b"RATE");
        });
        assert_eq!(kiss, Err(Problem::Refused(*b"RATE")));
        assert_eq!(
            Problem::Refused(*b"DE\x1b\n").to_string(),
            "the server refuses to answer: DE"
        );
        for change in [
            |p: &mut [u8; LEN]| p[0] |= 3 << 6,
            |p: &mut [u8; LEN]| p[1] = 16,
            |p: &mut [u8; LEN]| p[1] = 255,
            |p: &mut [u8; LEN]| p[8] = 1,
            |p: &mut [u8; LEN]| p[4..12].fill(255),
        ] {
            assert_eq!(with(change), Err(Problem::NotSynchronised));
        }
        for change in [
            |p: &mut [u8; LEN]| p[32..40].fill(0),
            |p: &mut [u8; LEN]| p[40..48].fill(0),
            |p: &mut [u8; LEN]| p[43] -= 1,
        ] {
            assert_eq!(with(change), Err(Problem::Impossible));
        }
    }

    #[test]
    fn the_offset_takes_half_of_the_way_off_and_no_more_than_there_was() {
        let at = |received_at, sent_at| Answer {
            received_at,
            sent_at,
        };
        // 10 forth, 4 there, 10 back; the server is 100 ahead.
        assert_eq!(offset(1000, 24, at(1110, 1114)), Ok(100));
        assert_eq!(offset(1000, 24, at(910, 914)), Ok(-100));
        assert_eq!(offset(1000, 24, at(910, 934)), Ok(-90));
        assert_eq!(offset(1000, 24, at(910, 935)), Err(Problem::Impossible));
    }
}
