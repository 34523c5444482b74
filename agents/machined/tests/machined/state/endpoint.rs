// SPDX-License-Identifier: MPL-2.0
//! Where the control plane is, by the host that the configuration names.
//!
//! Owns: a host that is an address, one that is a name, and one that nobody knows.
//! Never: asks a name server.

use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use tonic::Code;

use super::{read, yaml};
use crate::api::apply;
use crate::configurations::configuration;
use crate::node::TestNode;

#[tokio::test(flavor = "current_thread")]
async fn rsrc_029_the_addresses_of_the_control_plane_are_those_of_the_host_that_is_named() {
    const ENDPOINTS: &str = "Endpoints.kubernetes.talos.dev";
    let address = configuration("box.lab.example");
    let named = |host: &str| {
        let known = "hostname: box.lab.example\n        extraHostEntries:\n            \
                     - {ip: 10.7.7.7, aliases: [api.test]}\n";
        address
            .replacen("https://10.5.0.2:6443", &format!("https://{host}:6443"), 1)
            .replacen("hostname: box.lab.example\n", known, 1)
    };
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;
    let request = apply(&address, Mode::Auto);
    client.apply_configuration(request).await.unwrap();
    node.until_stage(MachineStage::Running).await;
    let mut state = node.state().await;
    let shows = async |state: &mut super::State, expected: Result<&str, Code>| {
        let found = read(state, "controlplane", ENDPOINTS, "controlplane").await;
        let found = found.map_err(|status| status.code());
        (found.as_ref().map(yaml).map_err(|code| *code) == expected).then_some(())
    };

    let first = Ok("addresses:\n- 10.5.0.2\n");
    node.until("an address", async || shows(&mut state, first).await)
        .await;
    for (host, expected) in [
        ("api.test", Ok("addresses:\n- 10.7.7.7\n")),
        ("nowhere.test", Err(Code::NotFound)),
    ] {
        let request = apply(&named(host), Mode::NoReboot);
        client.apply_configuration(request).await.unwrap();
        node.until(host, async || shows(&mut state, expected).await)
            .await;
    }
}
