// SPDX-License-Identifier: MPL-2.0
//! Whom we believe to be a registry, and who we say that we are.
//!
//! Owns: the TLS rules for a place, from its settings.
//! Never: believes anybody unless a setting says so for that very place.

use std::sync::Arc;

use pki::Key;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

use crate::error::Cause;
use crate::settings::{Identity, Tls};

/// The rules for a place: `roots` and its own authority are trusted.
pub(crate) fn rules(roots: &[u8], settings: &Tls) -> Result<Arc<ClientConfig>, Cause> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Cause::Setting(format!("TLS: {error}")))?;
    let builder = if settings.insecure_skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody::new(&provider)))
    } else {
        builder.with_root_certificates(store(roots, &settings.ca)?)
    };
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let bad = |what: &str| Cause::Setting(format!("tls.clientIdentity: no usable {what}"));
            let chain = certificates(certificate).ok_or_else(|| bad("crt"))?;
            let key = private_key(key.expose()).ok_or_else(|| bad("key"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| bad("pair of crt and key"))?
        }
    };
    Ok(Arc::new(config))
}

fn store(roots: &[u8], ca: &[u8]) -> Result<RootCertStore, Cause> {
    let mut store = RootCertStore::empty();
    // Of those of the system some may be of a kind that is not known.
    store.add_parsable_certificates(certificates(roots).unwrap_or_default());
    if !ca.is_empty() {
        let bad = || Cause::Setting("tls.ca: no usable certificate".to_owned());
        for certificate in certificates(ca).ok_or_else(bad)? {
            store.add(certificate).map_err(|_| bad())?;
        }
    }
    if store.is_empty() {
        let what =
            "no certificate authority is known: install ca-certificates, or give tls.ca for it";
        return Err(Cause::Setting(what.to_owned()));
    }
    Ok(store)
}

/// Reads a key: one of ours, whose label says the algorithm, or one of the usual labels.
fn private_key(pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    if let Ok(key) = Key::from_pem(pem) {
        let pkcs8 = PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec());
        return Some(PrivateKeyDer::Pkcs8(pkcs8));
    }
    PrivateKeyDer::from_pem_slice(pem).ok()
}

/// The certificates of a text, for rustls.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = pki::certificates(pem)?;
    Some(found.into_iter().map(CertificateDer::from).collect())
}

/// Believes any server that holds the key of the certificate that it shows.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl Anybody {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pki::Secret;

    #[test]
    fn reg_06_settings_that_make_no_sense_are_named() {
        let of = |settings: &Tls| rules(b"", settings).unwrap_err().to_string();
        assert!(of(&Tls::default()).contains("no certificate authority is known"));
        let ca = Tls {
            ca: b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_vec(),
            ..Tls::default()
        };
        assert!(of(&ca).contains("tls.ca"));
        let identity = Tls {
            insecure_skip_verify: true,
            identity: Some(Identity {
                certificate: b"none".to_vec(),
                key: Secret::default(),
            }),
            ..Tls::default()
        };
        assert!(of(&identity).contains("tls.clientIdentity: no usable crt"));
    }
}
