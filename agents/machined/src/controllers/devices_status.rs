// SPDX-License-Identifier: MPL-2.0
//! Whether devices have their nodes.
//!
//! Owns: `DevicesStatus`: they have while udevd runs.
//! Never: looks at a device.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{DevicesStatus, Service};

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.DevicesStatusController",
        inputs: vec![Input::of::<Service>().only("udevd")],
        outputs: vec![Output::of::<DevicesStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let udevd = view.get::<Service>("udevd");
    let ready = udevd.is_some_and(|udevd| udevd.healthy != Some(false));
    if ready {
        desired.put("devices", DevicesStatus { ready });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_110_devices_are_ready_once_udevd_is() {
        let mut bench = Bench::of(controller());
        let service = |healthy| Service {
            healthy: Some(healthy),
        };
        bench.run();
        assert!(bench.store.get::<DevicesStatus>("devices").is_none());

        bench.say("udevd", service(false));
        bench.run();
        assert!(bench.store.get::<DevicesStatus>("devices").is_none());

        bench.say("udevd", service(true));
        bench.run();

        assert!(bench.store.get::<DevicesStatus>("devices").unwrap().ready);
    }
}
