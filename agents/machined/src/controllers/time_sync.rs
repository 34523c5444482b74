// SPDX-License-Identifier: MPL-2.0
//! Whether the clock is right.
//!
//! Nothing asks a time server yet. A node that is told to leave its clock alone counts as right;
//! any other one does not.
//!
//! Owns: `TimeStatus`.
//! Never: sets the clock.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{MachineConfig, TimeStatus};

pub(super) fn controller() -> Controller {
    Controller {
        name: "time.SyncController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<TimeStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID);
    let sync_disabled = configuration.is_some_and(|found| found.0.machine.time_disabled);
    let status = TimeStatus {
        synced: sync_disabled,
        epoch: 0,
        sync_disabled,
    };
    desired.put("node", status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    #[test]
    fn rsrc_140_a_clock_that_is_left_alone_counts_as_right_and_no_other() {
        let mut bench = Bench::of(controller());
        bench.run();
        let before = bench.store.get::<TimeStatus>("node").unwrap().clone();

        let configured = configuration("machine:\n", "machine:\n    time: {disabled: true}\n");
        bench.say(MachineConfig::ID, configured);
        bench.run();

        assert_eq!(before, TimeStatus::default());
        let after = bench.store.get::<TimeStatus>("node").unwrap();
        assert!(after.synced && after.sync_disabled);
    }
}
