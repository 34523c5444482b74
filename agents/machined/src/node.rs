// SPDX-License-Identifier: MPL-2.0
//! What all parts of machined share: the resources, the events, the services, the sequence.
//!
//! One thread runs everything that touches this, so the lock is never waited for; it is there because the server
//! stubs ask for types that could cross threads. Nothing holds it across an await.
//!
//! Owns: the state, and the loop that runs the controllers when it changed.
//! Never: does anything for a request by itself; `api` and the sequences do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::machine;
use resource::{Dependency, Engine, Now, Ran, ResourceSpec, Store, Writer};
use tokio::sync::{Notify, watch};

use crate::api::metered::Meter;
use crate::browse::Slots;
use crate::capture::Captures;
use crate::containers::Images;
use crate::controller_log::{Console, ControllerLog};
use crate::controllers::Outlets;
use crate::controllers::machine_status_event::{self, wire};
use crate::door::Opening;
use crate::events::{self, Ring};
use crate::journal::Journal;
use crate::keeper::Keepers;
use crate::kernel_arguments::KernelArguments;
use crate::kernel_modules::Wanted;
use crate::look::Looks;
use crate::meta::Meta;
use crate::ntp::Asks;
use crate::on_demand::Listeners;
use crate::patience::Patience;
use crate::places::Places;
use crate::resources::{MachineConfig, MachineStage};
use crate::sequence::{self, Sequencer};
use crate::services::Book;
use crate::trial::Trial;
use crate::trust::{Trust, Wish};
use crate::{clock, controllers, door, resources, shipping, trust};
use ::api::quota::Quota;
use proto::log::CLIENTS_MAX;

/// How many controllers run before something else of machined does.
const TURN: usize = 8;
/// Of those who read logs ([`CLIENTS_MAX`], each about 50 kB), so many of them are for administrators and operators alone.
const LOG_READERS_KEPT: usize = 16;
/// What clients may choose resources by, all together, in KiB: a tenth of machined's memory.
const QUERIES_MAX_KIB: usize = 5120;
/// So much of it is for administrators and operators alone.
const QUERIES_KEPT_KIB: usize = 1024;

/// Everything that is known and happens.
#[derive(Debug)]
pub(crate) struct State {
    /// The resources.
    pub store: Store,
    engine: Engine,
    /// What happened.
    pub events: Ring,
    /// The services.
    pub services: Book,
    /// Which sequence runs.
    pub sequencer: Sequencer,
    /// What followers of events were told last of the machine as a whole.
    pub told_status: Option<machine::MachineStatusEvent>,
    /// The configuration that is tried, if one is.
    pub trial: Option<Trial>,
}

/// The node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where everything is.
    pub places: Places,
    /// Where lines go.
    pub journal: Journal,
    /// What controllers do.
    pub controllers: ControllerLog,
    /// How the kernel was started.
    pub arguments: KernelArguments,
    state: Mutex<State>,
    changed: Notify,
    /// With controllers that find no end.
    patience: Patience,
    /// How apid is to open its door.
    pub door: watch::Sender<Opening>,
    /// What trustd is to sign with.
    pub trust: watch::Sender<Trust>,
    /// The certificate that another node is to sign for this one.
    pub join: watch::Sender<Option<Wish>>,
    /// Told when a configuration was accepted.
    pub configured: Notify,
    /// Told, to all who wait, when something changed about a service.
    pub services_changed: Notify,
    /// Held by whoever gives init an order.
    pub orders: tokio::sync::Mutex<()>,
    /// Who keeps the services that are the operator's.
    pub keepers: Keepers,
    /// How many file systems that may never answer are asked.
    pub looks: Looks,
    /// The way to the images of containers.
    pub images: Images,
    /// Places for clients that look at files.
    pub slots: Slots,
    /// What is being read of requests.
    pub requests: Meter,
    /// Places for clients that read logs.
    pub logs: Quota,
    /// Memory for what clients choose resources by, in KiB.
    pub queries: Quota,
    /// The resources that are read while somebody watches them.
    pub listeners: Listeners,
    /// How many time servers are asked.
    pub asks: Asks,
    /// Places for captures.
    pub captures: Captures,
    /// The values of META.
    pub meta: Meta,
    /// The kernel modules that the configuration names.
    pub modules: watch::Sender<Vec<Wanted>>,
    /// Where logs and events go.
    pub shipping: shipping::Wanted,
    /// Where metrics are.
    pub metrics: watch::Sender<Option<SocketAddr>>,
    /// The node's name and addresses, for followers of events.
    pub announced: watch::Sender<machine::AddressEvent>,
    /// The machine as a whole, for them too.
    pub status: watch::Sender<Option<machine::MachineStatusEvent>>,
    /// The host that leads to the control plane.
    pub endpoint: watch::Sender<Option<String>>,
}

