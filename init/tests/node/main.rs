// SPDX-License-Identifier: MPL-2.0
//! The real init as PID 1 of namespaces of its own, with shell scripts as services.
//!
//! Needs root. The root of the node is the host's `/usr` with our programs added; nothing that
//! happens in it is seen outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod bench;
mod containers;
mod control;
mod descent;
mod lives;
mod volumes;

use bench::Client;
use proto::service::ServiceSpec;
use proto::supervisor::{Named, Reply, Request};

pub(crate) const CORE: [&str; 5] = ["logd", "udevd", "netd", "machined", "apid"];

/// A service that runs a line of shell.
pub(crate) fn shell<'a>(name: &'a str, line: &'a str) -> ServiceSpec<'a> {
    let mut spec = ServiceSpec::new(name, "/bin/sh");
    for argument in ["-c", line] {
        spec.args.push(argument).unwrap();
    }
    spec.stop_timeout_ms = 300;
    spec
}

pub(crate) fn define_and_start(client: &Client, spec: &ServiceSpec<'_>) {
    assert_eq!(client.ask(&Request::Define(spec.clone())), Reply::Done(()));
    assert_eq!(
        client.ask(&Request::Start(Named { name: spec.name })),
        Reply::Done(())
    );
}
