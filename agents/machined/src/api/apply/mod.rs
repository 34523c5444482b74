// SPDX-License-Identifier: MPL-2.0
//! ApplyConfiguration: check, then act or say why not.
//!
//! Owns: carrying out a plan, and the answer.
//! Never: changes anything when it refuses.

mod plan;

use std::sync::Arc;

use api::machine::apply_configuration_request::Mode;
use api::machine::{ApplyConfiguration, ApplyConfigurationRequest, ApplyConfigurationResponse};
use api::wire::CONFIRM;
use config::Configuration;
use tonic::{Request, Status};

use plan::{Back, Confirmation, Plan, Situation, Stage, Start, Storage};

use super::serve::Since;
use crate::configuration::Loaded;
use crate::lower::Refusal;
use crate::node::Node;
use crate::resources::{MachineConfig, MachineStage};
use crate::sequence::Sequence;
use crate::stored::Next;
use crate::trial::{self, Way};
use crate::{acquire, difference, life, lower, state_volume, stored};

pub(super) fn apply(
    node: &Arc<Node>,
    request: &Request<ApplyConfigurationRequest>,
) -> Result<ApplyConfigurationResponse, Status> {
    let confirmation = plan::confirmation(request.metadata())?;
    let since = request.extensions().get::<Since>().copied();
    let request = request.get_ref();
    let mode = Mode::try_from(request.mode)
        .map_err(|_| Status::invalid_argument(format!("mode {} is not known", request.mode)))?;
    let within = match confirmation {
        Confirmation::Unasked => None,
        Confirmation::Within(time) => Some(time),
        Confirmation::Now => return confirm_now(node, mode, request, since),
    };
    let loaded = lower::load(&request.data, node.arguments.mode()).map_err(refused)?;
    let situation = Situation {
        stage: stage(node),
        storage: if state_volume::is_mounted(node) {
            Storage::Disk
        } else {
            Storage::Memory
        },
        reboot_keys: reboot_keys(node, &loaded),
    };
    let plan = plan::plan(mode, within, request.try_mode_timeout, &situation)?;
    let warnings = warnings(&loaded);
    let details = if request.dry_run {
        would_be(node, plan, &loaded)
    } else {
        perform(node, plan, loaded)?
    };
    Ok(answer(plan::mode_of(plan), warnings, details))
}

fn refused(refusal: Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::Wrong(_) => Status::invalid_argument(text),
        Refusal::NotYet(_) => Status::unimplemented(text),
    }
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    let unsupported = loaded.unsupported.iter();
    let unsupported = unsupported.map(|key| format!("{key}: accepted, not acted on yet"));
    loaded.warnings.iter().cloned().chain(unsupported).collect()
}

fn answer(mode: Mode, warnings: Vec<String>, mode_details: String) -> ApplyConfigurationResponse {
    ApplyConfigurationResponse {
        messages: vec![ApplyConfiguration {
            metadata: None,
            warnings,
            mode: mode.into(),
            mode_details,
        }],
    }
}

/// Names the keys that cannot take effect without a reboot, by the documents.
fn reboot_keys(node: &Node, loaded: &Loaded) -> Vec<String> {
    let in_force = {
        let state = node.state();
        let found = state.store.get::<MachineConfig>(MachineConfig::ID);
        found.map(|found| Arc::clone(&found.0))
    };
    let read = |loaded: &Loaded| Configuration::load(loaded.source()).ok();
    in_force
        .and_then(|in_force| read(&in_force))
        .zip(read(loaded))
        .map_or_else(Vec::new, |(before, after)| {
            config::needs_reboot(&before, &after)
        })
}

fn stage(node: &Node) -> Stage {
    let configured = node.is_configured();
    match (node.state().sequencer.stage, configured) {
        (Some(MachineStage::Rebooting | MachineStage::ShuttingDown), false) => Stage::GoingBack,
        (_, false) => Stage::Maintenance,
        (Some(MachineStage::Running), true) => Stage::Running,
        (
            None
            | Some(
                MachineStage::Booting
                | MachineStage::Maintenance
                | MachineStage::Rebooting
                | MachineStage::ShuttingDown,
            ),
            true,
        ) => Stage::OnItsWay,
    }
}

/// Carries out a plan; returns what to say.
fn perform(node: &Arc<Node>, plan: Plan, loaded: Loaded) -> Result<String, Status> {
    match plan {
        Plan::Keep => {
            let same = is_stored(node, loaded.source()) && node.state().trial.is_none();
            keep(node, loaded)?;
            Ok(if same {
                "The configuration is the present one".to_owned()
            } else {
                "Applied configuration without a reboot".to_owned()
            })
        }
        Plan::Try(purpose, time) => {
            let before = before(node);
            let words = plan::trial_words(purpose, time, Back::to(before.as_ref()));
            trial::begin(node, (purpose, Way::Live), loaded, before, time);
            node.reconcile();
            Ok(format!("Applied configuration {words}"))
        }
        Plan::Leave(start, within) => {
            let source = loaded.source().to_vec();
            let next = match within {
                Some(time) => Next::Trial(source, time),
                None => Next::Staged(source),
            };
            stored::set_next(&node.places, &next).map_err(unstored)?;
            // A machined that starts again in maintenance mode asks whether the machine did.
            std::fs::write(node.places.left_to_next_start(), "").map_err(unstored)?;
            match start {
                Start::Now => {
                    life::go_down(node, Sequence::Reboot, "to apply a configuration");
                }
                Start::Later => node
                    .journal
                    .console("a configuration is staged for the next start of the machine"),
            }
            Ok(format!(
                "{} {}",
                match start {
                    Start::Now => "Applied configuration",
                    Start::Later => "Staged configuration",
                },
                plan::leave_words(start, within)
            ))
        }
    }
}

