// SPDX-License-Identifier: MPL-2.0
//! What each task does.
//!
//! Owns: the effects of the sequences.
//! Never: decides their order.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use proto::service::State;
use proto::supervisor::{Action, Named, Request};

use super::table::Task;
use crate::news::{Error, init};
use crate::node::Node;
use crate::resources::{KernelParamStatus, MachineConfig};
use crate::services::is_the_machines;
use crate::{acquire, controllers, extensions, meta, proc, state_volume, stored};

/// How long a service may take to come up (the documents' limit for early services).
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How long extension services have to stop before the machine goes down without them.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The smallest memory that the documents ask of a worker, less what kernels keep for themselves.
const MEMORY_MIN: u64 = 900 * 1024 * 1024;

/// Arguments that undo the hardening that our kernels are built with: caches are not merged, and
/// page tables are isolated where the processor needs it, without being asked.
const AGAINST_HARDENING: &[(&str, &[&str])] = &[
    ("slab_merge", &[""]),
    ("slub_merge", &[""]),
    ("nopti", &[""]),
    ("pti", &["off"]),
    ("kpti", &["0", "n", "off"]),
    ("mitigations", &["off"]),
];

/// Folders and their modes.
const SYSTEM_FOLDERS: &[(&str, u32)] = &[
    ("/system/etc", 0o755),
    ("/system/var", 0o755),
    // The configuration is there, with keys in it.
    ("/system/state", 0o700),
    ("/system/run", 0o751),
];

/// Does a task; `label` is how the log calls it.
pub(super) async fn perform(node: &Arc<Node>, task: Task, label: &str) -> Result<(), String> {
    match task {
        Task::EnforceKsppRequirements => enforce_kspp(node).await,
        Task::SetupSystemDirectory => setup_system_directory(node),
        Task::StartUdevd => wait_for(node, &["udevd"], label, START_TIMEOUT).await,
        Task::StartMachined => wait_for(node, &["machined"], label, START_TIMEOUT).await,
        Task::ReloadMeta => {
            meta::load(node).await;
            Ok(())
        }
        Task::MountStatePartition => {
            state_volume::mount(node).await;
            Ok(())
        }
        Task::LoadConfig => acquire::load(node).await,
        Task::SaveConfig => save_config(node),
        Task::MemorySizeCheck => {
            memory_size_check(node);
            Ok(())
        }
        Task::StartAllServices => start_all(node, label).await,
        Task::StoreShutdownEmergency => {
            node.state().sequencer.power_off_when_lost = true;
            Ok(())
        }
        Task::StopAllServices => stop_all(node, label).await,
        Task::Reboot => down(node, Action::Reboot).await,
        Task::Shutdown => {
            let halt = node.arguments.last("talos.shutdown") == Some("halt");
            let action = if halt { Action::Halt } else { Action::PowerOff };
            down(node, action).await
        }
    }
}

/// Waits until the kernel parameters of hardening are set, then looks at its command line.
async fn enforce_kspp(node: &Node) -> Result<(), String> {
    let applied = until(node, Duration::from_secs(10), || {
        let state = node.state();
        controllers::KSPP_SYSCTLS.iter().all(|(name, _)| {
            let id = format!("proc.sys.{name}");
            state.store.get::<KernelParamStatus>(&id).is_some()
        })
    });
    if !applied.await {
        return Err("the kernel parameters of hardening are not set".to_owned());
    }
    let found = node.arguments.any_of(AGAINST_HARDENING);
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("the kernel was started with {}", found.join(", ")))
    }
}

