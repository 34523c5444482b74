// SPDX-License-Identifier: MPL-2.0
//! Where the configuration comes from: what is stored or was left to this start of the machine, then
//! the kernel argument, then whoever applies one in maintenance mode; and a STATE partition that is
//! found meanwhile.
//!
//! Owns: that order, and what the console says while the node waits.
//! Never: gives up: a source that fails is asked again, and maintenance is open meanwhile.

mod fetch;
pub(crate) mod resolve;
mod state;
mod url;

pub(crate) use resolve::addresses;
pub(crate) use state::from_stored;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use api::machine;
use api::machine::task_event::Action;
use resource::{Bootstrap, ResourceSpec, Selector, Watch};

use crate::configuration::Loaded;
use crate::controllers::CONFIGURATION;
use crate::lower::{self, Refusal};
use crate::node::Node;
use crate::resources::{
    AcquireConfigSpec, AcquireConfigStatus, LeaseStatus, LinkStatus, MachineConfig, MachineStage,
    MaintenanceServiceRequest, NodeAddress,
};

/// Who says that the node looks for its configuration: no controller, but the task of the boot sequence.
pub(crate) const TASK: &str = "v1alpha1.loadConfig";
/// How long the kernel argument's source may fail before maintenance mode opens beside it.
const GRACE: Duration = Duration::from_secs(60);
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Requests that no DHCP server answered before the console says so.
const UNANSWERED: u32 = 3;

/// Accepts a configuration: from now on it is the node's. Returns it as it is shared.
pub(crate) fn accept(node: &Node, loaded: Loaded) -> Arc<Loaded> {
    for key in &loaded.unsupported {
        node.journal.log(format_args!(
            "configuration: {key}: accepted, not acted on yet"
        ));
    }
    for warning in &loaded.warnings {
        node.journal
            .log(format_args!("configuration: warning: {warning}"));
    }
    let loaded = Arc::new(loaded);
    put_back(node, Arc::clone(&loaded));
    node.configured.notify_waiters();
    loaded
}

/// Puts a configuration that was in force before back into force.
pub(crate) fn put_back(node: &Node, before: Arc<Loaded>) {
    node.put(CONFIGURATION, MachineConfig::ID, MachineConfig(before));
    node.put(CONFIGURATION, AcquireConfigSpec::ID, AcquireConfigStatus);
    // Extension services have a part of it.
    node.services_changed.notify_waiters();
}

/// Takes the configuration away: the node is as one that never had any.
pub(crate) fn take_away(node: &Node) {
    node.replace::<MachineConfig>(CONFIGURATION, BTreeMap::new());
    node.replace::<AcquireConfigStatus>(CONFIGURATION, BTreeMap::new());
    node.services_changed.notify_waiters();
}

/// Waits until there is a configuration, wherever it comes from.
pub(crate) async fn load(node: &Arc<Node>) -> Result<(), String> {
    node.put(TASK, AcquireConfigSpec::ID, AcquireConfigSpec);
    if node.is_configured() || state::take(node) {
        return Ok(());
    }
    tokio::select! {
        () = from_outside(node) => {}
        never = state::arrive_late(node) => match never {},
    }
    // Whichever came first, nobody is waited for any more.
    node.replace::<MaintenanceServiceRequest>(CONFIGURATION, BTreeMap::new());
    node.set_stage(MachineStage::Booting);
    Ok(())
}

/// Asks the kernel argument's source, if there is one, and whoever comes in maintenance mode.
async fn from_outside(node: &Arc<Node>) {
    let Some(source) = node.arguments.configuration_source() else {
        return maintenance(node).await;
    };
    let configured = node.configured.notified();
    tokio::select! {
        loaded = from_source(node, source) => {
            accept(node, loaded);
        }
        () = async {
            if tokio::time::timeout(GRACE, configured).await.is_err() {
                maintenance(node).await;
            }
        } => {}
    }
}

