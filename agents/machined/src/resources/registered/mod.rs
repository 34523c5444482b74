// SPDX-License-Identifier: MPL-2.0
//! Types of resources that are known and have no resources, because what would make them is not
//! built: clients find the type and an empty list, as on a node that does not use it.
//!
//! Owns: the list of their tables.
//! Never: has a type that a controller writes.

mod cluster;
mod kubernetes;
mod network;
mod runtime;
mod secrets;

use resource::Kind;

/// All of them.
pub(super) const ALL: &[&[Kind]] = &[
    cluster::KINDS,
    kubernetes::KINDS,
    network::KINDS,
    runtime::KINDS,
    secrets::KINDS,
];

/// Declares a table: for each type its name, namespace, who may read it, aliases and columns.
macro_rules! registered {
    ($(
        $name:literal in $namespace:literal, $sensitivity:ident,
        [$($alias:literal),*], [$($column:literal = $path:literal),*];
    )*) => {
        /// The types.
        pub(super) const KINDS: &[resource::Kind] = &[ $( resource::Kind {
            name: $name,
            namespace: $namespace,
            aliases: &[$($alias),*],
            columns: &[$(resource::Column { name: $column, json_path: $path }),*],
            sensitivity: resource::Sensitivity::$sensitivity,
        }, )* ];
    };
}
use registered;
