// SPDX-License-Identifier: MPL-2.0
//! Amounts and times in few letters.
//!
//! Owns: the rounding.
//! Never: writes more than six letters for an amount.

use std::time::Duration;

/// Writes an amount of bytes in powers of 1024: `74M`, `1.2G`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn amount(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit < 6 {
        value /= 1024.0;
        unit = usize::saturating_add(unit, 1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit > 0 && value < 9.95 {
        format!("{value:.1}{name}")
    } else {
        format!("{value:.0}{name}")
    }
}

/// Writes a rate in bytes for each second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is cut at the limits of the integer, and rates are not negative"
)]
pub(crate) fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", amount(bytes_per_second.max(0.0) as u64))
}

/// Writes a span of time in its two largest units: `3d4h`, `19m27s`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}d{hours}h")
    } else if hours > 0 {
        format!("{hours}h{minutes}m")
    } else if minutes > 0 {
        format!("{minutes}m{rest}s")
    } else {
        format!("{rest}s")
    }
}

/// Makes text of a node safe to show: what it says must not be able to draw on the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_rates_and_spans_are_short() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1.0K"),
            (1024 * 1024 * 1023, "1.0G"),
            (131_072 * 1024, "128M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(amount(bytes), text);
        }
        for (value, text) in [(-1.0, "0B/s"), (f64::NAN, "0B/s"), (2048.0, "2.0K/s")] {
            assert_eq!(rate(value), text);
        }
        for (seconds, text) in [
            (59, "59s"),
            (1167, "19m27s"),
            (7205, "2h0m"),
            (360_000, "4d4h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
