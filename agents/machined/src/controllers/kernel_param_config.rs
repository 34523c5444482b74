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
        let machine = &configuration.0.machine;
        for (prefix, written) in [("proc.sys", &machine.sysctls), ("sys", &machine.sysfs)] {
            for (name, value) in written {
                let spec = KernelParamSpec {
                    value: value.clone(),
                    ignore_errors: false,
                };
                desired.put(format!("{prefix}.{name}"), spec);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    #[test]
    fn conf_010_sysctls_and_files_of_sysfs_are_wished_by_their_names() {
        let mut bench = Bench::of(controller());
        let written = "machine:\n    sysctls: {vm.swappiness: '1'}\n    sysfs: {block.sda.queue.scheduler: none}\n";
        bench.say(MachineConfig::ID, configuration("machine:\n", written));

        bench.run();

        let all = bench.store.list::<KernelParamSpec>();
        let all: Vec<_> = all
            .map(|found| (found.metadata.id.as_str(), found.spec.value.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                ("proc.sys.vm.swappiness", "1"),
                ("sys.block.sda.queue.scheduler", "none"),
            ]
        );
    }
}
