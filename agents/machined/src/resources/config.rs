// SPDX-License-Identifier: MPL-2.0
//! Resources of the configuration.
//!
//! Owns: the configuration as a resource, and the machine's type.
//! Never: prints a configuration; it holds keys.

use std::fmt;
use std::sync::Arc;

use crate::configuration::Loaded;

/// The machine configuration. Its id is `v1alpha1`.
#[derive(Clone)]
pub(crate) struct MachineConfig(pub Arc<Loaded>);

impl fmt::Debug for MachineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MachineConfig(******)")
    }
}

impl PartialEq for MachineConfig {
    fn eq(&self, other: &Self) -> bool {
        self.0.source() == other.0.source()
    }
}

impl MachineConfig {
    /// Its only id.
    pub(crate) const ID: &'static str = "v1alpha1";
}

super::kind!(
    MachineConfig,
    "MachineConfigs.config.talos.dev" in "config",
    ["machineconfig", "mc", "mcs"],
    [],
    Sensitive,
    super::wire::machine_config
);

/// What a machine is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MachineKind {
    /// Not known.
    Unknown,
    /// A control plane node that starts the cluster (an old spelling).
    Init,
    /// A control plane node.
    ControlPlane,
    /// A worker.
    Worker,
}

impl MachineKind {
    /// Whether it is one of those that run the cluster.
    pub(crate) fn is_control_plane(self) -> bool {
        match self {
            Self::Init | Self::ControlPlane => true,
            Self::Worker | Self::Unknown => false,
        }
    }
}

/// What this machine is. Its id is `machine-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MachineType(pub MachineKind);

super::kind!(
    MachineType,
    "MachineTypes.config.talos.dev" in "config",
    ["machinetype", "mt", "mts"],
    ["Type" = "{@}"],
    Public,
    super::wire::machine_type
);
