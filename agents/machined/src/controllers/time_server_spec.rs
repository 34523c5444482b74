// SPDX-License-Identifier: MPL-2.0
//! The time servers in use.
//!
//! Owns: `TimeServerStatus`.
//! Never: asks one.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{TIME_SERVERS, TimeServerSpec, TimeServerStatus};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.TimeServerSpecController",
        inputs: vec![Input::of::<TimeServerSpec>().only(TIME_SERVERS).strong()],
        outputs: vec![Output::of::<TimeServerStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(spec) = view.get::<TimeServerSpec>(TIME_SERVERS) {
        let servers = spec.servers.clone();
        desired.put(TIME_SERVERS, TimeServerStatus { servers });
    }
    Ok(())
}