fn unstored(error: std::io::Error) -> Status {
    Status::internal(format!("cannot store the configuration: {error}"))
}

/// Stores a configuration and puts it into force; a trial ends.
fn keep(node: &Node, loaded: Loaded) -> Result<(), Status> {
    stored::store(&node.places, loaded.source()).map_err(unstored)?;
    trial::end(node, "a configuration was applied to stay");
    node.journal.console("configuration applied over the API");
    acquire::accept(node, loaded);
    // The certificate and the door follow at once: the answer finds the node as configured.
    node.reconcile();
    Ok(())
}

/// Confirms what is on trial, if the request asks for that and nothing else.
fn confirm_now(
    node: &Node,
    mode: Mode,
    request: &ApplyConfigurationRequest,
    since: Option<Since>,
) -> Result<ApplyConfigurationResponse, Status> {
    match mode {
        Mode::Auto | Mode::NoReboot => {}
        Mode::Reboot | Mode::Staged | Mode::Try => {
            return Err(Status::invalid_argument(format!(
                "{CONFIRM}: now: what is confirmed is in force already; use auto"
            )));
        }
    }
    if request.dry_run {
        return Err(Status::invalid_argument(format!(
            "{CONFIRM}: now: there is nothing that a dry run could leave out"
        )));
    }
    confirm(node, &request.data, since)
}

/// Stores the configuration on trial, when the caller has shown that it can still come in.
fn confirm(
    node: &Node,
    named: &[u8],
    since: Option<Since>,
) -> Result<ApplyConfigurationResponse, Status> {
    let (tried, began_at) = {
        let state = node.state();
        let trial = state.trial.as_ref();
        trial
            .map(|trial| (trial.source().to_vec(), trial.began_at))
            .unzip()
    };
    let Some((tried, began_at)) = tried.zip(began_at) else {
        // The reply to the first confirmation was lost.
        if !named.is_empty() && is_stored(node, named) {
            let details = "Confirmed before: the configuration is stored".to_owned();
            return Ok(answer(Mode::NoReboot, Vec::new(), details));
        }
        return Err(Status::failed_precondition(
            "no configuration waits to be confirmed: its time may be up",
        ));
    };
    if !named.is_empty() && named != tried {
        return Err(Status::failed_precondition(
            "another configuration waits to be confirmed",
        ));
    }
    // A connection from before the trial would say nothing about who can come in now.
    if since.is_none_or(|since| since.0 < began_at) {
        return Err(Status::failed_precondition(
            "confirm over a new connection: this one was there before the configuration was tried",
        ));
    }
    let loaded = lower::load(&tried, node.arguments.mode()).map_err(refused)?;
    keep(node, loaded)?;
    let details = "Confirmed: the configuration is stored".to_owned();
    Ok(answer(Mode::NoReboot, Vec::new(), details))
}

fn is_stored(node: &Node, source: &[u8]) -> bool {
    let present = stored::stored(&node.places).ok().flatten();
    present.is_some_and(|present| present == source)
}

/// The configuration that a trial goes back to: the one in force, or the one before a trial;
/// nothing in maintenance mode.
fn before(node: &Node) -> Option<Arc<Loaded>> {
    let state = node.state();
    if let Some(trial) = &state.trial {
        return trial.before().map(Arc::clone);
    }
    let found = state.store.get::<MachineConfig>(MachineConfig::ID);
    found.map(|configuration| Arc::clone(&configuration.0))
}

/// What a dry run says: what would be done, and what differs from what is stored.
fn would_be(node: &Node, plan: Plan, loaded: &Loaded) -> String {
    let present = stored::stored(&node.places).ok().flatten();
    let back = Back::to(before(node).as_ref());
    let how = match plan {
        Plan::Keep => "without a reboot".to_owned(),
        Plan::Try(purpose, time) => plan::trial_words(purpose, time, back),
        Plan::Leave(start, within) => plan::leave_words(start, within),
    };
    let Some(present) = present else {
        return format!("Dry run: the configuration would be applied {how}");
    };
    if plan == Plan::Keep && present == loaded.source() && node.state().trial.is_none() {
        return "Dry run: the configuration is the present one, nothing would change".to_owned();
    }
    let difference = match difference::between(&present, loaded.source()) {
        Some(text) if text.is_empty() => "Nothing differs from the stored one.".to_owned(),
        Some(text) => format!("What differs from the stored one, secrets hidden:\n\n{text}"),
        None => "What differs from the stored one cannot be shown.".to_owned(),
    };
    format!("Dry run: the configuration would be applied {how}\n{difference}")
}
