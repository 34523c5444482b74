// SPDX-License-Identifier: MPL-2.0
//! Who knows the values of an argument.
//!
//! Owns: the table of values that the tree of commands does not say.
//! Never: asks anybody.

use Known::{Containers, Kinds, Logs, Paths, Resources, Services};
use Part::{Contexts, Endpoints, Nodes};
use Source::{Client, Node, Only};

/// Who knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This is the only value.
    Only(&'static str),
    /// The client configuration.
    Client(Part),
    /// Nodes.
    Node(Known),
}

/// A part of the client configuration; the last two are of one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Contexts,
    Endpoints,
    Nodes,
}

/// What nodes know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Containers of their own.
    Containers,
    /// Types of resources.
    Kinds,
    /// What has a log.
    Logs,
    /// Files.
    Paths,
    /// Resources of the type that stands before.
    Resources,
    Services,
}

/// The source of a command's argument by their names. Without a command it is an argument of every one.
const SOURCES: &[(&str, &str, Source)] = &[
    ("", "context", Client(Contexts)),
    ("", "endpoints", Client(Endpoints)),
    ("", "nodes", Client(Nodes)),
    ("config context", "the_context", Client(Contexts)),
    ("config remove", "the_context", Client(Contexts)),
    ("copy", "source", Node(Paths)),
    // There is one resource that operators write.
    ("edit", "kind", Only("machineconfig")),
    ("edit", "id", Only("v1alpha1")),
    ("get", "kind", Node(Kinds)),
    ("get", "id", Node(Resources)),
    ("health", "control_plane_nodes", Client(Nodes)),
    ("health", "init_node", Client(Nodes)),
    ("health", "worker_nodes", Client(Nodes)),
    ("list", "path", Node(Paths)),
    ("logs", "service", Node(Logs)),
    ("patch", "kind", Only("machineconfig")),
    ("patch", "id", Only("v1alpha1")),
    ("read", "path", Node(Paths)),
    ("restart", "id", Node(Containers)),
    ("service", "id", Node(Services)),
    ("usage", "paths", Node(Paths)),
];

/// Finds the source of a command's argument.
pub(crate) fn of(path: &str, id: &str) -> Option<Source> {
    let mut sources = SOURCES.iter();
    let found = sources
        .find(|(command, argument, _)| *argument == id && (command.is_empty() || *command == path));
    found.map(|(_, _, source)| *source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    #[test]
    fn every_row_is_of_an_argument_that_there_is() {
        let mut tree = tree::shown();
        tree.build();
        for (path, id, _) in SOURCES {
            let mut names = path.split_whitespace();
            let command = names.try_fold(&tree, |command, name| command.find_subcommand(name));
            let mut arguments = command.unwrap().get_arguments();
            assert!(arguments.any(|arg| arg.get_id() == id), "{path} {id}");
        }
    }
}
