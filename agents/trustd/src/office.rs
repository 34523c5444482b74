// SPDX-License-Identifier: MPL-2.0
//! What machined told, ready for use.
//!
//! Owns: the TLS rules, the CA, the token.
//! Never: prints any of it, or keeps it when machined told something else.

use std::fmt;
use std::sync::Arc;

use pki::{Authority, Key, Secret};
use proto::trust::Trust;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The most certificates of a chain.
const CERTIFICATES_MAX: usize = 4;

/// All that requests are served with.
pub(crate) struct Office {
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) ca: Authority,
    /// Its certificate as it was told, PEM.
    pub(crate) ca_pem: Vec<u8>,
    pub(crate) token: Secret,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

/// What is wrong with what machined told.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// The server's certificate or its key.
    Server,
    /// The CA or its key.
    Authority(pki::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => write!(f, "the server's certificate and key do not fit together"),
            Self::Authority(error) => write!(f, "the machine CA: {error}"),
        }
    }
}

impl Office {
    /// Makes it; `None` while there is no trust.
    pub(crate) fn open(trust: &Trust<'_>) -> Result<Option<Self>, Unusable> {
        if trust.certificate_pem.is_empty() {
            return Ok(None);
        }
        let ca = Authority::from_pem(trust.ca_pem.as_bytes(), trust.ca_key_pem.as_bytes())
            .map_err(Unusable::Authority)?;
        Ok(Some(Self {
            tls: tls(trust)?,
            ca,
            ca_pem: trust.ca_pem.as_bytes().to_vec(),
            token: Secret::new(trust.token.as_bytes().to_vec()),
        }))
    }
}

fn tls(trust: &Trust<'_>) -> Result<Arc<ServerConfig>, Unusable> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(trust.certificate_pem.as_bytes())
        .take(CERTIFICATES_MAX)
        .collect::<Result<_, _>>()
        .map_err(|_| Unusable::Server)?;
    let key = Key::from_pem(trust.key_pem.as_bytes()).map_err(|_| Unusable::Server)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Unusable::Server)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| Unusable::Server)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Each connection is for one request: there is nothing to resume.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
