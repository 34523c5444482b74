// SPDX-License-Identifier: MPL-2.0
//! Specs as clients see them: YAML for people, protobuf for programs.
//!
//! Owns: the names of fields, which are those of the documents, and what stands in them.
//! Never: writes a field whose value the node does not know.

mod config;
mod extensions;
mod meta;
mod network;
mod runtime;
mod secrets;
pub(crate) mod words;

pub(super) use config::{machine_config, machine_type};
pub(super) use extensions::extension_status;
#[cfg(test)]
pub(super) use extensions::{Compatibility, Constraint, Extension, Metadata as ExtensionMetadata};
pub(super) use meta::{definition, namespace};
pub(super) use network::{
    address_status, hostname_spec, hostname_status, link_status, node_address, resolver_status,
    route_status,
};
pub(super) use runtime::{
    event_sink_config, kernel_module_spec, kernel_param_spec, kernel_param_status, kmsg_log_config,
    loaded_kernel_module, machine_status, meta_key, meta_loaded, service, unique_machine_token,
};
#[cfg(test)]
pub(super) use secrets::{Certificates, TrustdCertificates};
pub(super) use secrets::{api_certificate, cert_san, trustd_certificate};

use resource::Encoded;
use serde::Serialize;

/// Both forms of a spec.
fn both(yaml: &impl Serialize, proto: &impl prost::Message) -> Option<Encoded> {
    Some(Encoded {
        yaml: serde_yaml_ng::to_string(yaml).ok()?,
        proto: proto.encode_to_vec(),
    })
}
