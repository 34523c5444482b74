// SPDX-License-Identifier: MPL-2.0
//! What this machine is in its cluster, from the configuration.
//!
//! Owns: `MachineType`.
//! Never: guesses: without a configuration it is unknown.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{MachineConfig, MachineKind, MachineType};

pub(super) fn controller() -> Controller {
    Controller {
        name: "config.MachineTypeController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<MachineType>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID);
    let kind = configuration.map_or(MachineKind::Unknown, |found| found.0.machine.kind);
    desired.put("machine-type", MachineType(kind));
    Ok(())
}
