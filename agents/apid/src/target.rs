// SPDX-License-Identifier: MPL-2.0
//! Which node a call is for, by its metadata `node` and `nodes`.
//!
//! Owns: the meaning of the two keys, and which names mean this node.
//! Never: resolves a name; a node knows its own.

use std::net::IpAddr;

use api::methods::{Envelope, Method};
use api::wire::Code;

use crate::refused::Refused;

/// The most nodes of one call.
const NODES_MAX: usize = 128;

/// Whom a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// This node alone; its reply passes as it is.
    Here,
    /// A list of nodes; replies are labelled with the names the client gave.
    Labelled {
        /// The name of this node in the list, if it is there. Several names for it are one node,
        /// which answers once, under the first.
        here: Option<String>,
        /// The others, which each get an error: there is no routing yet.
        strangers: Vec<String>,
    },
}

/// Reads the metadata of a call to `method`.
pub(crate) fn find<'a>(
    method: &Method,
    node: impl IntoIterator<Item = &'a str>,
    nodes: impl IntoIterator<Item = &'a str>,
    ours: &[String],
) -> Result<Target, Refused> {
    let node = list(node);
    let nodes = list(nodes);
    if nodes.len() > NODES_MAX {
        return Err(invalid(format!("more than {NODES_MAX} nodes in one call")));
    }
    match (node.as_slice(), nodes.as_slice()) {
        ([], []) => Ok(Target::Here),
        ([one], []) if is_ours(one, ours) => Ok(Target::Here),
        ([one], []) => Err(no_route(one)),
        ([_, _, ..], []) => Err(invalid(
            "metadata `node` takes one node; use `nodes` for several",
        )),
        ([], _) if method.envelope() == Envelope::Nowhere => {
            Err(invalid("this method takes one node: use metadata `node`"))
        }
        ([], _) => Ok(split(&nodes, ours)),
        ([_, ..], [_, ..]) => Err(invalid("metadata `node` and `nodes` exclude each other")),
    }
}

/// The refusal for a node that is not this one.
pub(crate) fn no_route(name: &str) -> Refused {
    let name: String = name.chars().take(80).collect();
    Refused::new(
        Code::Unimplemented,
        format!(
            "routing to other nodes is not built yet, and {name} is not a name of this node: \
             connect to it directly"
        ),
    )
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused::new(Code::InvalidArgument, message)
}

/// Values of one key; a proxy on the way may have joined them with commas (RFC 9110 §5.3).
fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let parts = values.into_iter().flat_map(|value| value.split(','));
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn split(nodes: &[&str], ours: &[String]) -> Target {
    let mut here = None;
    let mut strangers: Vec<String> = Vec::new();
    for node in nodes {
        if is_ours(node, ours) {
            here.get_or_insert_with(|| (*node).to_owned());
        } else if !strangers.iter().any(|known| known == node) {
            strangers.push((*node).to_owned());
        }
    }
    Target::Labelled { here, strangers }
}

/// Whether `name` means this node: one of its names or addresses, or loopback.
fn is_ours(name: &str, ours: &[String]) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    if let Some(address) = address(bare) {
        return address.is_loopback() || ours.iter().any(|own| self::address(own) == Some(address));
    }
    let bare = bare.trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost")
        || ours
            .iter()
            .any(|own| own.trim_end_matches('.').eq_ignore_ascii_case(bare))
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::methods;

    fn ours() -> Vec<String> {
        ["10.0.0.2", "fd00::2", "Node-1", "node-1.example.org"]
            .map(str::to_owned)
            .to_vec()
    }

    fn to(node: &[&str], nodes: &[&str]) -> Result<Target, u32> {
        let method = methods::find("/machine.MachineService/Version").unwrap();
        find(method, node.iter().copied(), nodes.iter().copied(), &ours()).map_err(|r| r.code)
    }

    #[test]
    fn every_spelling_of_this_node_is_this_node() {
        for name in [
            "10.0.0.2",
            "::ffff:10.0.0.2",
            "fd00:0::2",
            "[fd00::2]",
            "node-1",
            "NODE-1",
            "node-1.example.org.",
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "localhost",
        ] {
            assert_eq!(to(&[name], &[]), Ok(Target::Here), "{name}");
        }
    }

    #[test]
    fn a_call_without_a_node_stays_here() {
        assert_eq!(to(&[], &[]), Ok(Target::Here));
        assert_eq!(to(&[""], &[" , "]), Ok(Target::Here));
    }

    #[test]
    fn another_node_is_not_routed_to_yet() {
        for name in [
            "10.0.0.3",
            "node-2",
            "node-1.example",
            "10.0.0.2:50000",
            "fd00::3",
            "*",
        ] {
            assert_eq!(to(&[name], &[]), Err(12), "{name}");
        }
    }

    #[test]
    fn node_takes_one_and_not_both_keys() {
        assert_eq!(to(&["10.0.0.2", "10.0.0.2"], &[]), Err(3));
        assert_eq!(to(&["10.0.0.2,10.0.0.3"], &[]), Err(3));
        assert_eq!(to(&["10.0.0.2"], &["10.0.0.2"]), Err(3));
    }

    #[test]
    fn a_list_is_split_into_this_node_and_strangers() {
        assert_eq!(
            to(&[], &["10.0.0.3", "node-1", "10.0.0.2", "node-9, 10.0.0.3"]),
            Ok(Target::Labelled {
                here: Some("node-1".to_owned()),
                strangers: vec!["10.0.0.3".to_owned(), "node-9".to_owned()],
            })
        );
    }

    #[test]
    fn a_method_without_a_place_for_labels_refuses_a_list() {
        let get = methods::find("/cosi.resource.State/Get").unwrap();

        let refused = find(get, [], ["10.0.0.2"], &ours()).unwrap_err();

        assert_eq!(refused.code, 3);
    }

    #[test]
    fn too_many_nodes_are_refused() {
        let names: Vec<String> = (0..500).map(|n| format!("n{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();

        assert_eq!(to(&[], &names), Err(3));
    }
}
