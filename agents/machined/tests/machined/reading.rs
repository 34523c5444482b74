// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the socket for the node's own screen: who stands before the machine reads,
//! in every mode, and changes nothing.
//!
//! Owns: the role of its callers.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use tonic::Code;

use crate::api::apply;
use crate::clients::as_admin;
use crate::configurations::configuration;
use crate::node::TestNode;

#[tokio::test]
async fn dash_01_the_screen_reads_before_there_is_a_configuration_and_changes_nothing() {
    let mut node = TestNode::new("");
    node.start();
    node.until_maintenance().await;
    let mut reader = node.reader().await;

    reader.system_stat(()).await.unwrap();
    reader.service_list(()).await.unwrap();
    let given = apply(&configuration("box.lab.example"), Mode::Auto);
    let refused = reader.apply_configuration(given).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let asked = as_admin(machine::RebootRequest::default());
    let refused = reader.reboot(asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    // The door's socket goes by what apid says.
    let stranger = node.client().await.system_stat(()).await.unwrap_err();
    assert_eq!(stranger.code(), Code::Unimplemented, "{stranger:?}");
}
