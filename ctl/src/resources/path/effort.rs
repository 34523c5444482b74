// SPDX-License-Identifier: MPL-2.0
//! How much a template may cost.
//!
//! Owns: the count of values that were looked at, and the length of what was written.
//! Never: cuts anything: what is too much is not shown at all.

use std::cell::Cell;

/// Values that paths may come by: a hundred for each process of a busy node.
const VALUES_MAX: u32 = 200_000;
/// Bytes that may be written: several configurations.
const TEXT_MAX: usize = 4 * 1024 * 1024;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Effort(Cell<u32>);

impl Effort {
    pub(super) const fn new() -> Self {
        Self(Cell::new(VALUES_MAX))
    }

    /// Looks at one value more.
    pub(super) fn spend(&self) -> Option<()> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(())
    }

    /// Whether so many values may still be looked at.
    pub(super) fn is_enough_for(&self, count: usize) -> Option<()> {
        (count <= usize::try_from(self.0.get()).ok()?).then_some(())
    }

    /// Whether `text` is not too long yet.
    #[expect(clippy::unused_self, reason = "it is a part of the same question")]
    pub(super) fn fits(&self, text: &str) -> Option<()> {
        (text.len() <= TEXT_MAX).then_some(())
    }
}
