// SPDX-License-Identifier: MPL-2.0
//! The secrets of a cluster: what `gen secrets` writes.
//!
//! Owns: the secrets file and how each secret is made.
//! Never: prints a secret in `Debug`.

use crate::configuration::{load_one, print};
use crate::document::{CertificateAndKey, KeyOnly};
use crate::error::LoadError;
use crate::scalar::{Base64Bytes, SecretText};
use crate::schema::document;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use pki::{Algorithm, Authority, Error, Key, UnixTime, random_bytes, random_token};

document! {
    /// All secrets of a cluster, as the secrets file holds them.
    pub struct SecretsBundle {
        "cluster" cluster: SecretsCluster, keep, "Who the cluster is.";
        "secrets" secrets: SecretsTokens, keep, "Kubernetes' tokens and keys.";
        "trustdinfo" trustdinfo: SecretsTrustd, keep, "How nodes join.";
        "certs" certs: SecretsCertificates, keep, "Certificate authorities.";
    }

    /// Who the cluster is, for discovery.
    pub struct SecretsCluster {
        "id" id: String, keep, "32 bytes in URL-safe base64.";
        "secret" secret: SecretText, keep, "32 bytes in base64.";
    }

    /// Kubernetes' tokens and keys.
    pub struct SecretsTokens {
        "bootstraptoken" bootstraptoken: SecretText, keep, "With it kubelets join.";
        "aescbcencryptionsecret" aescbcencryptionsecret: SecretText, omit, "Key of secrets in etcd (old way).";
        "secretboxencryptionsecret" secretboxencryptionsecret: SecretText, omit, "Key of secrets in etcd.";
    }

    /// How nodes join.
    pub struct SecretsTrustd {
        "token" token: SecretText, keep, "With it nodes get a certificate.";
    }

    /// Certificate authorities and keys.
    pub struct SecretsCertificates {
        "etcd" etcd: CertificateAndKey, keep, "The authority of etcd.";
        "k8s" k8s: CertificateAndKey, keep, "The authority of Kubernetes.";
        "k8saggregator" k8saggregator: CertificateAndKey, keep, "The authority of the aggregation layer.";
        "k8sserviceaccount" k8sserviceaccount: KeyOnly, keep, "The key of service account tokens.";
        "os" os: CertificateAndKey, keep, "The authority of the machine API.";
    }
}

impl SecretsBundle {
    /// Makes all secrets anew.
    pub fn generate(now: UnixTime) -> Result<Self, Error> {
        let secret = || {
            Ok(SecretText::new(
                STANDARD.encode(random_bytes::<32>()?.as_ref()),
            ))
        };
        let token = || Ok(SecretText::new(random_token()?));
        Ok(Self {
            cluster: SecretsCluster {
                id: URL_SAFE.encode(random_bytes::<32>()?.as_ref()),
                secret: secret()?,
            },
            secrets: SecretsTokens {
                bootstraptoken: token()?,
                aescbcencryptionsecret: SecretText::default(),
                secretboxencryptionsecret: secret()?,
            },
            trustdinfo: SecretsTrustd { token: token()? },
            certs: SecretsCertificates {
                etcd: pair(&Authority::etcd(now)?)?,
                k8s: pair(&Authority::kubernetes(now)?)?,
                k8saggregator: pair(&Authority::aggregator(now)?)?,
                k8sserviceaccount: KeyOnly {
                    key: Key::generate(Algorithm::EcdsaP256)?.to_pem()?,
                },
                os: pair(&Authority::machine(now)?)?,
            },
        })
    }

    /// Reads a secrets file.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        load_one(bytes)
    }

    /// Writes a secrets file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        print(self)
    }

    /// The authority of the machine API.
    pub fn machine_authority(&self) -> Result<Authority, Error> {
        self.certs.os.authority()
    }
}

fn pair(authority: &Authority) -> Result<CertificateAndKey, Error> {
    let (certificate, key) = authority.to_pem()?;
    Ok(CertificateAndKey {
        crt: Base64Bytes(certificate),
        key,
    })
}

impl CertificateAndKey {
    /// The authority that these are; refused when they do not fit each other.
    pub fn authority(&self) -> Result<Authority, Error> {
        Authority::from_pem(&self.crt.0, self.key.expose())
    }

    /// The same certificate without its key, for those who must not have it.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self {
            crt: self.crt.clone(),
            key: pki::Secret::default(),
        }
    }
}
