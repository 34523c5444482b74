// SPDX-License-Identifier: MPL-2.0
//! How long a registry is left alone that failed.
//!
//! Owns: the pauses.
//! Never: sleeps, or decides what is tried again.

use std::time::Duration;

/// The first pause: what fails while a node starts is mostly its own network.
pub(crate) const FIRST: Duration = Duration::from_secs(2);
/// The longest: a registry that comes back is found within minutes.
const LONGEST: Duration = Duration::from_secs(120);

/// Pauses that grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn from(first: Duration) -> Self {
        Self(first)
    }

    /// The next pause; each is twice as long as the one before.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0.min(LONGEST);
        self.0 = pause.saturating_mul(2);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_minutes() {
        let mut pauses = Pauses::from(FIRST);

        let seconds: Vec<u64> = (0..8).map(|_| pauses.next().as_secs()).collect();

        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 120, 120]);
    }
}
