// SPDX-License-Identifier: MPL-2.0
//! One resource: what every one has, and what its type has.
//!
//! Owns: the form of a resource, and that it is encoded once for all who are shown it.
//! Never: changes by itself; the store does that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::{AnySpec, Encoded, Kind, ResourceSpec, Sensitivity};

/// How often a resource has been written, from 1.
pub type Version = u64;

/// Where in its life a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It means what it says.
    Running,
    /// It is going away, and waits for those who hold a finalizer.
    TearingDown,
}

/// What every resource has besides its spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its namespace.
    pub namespace: &'static str,
    /// The facts of its type.
    pub kind: &'static Kind,
    /// Its name, unique in its namespace and type.
    pub id: String,
    /// How often it has been written.
    pub version: Version,
    /// Who writes it.
    pub owner: &'static str,
    /// Where in its life it is.
    pub phase: Phase,
    /// Who must let go of it before it can be destroyed.
    pub finalizers: BTreeSet<&'static str>,
    /// Free words for those who select.
    pub labels: BTreeMap<String, String>,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last written.
    pub updated: SystemTime,
}

/// A resource: metadata and spec.
#[derive(Debug, Clone)]
pub struct Resource {
    /// What every resource has.
    pub metadata: Metadata,
    /// What its type has.
    pub spec: Arc<dyn AnySpec>,
    /// The spec encoded, once somebody has asked: all watchers are told the same. Never a secret one.
    encoded: Arc<OnceLock<Option<Arc<Encoded>>>>,
}

impl Resource {
    pub(crate) fn new(metadata: Metadata, spec: Arc<dyn AnySpec>) -> Self {
        Self {
            metadata,
            spec,
            encoded: Arc::default(),
        }
    }

    pub(crate) fn set_spec(&mut self, spec: Arc<dyn AnySpec>) {
        self.spec = spec;
        self.encoded = Arc::default();
    }

    /// Returns the spec as a `T`, when it is one.
    #[must_use]
    pub fn spec<T: ResourceSpec>(&self) -> Option<&T> {
        self.spec.as_any().downcast_ref()
    }

    /// Returns how long both forms of the spec are; none is kept for that.
    pub(crate) fn encoded_len(&self) -> usize {
        let len = |encoded: &Encoded| encoded.yaml.len().saturating_add(encoded.proto.len());
        match self.encoded.get() {
            Some(known) => known.as_deref().map_or(0, len),
            None => self.spec.encoded().as_ref().map_or(0, len),
        }
    }

    /// Returns the spec encoded; `None` for a type that nobody outside is shown.
    #[must_use]
    pub fn encoded(&self) -> Option<Arc<Encoded>> {
        let encode = || self.spec.encoded().map(Arc::new);
        match self.metadata.kind.sensitivity {
            Sensitivity::Public => self.encoded.get_or_init(encode).clone(),
            // A copy that stays would outlive the wiping of the spec.
            Sensitivity::Sensitive => encode(),
        }
    }
}

/// A resource whose type is known.
#[derive(Debug)]
pub struct Typed<'a, T> {
    /// What every resource has.
    pub metadata: &'a Metadata,
    /// What its type has.
    pub spec: &'a T,
}
