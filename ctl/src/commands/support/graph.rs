// SPDX-License-Identifier: MPL-2.0
//! Which controller reads and writes which resources, for `dot`.
//!
//! Owns: the direction of arrows: from what is read to who reads, from who writes to what is written.
//! Never: trusts a name: each is quoted.

use api::inspect::{ControllerDependencyEdge, DependencyEdgeType};

/// Writes the graph (Graphviz, "The DOT Language").
pub(super) fn dot(edges: &[ControllerDependencyEdge]) -> String {
    let mut lines: Vec<String> = edges.iter().map(line).collect();
    lines.sort();
    lines.dedup();
    format!("digraph {{\n{}}}\n", lines.concat())
}

fn line(edge: &ControllerDependencyEdge) -> String {
    let controller = quoted(&edge.controller_name);
    let id = match edge.resource_id.as_str() {
        "" => String::new(),
        id => format!("/{id}"),
    };
    let resource = quoted(&format!(
        "{}/{}{id}",
        edge.resource_namespace, edge.resource_type
    ));
    let (from, to, style) = match DependencyEdgeType::try_from(edge.edge_type) {
        Ok(DependencyEdgeType::OutputExclusive) => (controller, resource, "bold"),
        Ok(DependencyEdgeType::OutputShared) => (controller, resource, "solid"),
        Ok(DependencyEdgeType::InputWeak) => (resource, controller, "dotted"),
        Ok(DependencyEdgeType::InputStrong | DependencyEdgeType::InputDestroyReady) | Err(_) => {
            (resource, controller, "solid")
        }
    };
    format!("  {from} -> {to} [style={style}];\n")
}

fn quoted(name: &str) -> String {
    let inside = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", inside.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_from_what_is_read_to_what_is_written() {
        let edge = |edge_type: DependencyEdgeType, kind: &str| ControllerDependencyEdge {
            controller_name: "net.\"Odd\"Controller".to_owned(),
            edge_type: edge_type.into(),
            resource_namespace: "network".to_owned(),
            resource_type: kind.to_owned(),
            resource_id: String::new(),
        };
        let graph = dot(&[
            edge(DependencyEdgeType::InputWeak, "A"),
            edge(DependencyEdgeType::OutputExclusive, "B"),
            edge(DependencyEdgeType::OutputExclusive, "B"),
        ]);

        assert_eq!(
            graph,
            "digraph {\n  \"net.\\\"Odd\\\"Controller\" -> \"network/B\" [style=bold];\n  \
             \"network/A\" -> \"net.\\\"Odd\\\"Controller\" [style=dotted];\n}\n"
        );
    }
}
