// SPDX-License-Identifier: MPL-2.0
//! `inspect`: how a node works inside.
//!
//! Owns: asking for the graph and, when wanted, for the resources in it.
//! Never: fails for resources that the caller may not read; they are shown as their type.

use std::collections::btree_map::Entry;

use crate::graph::{self, Present};
use crate::resources::Reader;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

pub(crate) async fn dependencies(
    session: &Session,
    with_resources: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("inspect dependencies")?;
    let request = session.request_to(node, ())?;
    let reply = session
        .inspect()
        .controller_runtime_dependencies(request)
        .await;
    let reply = reply.map_err(|status| session.failed_at(node, &status))?;
    let mut edges = Vec::new();
    for message in reply.into_inner().messages {
        if session.node(message.metadata.as_ref(), screen).is_some() {
            edges.extend(message.edges);
        }
    }
    let mut present = Present::new();
    if with_resources {
        let reader = Reader::of(session, node);
        for edge in &edges {
            let place = (edge.resource_namespace.clone(), edge.resource_type.clone());
            if let Entry::Vacant(empty) = present.entry(place) {
                let (namespace, kind) = empty.key();
                let found = reader.owners(namespace, kind).await.unwrap_or_default();
                empty.insert(found);
            }
        }
    }
    screen.print(format_args!("{}", graph::draw(&edges, &present)));
    Ok(())
}
