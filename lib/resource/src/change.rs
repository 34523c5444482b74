// SPDX-License-Identifier: MPL-2.0
//! What a write changed, for those who tell of it.
//!
//! Owns: looking before a write, so that it is known what it did.
//! Never: has anything of a spec, which may be a secret.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{AnySpec, Kind, Phase, Store, StoreError};

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It was made.
    Created,
    /// It has another spec.
    Updated,
    /// It is going away, and somebody still holds a finalizer.
    TornDown,
    /// It is gone.
    Destroyed,
}

/// One change to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who made it: a controller or a source.
    pub owner: &'static str,
    /// What became of the resource.
    pub deed: Deed,
    /// The resource's namespace.
    pub namespace: &'static str,
    /// Its type.
    pub kind: &'static Kind,
    /// Its id.
    pub id: String,
}

/// Writes for one owner and notes what that changed.
#[derive(Debug)]
pub struct Writer<'a> {
    store: &'a mut Store,
    owner: &'static str,
    now: SystemTime,
    changes: &'a mut Vec<Change>,
}

impl<'a> Writer<'a> {
    /// Returns a writer that adds what it changes to `changes`.
    #[must_use]
    pub const fn new(
        store: &'a mut Store,
        owner: &'static str,
        now: SystemTime,
        changes: &'a mut Vec<Change>,
    ) -> Self {
        Self {
            store,
            owner,
            now,
            changes,
        }
    }

    /// Makes a resource be what `spec` says, as [`Store::put`].
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn put(
        &mut self,
        namespace: &'static str,
        id: &str,
        spec: Arc<dyn AnySpec>,
    ) -> Result<(), StoreError> {
        let kind = spec.kind();
        let is_new = self.store.get_any(namespace, kind, id).is_none();
        if self.store.put(self.owner, namespace, id, spec, self.now)? {
            let deed = if is_new { Deed::Created } else { Deed::Updated };
            self.note(deed, namespace, kind, id);
        }
        Ok(())
    }

    /// Takes a resource away, as [`Store::tear_down`]. Returns whether it is gone.
    ///
    /// # Errors
    /// As [`Store::tear_down`].
    pub fn tear_down(
        &mut self,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
    ) -> Result<bool, StoreError> {
        let before = self.store.get_any(namespace, kind, id);
        let before = before.map(|resource| resource.metadata.phase);
        let gone = self
            .store
            .tear_down(self.owner, namespace, kind, id, self.now)?;
        if gone {
            self.note(Deed::Destroyed, namespace, kind, id);
        } else if before == Some(Phase::Running) {
            self.note(Deed::TornDown, namespace, kind, id);
        }
        Ok(gone)
    }

    fn note(&mut self, deed: Deed, namespace: &'static str, kind: &'static Kind, id: &str) {
        self.changes.push(Change {
            owner: self.owner,
            deed,
            namespace,
            kind,
            id: id.to_owned(),
        });
    }
}
