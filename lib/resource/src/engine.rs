// SPDX-License-Identifier: MPL-2.0
//! The loop: whose inputs are new is called, and the store becomes what it asks for.
//!
//! Owns: who may write what, when a controller is called, and how long a failing one waits.
//! Never: waits itself; it says when to come back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::reconcile::{Body, Controller, Desired, Failure, Strength, View};
use crate::{Change, Kind, Now, Output, Store, StoreError, Writer};

/// The first delay of a failing controller.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest one: short enough that a repaired cause is seen within a minute.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How many calls one [`Engine::run`] makes at most: far more than a quiet graph needs, so that
/// two controllers that undo each other cost a moment and not the machine.
const CALLS_MAX: usize = 4096;

/// Why a controller or a source was not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterError {
    /// Somebody writes that type in that namespace already.
    TwoWriters {
        /// The namespace.
        namespace: &'static str,
        /// The type.
        kind: &'static str,
        /// Who writes it.
        first: &'static str,
        /// Who wanted to.
        second: &'static str,
    },
    /// The name is taken.
    TwoOfOneName(&'static str),
    /// It reads what it writes, and would call itself for ever.
    ReadsItsOutput(&'static str),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoWriters {
                namespace,
                kind,
                first,
                second,
            } => write!(f, "{second} cannot write {namespace}/{kind}: {first} does"),
            Self::TwoOfOneName(name) => write!(f, "{name} is registered already"),
            Self::ReadsItsOutput(name) => write!(f, "{name} reads what it writes"),
        }
    }
}

impl std::error::Error for RegisterError {}

/// How a controller and a type are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It reads.
    Input(Strength),
    /// It is called when what it wrote and goes away is held by nobody any more, and destroys it: of a type that
    /// somebody reads strongly.
    DestroyReady,
    /// It writes, and nobody else does.
    Output,
}

/// One edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The controller or source.
    pub controller: &'static str,
    /// How they are connected.
    pub relation: Relation,
    /// The namespace.
    pub namespace: &'static str,
    /// The type.
    pub kind: &'static Kind,
    /// One resource only.
    pub id: Option<&'static str>,
}

/// What one [`Engine::run`] did.
#[derive(Debug, Default)]
pub struct Ran {
    /// Who failed, why, and when it is tried again.
    pub failures: Vec<(&'static str, Failure, Duration)>,
    /// Who failed the time before and did not now.
    pub recoveries: Vec<&'static str>,
    /// What controllers changed, in the order in which they did.
    pub changes: Vec<Change>,
    /// How many calls were made.
    pub calls: usize,
    /// When to run again even if nothing changes, on the monotonic clock.
    pub wake_at: Option<Duration>,
    /// Whether nobody had anything new at the end.
    pub is_settled: bool,
}

#[derive(Debug)]
struct Seat {
    controller: Controller,
    /// The generations of its inputs when it was last called; `None` before.
    seen: Option<Vec<u64>>,
    /// The generations of its outputs, while something of them waits for finalizers.
    leaving: Option<Vec<u64>>,
    wake_at: Option<Duration>,
    retry_at: Option<Duration>,
    delay: Duration,
}

/// All controllers and sources.
#[derive(Debug, Default)]
pub struct Engine {
    seats: Vec<Seat>,
    /// Where the next turn begins.
    next: usize,
    writers: BTreeMap<(&'static str, &'static str), &'static str>,
    sources: Vec<(&'static str, Vec<Output>)>,
}

impl Engine {
    /// Returns an engine with nobody in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a controller in.
    ///
    /// # Errors
    /// It would share an output or a name, or reads what it writes.
    pub fn register(&mut self, controller: Controller) -> Result<(), RegisterError> {
        let name = controller.name;
        let circular = controller.outputs.iter().any(|output| {
            controller.inputs.iter().any(|input| {
                input.namespace == output.namespace && input.kind.name == output.kind.name
            })
        });
        if circular {
            return Err(RegisterError::ReadsItsOutput(name));
        }
        self.claim(name, &controller.outputs)?;
        self.seats.push(Seat {
            controller,
            seen: None,
            leaving: None,
            wake_at: None,
            retry_at: None,
            delay: RETRY_FIRST,
        });
        Ok(())
    }

    /// Lets a source in: somebody who writes news from outside under this name.
    ///
    /// # Errors
    /// It would share an output or a name.
    pub fn register_source(
        &mut self,
        name: &'static str,
        outputs: Vec<Output>,
    ) -> Result<(), RegisterError> {
        self.claim(name, &outputs)?;
        self.sources.push((name, outputs));
        Ok(())
    }

