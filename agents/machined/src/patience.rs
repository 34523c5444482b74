// SPDX-License-Identifier: MPL-2.0
//! How long what controllers say in the middle of their work is not taken for what they mean.
//!
//! Owns: counting turns without an end.
//! Never: waits for ever: an authority that is no longer accepted must not stay because two quarrel.

use std::sync::atomic::{AtomicU32, Ordering};

/// After so many turns without an end what they say counts. A configuration takes a few dozen.
const TURNS_MAX: u32 = 1024;

/// Turns since the last end.
#[derive(Debug, Default)]
pub(crate) struct Patience(AtomicU32);

impl Patience {
    /// Whether what is said after this turn counts.
    pub(crate) fn is_over(&self, is_settled: bool) -> bool {
        if is_settled {
            self.0.store(0, Ordering::Relaxed);
            return true;
        }
        self.0.fetch_add(1, Ordering::Relaxed) >= TURNS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_controllers_that_quarrel_do_not_keep_an_authority_that_is_revoked() {
        let patience = Patience::default();
        let unsettled = || patience.is_over(false);

        assert_eq!((0..TURNS_MAX).filter(|_| unsettled()).count(), 0);
        assert!(unsettled() && unsettled());
        assert!(patience.is_over(true));

        assert!(!unsettled(), "it begins anew");
    }
}
