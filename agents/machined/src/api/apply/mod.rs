// SPDX-License-Identifier: MPL-2.0
//! ApplyConfiguration: check, then act or say why not.
//!
//! Owns: the modes, confirmation, and the answer.
//! Never: changes anything when it refuses.

use std::sync::Arc;
use std::time::Duration;

use api::machine::apply_configuration_request::Mode;
use api::machine::{ApplyConfiguration, ApplyConfigurationRequest, ApplyConfigurationResponse};
use api::wire::CONFIRM;
use config::GoDuration;
use tonic::{Request, Status};

use super::serve::Since;
use crate::configuration::{self, Loaded};
use crate::lower::Refusal;
use crate::node::Node;
use crate::resources::{MachineConfig, MachineStage};
use crate::trial::{self, Purpose};
use crate::{acquire, clock, difference, lower};

/// What is to be done with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It is stored and in force.
    Keep,
    /// It is in force for a while.
    Try(Purpose, Duration),
    /// The one on trial is stored.
    Confirm,
}

/// What the metadata says about confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirmation {
    /// Nothing.
    Unasked,
    /// This configuration is to be confirmed within so long.
    Within(Duration),
    /// The configuration on trial is confirmed.
    Now,
}

pub(super) fn apply(
    node: &Arc<Node>,
    request: &Request<ApplyConfigurationRequest>,
) -> Result<ApplyConfigurationResponse, Status> {
    let confirmation = confirmation(request.metadata())?;
    let since = request.extensions().get::<Since>().copied();
    let request = request.get_ref();
    let mode = Mode::try_from(request.mode)
        .map_err(|_| Status::invalid_argument(format!("mode {} is not known", request.mode)))?;
    let stage = stage(node);
    let plan = plan(mode, confirmation, request.try_mode_timeout, stage)?;
    if plan == Plan::Confirm {
        if request.dry_run {
            return Err(Status::invalid_argument(format!(
                "{CONFIRM}: now: there is nothing that a dry run could leave out"
            )));
        }
        return confirm(node, &request.data, since);
    }
    let loaded = lower::load(&request.data, node.arguments.mode()).map_err(refused)?;
    let warnings = warnings(&loaded);
    let details = if request.dry_run {
        would_be(node, plan, &loaded)
    } else {
        perform(node, plan, loaded)?
    };
    Ok(answer(plan, warnings, details))
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

fn answer(plan: Plan, warnings: Vec<String>, mode_details: String) -> ApplyConfigurationResponse {
    let mode = match plan {
        Plan::Try(Purpose::Try, _) => Mode::Try,
        // Everything that machined acts on takes effect at once.
        Plan::Keep | Plan::Confirm | Plan::Try(Purpose::Confirm, _) => Mode::NoReboot,
    };
    ApplyConfigurationResponse {
        messages: vec![ApplyConfiguration {
            metadata: None,
            warnings,
            mode: mode.into(),
            mode_details,
        }],
    }
}

/// Where the machine stands: without configuration, on its way, or running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Maintenance,
    OnItsWay,
    Running,
}

fn stage(node: &Node) -> Stage {
    if !node.is_configured() {
        return Stage::Maintenance;
    }
    match node.state().sequencer.stage {
        Some(MachineStage::Running) => Stage::Running,
        None
        | Some(
            MachineStage::Booting
            | MachineStage::Maintenance
            | MachineStage::Rebooting
            | MachineStage::ShuttingDown,
        ) => Stage::OnItsWay,
    }
}

fn confirmation(metadata: &tonic::metadata::MetadataMap) -> Result<Confirmation, Status> {
    let wrong = || {
        Status::invalid_argument(format!(
            "{CONFIRM}: must be `now` or a time from 1s to {}h",
            trial::LASTS_MAX.as_secs() / 3600
        ))
    };
    let mut values = metadata.get_all(CONFIRM).iter();
    let Some(value) = values.next() else {
        return Ok(Confirmation::Unasked);
    };
    let text = value.to_str().map_err(|_| wrong())?;
    if values.next().is_some() {
        return Err(wrong());
    }
    if text == "now" {
        return Ok(Confirmation::Now);
    }
    GoDuration::parse(text)
        .and_then(GoDuration::to_std)
        .filter(|time| is_trial_time(*time))
        .map(Confirmation::Within)
        .ok_or_else(wrong)
}

fn is_trial_time(time: Duration) -> bool {
    time >= Duration::from_secs(1) && time <= trial::LASTS_MAX
}

