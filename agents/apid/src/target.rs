// SPDX-License-Identifier: MPL-2.0
//! Which node a call is for, by its metadata `node` and `nodes`.
//!
//! Owns: the meaning of the two keys, and which names mean this node.
//! Never: looks up a name; a node knows its own.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::methods::{Envelope, Method};
use api::wire::Code;
use rustls_pki_types::ServerName;

use crate::refused::Refused;

/// The most nodes of one call.
const NODES_MAX: usize = 128;

/// Whom a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// This node alone; its reply passes as it is.
    Here,
    /// Another node alone; its reply passes as it is.
    There(Host),
    /// A list of nodes; replies are labelled with the names the client gave.
    Labelled(Vec<Seat>),
}

/// One of a list of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    /// As the client called it.
    pub(crate) name: String,
    /// Which node that is.
    pub(crate) place: Place,
}

/// Which node a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// This one. Several names for it are one node, which answers once, under the first.
    Here,
    /// Another.
    There(Host),
    /// None.
    Nowhere(Refused),
}

/// Another node: its name as the client gave it, and as its certificate must have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) server: ServerName<'static>,
}

impl Host {
    /// Reads a name or an address. There is no port in it: that of the API is fixed.
    pub(crate) fn parse(name: &str) -> Result<Self, Refused> {
        let server = match address(bare(name)) {
            Some(address) if address.is_unspecified() || address.is_multicast() => None,
            Some(address) => Some(ServerName::from(address)),
            None => ServerName::try_from(bare(name).to_owned()).ok(),
        };
        server
            .map(|server| Self {
                name: name.to_owned(),
                server,
            })
            .ok_or_else(|| {
                let name: String = name.chars().take(80).collect();
                invalid(format!(
                    "{name} is neither the name nor the address of a node: give one without a port"
                ))
            })
    }

    /// What is the same for all spellings of the name.
    pub(crate) fn key(&self) -> String {
        self.server.to_str().to_ascii_lowercase()
    }
}

/// Whether this node passes calls on to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routing {
    /// It does: a control plane.
    On,
    /// It has nothing to show to others: a worker, or a node without configuration.
    Off,
}

/// Reads the metadata of a call to `method`.
pub(crate) fn find<'a>(
    method: &Method,
    node: impl IntoIterator<Item = &'a str>,
    nodes: impl IntoIterator<Item = &'a str>,
    ours: &[String],
    routing: Routing,
) -> Result<Target, Refused> {
    let node = list(node);
    let nodes = list(nodes);
    if nodes.len() > NODES_MAX {
        return Err(invalid(format!("more than {NODES_MAX} nodes in one call")));
    }
    match (node.as_slice(), nodes.as_slice()) {
        ([], []) => Ok(Target::Here),
        ([one], []) if is_ours(one, ours) => Ok(Target::Here),
        ([one], []) if routing == Routing::Off => Err(no_forwarding(one)),
        ([one], []) => Host::parse(one).map(Target::There),
        ([_, _, ..], []) => Err(invalid(
            "metadata `node` takes one node; use `nodes` for several",
        )),
        ([], _) if method.envelope() == Envelope::Nowhere => {
            Err(invalid("this method takes one node: use metadata `node`"))
        }
        ([], _) => split(&nodes, ours, routing),
        ([_, ..], [_, ..]) => Err(invalid("metadata `node` and `nodes` exclude each other")),
    }
}

