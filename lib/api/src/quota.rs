// SPDX-License-Identifier: MPL-2.0
//! How much clients may hold of something at one time.
//!
//! Owns: counting, and keeping some of it for those who count more: administrators and operators, or
//! whoever the owner of the places says.
//! Never: makes anybody wait: who asks for too much is refused.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rbac::{Role, Roles};

/// A number of places.
#[derive(Debug, Clone)]
pub struct Quota {
    places: Arc<Semaphore>,
    /// So many are not for everybody.
    kept: usize,
}

/// Which places a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Those that are for everybody.
    Common,
    /// All, those that are kept among them.
    Whole,
}

impl Share {
    /// Readers keep nobody from a place who may do more than they.
    #[must_use]
    pub fn of(roles: Roles) -> Self {
        if roles.contains(Role::Admin) || roles.contains(Role::Operator) {
            Self::Whole
        } else {
            Self::Common
        }
    }
}

impl Quota {
    /// `all` places, `kept` of which are not for everybody.
    #[must_use]
    pub fn new(all: usize, kept: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(all)),
            kept,
        }
    }

    /// Takes `count` places until what is returned is dropped; nothing when there are not so many.
    #[must_use]
    pub fn take(&self, share: Share, count: u32) -> Option<OwnedSemaphorePermit> {
        let kept = match share {
            Share::Common => self.kept,
            Share::Whole => 0,
        };
        self.take_beside(kept, count)
    }

    /// The same, beside `kept` places that are for others.
    #[must_use]
    pub fn take_beside(&self, kept: usize, count: u32) -> Option<OwnedSemaphorePermit> {
        let needed = usize::try_from(count).ok()?.checked_add(kept)?;
        // Nobody else takes one in between: requests are begun by one thread.
        let fits = self.places.available_permits() >= needed;
        fits.then(|| Arc::clone(&self.places).try_acquire_many_owned(count).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_places_are_not_for_everybody_and_come_back() {
        let quota = Quota::new(4, 1);

        let common = quota.take(Share::Common, 3);
        assert!(common.is_some());
        assert!(quota.take(Share::Common, 1).is_none());
        let last = quota.take(Share::Whole, 1);
        assert!(last.is_some());
        assert!(quota.take(Share::Whole, 1).is_none());
        drop(common);

        assert!(quota.take(Share::Common, 3).is_none());
        assert!(quota.take(Share::Whole, 3).is_some());
    }

    #[test]
    fn readers_have_the_common_share() {
        for (role, share) in [
            (Role::Reader, Share::Common),
            (Role::Operator, Share::Whole),
            (Role::Admin, Share::Whole),
        ] {
            assert_eq!(Share::of(Roles::of(&[role])), share);
        }
        assert_eq!(Share::of(Roles::NONE), Share::Common);
    }
}
