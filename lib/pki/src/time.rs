// SPDX-License-Identifier: MPL-2.0
//! Instants as certificates count them.
//!
//! Owns: the calendar of X.509 and the decision when to renew.
//! Never: reads a clock.

use crate::Error;
use core::fmt;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The instant `duration` later, as far as numbers go.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(seconds(duration)))
    }

    /// The instant `duration` earlier, as far as numbers go.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(duration)))
    }

    /// How long it is until `later`; zero if that is in the past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Reads a `UTCTime` or `GeneralizedTime` in the only forms RFC 5280 §4.1.2.5 permits.
    pub(crate) fn from_der(tag: u8, text: &[u8]) -> Result<Self, Error> {
        const BAD: Error = Error::BadDer("time");
        let digits = text.strip_suffix(b"Z").ok_or(BAD)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(BAD);
        }
        let (year, rest) = match (tag, digits.len()) {
            (0x17, 12) => {
                let (short, rest) = digits.split_at(2);
                let short = number(short);
                (
                    short.saturating_add(if short < 50 { 2000 } else { 1900 }),
                    rest,
                )
            }
            (0x18, 14) => {
                let (long, rest) = digits.split_at(4);
                (number(long), rest)
            }
            _ => return Err(BAD),
        };
        let mut pairs = rest.chunks(2).map(number);
        let mut field = |min: i64, max: i64| {
            pairs
                .next()
                .filter(|value| (min..=max).contains(value))
                .ok_or(BAD)
        };
        let (month, day) = (field(1, 12)?, field(1, 31)?);
        let (hour, minute, second) = (field(0, 23)?, field(0, 59)?, field(0, 59)?);
        Ok(Self(from_civil([year, month, day, hour, minute, second])))
    }

    /// Writes the tag and text of the form that the year asks for (RFC 5280 §4.1.2.5).
    pub(crate) fn to_der(self) -> Result<(u8, String), Error> {
        // 0001-01-01 and 9999-12-31T23:59:59.
        if !(-62_135_596_800..=253_402_300_799).contains(&self.0) {
            return Err(Error::TimeOutOfRange);
        }
        let [year, month, day, hour, minute, second] = to_civil(self.0);
        let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
        Ok(if (1950..2050).contains(&year) {
            (0x17, format!("{:02}{rest}", year % 100))
        } else {
            (0x18, format!("{year:04}{rest}"))
        })
    }
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(seconds(since)),
            Err(before) => Self(seconds(before.duration()).saturating_neg()),
        }
    }
}

/// RFC 3339, UTC.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = to_civil(self.0);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Decides when a certificate is to be replaced: after half of its life.
///
/// A certificate that is past that, not valid yet by this clock, or nonsense is due `now`: with a wrong
/// clock a fresh one at least agrees with the clock that its reader can ask for.
#[must_use]
pub fn renew_at(not_before: UnixTime, not_after: UnixTime, now: UnixTime) -> UnixTime {
    if not_before > now || not_after <= not_before {
        return now;
    }
    let life = not_after.0.saturating_sub(not_before.0);
    UnixTime(not_before.0.saturating_add(life / 2)).max(now)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |sum: i64, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit.saturating_sub(b'0')))
    })
}

// Both directions count from 0000-03-01, so that the leap day is the last of its year, and in eras of
// 400 years (146,097 days), which all look alike.

#[expect(
    clippy::arithmetic_side_effects,
    reason = "years are below 10,000, so sums stay small"
)]
fn from_civil([year, month, day, hour, minute, second]: [i64; 6]) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    days * 86_400 + hour * 3_600 + minute * 60 + second
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "after the first division everything is small"
)]
fn to_civil(seconds: i64) -> [i64; 6] {
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [
        year,
        month,
        day,
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    ]
}

#[cfg(test)]
mod tests {
    use super::{UnixTime, renew_at};
    use core::time::Duration;
    use proptest::prelude::*;

    #[test]
    fn known_instants_are_written_as_rfc_5280_wants() {
        for (seconds, tag, text) in [
            (0, 0x17, "700101000000Z"),
            (951_782_400, 0x17, "000229000000Z"),
            (2_524_607_999, 0x17, "491231235959Z"),
            (2_524_608_000, 0x18, "20500101000000Z"),
            (-631_152_001, 0x18, "19491231235959Z"),
            (253_402_300_799, 0x18, "99991231235959Z"),
        ] {
            assert_eq!(UnixTime(seconds).to_der(), Ok((tag, text.to_owned())));
            assert_eq!(
                UnixTime::from_der(tag, text.as_bytes()),
                Ok(UnixTime(seconds))
            );
        }
    }

    #[test]
    fn instants_outside_of_the_calendar_are_refused() {
        for seconds in [i64::MIN, -62_135_596_801, 253_402_300_800, i64::MAX] {
            assert!(UnixTime(seconds).to_der().is_err());
        }
    }

    #[test]
    fn malformed_times_are_refused() {
        for (tag, text) in [
            (0x17, "".as_bytes()),
            (0x17, b"Z"),
            (0x17, b"700101000000"),
            (0x17, b"7001010000Z"),
            (0x17, b"701301000000Z"),
            (0x17, b"700100000000Z"),
            (0x17, b"700101240000Z"),
            (0x17, b"70010100000aZ"),
            (0x17, b"700101000000+0100"),
            (0x18, b"700101000000Z"),
            (0x16, b"700101000000Z"),
        ] {
            assert!(UnixTime::from_der(tag, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn renewal_is_due_at_half_life() {
        let start = UnixTime(1_000);
        let end = start.after(Duration::from_secs(24 * 3600));

        assert_eq!(
            renew_at(start, end, start),
            start.after(Duration::from_secs(12 * 3600))
        );
    }

    #[test]
    fn renewal_is_due_at_once_when_late_expired_or_from_the_future() {
        let (start, end) = (UnixTime(1_000), UnixTime(2_000));

        for now in [
            UnixTime(0),
            UnixTime(1_600),
            UnixTime(2_000),
            UnixTime(9_000),
        ] {
            assert_eq!(renew_at(start, end, now), now);
        }
        assert_eq!(renew_at(end, start, UnixTime(5_000)), UnixTime(5_000));
        assert_eq!(
            renew_at(UnixTime(i64::MIN), UnixTime(i64::MAX), UnixTime(7)),
            UnixTime(7)
        );
    }

    proptest! {
        #[test]
        fn every_instant_survives_a_round_trip(seconds in -62_135_596_800i64..=253_402_300_799) {
            let (tag, text) = UnixTime(seconds).to_der().unwrap();
            prop_assert_eq!(UnixTime::from_der(tag, text.as_bytes()), Ok(UnixTime(seconds)));
        }
    }
}