/// Asks a source until it gives a good configuration.
async fn from_source(node: &Node, source: &str) -> Loaded {
    let mut pause = RETRY_FIRST;
    loop {
        let attempt = async {
            let url = url::parse(source)?;
            let url = url::substitute(url, || url::Facts::of(node)).await;
            node.journal
                .console(format_args!("downloading the configuration from {url}"));
            fetch::get(&node.places, &url).await
        };
        match attempt.await {
            Ok(body) => match lower::load(&body, node.arguments.mode()) {
                Ok(loaded) => return loaded,
                Err(refusal) => refused(node, source, &refusal),
            },
            Err(error) => load_failed(node, &format!("{source}: {error}")),
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(RETRY_MAX);
    }
}

fn load_failed(node: &Node, error: &str) {
    node.journal
        .console(format_args!("cannot load the configuration: {error}"));
    let event = machine::ConfigLoadErrorEvent {
        error: error.to_owned(),
    };
    node.publish("", "ConfigLoadErrorEvent", &event);
}

fn refused(node: &Node, source: &str, refusal: &Refusal) {
    node.journal.console(format_args!(
        "the configuration of {source} is refused: {refusal}"
    ));
    let event = machine::ConfigValidationErrorEvent {
        error: refusal.to_string(),
    };
    node.publish("", "ConfigValidationErrorEvent", &event);
}

/// Opens maintenance mode and waits until somebody applied a configuration.
async fn maintenance(node: &Arc<Node>) {
    let told = |action: Action| {
        let event = machine::TaskEvent {
            task: "runningMaintenance".to_owned(),
            action: action.into(),
        };
        node.publish("", "TaskEvent", &event);
    };
    let configured = node.configured.notified();
    tokio::pin!(configured);
    // Registered before looking: an apply in between is not missed.
    configured.as_mut().enable();
    node.put(
        CONFIGURATION,
        MaintenanceServiceRequest::ID,
        MaintenanceServiceRequest,
    );
    node.set_stage(MachineStage::Maintenance);
    told(Action::Start);
    if !node.is_configured() {
        tokio::select! {
            () = configured => {}
            () = announce(node) => {}
        }
    }
    told(Action::Stop);
    node.set_stage(MachineStage::Booting);
}

/// Says on the console how to reach the node, again when that changes; never returns.
async fn announce(node: &Node) {
    let mut watches = {
        let mut state = node.state();
        let mut watch = |kind| {
            let selector = Selector {
                namespace: "network",
                kind,
                id: None,
                filter: None,
            };
            state.store.watch(selector, Bootstrap::Nothing)
        };
        [
            watch(NodeAddress::KIND),
            watch(LeaseStatus::KIND),
            watch(LinkStatus::KIND),
        ]
    };
    let mut said = String::new();
    loop {
        let text = announcement(node);
        if text != said {
            for line in text.lines() {
                node.journal.console(line);
            }
            said = text;
        }
        if any_news(&mut watches).await.is_err() {
            // Only a flood of news does that; what counts is read anew anyway.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn any_news(watches: &mut [Watch; 3]) -> Result<(), resource::WatchError> {
    poll_fn(|context| {
        for watch in watches.iter_mut() {
            if let std::task::Poll::Ready(news) = watch.poll_next(context) {
                return std::task::Poll::Ready(news.map(|_event| ()));
            }
        }
        std::task::Poll::Pending
    })
    .await
}

fn announcement(node: &Node) -> String {
    let state = node.state();
    let addresses: Vec<String> = state
        .store
        .get::<NodeAddress>("current")
        .map(|found| found.0.iter().map(|p| p.address.to_string()).collect())
        .unwrap_or_default();
    if let Some(first) = addresses.first() {
        return format!(
            "this machine has no configuration and waits for one: maintenance mode\n\
             its addresses: {}\n\
             to configure it: ichorctl apply-config --insecure --nodes {first} --file \
             controlplane.yaml",
            addresses.join(", ")
        );
    }
    let silent: Vec<String> = state
        .store
        .list::<LeaseStatus>()
        .filter(|lease| !lease.spec.bound && lease.spec.attempts >= UNANSWERED)
        .map(|lease| lease.spec.link_name.clone())
        .collect();
    let links = state.store.list::<LinkStatus>();
    let physical = links
        .filter(|link| link.spec.kind.is_empty() && link.metadata.id != "lo")
        .count();
    let why = if !silent.is_empty() {
        format!(
            "no DHCP server answers on {}; still asking",
            silent.join(", ")
        )
    } else if physical == 0 {
        "it has no network link".to_owned()
    } else {
        "waiting for an address".to_owned()
    };
    format!(
        "this machine has no configuration and waits for one: maintenance mode\n\
         it has no address yet: {why}"
    )
}
