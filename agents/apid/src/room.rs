// SPDX-License-Identifier: MPL-2.0
//! Room for messages that must be held whole.
//!
//! Owns: how much there is, and that who does not read what is held for it makes room for others.
//! Never: makes anybody wait; what does not fit is refused.

use std::sync::Arc;

use api::quota::{Quota, Share};
use api::rbac::Roles;
use api::wire::Code;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::limits;
use crate::refused::Refused;
use crate::unread::Unread;

/// All of it.
#[derive(Debug)]
pub(crate) struct Rooms {
    quota: Quota,
    unread: Arc<Unread>,
}

impl Rooms {
    pub(crate) fn new(unread: Arc<Unread>) -> Self {
        Self {
            quota: Quota::new(limits::HELD_MAX, limits::HELD_KEPT),
            unread,
        }
    }

    /// What callers with `roles` may have of it.
    pub(crate) fn of(self: &Arc<Self>, roles: Roles) -> Room {
        Room {
            rooms: Arc::clone(self),
            share: Share::of(roles),
        }
    }
}

/// What one call may have.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    rooms: Arc<Rooms>,
    share: Share,
}

impl Room {
    /// Takes room for `len` bytes that are to be held.
    pub(crate) fn take(&self, len: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let count = u32::try_from(len).unwrap_or(u32::MAX);
        self.rooms.quota.take(self.share, count).ok_or_else(|| {
            // For those who come after this call.
            self.rooms.unread.relieve(self.share);
            Refused::new(
                Code::ResourceExhausted,
                "this node holds as many messages for several nodes as it can: try again, or ask \
                 fewer nodes at a time",
            )
        })
    }

    /// No room yet, to be added to.
    pub(crate) fn none(&self) -> Result<OwnedSemaphorePermit, Refused> {
        self.take(0)
    }
}

/// Ties the room that `bytes` take to them: it is given back with the last of them.
pub(crate) fn with_room(bytes: Bytes, room: OwnedSemaphorePermit) -> Bytes {
    Bytes::from_owner(Roomed { bytes, _room: room })
}

struct Roomed {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Roomed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use api::rbac::Role;

    use super::*;

    #[test]
    fn what_readers_hold_keeps_no_administrator_out() {
        let rooms = Arc::new(Rooms::new(Arc::new(Unread::new(limits::Scale::SMALL))));
        let readers = rooms.of(Roles::of(&[Role::Reader]));
        let admins = rooms.of(Roles::of(&[Role::Admin]));

        let held = readers.take(limits::HELD_MAX - limits::HELD_KEPT).unwrap();

        let refused = readers.take(1).unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted as u32);
        let long = admins.take(limits::HELD_KEPT).unwrap();
        drop((held, long));
        drop(readers.take(1).unwrap());
    }
}
