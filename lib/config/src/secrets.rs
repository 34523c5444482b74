// SPDX-License-Identifier: MPL-2.0
//! The secrets of a cluster: what `gen secrets` writes.
//!
//! Owns: the secrets file, how each secret is made, and where else secrets can come from.
//! Never: prints a secret in `Debug`, or lets a key pass that does not fit its certificate.

use crate::configuration::{load_one, print};
use crate::document::{CertificateAndKey, Document, KeyOnly};
use crate::error::LoadError;
use crate::release::Release;
use crate::scalar::{Base64Bytes, SecretText};
use crate::schema::document;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use core::fmt;
use core::time::Duration;
use pki::{Algorithm, Authority, Error, Key, Secret, UnixTime, random_bytes, random_token};

/// Ten years, as all authorities of a cluster live.
const RSA_AUTHORITY_LIFETIME: Duration = Duration::from_secs(87_600 * 3_600);

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

/// Why there are no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretsError {
    /// A key or certificate cannot be made, or is damaged or does not fit.
    Part {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        error: Error,
    },
    /// Something that every cluster has is not there.
    Missing(&'static str),
    /// A token is not of the form `abcdef.0123456789abcdef`.
    BadToken(&'static str),
    /// A secret is not 32 bytes in base64.
    BadSecret(&'static str),
    /// Only the configuration of a control plane node holds all secrets.
    NotControlPlane,
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part { name, error } => write!(f, "{name}: {error}"),
            Self::Missing(name) => write!(f, "{name}: missing"),
            Self::BadToken(name) => write!(
                f,
                "{name}: not a token, expected 6 and 16 of a-z and 0-9 with a dot between"
            ),
            Self::BadSecret(name) => write!(f, "{name}: not 32 bytes in base64"),
            Self::NotControlPlane => f.write_str(
                "machine.type: not a control plane node, whose configuration has all secrets",
            ),
        }
    }
}

impl std::error::Error for SecretsError {}

/// Names the part that an error is about.
fn part<T>(name: &'static str, result: Result<T, Error>) -> Result<T, SecretsError> {
    result.map_err(|error| SecretsError::Part { name, error })
}

/// The authorities of a cluster that another tool made, as its folder of keys holds them, all PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesPki {
    /// `ca.crt` and `ca.key`.
    pub kubernetes: (Vec<u8>, Secret),
    /// `front-proxy-ca.crt` and `front-proxy-ca.key`.
    pub aggregator: (Vec<u8>, Secret),
    /// `etcd/ca.crt` and `etcd/ca.key`.
    pub etcd: (Vec<u8>, Secret),
    /// `sa.key`.
    pub service_account: Secret,
}

impl SecretsBundle {
    /// Makes all secrets anew.
    pub fn generate(now: UnixTime) -> Result<Self, Error> {
        Self::make(Release::CURRENT, now)
    }

    /// Makes all secrets anew, as a release wants them. Those before 0.9 ask for RSA, which only the
    /// command line can make.
    pub fn generate_for(release: Release, now: UnixTime) -> Result<Self, SecretsError> {
        part("certs", Self::make(release, now))
    }

    fn make(release: Release, now: UnixTime) -> Result<Self, Error> {
        let mut bundle = Self {
            certs: SecretsCertificates {
                os: pair(&Authority::machine(now)?)?,
                ..SecretsCertificates::default()
            },
            ..Self::default()
        };
        bundle.fill(release)?;
        let certs = &mut bundle.certs;
        if release < Release::new(0, 9) {
            let rsa =
                |name| Authority::generate(Algorithm::Rsa, &[name], RSA_AUTHORITY_LIFETIME, now);
            certs.etcd = pair(&rsa("etcd")?)?;
            certs.k8s = pair(&rsa("kubernetes")?)?;
        } else {
            certs.etcd = pair(&Authority::etcd(now)?)?;
            certs.k8s = pair(&Authority::kubernetes(now)?)?;
            certs.k8saggregator = pair(&Authority::aggregator(now)?)?;
            certs.k8sserviceaccount = KeyOnly {
                key: Key::generate(Algorithm::EcdsaP256)?.to_pem()?,
            };
        }
        Ok(bundle)
    }

    /// Makes the secrets that are not keys.
    fn fill(&mut self, release: Release) -> Result<(), Error> {
        let secret = || {
            let bytes = random_bytes::<32>()?;
            Ok(SecretText::new(STANDARD.encode(bytes.as_ref())))
        };
        let token = || Ok::<_, Error>(SecretText::new(random_token()?));
        self.cluster.id = URL_SAFE.encode(random_bytes::<32>()?.as_ref());
        self.cluster.secret = secret()?;
        self.secrets.bootstraptoken = token()?;
        self.trustdinfo.token = token()?;
        if release < Release::new(1, 3) {
            self.secrets.aescbcencryptionsecret = secret()?;
        } else {
            self.secrets.secretboxencryptionsecret = secret()?;
        }
        Ok(())
    }