fn setup_system_directory(node: &Node) -> Result<(), String> {
    for (path, mode) in SYSTEM_FOLDERS {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(*mode)
            .create(node.places.at(path));
        made.map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn save_config(node: &Node) -> Result<(), String> {
    let configuration = {
        let state = node.state();
        if state.trial.is_some() {
            // What is in force is stored when it is confirmed.
            return Ok(());
        }
        let found = state.store.get::<MachineConfig>(MachineConfig::ID);
        found.cloned().ok_or("there is no configuration")?
    };
    stored::save(&node.places, configuration.0.source())
        .map_err(|error| format!("the configuration: {error}"))
}

fn memory_size_check(node: &Node) {
    let total = proc::memory::read(&node.places).map_or(u64::MAX, |memory| memory.mem_total);
    if total < MEMORY_MIN {
        node.journal.console(format_args!(
            "this machine has {} MiB of memory, less than Kubernetes needs",
            total / 1024 / 1024
        ));
    }
}

/// Waits until the services run that the machine answers for.
async fn start_all(node: &Node, label: &str) -> Result<(), String> {
    let names: Vec<String> = {
        let state = node.state();
        let ids = state.services.iter().map(|(id, _)| id.to_owned());
        ids.filter(|id| is_the_machines(id)).collect()
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    wait_for(node, &names, label, START_TIMEOUT).await
}

/// Waits until services run, and says now and then for whom.
async fn wait_for(
    node: &Node,
    names: &[&str],
    label: &str,
    timeout: Duration,
) -> Result<(), String> {
    let missing = || -> Vec<&str> {
        let state = node.state();
        let up = |name: &&&str| {
            let entry = state.services.get(name);
            entry.is_some_and(|entry| entry.status.state == State::Running)
        };
        names.iter().filter(|name| !up(name)).copied().collect()
    };
    let first = missing();
    if !first.is_empty() {
        node.journal.console(format_args!(
            "{label}: waiting for {} service(s): {}",
            first.len(),
            first.join(", ")
        ));
    }
    if until(node, timeout, || missing().is_empty()).await {
        return Ok(());
    }
    Err(format!("not running: {}", missing().join(", ")))
}

/// Waits until something is so, looking again after each event.
async fn until(node: &Node, timeout: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let news = Arc::clone(&node.state().events.news);
    let wait = async {
        loop {
            let next = news.notified();
            if holds() {
                return;
            }
            // Not everything is an event; looking twice a second costs nothing during a boot.
            let _ = tokio::time::timeout(Duration::from_millis(500), next).await;
        }
    };
    tokio::time::timeout(timeout, wait).await.is_ok()
}

/// Stops the extension services; init stops the others, in its order, when the machine goes down.
async fn stop_all(node: &Node, label: &str) -> Result<(), String> {
    let names: Vec<String> = {
        let state = node.state();
        let ids = state.services.iter().map(|(id, _)| id.to_owned());
        ids.filter(|id| id.starts_with(extensions::PREFIX))
            .collect()
    };
    for name in &names {
        if let Err(error) = init::order(node, &Request::Stop(Named { name })).await {
            node.journal.log(format_args!("{label}: {name}: {error}"));
        }
    }
    let stopped = until(node, STOP_TIMEOUT, || {
        let state = node.state();
        names.iter().all(|name| {
            state
                .services
                .get(name)
                .is_none_or(|entry| entry.status.pid == 0)
        })
    });
    if !stopped.await {
        // Going down anyway: init ends what is left by force.
        node.journal.log(format_args!(
            "{label}: some extension services did not stop"
        ));
    }
    Ok(())
}

async fn down(node: &Node, action: Action) -> Result<(), String> {
    crate::shipping::drain(node).await;
    // `cmd` is the number of reboot(2), as clients print it.
    let cmd: i64 = match action {
        Action::Reboot => 0x0123_4567,
        Action::PowerOff => 0x4321_fedc,
        Action::Halt => 0xcdef_0123,
    };
    let event = api::machine::RestartEvent { cmd };
    node.publish("", "RestartEvent", &event);
    match init::order(node, &Request::Down(action)).await {
        // init may end this very process before its answer is read.
        Ok(()) | Err(Error::Closed) => Ok(()),
        Err(error) => Err(format!("init: {error}")),
    }
}
