// SPDX-License-Identifier: MPL-2.0
//! Which servers are believed.
//!
//! Owns: the TLS rules of the client: the CA of the context, or with `--insecure` anybody, or
//! anybody with one of the given fingerprints.
//! Never: falls back from the first to the others by itself.

use std::sync::Arc;

use config::ClientContext;
use pki::{Certificate, Key};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

use crate::trouble::Trouble;

/// The rules for a configured node: both sides show certificates of the context's CA.
pub(crate) fn mutual(name: &str, context: &ClientContext) -> Result<Arc<ClientConfig>, Trouble> {
    let bad = |part: &str| {
        Trouble::new(format!("context {name:?} has no usable {part}"))
            .hint("take the talosconfig that `gen config` made, or ask for one with `config new`")
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&context.ca.0).ok_or_else(|| bad("CA certificate (ca)"))? {
        roots
            .add(certificate)
            .map_err(|_| bad("CA certificate (ca)"))?;
    }
    let chain = certificates(&context.crt.0).ok_or_else(|| bad("client certificate (crt)"))?;
    let key = Key::from_pem(context.key.expose()).map_err(|_| bad("client key (key)"))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec()));
    let config = builder()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|_| bad("pair of certificate and key"))?;
    Ok(finish(config))
}

/// The rules for a node in maintenance mode.
pub(crate) fn insecure(fingerprints: &[String]) -> Result<Arc<ClientConfig>, Trouble> {
    let fingerprints = fingerprints.iter().map(|text| plain(text)).collect();
    let verifier = Pinned {
        fingerprints,
        algorithms: provider().signature_verification_algorithms,
    };
    let config = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finish(config))
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Trouble> {
    ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Trouble::new(format!("cannot set up TLS: {error}")))
}

fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

/// The certificates of a text, for rustls.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = pki::certificates(pem)?;
    Some(found.into_iter().map(CertificateDer::from).collect())
}

/// Fingerprints come with and without colons and prefixes.
fn plain(text: &str) -> String {
    let text = text.trim();
    let bare: String = text.chars().filter(|c| *c != ':').collect();
    if bare.len() == 64 && bare.chars().all(|c| c.is_ascii_hexdigit()) {
        bare.to_ascii_lowercase()
    } else {
        text.to_owned()
    }
}

/// Believes any server, or any with one of some fingerprints. Its signature is checked in both
/// cases: it must hold the key of the certificate that it shows.
#[derive(Debug)]
struct Pinned {
    fingerprints: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.fingerprints.is_empty() {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate =
            Certificate::from_der(end_entity).map_err(|_| rustls::CertificateError::BadEncoding)?;
        let (key, whole) = (certificate.key_fingerprint(), certificate.fingerprint());
        if self
            .fingerprints
            .iter()
            .any(|known| *known == key || *known == whole)
        {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(format!(
                "its fingerprint is {key}, which is not among those of --cert-fingerprint"
            )))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_may_be_written_with_colons() {
        let hex = "AB".repeat(32);
        let colons: Vec<&str> = std::iter::repeat_n("ab", 32).collect();

        assert_eq!(plain(&hex), plain(&colons.join(":")));
        assert_eq!(plain(" q+/= "), "q+/=");
    }

    #[test]
    fn a_context_without_certificates_names_the_missing_part() {
        let trouble = mutual("home", &ClientContext::default()).unwrap_err();

        assert!(
            trouble
                .to_string()
                .contains("context \"home\" has no usable CA certificate")
        );
    }
}
