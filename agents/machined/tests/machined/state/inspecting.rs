// SPDX-License-Identifier: MPL-2.0
//! The graph of controllers.
//!
//! Owns: that it is whole, and that it is true.
//! Never: lists every controller; the graph comes from their declarations.

use std::collections::BTreeSet;

use ::api::inspect::DependencyEdgeType;
use tonic::Code;

use super::{RD, all, id, list};
use crate::api::running;
use crate::clients::{as_admin, with_role};
use crate::node::TestNode;

#[tokio::test(flavor = "current_thread")]
async fn rpc_001_rpc_002_every_resource_belongs_to_whom_the_graph_says() {
    let (node, _client) = running().await;
    let mut inspect = node.inspect().await;
    let mut state = node.state().await;

    let reply = inspect
        .controller_runtime_dependencies(with_role("os:reader", ()))
        .await;
    let messages = reply.unwrap().into_inner().messages;
    let [message] = &messages[..] else {
        panic!("{messages:?}");
    };
    let edges = &message.edges;
    let writers: BTreeSet<_> = edges
        .iter()
        .filter(|edge| edge.edge_type() == DependencyEdgeType::OutputExclusive)
        .map(|edge| {
            (
                edge.resource_namespace.as_str(),
                edge.resource_type.as_str(),
                edge.controller_name.as_str(),
            )
        })
        .collect();
    for (namespace, kind, _) in &writers {
        for found in all(&mut state, as_admin(list(namespace, kind)))
            .await
            .unwrap()
        {
            let owner = found.metadata.as_ref().unwrap().owner.as_str();
            assert!(
                writers.contains(&(*namespace, *kind, owner)),
                "{owner} wrote {namespace}/{kind}/{}",
                id(&found)
            );
        }
    }
    let has = |controller: &str, edge_type, kind: &str, id: &str| {
        edges.iter().any(|edge| {
            edge.controller_name == controller
                && edge.edge_type() == edge_type
                && edge.resource_type == kind
                && edge.resource_id == id
        })
    };
    assert!(has(
        "config.MachineTypeController",
        DependencyEdgeType::InputWeak,
        "MachineConfigs.config.talos.dev",
        "v1alpha1"
    ));
    assert!(has(
        "k8s.StaticEndpointController",
        DependencyEdgeType::InputWeak,
        "MachineConfigs.config.talos.dev",
        "v1alpha1"
    ));
    assert!(has(
        "files.EtcFileController",
        DependencyEdgeType::InputStrong,
        "EtcFileSpecs.files.talos.dev",
        ""
    ));
    // Who writes what that one holds is called when it lets go.
    assert!(has(
        "network.EtcFileController",
        DependencyEdgeType::InputDestroyReady,
        "EtcFileSpecs.files.talos.dev",
        ""
    ));
    // Whether the machine is ready follows from what is declared.
    for (kind, id) in [
        ("TimeStatuses.v1alpha1.talos.dev", "node"),
        ("NetworkStatuses.net.talos.dev", "status"),
        ("Services.v1alpha1.talos.dev", ""),
    ] {
        assert!(
            has(
                "runtime.MachineStatusController",
                DependencyEdgeType::InputWeak,
                kind,
                id
            ),
            "{kind}"
        );
    }
    // Nobody is shown what machined keeps for itself.
    assert!(
        edges
            .iter()
            .all(|edge| !edge.resource_type.contains("ichor"))
    );
    assert!(writers.iter().any(|(_, kind, _)| *kind == RD));
}

#[tokio::test(flavor = "current_thread")]
async fn the_graph_is_for_readers_of_a_configured_node() {
    let (node, _client) = running().await;
    let mut inspect = node.inspect().await;
    let refused = inspect
        .controller_runtime_dependencies(with_role("os:etcd:backup", ()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);

    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut inspect = node.inspect().await;
    let refused = inspect.controller_runtime_dependencies(as_admin(())).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}
