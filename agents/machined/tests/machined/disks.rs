// SPDX-License-Identifier: MPL-2.0
//! What machined promises of disks over the API.
//!
//! Owns: who may ask, and when; what is told of each disk is shown beside the code.
//! Never: looks at disks of the machine that the test runs on.

use std::os::unix::fs::symlink;

use tonic::Code;

use crate::api::running;
use crate::clients::with_role;
use crate::node::TestNode;

/// Gives a node a disk.
fn furnish(node: &TestNode) {
    let folder = node.path("sys/devices/pci0000:00/0000:00:06.0/virtio2/block/vda");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::create_dir_all(node.path("sys/block")).unwrap();
    let target = "../devices/pci0000:00/0000:00:06.0/virtio2/block/vda";
    symlink(target, node.path("sys/block/vda")).unwrap();
    node.write("sys/block/vda/size", "2048\n");
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_057_anybody_may_ask_for_disks_until_there_is_a_configuration() {
    let mut node = TestNode::new("");
    furnish(&node);
    node.start();
    node.until_maintenance().await;

    let nobody = node.storage().await.disks(with_role("", ())).await;

    let answer = nobody.unwrap().into_inner();
    let disks = &answer.messages[0].disks;
    assert_eq!(disks.len(), 1);
    assert_eq!(
        (disks[0].device_name.as_str(), disks[0].size),
        ("/dev/vda", 1 << 20)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn disks_of_a_running_node_are_for_readers() {
    let (node, _client) = running().await;
    furnish(&node);
    let mut storage = node.storage().await;

    let reader = storage.disks(with_role("os:reader", ())).await.unwrap();
    assert_eq!(reader.into_inner().messages[0].disks.len(), 1);
    for role in ["", "os:none", "os:etcd:backup"] {
        let refused = storage.disks(with_role(role, ())).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
}