/// The refusal for another node where calls are not passed on.
pub(crate) fn no_forwarding(name: &str) -> Refused {
    let name: String = name.chars().take(80).collect();
    Refused::new(
        Code::PermissionDenied,
        format!(
            "no request forwarding: only control planes pass calls on, and {name} is not a name \
             of this node: connect to a control plane, or to that node directly"
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

fn split(nodes: &[&str], ours: &[String], routing: Routing) -> Result<Target, Refused> {
    let mut seats: Vec<Seat> = Vec::new();
    let mut seen = BTreeSet::new();
    for name in nodes {
        let place = if is_ours(name, ours) {
            Place::Here
        } else if routing == Routing::Off {
            return Err(no_forwarding(name));
        } else {
            match Host::parse(name) {
                Ok(host) => Place::There(host),
                Err(refused) => Place::Nowhere(refused),
            }
        };
        let key = match &place {
            // Names of nodes are never empty.
            Place::Here => String::new(),
            Place::There(host) => host.key(),
            Place::Nowhere(_) => (*name).to_owned(),
        };
        if seen.insert(key) {
            let name = (*name).to_owned();
            seats.push(Seat { name, place });
        }
    }
    Ok(Target::Labelled(seats))
}

/// Whether `name` means this node: one of its names or addresses, or loopback.
fn is_ours(name: &str, ours: &[String]) -> bool {
    let bare = bare(name);
    if let Some(address) = address(bare) {
        return address.is_loopback() || ours.iter().any(|own| self::address(own) == Some(address));
    }
    let bare = bare.trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost")
        || ours
            .iter()
            .any(|own| own.trim_end_matches('.').eq_ignore_ascii_case(bare))
}

/// A name without the brackets that an IPv6 address may have.
fn bare(name: &str) -> &str {
    name.strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name)
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
        let (node, nodes) = (node.iter().copied(), nodes.iter().copied());
        find(method, node, nodes, &ours(), Routing::On).map_err(|r| r.code)
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
    fn another_node_is_a_name_or_an_address_without_a_port() {
        for name in [
            "10.0.0.3",
            "node-2",
            "node-1.example",
            "fd00::3",
            "[fd00::3]",
        ] {
            let expected = Target::There(Host::parse(name).unwrap());
            assert_eq!(to(&[name], &[]), Ok(expected), "{name}");
        }
        for name in [
            "10.0.0.2:50000",
            "node-2:22",
            "*",
            "0.0.0.0",
            "ff02::1",
            "a b",
            "[",
            "http://n/",
        ] {
            assert_eq!(to(&[name], &[]), Err(3), "{name}");
        }
    }

    #[test]
    fn svc_03_a_worker_passes_nothing_on_and_answers_for_itself() {
        let method = methods::find("/machine.MachineService/Version").unwrap();
        let on_worker = |node: &[&'static str], nodes: &[&'static str]| {
            let (node, nodes) = (node.iter().copied(), nodes.iter().copied());
            find(method, node, nodes, &ours(), Routing::Off)
        };

        for refused in [
            on_worker(&["10.0.0.3"], &[]),
            on_worker(&["10.0.0.3:1"], &[]),
            on_worker(&[], &["10.0.0.2", "node-2"]),
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.code, 7);
            assert!(refused.message.starts_with("no request forwarding"));
        }
        assert_eq!(on_worker(&["10.0.0.2"], &[]), Ok(Target::Here));
        assert!(on_worker(&[], &["10.0.0.2"]).is_ok());
    }

    #[test]
    fn node_takes_one_and_not_both_keys() {
        assert_eq!(to(&["10.0.0.2", "10.0.0.2"], &[]), Err(3));
        assert_eq!(to(&["10.0.0.2,10.0.0.3"], &[]), Err(3));
        assert_eq!(to(&["10.0.0.2"], &["10.0.0.2"]), Err(3));
    }

    #[test]
    fn a_list_keeps_its_order_and_names_each_node_once() {
        let names = [
            "10.0.0.3",
            "node-1",
            "10.0.0.2",
            "Node-9, 10.0.0.3",
            "node-9",
            "*",
            "*",
        ];

        let Ok(Target::Labelled(seats)) = to(&[], &names) else {
            panic!("not a list");
        };

        let names: Vec<&str> = seats.iter().map(|seat| seat.name.as_str()).collect();
        assert_eq!(names, ["10.0.0.3", "node-1", "Node-9", "*"]);
        assert_eq!(seats[1].place, Place::Here);
        assert!(matches!(seats[2].place, Place::There(_)));
        assert!(matches!(&seats[3].place, Place::Nowhere(refused) if refused.code == 3));
    }

    #[test]
    fn a_method_without_a_place_for_labels_refuses_a_list() {
        let get = methods::find("/cosi.resource.State/Get").unwrap();

        let refused = find(get, [], ["10.0.0.2"], &ours(), Routing::On).unwrap_err();

        assert_eq!(refused.code, 3);
    }

    #[test]
    fn too_many_nodes_are_refused() {
        let names: Vec<String> = (0..500).map(|n| format!("n{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();

        assert_eq!(to(&[], &names), Err(3));
    }
}
