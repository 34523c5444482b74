// SPDX-License-Identifier: MPL-2.0
//! What machined told about the door, ready for use.
//!
//! Owns: the TLS rules: version, certificates, who is asked for one.
//! Never: keeps a key longer than the entrance it belongs to.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use agent::origin::Origin;
use pki::{Certificate, Key};
use proto::door::{Door, KeyUsage, Mode, Rbac};
use rustls::client::Resumption;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::admission::Caller;
use crate::clients::Name;
use api::rbac::Roles;

/// The most certificates of one chain or list: two levels of CA and a rotation fit.
const CERTIFICATES_MAX: usize = 16;

/// How the door is now.
pub(crate) struct Entrance {
    pub(crate) mode: Mode,
    /// Names and addresses of this node.
    pub(crate) names: Vec<String>,
    /// How to shake hands; `None`: not at all.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// How to speak to other nodes; `None`: not at all, as on a worker.
    pub(crate) route: Option<Arc<ClientConfig>>,
    rbac: Rbac,
    key_usage: KeyUsage,
    client_ca: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance")
            .field("mode", &self.mode)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a door as machined told it.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// The named part holds no certificate, or one that cannot be read.
    Certificates(&'static str),
    /// A key cannot be read.
    Key,
    /// TLS does not take what it was given.
    Tls,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificates(part) => write!(f, "no readable certificate in {part}"),
            Self::Key => write!(f, "a key cannot be read"),
            Self::Tls => write!(f, "certificate, key and CA do not fit together"),
        }
    }
}

/// Why a client that passed TLS is still not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotWelcome {
    /// Its certificate cannot be read, or there is none.
    Unreadable,
    /// Its certificate may be used for more, or other, than client authentication.
    KeyUsage,
}

impl Entrance {
    /// The door before machined said anything.
    pub(crate) fn closed() -> Self {
        Self {
            mode: Mode::Closed,
            names: Vec::new(),
            tls: None,
            route: None,
            rbac: Rbac::Enabled,
            key_usage: KeyUsage::Unchecked,
            client_ca: Vec::new(),
        }
    }

    /// Makes a door from what machined said.
    pub(crate) fn open(door: &Door<'_>) -> Result<Self, Unusable> {
        let client_ca = match door.mode {
            Mode::Closed | Mode::Maintenance => Vec::new(),
            Mode::Running => certificates(door.client_ca_pem, "the client CAs")?,
        };
        let tls = match door.mode {
            Mode::Closed => None,
            Mode::Maintenance => Some(tls(door, None)?),
            Mode::Running => Some(tls(door, Some(&client_ca))?),
        };
        let route = match door.mode {
            Mode::Running if !door.route_certificate_pem.is_empty() => {
                Some(route(door, &client_ca)?)
            }
            Mode::Closed | Mode::Maintenance | Mode::Running => None,
        };
        Ok(Self {
            mode: door.mode,
            route,
            names: door.names.iter().map(|name| (*name).to_owned()).collect(),
            tls,
            rbac: door.rbac,
            key_usage: door.key_usage,
            client_ca,
        })
    }

    /// Says whether who came in by `other` may stay: only the certificate or the names differ.
    pub(crate) fn admits_like(&self, other: &Self) -> bool {
        self.mode == other.mode
            && self.rbac == other.rbac
            && self.key_usage == other.key_usage
            && self.client_ca == other.client_ca
    }

    /// Says who came in, by the certificate that TLS verified, or from where; and what tells it from others.
    pub(crate) fn recognise(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        peer: SocketAddr,
    ) -> Result<(Caller, Name), NotWelcome> {
        match self.mode {
            Mode::Closed | Mode::Maintenance => {
                Ok((Caller::Stranger, Name::Place(Origin::of(peer))))
            }
            Mode::Running => {
                let der = certificate.ok_or(NotWelcome::Unreadable)?;
                let certificate = Certificate::from_der(der).map_err(|_| NotWelcome::Unreadable)?;
                if self.key_usage == KeyUsage::Checked
                    && !certificate.is_authority()
                    && !certificate.is_only_for_clients()
                {
                    return Err(NotWelcome::KeyUsage);
                }
                let roles = match self.rbac {
                    Rbac::Enabled => {
                        Roles::parse(certificate.organizations().iter().map(String::as_str))
                    }
                    Rbac::Disabled => Roles::EVERY,
                };
                Ok((Caller::Known(roles), Name::Key(certificate.key_digest())))
            }
        }
    }
}

/// Makes the TLS rules. `client_ca`: who signs clients' certificates; `None`: nobody is asked.
fn tls(
    door: &Door<'_>,
    client_ca: Option<&[CertificateDer<'static>]>,
) -> Result<Arc<ServerConfig>, Unusable> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(door.certificate_pem, "the server chain")?;
    let key = key(door.key_pem)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        // Every client of this API speaks 1.3; what is not there cannot be negotiated down to.
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Unusable::Tls)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(client_ca) => {
            let roots = Arc::new(roots(client_ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|_| Unusable::Tls)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|_| Unusable::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Each connection proves itself anew: a resumed one would outlive a change of the CA.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Makes the TLS rules towards other nodes. They are believed by the CAs that clients are believed
/// by: while a CA is changed, nodes have certificates of both.
fn route(door: &Door<'_>, ca: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, Unusable> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(door.route_certificate_pem, "the chain towards other nodes")?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Unusable::Tls)?
        .with_root_certificates(roots(ca)?)
        .with_client_auth_cert(chain, key(door.route_key_pem)?)
        .map_err(|_| Unusable::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // As on the other side: each connection proves itself anew.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|_| Unusable::Tls)?;
    }
    Ok(roots)
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>, Unusable> {
    let key = Key::from_pem(pem.as_bytes()).map_err(|_| Unusable::Key)?;
    let der = PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec());
    Ok(PrivateKeyDer::Pkcs8(der))
}

fn certificates(pem: &str, part: &'static str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .take(CERTIFICATES_MAX)
        .collect::<Result<_, _>>()
        .map_err(|_| Unusable::Certificates(part))?;
    if found.is_empty() {
        Err(Unusable::Certificates(part))
    } else {
        Ok(found)
    }
}
