// SPDX-License-Identifier: MPL-2.0
//! Every resource of the node, in memory.
//!
//! Owns: identity, versions, owners, phases, finalizers, and what an operation may not do.
//! Never: decides what to write; controllers and the sources of news do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::history::{HISTORY_BYTES_MAX, History};
use crate::news::{Event, News};
use crate::resource::{Metadata, Phase, Resource, Typed, Version};
use crate::watch::{Bootstrap, Selector, Sink, Watch};
use crate::{AnySpec, Bookmark, Forgotten, Kind, ResourceSpec};

/// Why an operation was not done. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such resource.
    NotFound,
    /// There is one already.
    Exists,
    /// Somebody else owns it.
    OwnedBy(&'static str),
    /// It has been written since the caller looked: this is its version now.
    VersionConflict(Version),
    /// Somebody still holds a finalizer.
    HasFinalizers,
    /// It is going away and cannot be written.
    WrongPhase,
    /// The spec is not of the type of the resource.
    WrongType,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "the resource does not exist"),
            Self::Exists => write!(f, "the resource exists already"),
            Self::OwnedBy(owner) => write!(f, "the resource belongs to {owner}"),
            Self::VersionConflict(now) => write!(f, "the resource is at version {now} now"),
            Self::HasFinalizers => write!(f, "the resource has finalizers"),
            Self::WrongPhase => write!(f, "the resource is being torn down"),
            Self::WrongType => write!(f, "the spec has another type"),
        }
    }
}

impl std::error::Error for StoreError {}

type Place = (&'static str, &'static str);

/// What the store keeps for one type of one namespace.
#[derive(Debug, Default)]
struct Shelf {
    resources: BTreeMap<String, Resource>,
    /// Grows with every change: what the engine compares to know whose inputs are new.
    generation: u64,
    /// What happened last.
    history: History,
}

/// Every resource of the node.
#[derive(Debug, Default)]
pub struct Store {
    /// What tells it from one that was started before or after it.
    birth: u64,
    /// How much has happened in it.
    events: u64,
    /// By namespace, then by type.
    shelves: BTreeMap<&'static str, BTreeMap<&'static str, Shelf>>,
    sinks: Vec<Sink>,
    /// What past events weigh that may go.
    history_weight: usize,
    /// When there are so many sinks, those that nobody watches any more are dropped: without news they
    /// would stay, with all that their clients asked by.
    sweep_at: usize,
}

/// As few sinks are not worth looking at.
const SWEEP_MIN: usize = 64;

impl Store {
    /// Returns a store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the same, told from all others by `birth`: a bookmark of one is none of another.
    #[must_use]
    pub fn born(birth: u64) -> Self {
        Self {
            birth,
            ..Self::default()
        }
    }

    /// Returns the place behind all that has happened.
    #[must_use]
    pub const fn bookmark(&self) -> Bookmark {
        Bookmark {
            store: self.birth,
            events: self.events,
        }
    }

    /// Returns a resource.
    #[must_use]
    pub fn get_any(&self, namespace: &str, kind: &Kind, id: &str) -> Option<&Resource> {
        self.shelf(namespace, kind)?.resources.get(id)
    }

    /// Lists the resources of a type in a namespace, ordered by id.
    pub fn list_any(&self, namespace: &str, kind: &Kind) -> impl Iterator<Item = &Resource> {
        self.shelf(namespace, kind)
            .into_iter()
            .flat_map(|shelf| shelf.resources.values())
    }

    /// Returns the resource of type `T` in its own namespace.
    #[must_use]
    pub fn get<T: ResourceSpec>(&self, id: &str) -> Option<&T> {
        self.get_any(T::KIND.namespace, T::KIND, id)?.spec()
    }

