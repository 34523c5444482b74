// SPDX-License-Identifier: MPL-2.0
//! Controllers and resources as a graph that graphviz draws.
//!
//! Owns: the shapes, the labels and the lines between them.
//! Never: asks a node.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::inspect::{ControllerDependencyEdge, DependencyEdgeType};

/// The resources that there are, by namespace and type: who owns each, and its id.
pub(crate) type Present = BTreeMap<(String, String), Vec<(String, String)>>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Controller(String),
    Resource(String),
}

/// The form of who writes: a controller, or a task or a part of machined, whose names end otherwise.
fn form(name: &str) -> &'static str {
    match name.ends_with("Controller") {
        true => "box",
        false => "ellipse",
    }
}

/// Writes the graph. A type that has resources in `present` is shown as them.
pub(crate) fn draw(edges: &[ControllerDependencyEdge], present: &Present) -> String {
    let mut numbers: BTreeMap<Node, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for edge in edges {
        let controller = Node::Controller(edge.controller_name.clone());
        for resource in resources(edge, present) {
            let (from, to, style) = match edge.edge_type() {
                DependencyEdgeType::OutputExclusive => (controller.clone(), resource, "bold"),
                DependencyEdgeType::OutputShared => (controller.clone(), resource, "solid"),
                DependencyEdgeType::InputStrong => (resource, controller.clone(), "solid"),
                DependencyEdgeType::InputWeak => (resource, controller.clone(), "dotted"),
                DependencyEdgeType::InputDestroyReady => (resource, controller.clone(), "dashed"),
            };
            let mut number = |node: Node| {
                let next = numbers.len().saturating_add(1);
                *numbers.entry(node).or_insert(next)
            };
            lines.push((number(from), number(to), style));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    let mut text = String::from("digraph  {\n\n");
    for (node, number) in &numbers {
        let _infallible = match node {
            Node::Controller(name) => {
                writeln!(
                    text,
                    "  n{number}[label=\"{}\",shape=\"{}\"];",
                    quoted(name),
                    form(name)
                )
            }
            Node::Resource(name) => writeln!(
                text,
                "  n{number}[fillcolor=\"azure2\",label=\"{}\",shape=\"note\",style=\"filled\"];",
                quoted(name)
            ),
        };
    }
    text.push('\n');
    for (from, to, style) in lines {
        let _infallible = writeln!(text, "  n{from}->n{to}[style=\"{style}\"];");
    }
    text.push_str("\n}\n");
    text
}

/// What an edge leads to: the type, or the resources that are meant.
fn resources(edge: &ControllerDependencyEdge, present: &Present) -> Vec<Node> {
    let kind = format!("{}:{}", edge.resource_namespace, edge.resource_type);
    let place = (edge.resource_namespace.clone(), edge.resource_type.clone());
    let is_output = matches!(
        edge.edge_type(),
        DependencyEdgeType::OutputExclusive | DependencyEdgeType::OutputShared
    );
    let all = present.get(&place).map_or(&[][..], Vec::as_slice);
    let meant: Vec<Node> = all
        .iter()
        .filter(|(owner, id)| match is_output {
            true => *owner == edge.controller_name,
            false => edge.resource_id.is_empty() || *id == edge.resource_id,
        })
        .map(|(_, id)| Node::Resource(format!("{kind}/{id}")))
        .collect();
    if meant.is_empty() {
        return vec![Node::Resource(kind)];
    }
    meant
}

/// Text inside of quotes (graphviz.org, "The DOT Language"): names come from nodes.
fn quoted(text: &str) -> String {
    let plain = text.chars().filter(|letter| !letter.is_control());
    plain
        .flat_map(|letter| match letter {
            '"' | '\\' => vec!['\\', letter],
            other => vec![other],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(controller: &str, kind: DependencyEdgeType, id: &str) -> ControllerDependencyEdge {
        ControllerDependencyEdge {
            controller_name: controller.to_owned(),
            edge_type: kind.into(),
            resource_namespace: "config".to_owned(),
            resource_type: "MachineConfigs.config.talos.dev".to_owned(),
            resource_id: id.to_owned(),
        }
    }

    #[test]
    fn res_12_controllers_are_boxes_and_types_are_filled_notes() {
        let edges = [
            edge(
                "a.WriterController",
                DependencyEdgeType::OutputExclusive,
                "",
            ),
            edge(
                "b.ReaderController",
                DependencyEdgeType::InputWeak,
                "v1alpha1",
            ),
            edge(
                "b.ReaderController",
                DependencyEdgeType::InputWeak,
                "v1alpha1",
            ),
        ];

        assert_eq!(
            draw(&edges, &Present::new()),
            "digraph  {\n\n\
             \u{20} n1[label=\"a.WriterController\",shape=\"box\"];\n\
             \u{20} n3[label=\"b.ReaderController\",shape=\"box\"];\n\
             \u{20} n2[fillcolor=\"azure2\",label=\"config:MachineConfigs.config.talos.dev\",\
             shape=\"note\",style=\"filled\"];\n\n\
             \u{20} n1->n2[style=\"bold\"];\n\
             \u{20} n2->n3[style=\"dotted\"];\n\n}\n"
        );
    }

    #[test]
    fn res_12_who_writes_and_is_no_controller_is_no_box() {
        let edges = [edge(
            "v1alpha1.loadConfig",
            DependencyEdgeType::OutputExclusive,
            "",
        )];

        let text = draw(&edges, &Present::new());

        let drawn = "[label=\"v1alpha1.loadConfig\",shape=\"ellipse\"];";
        assert!(text.contains(drawn), "{text}");
    }

    #[test]
    fn res_12_with_resources_each_is_a_note_of_its_own() {
        let place = (
            "config".to_owned(),
            "MachineConfigs.config.talos.dev".to_owned(),
        );
        let there = |owner: &str, id: &str| (owner.to_owned(), id.to_owned());
        let present = [(
            place,
            vec![there("a.WriterController", "v1alpha1"), there("other", "x")],
        )];
        let edges = [
            edge(
                "a.WriterController",
                DependencyEdgeType::OutputExclusive,
                "",
            ),
            edge("b.ReaderController", DependencyEdgeType::InputStrong, ""),
            edge(
                "c.ReaderController",
                DependencyEdgeType::InputStrong,
                "gone",
            ),
        ];

        let text = draw(&edges, &present.into());

        assert_eq!(text.matches("talos.dev/v1alpha1\"").count(), 1, "{text}");
        assert_eq!(text.matches("talos.dev/x\"").count(), 1, "{text}");
        // What is not there is shown as its type.
        assert_eq!(text.matches("talos.dev\"").count(), 1, "{text}");
        assert_eq!(text.matches("->").count(), 4, "{text}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        let edges = [edge(
            "a\"]; x\\\nController",
            DependencyEdgeType::InputWeak,
            "",
        )];

        let text = draw(&edges, &Present::new());

        assert!(
            text.contains(r#"[label="a\"]; x\\Controller",shape="box"];"#),
            "{text}"
        );
    }
}
