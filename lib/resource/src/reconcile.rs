// SPDX-License-Identifier: MPL-2.0
//! What a controller declares, what it sees and what it asks for.
//!
//! Owns: the declarations, and the two sides of one call: [`View`] in, [`Desired`] out.
//! Never: lets a controller see or write what it did not declare.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{AnySpec, Kind, Now, Phase, ResourceSpec, Store, Typed};

/// How much a controller depends on what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// It is called again when something changes.
    Weak,
    /// Also, nothing goes away before it has been called without it: it holds a finalizer.
    Strong,
}

/// What a controller reads.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// The namespace.
    pub namespace: &'static str,
    /// The type.
    pub kind: &'static Kind,
    /// One resource only.
    pub id: Option<&'static str>,
    /// How much it depends on it.
    pub strength: Strength,
}

impl Input {
    /// All resources of a type in its own namespace, weakly.
    #[must_use]
    pub const fn of<T: ResourceSpec>() -> Self {
        Self {
            namespace: T::KIND.namespace,
            kind: T::KIND,
            id: None,
            strength: Strength::Weak,
        }
    }

    /// The same in another namespace.
    #[must_use]
    pub const fn within(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    /// The same for one resource only.
    #[must_use]
    pub const fn only(self, id: &'static str) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// The same with a finalizer.
    #[must_use]
    pub const fn strong(self) -> Self {
        Self {
            strength: Strength::Strong,
            ..self
        }
    }

    fn covers(&self, namespace: &str, kind: &Kind, id: Option<&str>) -> bool {
        self.namespace == namespace
            && self.kind.name == kind.name
            && (self.id.is_none() || self.id == id)
    }
}

/// What a controller writes. Nobody else writes that type in that namespace.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The namespace.
    pub namespace: &'static str,
    /// The type.
    pub kind: &'static Kind,
}

impl Output {
    /// A type in its own namespace.
    #[must_use]
    pub const fn of<T: ResourceSpec>() -> Self {
        Self {
            namespace: T::KIND.namespace,
            kind: T::KIND,
        }
    }

    /// The same in another namespace.
    #[must_use]
    pub const fn within(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }
}

/// Why a reconciliation failed, in whole or in part. It is tried again, later and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// Says what failed.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }

    /// Says that another thing failed, too.
    fn add(&mut self, what: impl fmt::Display) {
        self.0 = format!("{self}, {what}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// A controller that acts on the world. An error says that it knows nothing: what it wrote before
/// stays as it is. Who knows some of it calls [`Desired::fail`].
pub type Action = Box<dyn FnMut(&View<'_>, &mut Desired) -> Result<(), Failure> + Send>;

/// How outputs come from inputs.
pub enum Body {
    /// A function: the same inputs give the same outputs. Errors are as those of an [`Action`].
    Pure(fn(&View<'_>, &mut Desired) -> Result<(), Failure>),
    /// Makes the world be what its inputs say, and reports how it went as its outputs. What it
    /// does must be idempotent: it is called again whenever an input changes.
    Acting(Action),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pure(_) => "Pure",
            Self::Acting(_) => "Acting",
        })
    }
}

/// A controller: what it reads, what it writes, and how the one follows from the other.
#[derive(Debug)]
pub struct Controller {
    /// Its name, which owns what it writes: `network.HostnameMergeController`.
    pub name: &'static str,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it writes.
    pub outputs: Vec<Output>,
    /// How.
    pub body: Body,
}

/// What a controller sees: its inputs, and the time. Resources that are going away are not seen.
#[derive(Debug)]
pub struct View<'a> {
    pub(crate) store: &'a Store,
    pub(crate) inputs: &'a [Input],
    pub(crate) now: Now,
}

impl<'a> View<'a> {
    /// Returns the time of this call.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Returns a resource of type `T` in its own namespace.
    ///
    /// # Panics
    /// The controller did not declare the input: a mistake in its code.
    #[must_use]
    pub fn get<T: ResourceSpec>(&self, id: &str) -> Option<&'a T> {
        self.get_within(T::KIND.namespace, id)
    }

    /// Returns a resource of type `T` in any namespace.
    ///
    /// # Panics
    /// As [`View::get`].
    #[must_use]
    pub fn get_within<T: ResourceSpec>(&self, namespace: &'static str, id: &str) -> Option<&'a T> {
        self.check(namespace, T::KIND, Some(id));
        let resource = self.store.get_any(namespace, T::KIND, id)?;
        (resource.metadata.phase == Phase::Running)
            .then(|| resource.spec())
            .flatten()
    }

    /// Lists the resources of type `T` in its own namespace, ordered by id.
    ///
    /// # Panics
    /// As [`View::get`].
    pub fn list<T: ResourceSpec>(&self) -> impl Iterator<Item = Typed<'a, T>> + use<'a, T> {
        self.list_within(T::KIND.namespace)
    }

    /// Lists the resources of type `T` in any namespace, ordered by id.
    ///
    /// # Panics
    /// As [`View::get`].
    pub fn list_within<T: ResourceSpec>(
        &self,
        namespace: &'static str,
    ) -> impl Iterator<Item = Typed<'a, T>> + use<'a, T> {
        self.check(namespace, T::KIND, None);
        self.store
            .list_any(namespace, T::KIND)
            .filter(|resource| resource.metadata.phase == Phase::Running)
            .filter_map(|resource| {
                Some(Typed {
                    metadata: &resource.metadata,
                    spec: resource.spec()?,
                })
            })
    }

    fn check(&self, namespace: &str, kind: &Kind, id: Option<&str>) {
        assert!(
            self.inputs
                .iter()
                .any(|input| input.covers(namespace, kind, id)),
            "a controller read {namespace}/{} without declaring it",
            kind.name,
        );
    }
}

type Wanted = BTreeMap<(&'static str, &'static str, String), Arc<dyn AnySpec>>;

/// What a controller asks for: all its outputs, whole. What is not put is taken away.
#[derive(Debug, Default)]
pub struct Desired {
    pub(crate) wanted: Wanted,
    pub(crate) wake_at: Option<Duration>,
    pub(crate) failure: Option<Failure>,
}

impl Desired {
    /// Asks for a resource in the namespace of its type.
    pub fn put<T: ResourceSpec>(&mut self, id: impl Into<String>, spec: T) {
        self.put_within(T::KIND.namespace, id, spec);
    }

    /// Asks for a resource in any namespace.
    pub fn put_within<T: ResourceSpec>(
        &mut self,
        namespace: &'static str,
        id: impl Into<String>,
        spec: T,
    ) {
        let place = (namespace, T::KIND.name, id.into());
        self.wanted.insert(place, Arc::new(spec));
    }

    /// Asks to be called again at a moment of the monotonic clock, even if nothing changes.
    pub fn wake_at(&mut self, moment: Duration) {
        self.wake_at = Some(self.wake_at.map_or(moment, |other| other.min(moment)));
    }

    /// Says that something failed beside what is asked for, which is written all the same: the one
    /// wrong key of many takes nothing away from the others. The controller counts as failing, is
    /// tried again as after an error, and lets go of what goes away.
    pub fn fail(&mut self, what: impl fmt::Display) {
        match &mut self.failure {
            Some(failure) => failure.add(what),
            None => self.failure = Some(Failure::new(what)),
        }
    }
}
