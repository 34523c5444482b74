// SPDX-License-Identifier: MPL-2.0
//! The machine configuration.
//!
//! Owns: what may be written ([`Document`]), what it means, which of it is wrong, and how a new one
//! is made.
//! Never: reads a clock or a file, or acts on a configuration.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod comments;
mod configuration;
mod container;
pub mod default_images;
pub mod document;
mod emit;
mod error;
mod examples;
mod generate;
mod guard;
mod head;
mod live;
mod locate;
mod map;
mod marks;
mod memory;
mod network;
mod newer;
mod pairs;
pub mod patch;
mod quantity;
mod read;
mod release;
mod scalar;
mod schema;
mod secrets;
mod spec;
mod stream;
mod unsupported;
mod url;
mod validate;
mod value;

pub use arguments::Arguments;
pub use client::{ClientAuth, ClientBasicAuth, ClientConfig, ClientContext, ClientSideroAuth};
pub use comments::Comments;
pub use configuration::Configuration;
pub use container::{
    ContainerMountSpec, ContainerNetwork, ContainerRestart, ContainerSpec, DeviceAccess, Profile,
    Pull,
};
pub use document::{Document, Extra};
pub use error::{Fault, LoadError, Path, Position, Problem, Step};
pub use generate::{GenerateError, GenerateOptions, Generated, TALOS_VERSION, generate};
pub use guard::{MAX_BYTES, MAX_DEPTH, MAX_ITEMS};
pub use live::needs_reboot;
pub use map::Map;
pub use memory::{MEMORY_FLOOR, MEMORY_PER_BYTE};
pub use network::Cidr;
pub use quantity::{DiskSize, GoDuration};
pub use release::Release;
pub use scalar::{Base64Bytes, FileMode, PortRange, REDACTED, SecretText};
pub use schema::MAX_PROBLEMS;
pub use secrets::{
    KubernetesPki, SecretsBundle, SecretsCertificates, SecretsCluster, SecretsError, SecretsTokens,
    SecretsTrustd,
};
pub use spec::{
    ClusterSpec, DhcpSpec, FeaturesSpec, FileOperation, FileSpec, HostName, LinkSpec,
    LogDestination, MachineType, RouteSpec, Spec, TimeSpec, VlanSpec,
};
pub use stream::MAX_DOCUMENTS;
pub use unsupported::unsupported;
pub use url::Url;
pub use validate::{Circumstances, Mode, Report, Strictness};
pub use value::Value;