/// Decides what a request asks for. Everything that machined acts on takes effect at once, so no
/// mode needs a reboot; and without a disk a reboot would lose the configuration.
fn plan(
    mode: Mode,
    confirmation: Confirmation,
    try_timeout: Option<prost_types::Duration>,
    stage: Stage,
) -> Result<Plan, Status> {
    match (mode, confirmation) {
        (Mode::Auto | Mode::NoReboot, Confirmation::Now) => return Ok(Plan::Confirm),
        (Mode::Auto | Mode::NoReboot, Confirmation::Unasked | Confirmation::Within(_))
        | (Mode::Try | Mode::Reboot | Mode::Staged, Confirmation::Unasked) => {}
        (Mode::Try, Confirmation::Within(_) | Confirmation::Now) => {
            return Err(Status::invalid_argument(format!(
                "{CONFIRM}: a configuration in mode try goes by itself; use auto"
            )));
        }
        (Mode::Reboot | Mode::Staged, Confirmation::Within(_) | Confirmation::Now) => {}
    }
    let reason = match (mode, stage) {
        (Mode::Auto, _) | (Mode::NoReboot, Stage::OnItsWay | Stage::Running) => {
            return match confirmation {
                Confirmation::Within(time) => try_out(Purpose::Confirm, time, stage),
                Confirmation::Unasked | Confirmation::Now => Ok(Plan::Keep),
            };
        }
        (Mode::Try, _) => {
            return try_out(Purpose::Try, try_time(try_timeout)?, stage);
        }
        (Mode::NoReboot | Mode::Staged, Stage::Maintenance) => {
            "in maintenance mode a configuration is applied with mode auto"
        }
        (Mode::Reboot, _) => {
            "mode reboot is not supported yet: the configuration is kept in memory and a reboot \
             would lose it; use auto"
        }
        (Mode::Staged, Stage::OnItsWay | Stage::Running) => {
            "mode staged is not supported yet: the configuration is kept in memory and would be \
             lost before it is used; use auto"
        }
    };
    Err(Status::unimplemented(reason))
}

fn try_time(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(asked) = asked else {
        return Ok(trial::TRY_DEFAULT);
    };
    clock::duration(asked)
        .filter(|time| is_trial_time(*time))
        .ok_or_else(|| {
            Status::invalid_argument(format!(
                "try_mode_timeout: must be from 1s to {}h",
                trial::LASTS_MAX.as_secs() / 3600
            ))
        })
}

fn try_out(purpose: Purpose, time: Duration, stage: Stage) -> Result<Plan, Status> {
    match stage {
        Stage::Running => Ok(Plan::Try(purpose, time)),
        Stage::OnItsWay => Err(Status::failed_precondition(
            "the machine is starting or going down: a configuration is tried on one that runs",
        )),
        Stage::Maintenance => Err(Status::unimplemented(
            "in maintenance mode there is no configuration to go back to; use mode auto without \
             confirmation",
        )),
    }
}

/// Carries out a plan; returns what to say.
fn perform(node: &Arc<Node>, plan: Plan, loaded: Loaded) -> Result<String, Status> {
    match plan {
        Plan::Keep | Plan::Confirm => {
            let same = is_stored(node, loaded.source()) && node.state().trial.is_none();
            keep(node, loaded)?;
            Ok(if same {
                "The configuration is the present one".to_owned()
            } else {
                "Applied configuration without a reboot".to_owned()
            })
        }
        Plan::Try(purpose, time) => {
            let stored = stored(node)?;
            trial::begin(node, purpose, loaded, stored, time);
            node.reconcile();
            Ok(format!(
                "Applied configuration {}",
                trial_words(purpose, time)
            ))
        }
    }
}

fn trial_words(purpose: Purpose, time: Duration) -> String {
    let time = clock::Took(time);
    match purpose {
        Purpose::Try => format!("for {time}, without a reboot; it is not stored"),
        Purpose::Confirm => format!(
            "without a reboot; it is not stored until it is confirmed, and goes back after {time}"
        ),
    }
}

/// Stores a configuration and puts it into force; a trial ends.
fn keep(node: &Node, loaded: Loaded) -> Result<(), Status> {
    configuration::store(&node.places, loaded.source())
        .map_err(|error| Status::internal(format!("cannot store the configuration: {error}")))?;
    trial::end(node, "a configuration was applied to stay");
    node.journal.console("configuration applied over the API");
    acquire::accept(node, loaded);
    // The certificate and the door follow at once: the answer finds the node as configured.
    node.reconcile();
    Ok(())
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
            return Ok(answer(Plan::Confirm, Vec::new(), details));
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
    Ok(answer(Plan::Confirm, Vec::new(), details))
}

fn is_stored(node: &Node, source: &[u8]) -> bool {
    let present = configuration::stored(&node.places).ok().flatten();
    present.is_some_and(|present| present == source)
}

/// The configuration that a trial goes back to: the one in force, or the one before a trial.
fn stored(node: &Node) -> Result<Arc<Loaded>, Status> {
    let state = node.state();
    if let Some(trial) = &state.trial {
        return Ok(Arc::clone(trial.before()));
    }
    state
        .store
        .get::<MachineConfig>(MachineConfig::ID)
        .map(|configuration| Arc::clone(&configuration.0))
        .ok_or_else(|| Status::failed_precondition("this node has no configuration"))
}