impl State {
    /// Who reads and who writes which resources.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        self.engine.dependencies()
    }
}

impl Node {
    /// Makes a node that knows nothing yet.
    ///
    /// # Errors
    /// Two controllers would write the same, or two types have one name: a mistake in a table.
    pub(crate) fn new(
        places: Places,
        journal: Journal,
        seed: [u8; 8],
    ) -> Result<Arc<Self>, Box<dyn std::error::Error>> {
        let arguments = std::fs::read_to_string(places.kernel_arguments()).unwrap_or_default();
        let arguments = KernelArguments::parse(&arguments);
        let mut engine = Engine::new();
        let modules = watch::Sender::default();
        let join = watch::Sender::default();
        let shipping = shipping::Wanted::default();
        let metrics = watch::Sender::default();
        let announced = watch::Sender::default();
        let status = watch::Sender::default();
        let endpoint = watch::Sender::default();
        let outlets = Outlets {
            modules: &modules,
            join: &join,
            shipping: &shipping,
            metrics: &metrics,
            announced: &announced,
            status: &status,
            endpoint: &endpoint,
        };
        controllers::register(&mut engine, &places, &arguments, &outlets)?;
        let mut store = Store::born(u64::from_be_bytes(seed));
        resources::announce(&mut store, clock::now().wall)?;
        let node = Self {
            state: Mutex::new(State {
                store,
                engine,
                events: Ring::new(seed),
                services: Book::default(),
                sequencer: Sequencer::default(),
                told_status: None,
                trial: None,
            }),
            places,
            journal,
            controllers: ControllerLog::default(),
            arguments,
            changed: Notify::new(),
            patience: Patience::default(),
            door: watch::Sender::new(Opening::closed()),
            trust: watch::Sender::default(),
            join,
            configured: Notify::new(),
            services_changed: Notify::new(),
            orders: tokio::sync::Mutex::new(()),
            keepers: Keepers::default(),
            looks: Looks::default(),
            images: Images::default(),
            slots: Slots::default(),
            requests: Meter::default(),
            logs: Quota::new(CLIENTS_MAX, LOG_READERS_KEPT),
            queries: Quota::new(QUERIES_MAX_KIB, QUERIES_KEPT_KIB),
            listeners: Listeners::default(),
            asks: Asks::default(),
            captures: Captures::default(),
            meta: Meta::default(),
            modules,
            shipping,
            metrics,
            announced,
            status,
            endpoint,
        };
        Ok(Arc::new(node))
    }

    /// The state, for as long as the caller does not await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the controllers run soon.
    pub(crate) fn touch(&self) {
        self.changed.notify_one();
    }

    /// Publishes an event.
    pub(crate) fn publish(&self, actor_id: &str, name: &str, message: &impl prost::Message) {
        let payload = events::pack(name, message);
        let at = clock::now().wall;
        self.state().events.publish(actor_id, payload, at);
    }

    /// Makes one resource be what `spec` says.
    pub(crate) fn put<T: ResourceSpec>(&self, owner: &'static str, id: &str, spec: T) {
        self.write(owner, |writer| {
            let put = writer.put(T::KIND.namespace, id, Arc::new(spec));
            if let Err(error) = put {
                self.journal
                    .log(format_args!("cannot write {}/{id}: {error}", T::KIND.name));
            }
        });
    }

    /// Makes all resources of a source be exactly `wanted`.
    pub(crate) fn replace<T: ResourceSpec>(
        &self,
        owner: &'static str,
        wanted: BTreeMap<String, T>,
    ) {
        let present: BTreeSet<String> = {
            let store = &self.state().store;
            store.list::<T>().map(|r| r.metadata.id.clone()).collect()
        };
        self.write(owner, |writer| {
            for id in present {
                if !wanted.contains_key(&id) {
                    // A finalizer delays it; the next news tries again.
                    let _gone = writer.tear_down(T::KIND.namespace, T::KIND, &id);
                }
            }
            for (id, spec) in wanted {
                let _put = writer.put(T::KIND.namespace, &id, Arc::new(spec));
            }
        });
    }

