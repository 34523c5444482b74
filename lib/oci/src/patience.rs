// SPDX-License-Identifier: MPL-2.0
//! How long is waited, and how often something is tried.
//!
//! Owns: every time and every count, and what they mean together.
//! Never: looks at a clock.

use std::time::Duration;

/// How long a registry may take. Everything ends: the sums are bounded, not only the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the name of a registry to a connection that is encrypted.
    pub connect: Duration,
    /// Until the next bytes come.
    pub idle: Duration,
    /// A document, with all that belongs to it: tokens, redirects, tries.
    pub document: Duration,
    /// The slowest a blob may be, in bytes a second; `document` is added.
    pub slowest: u64,
    /// How often something is tried that failed in a way that passes.
    pub tries: u32,
    /// The first pause between tries; each one is twice as long as the one before it.
    pub pause: Duration,
    /// The longest pause, also when a registry asks for more (RFC 9110 §10.2.3).
    pub pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            document: Duration::from_secs(180),
            slowest: 16 * 1024,
            tries: 5,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(30),
        }
    }
}

/// What follows a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try again after this time.
    Wait(Duration),
    /// It is of no use.
    GiveUp,
}

impl Patience {
    /// What follows the try with this number, from 1. `asked` is the pause that the registry wants.
    pub(crate) fn after(&self, tried: u32, asked: Option<Duration>) -> Next {
        if tried >= self.tries {
            return Next::GiveUp;
        }
        let doublings = tried.saturating_sub(1).min(16);
        let pause = self
            .pause
            .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .min(self.pause_max);
        match asked {
            // Before that time it would answer the same.
            Some(asked) if asked > self.pause_max => Next::GiveUp,
            Some(asked) => Next::Wait(asked.max(pause)),
            None => Next::Wait(pause),
        }
    }

    /// The longest that a blob of this size may take.
    pub(crate) fn blob(&self, size: u64) -> Duration {
        let seconds = size.checked_div(self.slowest).unwrap_or(0);
        self.document.saturating_add(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let patience = Patience {
            tries: 9,
            pause_max: Duration::from_secs(3),
            ..Patience::default()
        };
        let pauses: Vec<Next> = (1..=9).map(|tried| patience.after(tried, None)).collect();

        assert_eq!(pauses[0], Next::Wait(Duration::from_millis(500)));
        assert_eq!(pauses[1], Next::Wait(Duration::from_secs(1)));
        assert_eq!(pauses[2], Next::Wait(Duration::from_secs(2)));
        assert_eq!(pauses[3], Next::Wait(Duration::from_secs(3)));
        assert_eq!(pauses[7], Next::Wait(Duration::from_secs(3)));
        assert_eq!(pauses[8], Next::GiveUp);
    }

    #[test]
    fn a_registry_may_ask_for_a_longer_pause_within_reason() {
        let patience = Patience::default();
        let asked = |seconds| patience.after(1, Some(Duration::from_secs(seconds)));

        assert_eq!(asked(0), Next::Wait(Duration::from_millis(500)));
        assert_eq!(asked(20), Next::Wait(Duration::from_secs(20)));
        assert_eq!(asked(3600), Next::GiveUp);
    }

    #[test]
    fn a_larger_blob_may_take_longer() {
        let patience = Patience::default();
        assert_eq!(patience.blob(0), patience.document);
        assert_eq!(
            patience.blob(16 * 1024 * 60),
            patience.document.saturating_add(Duration::from_secs(60))
        );
    }
}
