// SPDX-License-Identifier: MPL-2.0
//! What a request to apply a configuration asks for.
//!
//! Owns: the modes, confirmation, what each needs, and the words for it.
//! Never: touches the node.

use std::time::Duration;

use api::machine::apply_configuration_request::Mode;
use api::wire::CONFIRM;
use config::GoDuration;
use tonic::Status;

use crate::clock;
use crate::trial::{self, Purpose};

/// What is to be done with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is stored and in force.
    Keep,
    /// It is in force for a while.
    Try(Purpose, Duration),
    /// The next start of the machine begins with it, on trial for a time if there is one.
    Leave(Start, Option<Duration>),
}

/// When the machine starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At once.
    Now,
    /// When somebody wants it to.
    Later,
}

/// What the metadata says about confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// Nothing.
    Unasked,
    /// This configuration is to be confirmed within so long.
    Within(Duration),
    /// The configuration on trial is confirmed.
    Now,
}

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Without a configuration.
    Maintenance,
    /// Without a configuration again, and about to start anew.
    GoingBack,
    /// With one, starting or going down.
    OnItsWay,
    /// With one.
    Running,
}

/// What a node goes back to when a trial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    /// A configuration.
    Configured,
    /// Maintenance mode, with a reboot.
    Maintenance,
}

impl Back {
    /// What follows from what was there before.
    pub(super) fn to<T>(before: Option<&T>) -> Self {
        before.map_or(Self::Maintenance, |_| Self::Configured)
    }
}

/// What a plan depends on besides the request.
#[derive(Debug)]
pub(super) struct Situation {
    /// Where the machine stands.
    pub(super) stage: Stage,
    /// Where what is stored is.
    pub(super) storage: Storage,
    /// The keys of the configuration that differ from what is in force and need a reboot.
    pub(super) reboot_keys: Vec<String>,
}

/// Where what is stored is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// On a disk: it outlives the machine.
    Disk,
    /// In memory only.
    Memory,
}

/// What the client is told was done.
pub(super) const fn mode_of(plan: Plan) -> Mode {
    match plan {
        Plan::Keep | Plan::Try(Purpose::Confirm, _) => Mode::NoReboot,
        Plan::Try(Purpose::Try, _) => Mode::Try,
        Plan::Leave(Start::Now, _) => Mode::Reboot,
        Plan::Leave(Start::Later, _) => Mode::Staged,
    }
}

pub(super) fn confirmation(
    metadata: &tonic::metadata::MetadataMap,
) -> Result<Confirmation, Status> {
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

/// Decides what a request asks for.
pub(super) fn plan(
    mode: Mode,
    within: Option<Duration>,
    try_timeout: Option<prost_types::Duration>,
    situation: &Situation,
) -> Result<Plan, Status> {
    let live = || match within {
        Some(time) => try_out(Purpose::Confirm, time, situation.stage),
        None => Ok(Plan::Keep),
    };
    match (mode, situation.stage) {
        (_, Stage::GoingBack) => Err(Status::failed_precondition(
            "the machine starts again because a trial ended; apply it when it waits for a \
             configuration",
        )),
        (Mode::Auto | Mode::Reboot, Stage::Maintenance) => live(),
        // The documents have only the other modes here. They know nothing of confirmation, so
        // with it each mode does what it says.
        (Mode::NoReboot | Mode::Staged, Stage::Maintenance) if within.is_none() => {
            Err(Status::unimplemented(
                "in maintenance mode a configuration is applied with mode auto, reboot or try",
            ))
        }
        (Mode::NoReboot, Stage::Maintenance) => live(),
        (Mode::Staged, Stage::Maintenance) => leave(Start::Later, within, situation),
        (Mode::Auto, Stage::OnItsWay | Stage::Running) => {
            match (situation.reboot_keys.is_empty(), situation.storage) {
                (false, Storage::Disk) => Ok(Plan::Leave(Start::Now, within)),
                // A reboot would lose what is in memory only; all that this node acts on takes
                // effect at once.
                (true, _) | (false, Storage::Memory) => live(),
            }
        }
        (Mode::NoReboot, Stage::OnItsWay | Stage::Running) => {
            without_reboot(mode, situation)?;
            live()
        }
        (Mode::Try, _) if within.is_some() => Err(Status::invalid_argument(format!(
            "{CONFIRM}: a configuration in mode try goes by itself; use auto"
        ))),
        (Mode::Try, stage) => {
            let time = try_time(try_timeout)?;
            without_reboot(mode, situation)?;
            try_out(Purpose::Try, time, stage)
        }
        (Mode::Reboot, Stage::OnItsWay | Stage::Running) => leave(Start::Now, within, situation),
        (Mode::Staged, Stage::OnItsWay | Stage::Running) => leave(Start::Later, within, situation),
    }
}

/// Refuses what needs a reboot.
fn without_reboot(mode: Mode, situation: &Situation) -> Result<(), Status> {
    if situation.reboot_keys.is_empty() {
        return Ok(());
    }
    let name = mode.as_str_name().to_lowercase().replace('_', "-");
    Err(Status::invalid_argument(format!(
        "mode {name}: these changes need a reboot, use auto, reboot or staged: {}",
        situation.reboot_keys.join(", ")
    )))
}

fn leave(start: Start, within: Option<Duration>, situation: &Situation) -> Result<Plan, Status> {
    match situation.storage {
        Storage::Disk => Ok(Plan::Leave(start, within)),
        Storage::Memory => Err(Status::failed_precondition(
            "this node has no STATE partition: its configuration is in memory and a reboot would \
             lose it; use auto",
        )),
    }
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
        Stage::Maintenance | Stage::Running => Ok(Plan::Try(purpose, time)),
        Stage::OnItsWay | Stage::GoingBack => Err(Status::failed_precondition(
            "the machine is starting or going down: a configuration is tried on one that runs",
        )),
    }
}

