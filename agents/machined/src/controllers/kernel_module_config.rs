// SPDX-License-Identifier: MPL-2.0
//! Which kernel modules are to be loaded.
//!
//! Owns: the operator's `machine.kernel.modules` as resources.
//! Never: loads one.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{KernelModuleSpec, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.KernelModuleConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KernelModuleSpec>()],
        body: Body::Pure(put_all),
    }
}

fn put_all(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) else {
        return Ok(());
    };
    for (name, parameters) in &configuration.0.machine.modules {
        let spec = KernelModuleSpec {
            name: name.clone(),
            parameters: parameters.clone(),
        };
        desired.put(name.clone(), spec);
    }
    Ok(())
}