    /// Writes for a source, tells what that changed, and has the controllers run soon.
    fn write(&self, owner: &'static str, write: impl FnOnce(&mut Writer<'_>)) {
        let now = clock::now().wall;
        let mut changes = Vec::new();
        let console = {
            let store = &mut self.state().store;
            write(&mut Writer::new(store, owner, now, &mut changes));
            Console::wanted(store)
        };
        self.controllers
            .changed(&self.journal, &changes, now, console);
        self.touch();
    }

    /// Says what the machine does now.
    pub(crate) fn set_stage(&self, stage: MachineStage) {
        let passed = {
            let mut state = self.state();
            let before = state.sequencer.stage.replace(stage);
            let told = state.told_status.as_ref().map(|told| told.stage);
            before.filter(|before| *before != stage && told != Some(wire(*before).into()))
        };
        // It was shorter than a turn of the controllers: followers hear of it all the same.
        if let Some(passed) = passed {
            self.publish_status(machine_status_event::passed(passed));
        }
        self.put(sequence::OWNER, MachineStage::ID, stage);
    }

    /// Tells followers of events how the machine does, unless the stage that it was in is over.
    pub(crate) fn tell_status(&self, event: machine::MachineStatusEvent) {
        let is_now = |stage| event.stage == i32::from(wire(stage));
        if self.state().sequencer.stage.is_some_and(is_now) {
            self.publish_status(event);
        }
    }

    fn publish_status(&self, event: machine::MachineStatusEvent) {
        self.publish("", "MachineStatusEvent", &event);
        self.state().told_status = Some(event);
    }

    /// Says whether there is a configuration.
    pub(crate) fn is_configured(&self) -> bool {
        self.state()
            .store
            .get::<MachineConfig>(MachineConfig::ID)
            .is_some()
    }

    /// Runs the controllers whenever something changed; never returns.
    ///
    /// A few at a time: when a configuration comes nearly all of them have something to do, and
    /// meanwhile the door opens and clients are answered.
    pub(crate) async fn run_controllers(self: Arc<Self>) {
        loop {
            let wake_at = self.run_engine(|engine, store, now| engine.turn(store, now, TURN));
            let pause = wake_at.map_or(Duration::MAX, |at| {
                at.saturating_sub(clock::now().monotonic)
            });
            if pause.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            // Without anything to wake for it sleeps until it is told: a month is as good as ever.
            let pause = pause.min(Duration::from_secs(30 * 24 * 3600));
            let _ = tokio::time::timeout(pause, self.changed.notified()).await;
        }
    }

    /// Runs the controllers until nobody has anything to do: for an answer that finds the node so.
    pub(crate) fn reconcile(&self) {
        self.run_engine(Engine::run);
    }

    /// Runs controllers and shows the result to apid and trustd; returns when to come back.
    fn run_engine(
        &self,
        run: impl FnOnce(&mut Engine, &mut Store, Now) -> Ran,
    ) -> Option<Duration> {
        let now = clock::now();
        let (ran, console, opening, trust) = {
            let mut guard = self.state();
            let state = &mut *guard;
            let ran = run(&mut state.engine, &mut state.store, now);
            let console = Console::wanted(&state.store);
            let opening = door::opening(&state.store);
            (ran, console, opening, trust::told(&state.store))
        };
        self.controllers.ran(&self.journal, &ran, now, console);
        for (controller, failure, _retry) in &ran.failures {
            self.journal
                .log(format_args!("controller {controller} failed: {failure}"));
        }
        // Of a door that is open, what comes in the middle of a round may be half of the old and half of
        // the new: an authority that goes, under rules that come.
        let counts = self.patience.is_over(ran.is_settled);
        self.door.send_if_modified(|present| {
            let is_due = counts || present.is_closed() || opening.is_closed();
            let differs = is_due && *present != opening;
            if differs {
                *present = opening;
            }
            differs
        });
        self.trust.send_if_modified(|present| {
            let is_due = counts || !present.is_there() || !trust.is_there();
            let differs = is_due && *present != trust;
            if differs {
                *present = trust;
            }
            differs
        });
        ran.wake_at
    }
}
