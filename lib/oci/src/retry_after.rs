// SPDX-License-Identifier: MPL-2.0
//! When a registry wants to be asked again (`Retry-After`, RFC 9110 §10.2.3).
//!
//! Owns: both forms of it, a number of seconds and a date.
//! Never: looks at a clock, or decides how long is waited.

use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The pause that an answer asks for; `None` when it asks for none, or in a way that is not known.
///
/// A date counts from what the registry itself says that it is now, so that a node whose clock is wrong
/// waits as long as it should; `now` is for those that do not say.
pub(crate) fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
    let asked = text(&RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = seconds(asked)?;
    let since_epoch = || Some(now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs());
    let from = text(&DATE).and_then(seconds).or_else(since_epoch)?;
    Some(Duration::from_secs(until.saturating_sub(from)))
}

/// The UNIX time of a date as HTTP writes it now: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
/// `None` for the two forms that nobody has sent for decades, and for dates before 1970.
fn seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.split(' ');
    let day = number(parts.next()?, 1, 31)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = u64::try_from(month).ok()?.checked_add(1)?;
    let year = number(parts.next()?, 1970, 9999)?;
    let mut clock = parts.next()?.split(':');
    let hour = number(clock.next()?, 0, 23)?;
    let minute = number(clock.next()?, 0, 59)?;
    // A leap second counts as the one after it.
    let second = number(clock.next()?, 0, 60)?;
    if clock.next().is_some() || parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let days = days(year, month, day)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    let minutes = hours.checked_mul(60)?.checked_add(minute)?;
    minutes.checked_mul(60)?.checked_add(second)
}

fn number(text: &str, min: u64, max: u64) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain)?;
    (min..=max).contains(&number).then_some(number)
}

/// Days from 1970 to a date of the Gregorian calendar. Years begin in March here, so that the day that
/// some have more is their last one.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    // Days from 1 March of year 0 to 1 January 1970.
    const EPOCH: u64 = 719_468;
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    // Months from March on have 31, 30, 31, 30, 31 days, and so again.
    let before = month.checked_mul(153)?.checked_add(2)? / 5;
    let leaps = (year / 4)
        .checked_sub(year / 100)?
        .checked_add(year / 400)?;
    let days = year.checked_mul(365)?.checked_add(leaps)?;
    let days = days.checked_add(before)?.checked_add(day)?.checked_sub(1)?;
    days.checked_sub(EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(lines: &[(HeaderName, &'static str)], now: u64) -> Option<u64> {
        let value = |(name, text): &(HeaderName, &'static str)| {
            (name.clone(), HeaderValue::from_static(text))
        };
        let headers = lines.iter().map(value).collect();
        let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now));
        pause(&headers, now.unwrap()).map(|pause| pause.as_secs())
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Fri, 31 Dec 9999 23:59:60 GMT", Some(253_402_300_800)),
            ("", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 6+1 Nov 1994 08:49:37 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_clock_of_the_registry() {
        let at = (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
        let date = (DATE, "Sun, 06 Nov 1994 08:49:30 GMT");
        assert_eq!(asked(&[at.clone(), date.clone()], 0), Some(7));
        assert_eq!(asked(&[at.clone(), date], 1 << 40), Some(7));
        assert_eq!(asked(std::slice::from_ref(&at), 784_111_700), Some(77));
        assert_eq!(asked(&[at.clone(), (DATE, "now")], 784_111_700), Some(77));
        // It is over.
        assert_eq!(asked(&[at], 784_111_778), Some(0));
        assert_eq!(asked(&[(RETRY_AFTER, "20")], 0), Some(20));
        assert_eq!(asked(&[(RETRY_AFTER, "soon")], 0), None);
        assert_eq!(asked(&[], 0), None);
    }
}
