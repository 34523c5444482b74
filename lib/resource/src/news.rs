// SPDX-License-Identifier: MPL-2.0
//! What has happened, as one thing that all who watch share.
//!
//! A burst of a thousand changes reaches a hundred watchers as a thousand events, not as a hundred thousand.
//!
//! Owns: what an event is, how it looks through a selector, and that it is encoded once.
//! Never: encodes; whoever sends it does. Never keeps a secret encoded.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::{Bookmark, Metadata, Resource, Selector, Sensitivity};

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// A resource came, or was there when the watch began.
    Created(Resource),
    /// A resource is different now.
    Updated {
        /// What it was.
        old: Resource,
        /// What it is.
        new: Resource,
    },
    /// A resource is gone; this is what it was.
    Destroyed(Resource),
    /// All that was there when the watch began has been told.
    Bootstrapped,
    /// Nothing happened: it is told for its bookmark.
    Noop,
}

impl Event {
    fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::Created(resource)
            | Self::Updated { new: resource, .. }
            | Self::Destroyed(resource) => Some(&resource.metadata),
            Self::Bootstrapped | Self::Noop => None,
        }
    }
}

/// What an event takes without specs: twice a resource's metadata with an id and somebody who holds it.
const BARE_WEIGHT: usize = 1024;

/// An event that is shared by all who are told it. A clone is the same one.
#[derive(Debug, Clone)]
pub struct News(Arc<Told>);

#[derive(Debug)]
struct Told {
    event: Event,
    /// Where it is among all events; nothing for what was there when a watch began.
    bookmark: Option<Bookmark>,
    /// The event in the form that clients are sent, once somebody has asked. Never a secret one.
    encoded: OnceLock<Arc<[u8]>>,
}

impl From<Event> for News {
    fn from(event: Event) -> Self {
        Self::told(event, None)
    }
}

impl Deref for News {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0.event
    }
}

impl News {
    /// Something that happened, or was said, right before `bookmark`.
    pub(crate) fn at(event: Event, bookmark: Bookmark) -> Self {
        Self::told(event, Some(bookmark))
    }

    fn told(event: Event, bookmark: Option<Bookmark>) -> Self {
        Self(Arc::new(Told {
            event,
            bookmark,
            encoded: OnceLock::new(),
        }))
    }

    /// Returns the place right behind the event, where a watcher that has heard it can go on; nothing for
    /// what was there when a watch began.
    #[must_use]
    pub fn bookmark(&self) -> Option<Bookmark> {
        self.0.bookmark
    }

    /// The news as a watcher sees them who looks only through `selector`: what comes into sight was
    /// created for him, what goes out of sight destroyed.
    pub(crate) fn seen_through(&self, selector: &Selector) -> Option<Self> {
        if let Event::Updated { old, new } = &**self
            && !selector.is_by_name()
        {
            return match (selector.wants(&old.metadata), selector.wants(&new.metadata)) {
                (true, true) => Some(self.clone()),
                (false, true) => Some(Self::told(Event::Created(new.clone()), self.0.bookmark)),
                (true, false) => Some(Self::told(Event::Destroyed(new.clone()), self.0.bookmark)),
                (false, false) => None,
            };
        }
        selector.wants(self.metadata()?).then(|| self.clone())
    }

    /// Returns what `encode` makes of the event. All who share public news are given what the first of them made, so
    /// `encode` must do the same for everybody.
    ///
    /// # Errors
    /// Those of `encode`, which is then asked again by the next.
    pub fn encoded<E>(
        &self,
        encode: impl FnOnce(&Event) -> Result<Arc<[u8]>, E>,
    ) -> Result<Arc<[u8]>, E> {
        if self.is_secret() {
            // A copy that stays would outlive the wiping of the spec.
            return encode(self);
        }
        if let Some(encoded) = self.0.encoded.get() {
            return Ok(Arc::clone(encoded));
        }
        let encoded = encode(self)?;
        Ok(Arc::clone(self.0.encoded.get_or_init(|| encoded)))
    }

    /// Returns about how many bytes of memory the event takes, with all that may come of it: the spec, encoded for
    /// who reads it, and told to who watches.
    pub(crate) fn weight(&self) -> usize {
        let spec = match &**self {
            Event::Created(resource)
            | Event::Updated { new: resource, .. }
            | Event::Destroyed(resource) => resource.encoded_len(),
            Event::Bootstrapped | Event::Noop => 0,
        };
        // The spec is about as long as both forms of it; both forms are kept; an event has them of two resources.
        BARE_WEIGHT.saturating_add(spec.saturating_mul(4))
    }

    fn is_secret(&self) -> bool {
        self.metadata()
            .is_some_and(|metadata| metadata.kind.sensitivity == Sensitivity::Sensitive)
    }
}
