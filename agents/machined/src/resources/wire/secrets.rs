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
use crate::resources::{ApiCertificate, CertSan, TrustdCertificate};

record! {
    /// The certificates of the API.
    Certificates {
        1 "ca" ca: Option<Pair>, keep, "The CAs of clients; without keys.";
        2 "client" client: Option<Pair>, keep, "What it calls other nodes with.";
        3 "server" server: Option<Pair>, keep, "What it opens the door with.";
    }
}

record! {
    /// The certificate of trustd.
    TrustdCertificates {
        1 "ca" ca: Option<Pair>, keep, "The machine CA; without its key.";
        2 "server" server: Option<Pair>, keep, "What it opens its door with.";
    }
}

pub(crate) fn api_certificate(spec: &ApiCertificate) -> Option<Encoded> {
    let ca = Pair {
        certificate: spec.client_ca_pem.clone(),
        ..Pair::default()
    };
    let certificates = Certificates {
        ca: (!spec.client_ca_pem.is_empty()).then_some(ca),
        client: (!spec.client_pem.is_empty()).then(|| Pair {
            certificate: spec.client_pem.clone(),
            key: spec.client_key_pem.clone(),
        }),
        server: Some(Pair {
            certificate: spec.server_pem.clone(),
            key: spec.server_key_pem.clone(),
        }),
    };
    certificates.encoded()
}

pub(crate) fn trustd_certificate(spec: &TrustdCertificate) -> Option<Encoded> {
    let certificates = TrustdCertificates {
        ca: Some(Pair {
            certificate: spec.ca_pem.clone(),
            ..Pair::default()
        }),
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