    /// Lists the resources of type `T` in its own namespace, ordered by id.
    pub fn list<T: ResourceSpec>(&self) -> impl Iterator<Item = Typed<'_, T>> {
        self.list_any(T::KIND.namespace, T::KIND)
            .filter_map(|resource| {
                Some(Typed {
                    metadata: &resource.metadata,
                    spec: resource.spec()?,
                })
            })
    }

    /// Makes a resource.
    ///
    /// # Errors
    /// There is one of that id already.
    pub fn create(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        id: &str,
        spec: Arc<dyn AnySpec>,
        now: SystemTime,
    ) -> Result<Version, StoreError> {
        let kind = spec.kind();
        let namespaced = self.shelves.entry(namespace).or_default();
        let shelf = namespaced.entry(kind.name).or_default();
        if shelf.resources.contains_key(id) {
            return Err(StoreError::Exists);
        }
        let resource = Resource::new(
            Metadata {
                namespace,
                kind,
                id: id.to_owned(),
                version: 1,
                owner,
                phase: Phase::Running,
                finalizers: BTreeSet::new(),
                labels: BTreeMap::new(),
                created: now,
                updated: now,
            },
            spec,
        );
        shelf.resources.insert(id.to_owned(), resource.clone());
        self.tell(namespace, kind, Event::Created(resource));
        Ok(1)
    }

    /// Replaces the spec of a resource that is at version `expected`.
    ///
    /// # Errors
    /// It does not exist, is somebody else's, was written since, is going away, or has another
    /// type.
    pub fn update(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        id: &str,
        expected: Version,
        spec: Arc<dyn AnySpec>,
        now: SystemTime,
    ) -> Result<Version, StoreError> {
        let kind = spec.kind();
        self.change((namespace, kind.name), id, now, |resource| {
            check_owner(resource, owner)?;
            if resource.metadata.version != expected {
                return Err(StoreError::VersionConflict(resource.metadata.version));
            }
            if resource.metadata.phase != Phase::Running {
                return Err(StoreError::WrongPhase);
            }
            resource.set_spec(spec);
            Ok(())
        })
    }

    /// Makes the resource be what `spec` says: creates it, updates it when it differs, and does
    /// nothing when it is the same. Returns whether anything changed.
    ///
    /// # Errors
    /// It is somebody else's, or is going away.
    pub fn put(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        id: &str,
        spec: Arc<dyn AnySpec>,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        match self.get_any(namespace, spec.kind(), id) {
            None => self
                .create(owner, namespace, id, spec, now)
                .map(|_version| true),
            Some(present) => {
                check_owner(present, owner)?;
                if present.metadata.phase != Phase::Running {
                    return Err(StoreError::WrongPhase);
                }
                if present.spec.same(&*spec) {
                    return Ok(false);
                }
                let version = present.metadata.version;
                self.update(owner, namespace, id, version, spec, now)
                    .map(|_version| true)
            }
        }
    }

    /// Replaces the labels of a resource.
    ///
    /// # Errors
    /// It does not exist or is somebody else's.
    pub fn label(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
        labels: BTreeMap<String, String>,
        now: SystemTime,
    ) -> Result<Version, StoreError> {
        self.change((namespace, kind.name), id, now, |resource| {
            check_owner(resource, owner)?;
            resource.metadata.labels = labels;
            Ok(())
        })
    }

    /// Takes a resource away: destroys it when nobody holds a finalizer, otherwise says that it
    /// is going away. Returns whether it is gone.
    ///
    /// # Errors
    /// It does not exist or is somebody else's.
    pub fn tear_down(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        let present = self
            .get_any(namespace, kind, id)
            .ok_or(StoreError::NotFound)?;
        check_owner(present, owner)?;
        if present.metadata.finalizers.is_empty() {
            return self.destroy(owner, namespace, kind, id).map(|()| true);
        }
        if present.metadata.phase == Phase::Running {
            self.change((namespace, kind.name), id, now, |resource| {
                resource.metadata.phase = Phase::TearingDown;
                Ok(())
            })?;
        }
        Ok(false)
    }

    /// Destroys a resource.
    ///
    /// # Errors
    /// It does not exist, is somebody else's, or somebody holds a finalizer.
    pub fn destroy(
        &mut self,
        owner: &'static str,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
    ) -> Result<(), StoreError> {
        let shelf = self.shelf_mut((namespace, kind.name))?;
        let present = shelf.resources.get(id).ok_or(StoreError::NotFound)?;
        check_owner(present, owner)?;
        if !present.metadata.finalizers.is_empty() {
            return Err(StoreError::HasFinalizers);
        }
        if let Some(gone) = shelf.resources.remove(id) {
            self.tell(namespace, kind, Event::Destroyed(gone));
        }
        Ok(())
    }

    /// Holds a resource: it cannot be destroyed until `holder` lets go. Holding twice is once.
    ///
    /// # Errors
    /// It does not exist or is already going away.
    pub fn add_finalizer(
        &mut self,
        holder: &'static str,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let present = self
            .get_any(namespace, kind, id)
            .ok_or(StoreError::NotFound)?;
        if present.metadata.finalizers.contains(holder) {
            return Ok(());
        }
        if present.metadata.phase != Phase::Running {
            return Err(StoreError::WrongPhase);
        }
        self.change((namespace, kind.name), id, now, |resource| {
            resource.metadata.finalizers.insert(holder);
            Ok(())
        })
        .map(|_version| ())
    }

    /// Lets go of a resource. Letting go of what one does not hold changes nothing.
    ///
    /// # Errors
    /// It does not exist.
    pub fn remove_finalizer(
        &mut self,
        holder: &'static str,
        namespace: &'static str,
        kind: &'static Kind,
        id: &str,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let present = self
            .get_any(namespace, kind, id)
            .ok_or(StoreError::NotFound)?;
        if !present.metadata.finalizers.contains(holder) {
            return Ok(());
        }
        self.change((namespace, kind.name), id, now, |resource| {
            resource.metadata.finalizers.remove(holder);
            Ok(())
        })
        .map(|_version| ())
    }

    /// Opens a watch, which first tells what `bootstrap` says.
    pub fn watch(&mut self, selector: Selector, bootstrap: Bootstrap) -> Watch {
        let first: VecDeque<News> = match bootstrap {
            Bootstrap::Nothing => VecDeque::new(),
            Bootstrap::Contents => self
                .list_any(selector.namespace, selector.kind)
                .filter(|resource| selector.wants(&resource.metadata))
                .cloned()
                .map(|present| News::from(Event::Created(present)))
                .chain([News::at(Event::Bootstrapped, self.bookmark())])
                .collect(),
            Bootstrap::Tail(count) => self.tail(&selector, count),
        };
        self.open(selector, first)
    }

    /// Opens a watch that first tells what came after `bookmark`.
    ///
    /// # Errors
    /// The bookmark is of another store, or something of that is not kept any more.
    pub fn resume(&mut self, selector: Selector, bookmark: Bookmark) -> Result<Watch, Forgotten> {
        if bookmark.store != self.birth || bookmark.events > self.events {
            return Err(Forgotten);
        }
        let first = match self.shelf(selector.namespace, selector.kind) {
            None => VecDeque::new(),
            Some(shelf) => shelf
                .history
                .after(bookmark.events)?
                .filter_map(|news| news.seen_through(&selector))
                .collect(),
        };
        Ok(self.open(selector, first))
    }

    fn open(&mut self, selector: Selector, first: VecDeque<News>) -> Watch {
        let (sink, watch) = crate::watch::open(selector, first);
        if self.sinks.len() >= self.sweep_at {
            self.sinks.retain(Sink::is_watched);
            self.sweep_at = self.sinks.len().saturating_mul(2).max(SWEEP_MIN);
        }
        self.sinks.push(sink);
        watch
    }

    /// The last events that a selector wants, as far as they are kept.
    fn tail(&self, selector: &Selector, count: usize) -> VecDeque<News> {
        let kept = self.shelf(selector.namespace, selector.kind);
        let kept = kept.into_iter().flat_map(|shelf| shelf.history.iter());
        let wanted: VecDeque<News> = kept
            .filter_map(|news| news.seen_through(selector))
            .collect();
        let skipped = wanted.len().saturating_sub(count);
        wanted.into_iter().skip(skipped).collect()
    }

    /// Returns the number that grows with every change to a type in a namespace.
    pub(crate) fn generation(&self, namespace: &str, kind: &Kind) -> u64 {
        self.shelf(namespace, kind)
            .map_or(0, |shelf| shelf.generation)
    }

    fn shelf(&self, namespace: &str, kind: &Kind) -> Option<&Shelf> {
        self.shelves.get(namespace)?.get(kind.name)
    }

    fn shelf_mut(&mut self, (namespace, kind): Place) -> Result<&mut Shelf, StoreError> {
        let namespaced = self.shelves.get_mut(namespace);
        let shelf = namespaced.and_then(|kinds| kinds.get_mut(kind));
        shelf.ok_or(StoreError::NotFound)
    }

    fn change(
        &mut self,
        place: Place,
        id: &str,
        now: SystemTime,
        with: impl FnOnce(&mut Resource) -> Result<(), StoreError>,
    ) -> Result<Version, StoreError> {
        let shelf = self.shelf_mut(place)?;
        let resource = shelf.resources.get_mut(id).ok_or(StoreError::NotFound)?;
        let old = resource.clone();
        with(resource)?;
        resource.metadata.version = resource.metadata.version.saturating_add(1);
        resource.metadata.updated = now;
        let version = resource.metadata.version;
        let new = resource.clone();
        self.tell(place.0, new.metadata.kind, Event::Updated { old, new });
        Ok(version)
    }

    /// Notes what has just happened, and tells it.
    fn tell(&mut self, namespace: &'static str, kind: &'static Kind, event: Event) {
        self.events = self.events.saturating_add(1);
        let news = News::at(event, self.bookmark());
        if let Ok(shelf) = self.shelf_mut((namespace, kind.name)) {
            shelf.generation = shelf.generation.saturating_add(1);
            let before = shelf.history.weight();
            shelf.history.add(news.clone(), kind.sensitivity);
            let after = shelf.history.weight();
            let others = self.history_weight.saturating_sub(before);
            self.history_weight = others.saturating_add(after);
        }
        while self.history_weight > HISTORY_BYTES_MAX && self.forget() {}
        self.sinks.retain(|sink| sink.offer(&news));
    }

    /// Lets an old event go: one of the type of which most is kept, so that a type that changes all the time takes
    /// nothing from the others. Returns whether there was one.
    fn forget(&mut self) -> bool {
        let shelves = self.shelves.values_mut().flat_map(BTreeMap::values_mut);
        let heaviest = shelves.max_by_key(|shelf| shelf.history.weight());
        let freed = heaviest.map_or(0, |shelf| shelf.history.forget());
        self.history_weight = self.history_weight.saturating_sub(freed);
        freed > 0
    }
}

fn check_owner(resource: &Resource, owner: &'static str) -> Result<(), StoreError> {
    if resource.metadata.owner == owner {
        Ok(())
    } else {
        Err(StoreError::OwnedBy(resource.metadata.owner))
    }
}
