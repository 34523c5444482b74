// SPDX-License-Identifier: MPL-2.0
//! What machined says about a receiver that cannot be reached.
//!
//! What it says goes to the other receivers, too, and to this one later: so it is little.
//!
//! Owns: that an outage is told once, and no more than one a minute.
//! Never: reads a clock.

use std::time::Duration;

/// How long nothing more is said about one receiver.
const QUIET: Duration = Duration::from_mins(1);
/// The first pause before it is tried again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How long a connection must have held so that its end is a first failure.
const HELD: Duration = Duration::from_secs(10);

/// How one receiver fares.
#[derive(Debug)]
pub(crate) struct Outage {
    pause: Duration,
    told_at: Option<Duration>,
    /// Whether it cannot be reached, and that was told.
    is_told: bool,
}

impl Outage {
    /// It was not tried yet.
    pub(crate) const fn none() -> Self {
        Self {
            pause: PAUSE_FIRST,
            told_at: None,
            is_told: false,
        }
    }

    /// A try has failed after it had held for some time. Says whether to tell it, and how long to
    /// wait for the next try.
    pub(crate) fn failed(&mut self, held: Duration, now: Duration) -> (bool, Duration) {
        if held >= HELD {
            self.pause = PAUSE_FIRST;
        }
        let pause = self.pause;
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        let is_quiet = self
            .told_at
            .is_some_and(|told_at| now.saturating_sub(told_at) < QUIET);
        let tell = !self.is_told && !is_quiet;
        if tell {
            self.is_told = true;
            self.told_at = Some(now);
        }
        (tell, pause)
    }

    /// Something got there. Says whether to tell it.
    pub(crate) const fn succeeded(&mut self) -> bool {
        std::mem::replace(&mut self.is_told, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let mut outage = Outage::none();
        let mut told = 0;
        for second in 0..10_000 {
            let (tell, _) = outage.failed(Duration::ZERO, Duration::from_secs(second));
            told += u32::from(tell);
        }

        assert_eq!(told, 1);
        assert!(outage.succeeded());
        assert!(!outage.succeeded());
    }

    #[test]
    fn a_receiver_that_comes_and_goes_makes_two_lines_a_minute_and_so_no_loop() {
        let mut outage = Outage::none();
        let mut lines = 0;
        for second in 0..600 {
            let now = Duration::from_secs(second);
            lines += u32::from(outage.failed(Duration::ZERO, now).0);
            lines += u32::from(outage.succeeded());
        }

        assert!(lines <= 20, "{lines}");
    }

    #[test]
    fn tries_become_rare_until_a_connection_holds() {
        let mut outage = Outage::none();
        let pauses: Vec<u128> = (0..9)
            .map(|_| outage.failed(Duration::ZERO, Duration::ZERO).1.as_millis())
            .collect();
        assert_eq!(
            pauses,
            [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]
        );

        // One that is taken and broken off at once is no better than none.
        outage.succeeded();
        assert_eq!(outage.failed(Duration::ZERO, Duration::ZERO).1, PAUSE_MAX);
        assert_eq!(outage.failed(HELD, Duration::ZERO).1, PAUSE_FIRST);
    }
}
