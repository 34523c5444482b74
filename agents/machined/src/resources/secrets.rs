// SPDX-License-Identifier: MPL-2.0
//! Resources that hold keys, or say what goes into certificates.
//!
//! Owns: the certificate of the API and its names.
//! Never: prints a key.

use std::fmt;
use std::net::IpAddr;

use pki::{Secret, UnixTime};

/// The names in the API's certificate. Its id is `api` or `maintenance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertSan {
    /// The name of the node, in full.
    pub fqdn: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its names.
    pub dns_names: Vec<String>,
}

super::kind!(
    CertSan,
    "CertSANs.secrets.talos.dev" in "secrets",
    ["certsan", "csan", "csans"],
    [],
    Sensitive,
    super::wire::cert_san
);

/// What apid opens the door with. Its id is `api`.
#[derive(Clone)]
pub(crate) struct ApiCertificate {
    /// The CAs of clients, PEM; empty in maintenance.
    pub client_ca_pem: Vec<u8>,
    /// The server's chain, PEM.
    pub server_pem: Vec<u8>,
    /// Its key, PEM.
    pub server_key_pem: Secret,
    /// The chain that this node shows to other nodes, PEM; empty where it passes no calls on.
    pub client_pem: Vec<u8>,
    /// Its key, PEM.
    pub client_key_pem: Secret,
    /// From when it is good.
    pub not_before: UnixTime,
    /// Until when.
    pub not_after: UnixTime,
}

impl fmt::Debug for ApiCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCertificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl PartialEq for ApiCertificate {
    fn eq(&self, other: &Self) -> bool {
        // A key belongs to its certificate: equal chains have equal keys.
        self.client_ca_pem == other.client_ca_pem
            && self.server_pem == other.server_pem
            && self.client_pem == other.client_pem
    }
}

impl ApiCertificate {
    /// Its only id.
    pub(crate) const ID: &'static str = "api";
}

super::kind!(
    ApiCertificate,
    "ApiCertificates.secrets.talos.dev" in "secrets",
    ["apicertificate", "ac", "acs"],
    [],
    Sensitive,
    super::wire::api_certificate
);

/// What trustd opens its door with. Its id is `trustd`.
#[derive(Clone)]
pub(crate) struct TrustdCertificate {
    /// The machine CA, PEM.
    pub ca_pem: Vec<u8>,
    /// The server's chain, PEM.
    pub server_pem: Vec<u8>,
    /// Its key, PEM.
    pub server_key_pem: Secret,
    /// From when it is good.
    pub not_before: UnixTime,
    /// Until when.
    pub not_after: UnixTime,
}

impl fmt::Debug for TrustdCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustdCertificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl PartialEq for TrustdCertificate {
    fn eq(&self, other: &Self) -> bool {
        // The key belongs to the certificate: equal chains have equal keys.
        self.ca_pem == other.ca_pem && self.server_pem == other.server_pem
    }
}

impl TrustdCertificate {
    /// Its only id.
    pub(crate) const ID: &'static str = "trustd";
}

super::kind!(
    TrustdCertificate,
    "TrustdCertificates.secrets.talos.dev" in "secrets",
    ["trustdcertificate", "tc", "tcs"],
    [],
    Sensitive,
    super::wire::trustd_certificate
);

/// What a control plane signed for this node, which has no CA key. Its id is `api`.
#[derive(Clone)]
pub(crate) struct JoinCertificate {
    /// The machine CA that it is from, as the configuration has it, PEM.
    pub ca_pem: Vec<u8>,
    /// The certificate, PEM.
    pub certificate_pem: Vec<u8>,
    /// Its key, PEM.
    pub key_pem: Secret,
}

impl fmt::Debug for JoinCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinCertificate").finish_non_exhaustive()
    }
}

impl PartialEq for JoinCertificate {
    fn eq(&self, other: &Self) -> bool {
        // The key belongs to the certificate: equal chains have equal keys.
        self.ca_pem == other.ca_pem && self.certificate_pem == other.certificate_pem
    }
}

impl JoinCertificate {
    /// Its only id.
    pub(crate) const ID: &'static str = "api";
}

super::kind!(
    JoinCertificate,
    "JoinCertificates.secrets.ichor.dev" in "secrets",
    ["joincertificate"],
    [],
    Sensitive
);