pub(super) fn leave_words(start: Start, within: Option<Duration>) -> String {
    let when = match start {
        Start::Now => "with a reboot",
        Start::Later => "to be applied after the next reboot",
    };
    within.map_or_else(
        || when.to_owned(),
        |time| {
            format!(
                "{when}; it is on trial then, and goes back after {} unless it is confirmed",
                clock::Took(time)
            )
        },
    )
}

pub(super) fn trial_words(purpose: Purpose, time: Duration, back: Back) -> String {
    let time = clock::Took(time);
    match (purpose, back) {
        (Purpose::Try, Back::Configured) => {
            format!("for {time}, without a reboot; it is not stored")
        }
        (Purpose::Try, Back::Maintenance) => format!(
            "for {time}; it is not stored, and after that the node starts again and waits for one"
        ),
        (Purpose::Confirm, Back::Configured) => format!(
            "without a reboot; it is not stored until it is confirmed, and goes back after {time}"
        ),
        (Purpose::Confirm, Back::Maintenance) => format!(
            "without a reboot; it is not stored until it is confirmed, and after {time} the node \
             starts again and waits for one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic::metadata::MetadataMap;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn code(
        mode: Mode,
        within: Option<Duration>,
        (stage, storage): (Stage, Storage),
        reboot_keys: &[&str],
    ) -> Result<Plan, Code> {
        let situation = Situation {
            stage,
            storage,
            reboot_keys: reboot_keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        plan(mode, within, None, &situation).map_err(|status| status.code())
    }

    #[test]
    fn rpc_004_cfg_01_edit_02_edit_03_edit_04_a_mode_does_what_it_says_or_is_refused() {
        use Stage::{GoingBack, Maintenance, OnItsWay, Running};
        use Storage::{Disk, Memory};
        const NONE: &[&str] = &[];
        const FILES: &[&str] = &["machine.files"];
        let again = Err(Code::FailedPrecondition);
        let unbuilt = Err(Code::Unimplemented);
        let now = Ok(Plan::Leave(Start::Now, None));
        let later = Ok(Plan::Leave(Start::Later, None));
        let tried = Ok(Plan::Try(Purpose::Try, MINUTE));
        for (mode, at, keys, expected) in [
            (Mode::Auto, (Maintenance, Memory), NONE, Ok(Plan::Keep)),
            (Mode::Auto, (Maintenance, Disk), FILES, Ok(Plan::Keep)),
            (Mode::Auto, (OnItsWay, Disk), NONE, Ok(Plan::Keep)),
            (Mode::Auto, (Running, Disk), NONE, Ok(Plan::Keep)),
            (Mode::Auto, (Running, Disk), FILES, now),
            (Mode::Auto, (OnItsWay, Disk), FILES, now),
            (Mode::Auto, (Running, Memory), FILES, Ok(Plan::Keep)),
            (Mode::NoReboot, (Running, Disk), NONE, Ok(Plan::Keep)),
            (
                Mode::NoReboot,
                (Running, Disk),
                FILES,
                Err(Code::InvalidArgument),
            ),
            (
                Mode::NoReboot,
                (Running, Memory),
                FILES,
                Err(Code::InvalidArgument),
            ),
            (Mode::NoReboot, (Maintenance, Disk), NONE, unbuilt),
            (Mode::Reboot, (Running, Disk), NONE, now),
            (Mode::Reboot, (OnItsWay, Disk), FILES, now),
            (
                Mode::Reboot,
                (Running, Memory),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (Mode::Reboot, (Maintenance, Disk), NONE, Ok(Plan::Keep)),
            (Mode::Staged, (Running, Disk), FILES, later),
            (
                Mode::Staged,
                (Running, Memory),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (Mode::Staged, (Maintenance, Disk), NONE, unbuilt),
            (Mode::Try, (Running, Disk), NONE, tried),
            (Mode::Try, (Running, Memory), NONE, tried),
            (
                Mode::Try,
                (Running, Disk),
                FILES,
                Err(Code::InvalidArgument),
            ),
            (
                Mode::Try,
                (OnItsWay, Disk),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (Mode::Try, (Maintenance, Disk), NONE, tried),
            (Mode::Try, (Maintenance, Memory), NONE, tried),
            (Mode::Auto, (GoingBack, Memory), NONE, again),
            (Mode::Auto, (GoingBack, Disk), NONE, again),
            (Mode::Reboot, (GoingBack, Disk), NONE, again),
            (Mode::NoReboot, (GoingBack, Disk), NONE, again),
            (Mode::Staged, (GoingBack, Disk), NONE, again),
            (Mode::Try, (GoingBack, Disk), NONE, again),
        ] {
            assert_eq!(
                code(mode, None, at, keys),
                expected,
                "{mode:?} {at:?} {keys:?}"
            );
        }
        // What a client that leaves the mode out asks for.
        assert_eq!(Mode::try_from(0), Ok(Mode::Reboot));
    }

    #[test]
    fn confirmation_goes_with_what_is_kept_over_a_reboot_too() {
        use Stage::{Maintenance, OnItsWay, Running};
        use Storage::{Disk, Memory};
        const NONE: &[&str] = &[];
        const FILES: &[&str] = &["machine.files"];
        let tried = Ok(Plan::Try(Purpose::Confirm, MINUTE));
        let now = Ok(Plan::Leave(Start::Now, Some(MINUTE)));
        let later = Ok(Plan::Leave(Start::Later, Some(MINUTE)));
        for (mode, at, keys, expected) in [
            (Mode::Auto, (Running, Memory), NONE, tried),
            (Mode::Auto, (Running, Memory), FILES, tried),
            (Mode::Auto, (Running, Disk), FILES, now),
            (Mode::NoReboot, (Running, Disk), NONE, tried),
            (Mode::Reboot, (Running, Disk), NONE, now),
            (Mode::Staged, (Running, Disk), NONE, later),
            (
                Mode::Reboot,
                (Running, Memory),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (
                Mode::Auto,
                (OnItsWay, Disk),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (Mode::Auto, (Maintenance, Disk), NONE, tried),
            (Mode::Auto, (Maintenance, Memory), NONE, tried),
            (Mode::Reboot, (Maintenance, Disk), NONE, tried),
            (Mode::NoReboot, (Maintenance, Memory), NONE, tried),
            (Mode::Staged, (Maintenance, Disk), NONE, later),
            (
                Mode::Staged,
                (Maintenance, Memory),
                NONE,
                Err(Code::FailedPrecondition),
            ),
            (
                Mode::Try,
                (Maintenance, Disk),
                NONE,
                Err(Code::InvalidArgument),
            ),
            (Mode::Try, (Running, Disk), NONE, Err(Code::InvalidArgument)),
        ] {
            let planned = code(mode, Some(MINUTE), at, keys);
            assert_eq!(planned, expected, "{mode:?} {at:?} {keys:?}");
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
