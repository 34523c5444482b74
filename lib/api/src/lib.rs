// SPDX-License-Identifier: MPL-2.0
//! The public protobuf contract, and who may call what.
//!
//! Owns: the generated message types, the table of methods, the roles, the names on the wire.
//! Never: opens a connection, decides for a caller, or holds method logic.
#![forbid(unsafe_code)]

#[cfg(any(feature = "client", feature = "server"))]
mod codec;
pub mod methods;
#[cfg(feature = "quota")]
pub mod quota;
pub mod rbac;
mod watch_response;
pub mod wire;

/// The files of `proto/` as one `google.protobuf.FileDescriptorSet`, for whoever needs to know every
/// message and method there is.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(feature = "messages")]
mod generated;
#[cfg(feature = "messages")]
pub use generated::{
    cluster, common, cosi, events, google, inspect, machine, resource, securityapi, storage, talos,
    time,
};
