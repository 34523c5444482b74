// SPDX-License-Identifier: MPL-2.0
//! What goes into certificates, on the wire.
//!
//! Owns: its two forms.
//! Never: encodes a key: the API's own never leaves the node.

use api::talos::resource::definitions::secrets as proto;
use resource::Encoded;
use serde::Serialize;

use super::both;
use super::network::ip;
use crate::resources::CertSan;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Names<'a> {
    ips: Vec<String>,
    dns_names: &'a [String],
    fqdn: &'a str,
}

pub(crate) fn cert_san(spec: &CertSan) -> Option<Encoded> {
    let yaml = Names {
        ips: spec.addresses.iter().map(ToString::to_string).collect(),
        dns_names: &spec.dns_names,
        fqdn: &spec.fqdn,
    };
    let message = proto::CertSanSpec {
        i_ps: spec.addresses.iter().copied().map(ip).collect(),
        dns_names: spec.dns_names.clone(),
        fqdn: spec.fqdn.clone(),
    };
    both(&yaml, &message)
}