    fn claim(&mut self, name: &'static str, outputs: &[Output]) -> Result<(), RegisterError> {
        let taken = self.seats.iter().any(|seat| seat.controller.name == name)
            || self.sources.iter().any(|(other, _)| *other == name);
        if taken {
            return Err(RegisterError::TwoOfOneName(name));
        }
        for output in outputs {
            if let Some(first) = self.writers.get(&(output.namespace, output.kind.name)) {
                return Err(RegisterError::TwoWriters {
                    namespace: output.namespace,
                    kind: output.kind.name,
                    first,
                    second: name,
                });
            }
        }
        for output in outputs {
            self.writers
                .insert((output.namespace, output.kind.name), name);
        }
        Ok(())
    }

    /// Lists every edge of the graph: controllers in the order they came, then sources.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let mut edges = Vec::new();
        let inputs = self.seats.iter().flat_map(|seat| &seat.controller.inputs);
        let held: BTreeSet<(&str, &str)> = inputs
            .filter(|input| input.strength == Strength::Strong)
            .map(|input| (input.namespace, input.kind.name))
            .collect();
        for seat in &self.seats {
            let controller = seat.controller.name;
            edges.extend(seat.controller.inputs.iter().map(|input| Dependency {
                controller,
                relation: Relation::Input(input.strength),
                namespace: input.namespace,
                kind: input.kind,
                id: input.id,
            }));
            let outputs = &seat.controller.outputs;
            let waits = |edge: &Dependency| held.contains(&(edge.namespace, edge.kind.name));
            edges.extend(edges_out(controller, outputs, Relation::DestroyReady).filter(waits));
            edges.extend(edges_out(controller, outputs, Relation::Output));
        }
        for (name, outputs) in &self.sources {
            edges.extend(edges_out(name, outputs, Relation::Output));
        }
        edges
    }

    /// Calls whoever has something new, until nobody has.
    pub fn run(&mut self, store: &mut Store, now: Now) -> Ran {
        self.turn(store, now, CALLS_MAX)
    }

    /// Calls whoever has something new, in the order in which they were registered, but no more than
    /// `calls` of them. The next turn goes on from there; it is due at once when [`Ran::wake_at`] is
    /// `now`.
    pub fn turn(&mut self, store: &mut Store, now: Now, calls: usize) -> Ran {
        let mut ran = Ran::default();
        let mut quiet = 0;
        while quiet < self.seats.len() {
            let Some(seat) = self.seats.get_mut(self.next) else {
                self.next = 0;
                continue;
            };
            if seat.due(store, now.monotonic) {
                if ran.calls == calls {
                    // Go on with the rest of the program, and come back at once.
                    ran.wake_at = Some(now.monotonic);
                    return ran;
                }
                quiet = 0;
                ran.calls = ran.calls.saturating_add(1);
                seat.call(store, now, &mut ran);
            } else {
                quiet = quiet.saturating_add(1);
            }
            self.next = self.next.saturating_add(1);
        }
        // What is new from now on is for the first of them first.
        self.next = 0;
        ran.is_settled = true;
        ran.wake_at = self
            .seats
            .iter()
            .flat_map(|seat| [seat.wake_at, seat.retry_at])
            .flatten()
            .min();
        ran
    }
}

fn edges_out(
    controller: &'static str,
    outputs: &[Output],
    relation: Relation,
) -> impl Iterator<Item = Dependency> {
    outputs.iter().map(move |output| Dependency {
        controller,
        relation,
        namespace: output.namespace,
        kind: output.kind,
        id: None,
    })
}

impl Seat {
    fn due(&self, store: &Store, now: Duration) -> bool {
        if let Some(at) = self.retry_at {
            return at <= now;
        }
        self.wake_at.is_some_and(|at| at <= now)
            || self.seen.as_ref() != Some(&self.input_generations(store))
            || self
                .leaving
                .as_ref()
                .is_some_and(|then| *then != self.output_generations(store))
    }

    fn input_generations(&self, store: &Store) -> Vec<u64> {
        let inputs = self.controller.inputs.iter();
        inputs
            .map(|input| store.generation(input.namespace, input.kind))
            .collect()
    }

    fn output_generations(&self, store: &Store) -> Vec<u64> {
        let outputs = self.controller.outputs.iter();
        outputs
            .map(|output| store.generation(output.namespace, output.kind))
            .collect()
    }

