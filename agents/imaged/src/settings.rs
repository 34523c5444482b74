// SPDX-License-Identifier: MPL-2.0
//! `machine.registries` as machined wrote it down for us.
//!
//! Owns: the form of that file, and what it means to the registry client.
//! Never: shows what is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use oci::{Auth, Identity, Mirror, Registries, Registry, Tls};
use pki::Secret;
use serde::Deserialize;

use crate::Places;

/// The longest file, in bytes: a machine configuration with all its certificates is shorter.
const FILE_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    mirrors: BTreeMap<String, WrittenMirror>,
    config: BTreeMap<String, WrittenRegistry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMirror {
    endpoints: Vec<String>,
    override_path: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRegistry {
    /// PEM; empty for none.
    ca: String,
    insecure_skip_verify: bool,
    certificate: String,
    key: String,
    username: String,
    password: String,
    /// `user:password` in base64.
    auth: String,
    identity_token: String,
}

/// Reads what is known of registries now. A file that is not there says nothing.
///
/// # Errors
/// What is wrong, without a word of what is in the file.
pub(crate) fn read(places: &Places) -> Result<Registries, String> {
    let name = places.registries.display();
    let written = match text(&places.registries) {
        Ok(bytes) => parse(&bytes).map_err(|reason| format!("{name}: {reason}"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Registries::default(),
        Err(error) => return Err(format!("{name}: {error}")),
    };
    // Without the system's authorities only those that are named are trusted.
    let roots = text(&places.roots).unwrap_or_default();
    Ok(Registries { roots, ..written })
}

fn text(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = FILE_MAX.saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Registries, String> {
    // The parser's words may quote what it read.
    let written: Written = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "not what machined writes, line {} column {}",
            error.line(),
            error.column()
        )
    })?;
    let mut registries = Registries::default();
    for (name, mirror) in written.mirrors {
        let mirror = Mirror {
            endpoints: mirror.endpoints,
            override_path: mirror.override_path,
            ..Mirror::default()
        };
        registries.mirrors.insert(name, mirror);
    }
    for (name, registry) in written.config {
        let auth = auth(&registry)
            .ok_or_else(|| format!("auth of {name} is not user:password in base64"))?;
        let identity = (!registry.certificate.is_empty()).then(|| Identity {
            certificate: registry.certificate.clone().into_bytes(),
            key: Secret::new(registry.key.clone().into_bytes()),
        });
        let tls = Tls {
            ca: registry.ca.into_bytes(),
            insecure_skip_verify: registry.insecure_skip_verify,
            identity,
        };
        registries.config.insert(name, Registry { tls, auth });
    }
    Ok(registries)
}

/// Who we are there; `None` when that cannot be read.
fn auth(written: &WrittenRegistry) -> Option<Option<Auth>> {
    if !written.identity_token.is_empty() {
        return Some(Some(Auth {
            username: written.username.clone(),
            identity_token: Secret::new(written.identity_token.clone().into_bytes()),
            ..Auth::default()
        }));
    }
    if !written.auth.is_empty() {
        return Auth::from_packed(written.auth.as_bytes()).map(Some);
    }
    let is_named = !written.username.is_empty();
    Some(is_named.then(|| Auth::basic(&written.username, written.password.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"mirrors":{"docker.io":{"endpoints":["http://10.0.2.2:5000"],"override_path":true}},
        "config":{"a.example":{"ca":"PEM","insecure_skip_verify":true,"certificate":"C","key":"K",
        "username":"u","password":"p","auth":"","identity_token":""}}}"#;

    #[test]
    fn everything_that_machined_writes_reaches_the_client() {
        let read = parse(FILE.as_bytes()).unwrap();

        let mirror = read.mirrors.get("docker.io").unwrap();
        assert_eq!(mirror.endpoints, ["http://10.0.2.2:5000"]);
        assert!(mirror.override_path);
        let registry = read.config.get("a.example").unwrap();
        assert_eq!(registry.auth, Some(Auth::basic("u", b"p")));
        assert_eq!(registry.tls.ca, b"PEM");
        assert!(registry.tls.insecure_skip_verify);
        assert_eq!(registry.tls.identity.as_ref().unwrap().certificate, b"C");
    }

    #[test]
    fn a_token_counts_most_then_what_is_packed_then_the_user() {
        let with = |key: &str, value: &str| {
            let text = FILE.replace(
                &format!("\"{key}\":\"\""),
                &format!("\"{key}\":\"{value}\""),
            );
            parse(text.as_bytes()).map(|read| read.config["a.example"].auth.clone())
        };
        assert_eq!(with("auth", "eDp5").unwrap(), Some(Auth::basic("x", b"y")));
        let token = with("identity_token", "t").unwrap().unwrap();
        assert_eq!(token.identity_token, Secret::new(b"t".to_vec()));
        assert_eq!(
            with("auth", "%").unwrap_err(),
            "auth of a.example is not user:password in base64"
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_a_word_of_it() {
        for text in ["", "[]", r#"{"secret":1}"#, &FILE.replace("\"p\"", "7")] {
            let refused = parse(text.as_bytes()).unwrap_err();
            assert!(refused.starts_with("not what machined writes"), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            registries: folder.path().join("none"),
            roots: folder.path().join("none"),
            ..Places::node()
        };
        assert!(read(&places).unwrap().mirrors.is_empty());
    }
}
