// SPDX-License-Identifier: MPL-2.0
//! What there is to see inside of machined: who reads and who writes which resources.
//!
//! Owns: the graph as messages.
//! Never: lists anything by hand; the engine has the declarations.

use ::api::inspect as wire;
use ::api::inspect::inspect_service_server::InspectService;
use resource::{Dependency, Relation, Strength};
use tonic::{Request, Response};

use super::{Api, Reply};
use crate::resources;

#[tonic::async_trait]
impl InspectService for Api {
    async fn controller_runtime_dependencies(
        &self,
        _: Request<()>,
    ) -> Reply<wire::ControllerRuntimeDependenciesResponse> {
        let edges = self.node.state().dependencies();
        let edges = edges.iter().filter(|edge| is_shown(edge)).map(edge);
        let message = wire::ControllerRuntimeDependency {
            metadata: None,
            edges: edges.collect(),
        };
        Ok(Response::new(wire::ControllerRuntimeDependenciesResponse {
            messages: vec![message],
        }))
    }
}

/// Types that are for machined alone are not known to clients.
fn is_shown(edge: &Dependency) -> bool {
    resources::shown(edge.kind.name).is_some()
}

fn edge(edge: &Dependency) -> wire::ControllerDependencyEdge {
    let edge_type = match edge.relation {
        // Nobody shares a type within a namespace.
        Relation::Output => wire::DependencyEdgeType::OutputExclusive,
        Relation::Input(Strength::Strong) => wire::DependencyEdgeType::InputStrong,
        Relation::Input(Strength::Weak) => wire::DependencyEdgeType::InputWeak,
        Relation::DestroyReady => wire::DependencyEdgeType::InputDestroyReady,
    };
    wire::ControllerDependencyEdge {
        controller_name: edge.controller.to_owned(),
        edge_type: edge_type.into(),
        resource_namespace: edge.namespace.to_owned(),
        resource_type: edge.kind.name.to_owned(),
        resource_id: edge.id.unwrap_or_default().to_owned(),
    }
}
