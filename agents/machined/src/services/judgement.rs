// SPDX-License-Identifier: MPL-2.0
//! Whether services do what the machine has them for.
//!
//! Owns: the one judgement of a service, which `MachineStatus` and the check of a cluster's health both
//! tell, and which services the machine answers for.
//! Never: asks a service; `health` does.

use std::collections::BTreeMap;

use proto::service::State;

use super::health::is_checked;
use super::{CORE, TRUSTD, is_the_operators};
use crate::resources::TrustdCertificate;
use crate::screen;

/// Says whether the machine answers for a service. An extension or a container that fails is its owner's
/// trouble and not the machine's, and a machine whose screen stays dark works.
#[must_use]
pub(crate) fn is_the_machines(id: &str) -> bool {
    !is_the_operators(id) && id != screen::NAME
}

/// How a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It runs, and nothing is known against it.
    Well,
    /// It runs, and its last check was bad, or there was none yet.
    Unhealthy,
    /// It does not run, and need not.
    Resting,
    /// It does not run, and should.
    Down,
}

impl Standing {
    /// That of a service in this state, whose last check was good, bad, or none.
    pub(crate) fn of(id: &str, state: State, is_good: Option<bool>) -> Self {
        match (state, is_good) {
            // Who has no check is well when it runs.
            (State::Running, None) if !is_checked(id) => Self::Well,
            (State::Running, Some(true)) => Self::Well,
            (State::Running, Some(false) | None) => Self::Unhealthy,
            // It waits for what it needs, was stopped, or did what it is for.
            (State::Waiting | State::Stopping | State::Stopped | State::Finished, _) => {
                Self::Resting
            }
            // Who fails again and again starts again and again.
            (State::Starting | State::BackingOff | State::Failed, _) => Self::Down,
        }
    }
}

/// The services that this node cannot be without: trustd where it has something to sign with.
pub(crate) fn required(certificate: Option<&TrustdCertificate>) -> Vec<&'static str> {
    let trustd = certificate.map(|_| TRUSTD);
    CORE.iter().copied().chain(trustd).collect()
}

/// What is wrong with which services of the machine, by name; nothing when all is well.
pub(crate) fn troubles<'a>(
    standings: impl Iterator<Item = (&'a str, Standing)>,
    required: &[&'a str],
) -> Option<String> {
    // Who is not known does not run.
    let unknown = required.iter().map(|id| (*id, Standing::Down));
    let mut all: BTreeMap<&str, Standing> = unknown.collect();
    all.extend(standings.filter(|(id, _)| is_the_machines(id)));
    let troubles = all.into_iter().filter_map(|(id, standing)| {
        let trouble = match standing {
            Standing::Well => return None,
            Standing::Unhealthy => "is not healthy",
            Standing::Resting if !required.contains(&id) => return None,
            Standing::Resting | Standing::Down => "is not running",
        };
        Some(format!("{id} {trouble}"))
    });
    let troubles: Vec<String> = troubles.collect();
    (!troubles.is_empty()).then(|| troubles.join(", "))
}

#[cfg(test)]
mod tests {
    use super::Standing::{Down, Resting, Unhealthy, Well};
    use super::*;

    #[test]
    fn a_service_that_runs_stands_as_its_checks_say() {
        for (id, is_good, expected) in [
            ("apid", Some(true), Well),
            ("apid", Some(false), Unhealthy),
            // Somebody checks it, and has not yet.
            ("apid", None, Unhealthy),
            // Nobody does.
            ("machined", None, Well),
        ] {
            assert_eq!(Standing::of(id, State::Running, is_good), expected, "{id}");
        }
    }

    #[test]
    fn a_service_that_does_not_run_rests_when_it_is_meant_to_and_is_down_when_not() {
        for (state, expected) in [
            (State::Stopped, Resting),
            (State::Waiting, Resting),
            (State::Starting, Down),
            (State::Stopping, Resting),
            (State::BackingOff, Down),
            (State::Finished, Resting),
            (State::Failed, Down),
        ] {
            assert_eq!(Standing::of("imaged", state, None), expected, "{state:?}");
        }
    }

    #[test]
    fn only_who_is_required_may_not_rest_and_all_troubles_are_told_by_name() {
        let told = |standings: &[(&'static str, Standing)]| {
            troubles(standings.iter().copied(), &["netd", "udevd"])
        };
        let well = [("netd", Well), ("udevd", Well)];
        assert_eq!(told(&well), None);
        assert_eq!(told(&[well[0], well[1], ("imaged", Resting)]), None);
        assert_eq!(told(&[well[0], well[1], ("ctr-web", Down)]), None);
        for (standings, expected) in [
            (&[][..], "netd is not running, udevd is not running"),
            (&[("udevd", Resting), well[0]], "udevd is not running"),
            (
                &[("udevd", Unhealthy), well[0], ("imaged", Down)],
                "imaged is not running, udevd is not healthy",
            ),
        ] {
            assert_eq!(told(standings).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_machine_answers_for_its_agents_and_not_for_what_is_the_operators() {
        for (id, expected) in [
            ("apid", true),
            ("imaged", true),
            ("trustd", true),
            ("ext-hello", false),
            ("ctr-web", false),
            ("dashboard", false),
        ] {
            assert_eq!(is_the_machines(id), expected, "{id}");
        }
    }
}