    /// Takes over the authorities of a cluster that another tool made; the rest is made anew. `token` is
    /// that with which its kubelets join.
    pub fn from_kubernetes_pki(
        keys: KubernetesPki,
        token: Option<&str>,
        release: Release,
        now: UnixTime,
    ) -> Result<Self, SecretsError> {
        let mut bundle = Self::default();
        part("secrets", bundle.fill(release))?;
        if let Some(token) = token {
            bundle.secrets.bootstraptoken = SecretText::new(token.to_owned());
        }
        let taken = |(crt, key): (Vec<u8>, Secret)| CertificateAndKey {
            crt: Base64Bytes(crt),
            key,
        };
        bundle.certs = SecretsCertificates {
            os: part(
                "certs.os",
                Authority::machine(now).and_then(|made| pair(&made)),
            )?,
            etcd: taken(keys.etcd),
            k8s: taken(keys.kubernetes),
            k8saggregator: taken(keys.aggregator),
            k8sserviceaccount: KeyOnly {
                key: keys.service_account,
            },
        };
        bundle.check()?;
        Ok(bundle)
    }

    /// Takes the secrets out of the configuration of a control plane node.
    pub fn from_controlplane(document: &Document) -> Result<Self, SecretsError> {
        let missing = SecretsError::Missing;
        let machine = document.machine.as_ref().ok_or(missing("machine"))?;
        let cluster = document.cluster.as_ref().ok_or(missing("cluster"))?;
        if !matches!(machine.kind.as_str(), "controlplane" | "init") {
            return Err(SecretsError::NotControlPlane);
        }
        let etcd = cluster.etcd.as_ref().and_then(|etcd| etcd.ca.clone());
        let bundle = Self {
            cluster: SecretsCluster {
                id: cluster.id.clone(),
                secret: cluster.secret.clone(),
            },
            secrets: SecretsTokens {
                bootstraptoken: cluster.token.clone(),
                aescbcencryptionsecret: cluster.aescbc_encryption_secret.clone(),
                secretboxencryptionsecret: cluster.secretbox_encryption_secret.clone(),
            },
            trustdinfo: SecretsTrustd {
                token: machine.token.clone(),
            },
            certs: SecretsCertificates {
                etcd: etcd.ok_or(missing("cluster.etcd.ca"))?,
                k8s: cluster.ca.clone().ok_or(missing("cluster.ca"))?,
                k8saggregator: cluster.aggregator_ca.clone().unwrap_or_default(),
                k8sserviceaccount: cluster.service_account.clone().unwrap_or_default(),
                os: machine.ca.clone().ok_or(missing("machine.ca"))?,
            },
        };
        bundle.check()?;
        Ok(bundle)
    }

    /// Reads a secrets file.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        load_one(bytes)
    }

    /// Whether everything is there and fits. Clusters older than 0.9 have neither an aggregator's
    /// authority nor a service account key, and those older than 0.14 no identity.
    pub fn check(&self) -> Result<(), SecretsError> {
        let certs = &self.certs;
        for (name, pair) in [
            ("certs.os", &certs.os),
            ("certs.k8s", &certs.k8s),
            ("certs.etcd", &certs.etcd),
        ] {
            if pair.crt.0.is_empty() || pair.key.is_empty() {
                return Err(SecretsError::Missing(name));
            }
            part(name, pair.authority())?;
        }
        if certs.k8saggregator != CertificateAndKey::default() {
            part("certs.k8saggregator", certs.k8saggregator.authority())?;
        }
        if !certs.k8sserviceaccount.key.is_empty() {
            let key = Key::from_pem(certs.k8sserviceaccount.key.expose());
            part("certs.k8sserviceaccount", key)?;
        }
        token("trustdinfo.token", &self.trustdinfo.token)?;
        token("secrets.bootstraptoken", &self.secrets.bootstraptoken)?;
        sealing("cluster.secret", self.cluster.secret.expose())?;
        let secrets = &self.secrets;
        let (old, new) = (
            &secrets.aescbcencryptionsecret,
            &secrets.secretboxencryptionsecret,
        );
        if old.is_empty() && new.is_empty() {
            return Err(SecretsError::Missing("secrets.secretboxencryptionsecret"));
        }
        sealing("secrets.aescbcencryptionsecret", old.expose())?;
        sealing("secrets.secretboxencryptionsecret", new.expose())
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

/// Checks the form of a token (Kubernetes: `[a-z0-9]{6}\.[a-z0-9]{16}`).
fn token(name: &'static str, token: &SecretText) -> Result<(), SecretsError> {
    let part = |text: &str, len| {
        text.len() == len
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    };
    match token.expose().split_once('.') {
        Some((id, secret)) if part(id, 6) && part(secret, 16) => Ok(()),
        _ if token.is_empty() => Err(SecretsError::Missing(name)),
        _ => Err(SecretsError::BadToken(name)),
    }
}

/// Checks a key of 32 bytes, if there is one.
fn sealing(name: &'static str, text: &str) -> Result<(), SecretsError> {
    let bytes = STANDARD.decode(text).map(zeroize::Zeroizing::new);
    if text.is_empty() || bytes.is_ok_and(|bytes| bytes.len() == 32) {
        Ok(())
    } else {
        Err(SecretsError::BadSecret(name))
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
            key: Secret::default(),
        }
    }
}