/// What a dry run says: what would be done, and what differs from what is stored.
fn would_be(node: &Node, plan: Plan, loaded: &Loaded) -> String {
    let present = configuration::stored(&node.places).ok().flatten();
    let Some(present) = present else {
        return "Dry run: the configuration would be applied without a reboot".to_owned();
    };
    if plan == Plan::Keep && present == loaded.source() && node.state().trial.is_none() {
        return "Dry run: the configuration is the present one, nothing would change".to_owned();
    }
    let how = match plan {
        Plan::Keep | Plan::Confirm => "without a reboot".to_owned(),
        Plan::Try(purpose, time) => trial_words(purpose, time),
    };
    let difference = match difference::between(&present, loaded.source()) {
        Some(text) if text.is_empty() => "Nothing differs from the stored one.".to_owned(),
        Some(text) => format!("What differs from the stored one, secrets hidden:\n\n{text}"),
        None => "What differs from the stored one cannot be shown.".to_owned(),
    };
    format!("Dry run: the configuration would be applied {how}\n{difference}")
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic::metadata::MetadataMap;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn code(mode: Mode, confirmation: Confirmation, stage: Stage) -> Result<Plan, Code> {
        plan(mode, confirmation, None, stage).map_err(|status| status.code())
    }

    #[test]
    fn only_modes_that_can_be_kept_are_taken() {
        use Stage::{Maintenance, OnItsWay, Running};
        let unbuilt = Err(Code::Unimplemented);
        for (mode, stage, expected) in [
            (Mode::Auto, Maintenance, Ok(Plan::Keep)),
            (Mode::Auto, OnItsWay, Ok(Plan::Keep)),
            (Mode::Auto, Running, Ok(Plan::Keep)),
            (Mode::NoReboot, Running, Ok(Plan::Keep)),
            (Mode::NoReboot, Maintenance, unbuilt),
            (Mode::Reboot, Running, unbuilt),
            (Mode::Reboot, Maintenance, unbuilt),
            (Mode::Staged, Running, unbuilt),
            (Mode::Staged, Maintenance, unbuilt),
            (Mode::Try, Running, Ok(Plan::Try(Purpose::Try, MINUTE))),
            (Mode::Try, OnItsWay, Err(Code::FailedPrecondition)),
            (Mode::Try, Maintenance, unbuilt),
        ] {
            let planned = code(mode, Confirmation::Unasked, stage);
            assert_eq!(planned, expected, "{mode:?} {stage:?}");
        }
    }

    #[test]
    fn confirmation_goes_with_what_is_kept() {
        use Stage::{Maintenance, OnItsWay, Running};
        let within = Confirmation::Within(MINUTE);
        let tried = Ok(Plan::Try(Purpose::Confirm, MINUTE));
        for (mode, confirmation, stage, expected) in [
            (Mode::Auto, within, Running, tried),
            (Mode::NoReboot, within, Running, tried),
            (Mode::Auto, Confirmation::Now, Running, Ok(Plan::Confirm)),
            (Mode::Auto, within, OnItsWay, Err(Code::FailedPrecondition)),
            (Mode::Auto, within, Maintenance, Err(Code::Unimplemented)),
            (Mode::Try, within, Running, Err(Code::InvalidArgument)),
            (
                Mode::Try,
                Confirmation::Now,
                Running,
                Err(Code::InvalidArgument),
            ),
            (Mode::Reboot, within, Running, Err(Code::Unimplemented)),
            (
                Mode::Staged,
                Confirmation::Now,
                Running,
                Err(Code::Unimplemented),
            ),
        ] {
            assert_eq!(
                code(mode, confirmation, stage),
                expected,
                "{mode:?} {confirmation:?}"
            );
        }
    }

    #[test]
    fn the_metadata_says_now_or_one_time_within_the_limits() {
        let read = |values: &[&str]| {
            let mut metadata = MetadataMap::new();
            for value in values {
                metadata.append(CONFIRM, value.parse().unwrap());
            }
            confirmation(&metadata).map_err(|status| status.code())
        };

        assert_eq!(read(&[]), Ok(Confirmation::Unasked));
        assert_eq!(read(&["now"]), Ok(Confirmation::Now));
        assert_eq!(read(&["1m"]), Ok(Confirmation::Within(MINUTE)));
        assert_eq!(read(&["24h"]), Ok(Confirmation::Within(trial::LASTS_MAX)));
        for wrong in [
            "", "0", "0s", "-1m", "60", "soon", "Now", "999ms", "24h1s", "9999999h",
        ] {
            assert_eq!(read(&[wrong]), Err(Code::InvalidArgument), "{wrong}");
        }
        assert_eq!(read(&["1m", "now"]), Err(Code::InvalidArgument));
    }

    #[test]
    fn the_time_of_a_trial_has_a_default_and_limits() {
        let asked = |seconds, nanos| {
            try_time(Some(prost_types::Duration { seconds, nanos })).map_err(|s| s.code())
        };

        assert_eq!(try_time(None).unwrap(), MINUTE);
        assert_eq!(asked(1, 0), Ok(Duration::from_secs(1)));
        assert_eq!(asked(86_400, 0), Ok(trial::LASTS_MAX));
        for (seconds, nanos) in [
            (0, 0),
            (0, 5),
            (-60, 0),
            (86_400, 1),
            (i64::MAX, 0),
            (60, -1),
        ] {
            assert_eq!(
                asked(seconds, nanos),
                Err(Code::InvalidArgument),
                "{seconds} {nanos}"
            );
        }
    }
}
