// SPDX-License-Identifier: MPL-2.0
//! The sequences as data: phases in order, tasks of a phase side by side.
//!
//! What is not here is not built: phases of disks, containers and Kubernetes come with them.
//!
//! Owns: the names, which are what events and logs say, and who may take over whom.
//! Never: runs anything.

/// A sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// From the start of machined to a configuration.
    Initialize,
    /// From a configuration to a running machine.
    Boot,
    /// Down and up again.
    Reboot,
    /// Down.
    Shutdown,
}

/// A step of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// The kernel was started as hardening asks.
    EnforceKsppRequirements,
    /// The folders of `/system`.
    SetupSystemDirectory,
    /// udevd has made a node for every device.
    StartUdevd,
    /// The machine API answers.
    StartMachined,
    /// The values of META are there.
    ReloadMeta,
    /// What is on the STATE partition is under `/system/state`, if there is one.
    MountStatePartition,
    /// A configuration is there.
    LoadConfig,
    /// It is stored.
    SaveConfig,
    /// Enough memory? Only a warning.
    MemorySizeCheck,
    /// All services run.
    StartAllServices,
    /// From now on a failure turns the machine off.
    StoreShutdownEmergency,
    /// Extension services stop.
    StopAllServices,
    /// init starts the machine again.
    Reboot,
    /// init turns the machine off.
    Shutdown,
}

/// Where a phase is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// On every machine.
    Everywhere,
    /// In a container.
    Container,
    /// On metal and in clouds.
    Machine,
}

/// A phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Where it is done.
    pub place: Where,
    /// Its steps.
    pub tasks: &'static [Task],
}

const fn phase(name: &'static str, place: Where, tasks: &'static [Task]) -> Phase {
    Phase { name, place, tasks }
}

const INITIALIZE: &[Phase] = &[
    phase(
        "systemRequirements",
        Where::Container,
        &[Task::SetupSystemDirectory],
    ),
    phase("machined", Where::Container, &[Task::StartMachined]),
    phase(
        "systemRequirements",
        Where::Machine,
        &[Task::EnforceKsppRequirements, Task::SetupSystemDirectory],
    ),
    phase(
        "earlyServices",
        Where::Machine,
        &[Task::StartUdevd, Task::StartMachined],
    ),
    phase("meta", Where::Machine, &[Task::ReloadMeta]),
    // It stays mounted: what is mounted late, beside a configuration from elsewhere, would be
    // overwritten with that.
    phase("mountSystem", Where::Machine, &[Task::MountStatePartition]),
    phase("config", Where::Everywhere, &[Task::LoadConfig]),
];

const BOOT: &[Phase] = &[
    phase("saveConfig", Where::Everywhere, &[Task::SaveConfig]),
    phase(
        "memorySizeCheck",
        Where::Everywhere,
        &[Task::MemorySizeCheck],
    ),
    phase(
        "startEverything",
        Where::Everywhere,
        &[Task::StartAllServices],
    ),
];

const REBOOT: &[Phase] = &[
    phase(
        "stopEverything",
        Where::Everywhere,
        &[Task::StopAllServices],
    ),
    phase("reboot", Where::Everywhere, &[Task::Reboot]),
];

const SHUTDOWN: &[Phase] = &[
    // The documents' spelling; clients compare it.
    phase(
        "storeShudown",
        Where::Everywhere,
        &[Task::StoreShutdownEmergency],
    ),
    phase(
        "stopEverything",
        Where::Everywhere,
        &[Task::StopAllServices],
    ),
    phase("shutdown", Where::Everywhere, &[Task::Shutdown]),
];

impl Sequence {
    /// Its name in events.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Boot => "boot",
            Self::Reboot => "reboot",
            Self::Shutdown => "shutdown",
        }
    }

    /// Its phases on a machine or in a container.
    pub(crate) fn phases(self, in_container: bool) -> impl Iterator<Item = &'static Phase> {
        let all = match self {
            Self::Initialize => INITIALIZE,
            Self::Boot => BOOT,
            Self::Reboot => REBOOT,
            Self::Shutdown => SHUTDOWN,
        };
        all.iter().filter(move |phase| match phase.place {
            Where::Everywhere => true,
            Where::Container => in_container,
            Where::Machine => !in_container,
        })
    }

    /// Says whether this sequence may stop `other` and begin in its place.
    #[must_use]
    pub(crate) const fn may_take_over(self, other: Self) -> bool {
        match (other, self) {
            (Self::Boot | Self::Reboot, Self::Reboot) => true,
            (
                Self::Initialize | Self::Boot | Self::Reboot | Self::Shutdown,
                Self::Initialize | Self::Boot | Self::Reboot | Self::Shutdown,
            ) => false,
        }
    }
}

impl Task {
    /// Its name in events and logs.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EnforceKsppRequirements => "enforceKSPPRequirements",
            Self::SetupSystemDirectory => "setupSystemDirectory",
            Self::StartUdevd => "startUdevd",
            Self::StartMachined => "startMachined",
            Self::ReloadMeta => "reloadMeta",
            Self::MountStatePartition => "mountStatePartition",
            Self::LoadConfig => "loadConfig",
            Self::SaveConfig => "saveConfig",
            Self::MemorySizeCheck => "memorySizeCheck",
            Self::StartAllServices => "startAllServices",
            Self::StoreShutdownEmergency => "storeShutdownEmergency",
            Self::StopAllServices => "stopAllServices",
            Self::Reboot => "reboot",
            Self::Shutdown => "shutdown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sequence: Sequence, in_container: bool) -> Vec<&'static str> {
        let phases = sequence.phases(in_container);
        phases
            .flat_map(|phase| {
                [phase.name]
                    .into_iter()
                    .chain(phase.tasks.iter().map(|t| t.name()))
            })
            .collect()
    }

    #[test]
    fn svc_12_phases_and_tasks_have_the_documented_names_and_order() {
        assert_eq!(
            names(Sequence::Initialize, false),
            [
                "systemRequirements",
                "enforceKSPPRequirements",
                "setupSystemDirectory",
                "earlyServices",
                "startUdevd",
                "startMachined",
                "meta",
                "reloadMeta",
                "mountSystem",
                "mountStatePartition",
                "config",
                "loadConfig",
            ]
        );
        assert_eq!(
            names(Sequence::Initialize, true),
            [
                "systemRequirements",
                "setupSystemDirectory",
                "machined",
                "startMachined",
                "config",
                "loadConfig",
            ]
        );
        assert_eq!(
            names(Sequence::Boot, false),
            [
                "saveConfig",
                "saveConfig",
                "memorySizeCheck",
                "memorySizeCheck",
                "startEverything",
                "startAllServices",
            ]
        );
        assert_eq!(
            names(Sequence::Reboot, false),
            ["stopEverything", "stopAllServices", "reboot", "reboot"]
        );
        assert_eq!(
            names(Sequence::Shutdown, false),
            [
                "storeShudown",
                "storeShutdownEmergency",
                "stopEverything",
                "stopAllServices",
                "shutdown",
                "shutdown",
            ]
        );
    }
}
