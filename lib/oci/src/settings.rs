// SPDX-License-Identifier: MPL-2.0
//! What an operator says about registries: `machine.registries` of the machine configuration.
//!
//! Owns: the settings as plain values; whoever knows the configuration fills them in.
//! Never: shows a password, a token or a key.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::Secret;

/// Mirrors, trust and credentials of all registries.
#[derive(Clone, Default)]
pub struct Registries {
    /// Where the images of a registry are pulled from instead; `*` is for all that are not named.
    pub mirrors: BTreeMap<String, Mirror>,
    /// How to speak to a registry or mirror, by host, with its port if it is not the usual one.
    pub config: BTreeMap<String, Registry>,
    /// The authorities that are trusted everywhere, PEM: those of the system.
    pub roots: Vec<u8>,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries")
            .field("mirrors", &self.mirrors)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Other places to pull the images of a registry from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// `http://` or `https://` URLs, tried in order.
    pub endpoints: Vec<String>,
    /// Take the path of the URLs as it is; otherwise `/v2` is added.
    pub override_path: bool,
    /// Do not ask the registry itself when no mirror has the image.
    pub skip_fallback: bool,
}

/// How to speak to a registry.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Whom to believe.
    pub tls: Tls,
    /// Who we are, if it wants to know.
    pub auth: Option<Auth>,
}

/// TLS towards a registry.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// More authorities to trust, PEM.
    pub ca: Vec<u8>,
    /// Believe anybody. What is pulled by digest is still what was meant.
    pub insecure_skip_verify: bool,
    /// Our certificate, if it wants one.
    pub identity: Option<Identity>,
}

/// A certificate of ours.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate and those between it and its authority, PEM.
    pub certificate: Vec<u8>,
    /// Its key, PEM.
    pub key: Secret,
}

/// Credentials: a user and a password, or a token that stands for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// A token that is exchanged for others; when there is one, it is used alone.
    pub identity_token: Secret,
}

impl Auth {
    /// A user and a password.
    #[must_use]
    pub fn basic(username: &str, password: &[u8]) -> Self {
        Self {
            username: username.to_owned(),
            password: Secret::new(password.to_vec()),
            identity_token: Secret::default(),
        }
    }

    /// Reads `auth` as docker has it: `user:password` in base64. `None` when it is not that.
    #[must_use]
    pub fn from_packed(packed: &[u8]) -> Option<Self> {
        let plain = Secret::new(STANDARD.decode(packed.trim_ascii()).ok()?);
        let colon = plain.expose().iter().position(|byte| *byte == b':')?;
        let (user, password) = plain.expose().split_at_checked(colon)?;
        let user = str::from_utf8(user).ok()?;
        // Docker's own writers fill passwords up with zeros.
        let password = password.get(1..)?.trim_ascii_end();
        let end = password
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at.saturating_add(1));
        Some(Self::basic(user, password.get(..end)?))
    }

    /// `Basic` and what follows it (RFC 7617).
    pub(crate) fn to_basic(&self) -> Secret {
        let plain = [self.username.as_bytes(), b":", self.password.expose()].concat();
        let plain = Secret::new(plain);
        let mut text = b"Basic ".to_vec();
        // One piece, so that no shorter copy stays behind when it grows.
        text.reserve_exact(plain.expose().len().saturating_mul(2).saturating_add(4));
        let packed = Secret::new(STANDARD.encode(plain.expose()).into_bytes());
        text.extend_from_slice(packed.expose());
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_credentials_are_a_user_and_a_password() {
        let auth = Auth::from_packed(b"cmVhZGVyOnM6ZWNyZXQ=\n").unwrap();
        assert_eq!(auth, Auth::basic("reader", b"s:ecret"));
        assert_eq!(auth.to_basic().expose(), b"Basic cmVhZGVyOnM6ZWNyZXQ=");
        for wrong in [&b""[..], b"%", b"cmVhZGVy", b"/w=="] {
            assert_eq!(Auth::from_packed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mut registries = Registries::default();
        let identity = Identity {
            certificate: Vec::new(),
            key: Secret::new(b"hidden".to_vec()),
        };
        let auth = Auth {
            identity_token: Secret::new(b"hidden".to_vec()),
            ..Auth::basic("reader", b"hidden")
        };
        let registry = Registry {
            tls: Tls {
                identity: Some(identity),
                ..Tls::default()
            },
            auth: Some(auth),
        };
        registries.config.insert("h".to_owned(), registry);

        let shown = format!("{registries:?}");
        assert!(
            shown.contains("reader") && !shown.contains("hidden"),
            "{shown}"
        );
        assert!(!shown.contains("104, 105, 100"), "{shown}");
    }
}
