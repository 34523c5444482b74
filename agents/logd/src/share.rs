// SPDX-License-Identifier: MPL-2.0
//! How much one service may say: its share of logd's time.
//!
//! A service that says more is read more slowly; its pipe fills, and it waits in its own write.
//! Nothing of it is lost, and nobody else waits.
//!
//! Owns: the budget of one log.
//! Never: reads a clock.

use crate::capacity::TURN_MAX;

/// What may come at once: a start with all its messages.
const BURST: u64 = 256 * 1024;
/// What may come for ever, in bytes a millisecond: one megabyte a second keeps logd below a
/// tenth of one slow core.
const PER_MS: u64 = 1024;
/// One turn's worth.
const TURN: u64 = TURN_MAX as u64;

/// The budget of one log.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    left: u64,
    filled_at_ms: u64,
}

impl Share {
    /// A full budget.
    #[must_use]
    pub const fn new(now_ms: u64) -> Self {
        Self {
            left: BURST,
            filled_at_ms: now_ms,
        }
    }

    /// Whether there is enough for one turn now.
    pub fn allows(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.filled_at_ms);
        self.left = self
            .left
            .saturating_add(passed.saturating_mul(PER_MS))
            .min(BURST);
        self.filled_at_ms = now_ms;
        self.left >= TURN
    }

    /// Takes what was read.
    pub fn spend(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(BURST);
        self.left = self.left.saturating_sub(bytes);
    }

    /// How long until there is enough for one turn, in milliseconds.
    #[must_use]
    pub const fn wait_ms(&self) -> u64 {
        TURN.saturating_sub(self.left).div_ceil(PER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, PER_MS, Share, TURN};
    use crate::capacity::TURN_MAX;

    #[test]
    fn a_flood_is_held_to_its_rate() {
        let mut share = Share::new(0);
        let mut read = 0_u64;
        for now_ms in 0..10_000 {
            while share.allows(now_ms) {
                share.spend(TURN_MAX);
                read += TURN;
            }
        }

        assert!(read <= BURST + 10_000 * PER_MS);
        assert!(read >= 10_000 * PER_MS);
    }

    #[test]
    fn after_the_wait_there_is_enough() {
        let mut share = Share::new(0);
        while share.allows(0) {
            share.spend(TURN_MAX);
        }
        let wait = share.wait_ms();

        assert!(wait > 0 && wait <= TURN.div_ceil(PER_MS));
        assert!(share.allows(wait));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_and_breaks_nothing() {
        let mut share = Share::new(1000);
        while share.allows(1000) {
            share.spend(TURN_MAX);
        }

        assert!(!share.allows(0));
        assert!(share.allows(u64::MAX));
    }
}
