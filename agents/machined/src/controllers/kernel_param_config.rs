// SPDX-License-Identifier: MPL-2.0
//! The kernel parameters that the configuration wishes.
//!
//! Owns: `KernelParamSpec`.
//! Never: sets one, or knows the defaults.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{KernelParamSpec, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.KernelParamConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KernelParamSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) {
        for (name, value) in &configuration.0.machine.sysctls {
            let spec = KernelParamSpec {
                value: value.clone(),
                ignore_errors: false,
            };
            desired.put(format!("proc.sys.{name}"), spec);
        }
    }
    Ok(())
}