    fn call(&mut self, store: &mut Store, now: Now, ran: &mut Ran) {
        self.hold(store, now);
        let mut desired = Desired::default();
        let view = View {
            store,
            inputs: &self.controller.inputs,
            now,
        };
        let result = match &mut self.controller.body {
            Body::Pure(body) => body(&view, &mut desired),
            Body::Acting(body) => body(&view, &mut desired),
        };
        // What failed in part has written what it knows, and holds nothing that goes away.
        let in_part = desired.failure.take();
        let changes = &mut ran.changes;
        let result = result.and_then(|()| self.write(store, desired, now, changes));
        if result.is_ok() {
            self.let_go(store, now);
        }
        // After our own writes to finalizers: they are no news to us.
        self.seen = Some(self.input_generations(store));
        match result.and(in_part.map_or(Ok(()), Err)) {
            Ok(()) => {
                if self.retry_at.take().is_some() {
                    ran.recoveries.push(self.controller.name);
                }
                self.delay = RETRY_FIRST;
            }
            Err(failure) => {
                let at = now.monotonic.saturating_add(self.delay);
                self.retry_at = Some(at);
                self.wake_at = None;
                self.delay = self.delay.saturating_mul(2).min(RETRY_MAX);
                ran.failures.push((self.controller.name, failure, at));
            }
        }
    }

    fn strong_ids(&self, store: &Store) -> Vec<(&'static str, &'static Kind, String)> {
        let strong = self
            .controller
            .inputs
            .iter()
            .filter(|input| input.strength == Strength::Strong);
        strong
            .flat_map(|input| {
                store
                    .list_any(input.namespace, input.kind)
                    .filter(|resource| input.id.is_none_or(|id| id == resource.metadata.id))
                    .map(|resource| (input.namespace, input.kind, resource.metadata.id.clone()))
            })
            .collect()
    }

    fn hold(&self, store: &mut Store, now: Now) {
        let name = self.controller.name;
        for (namespace, kind, id) in self.strong_ids(store) {
            // What is going away already and is not held yet needs no holding.
            let _refused = store.add_finalizer(name, namespace, kind, &id, now.wall);
        }
    }

    fn let_go(&self, store: &mut Store, now: Now) {
        let name = self.controller.name;
        for (namespace, kind, id) in self.strong_ids(store) {
            let leaving = store
                .get_any(namespace, kind, &id)
                .is_some_and(|resource| resource.metadata.phase == crate::Phase::TearingDown);
            if leaving {
                let _gone = store.remove_finalizer(name, namespace, kind, &id, now.wall);
            }
        }
    }

    /// Makes the store hold exactly what is wanted of this controller's outputs.
    fn write(
        &mut self,
        store: &mut Store,
        desired: Desired,
        now: Now,
        changes: &mut Vec<Change>,
    ) -> Result<(), Failure> {
        let name = self.controller.name;
        self.wake_at = desired.wake_at;
        let undeclared = desired.wanted.keys().find(|(namespace, kind, _)| {
            !self
                .controller
                .outputs
                .iter()
                .any(|output| output.namespace == *namespace && output.kind.name == *kind)
        });
        if let Some((namespace, kind, id)) = undeclared {
            return Err(Failure::new(format_args!(
                "it wrote {namespace}/{kind}/{id} without declaring it"
            )));
        }
        let mut waiting = false;
        for output in &self.controller.outputs {
            let unwanted: Vec<String> = store
                .list_any(output.namespace, output.kind)
                .map(|resource| &resource.metadata)
                .filter(|metadata| {
                    let place = (output.namespace, output.kind.name, metadata.id.clone());
                    metadata.phase == crate::Phase::TearingDown
                        || !desired.wanted.contains_key(&place)
                })
                .map(|metadata| metadata.id.clone())
                .collect();
            for id in unwanted {
                let mut writer = Writer::new(store, name, now.wall, changes);
                let gone = writer.tear_down(output.namespace, output.kind, &id)?;
                waiting |= !gone;
            }
        }
        let mut writer = Writer::new(store, name, now.wall, changes);
        for ((namespace, _, id), spec) in desired.wanted {
            match writer.put(namespace, &id, spec) {
                Ok(()) => {}
                // It comes back when the last holder of its predecessor has let go.
                Err(StoreError::WrongPhase) => waiting = true,
                Err(error) => return Err(error.into()),
            }
        }
        self.leaving = waiting.then(|| self.output_generations(store));
        Ok(())
    }
}
