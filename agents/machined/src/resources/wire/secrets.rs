// SPDX-License-Identifier: MPL-2.0
//! Certificates and what goes into them, on the wire.
//!
//! Owns: their two forms.
//! Never: prints a key in a log.

use api::talos::resource::definitions::secrets as proto;
use resource::Encoded;
use serde::Serialize;

use super::both;
use super::network::ip;
use crate::resources::field::{Record as _, record};
use crate::resources::values::Pair;
use crate::resources::{ApiCertificate, CertSan};

record! {
    /// The certificates of the API.
    Certificates {
        1 "ca" ca: Option<Pair>, keep, "The CAs of clients; without keys.";
        2 "client" client: Option<Pair>, keep, "What it calls other nodes with.";
        3 "server" server: Option<Pair>, keep, "What it opens the door with.";
    }
}

pub(crate) fn api_certificate(spec: &ApiCertificate) -> Option<Encoded> {
    let ca = Pair {
        certificate: spec.client_ca_pem.clone(),
        ..Pair::default()
    };
    let certificates = Certificates {
        ca: (!spec.client_ca_pem.is_empty()).then_some(ca),
        client: None,
        server: Some(Pair {
            certificate: spec.server_pem.clone(),
            key: spec.server_key_pem.clone(),
        }),
    };
    certificates.encoded()
}

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
