// SPDX-License-Identifier: MPL-2.0
//! Where registries are, whom to believe, and who we are there: from files to settings.
//!
//! Owns: `machine.registries` of a machine configuration, the credentials that docker keeps, and the
//! authorities of the system.
//! Never: runs a credential helper, or shows a secret.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::Configuration;
use config::document::{RegistriesConfig, RegistryAuthConfig, RegistryConfig};
use config::patch::{self, Patch};
use oci::{Auth, Identity, Mirror, Registries, Registry, Tls};
use pki::Secret;
use serde::Deserialize;

use crate::places::{self, Environment};
use crate::trouble::Trouble;

/// Where systems have the authorities that they trust: Debian, Fedora, Alpine and macOS.
const ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
/// The largest of the files that are read here.
const FILE_MAX: u64 = 4 << 20;
/// A configuration without anything in it, for a patch to be laid over.
const NOTHING: &str = "version: v1alpha1\nmachine: {}\n";

/// The settings, and what is to be said when a registry refuses us.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) registries: Registries,
    /// The file with the name of a credential helper, which is not run.
    pub(crate) helper: Option<PathBuf>,
}

/// Reads everything.
pub(crate) fn read(file: Option<&Path>, environment: &Environment) -> Result<Known, Trouble> {
    let mut registries = match file {
        Some(file) => of_machine(file, environment)?,
        None => Registries::default(),
    };
    registries.roots = roots(environment)?;
    let helper = add_docker(&mut registries, environment)?;
    Ok(Known { registries, helper })
}

/// Reads `machine.registries` of a machine configuration, whole or in part.
fn of_machine(file: &Path, environment: &Environment) -> Result<Registries, Trouble> {
    let bytes = Secret::new(places::read_input(file, environment)?);
    let wrong = |error: &dyn std::fmt::Display| {
        Trouble::new(format!("{}: {error}", file.display())).hint(
            "--registries wants a machine configuration, or a part of one that begins with machine:",
        )
    };
    let name = file.display().to_string();
    let patch = Patch::parse(&name, bytes.expose()).map_err(|error| wrong(&error))?;
    let whole = patch::apply(NOTHING, &[patch]).map_err(|error| wrong(&error))?;
    let whole = Secret::new(whole.into_bytes());
    let loaded = Configuration::load(whole.expose()).map_err(|error| wrong(&error))?;
    let machine = loaded
        .document()
        .and_then(|document| document.machine.as_ref());
    let Some(registries) = machine.and_then(|machine| machine.registries.as_ref()) else {
        return Err(wrong(&"there is no machine.registries in it"));
    };
    convert(registries).map_err(|(place, what)| {
        Trouble::new(format!(
            "{}: machine.registries.{place}: {what}",
            file.display()
        ))
    })
}

/// What is wrong, and where.
type Wrong = (String, &'static str);

/// The settings as the client of registries takes them.
fn convert(from: &RegistriesConfig) -> Result<Registries, Wrong> {
    let mut to = Registries::default();
    for (host, mirror) in &from.mirrors {
        let mirror = Mirror {
            endpoints: mirror.endpoints.clone(),
            override_path: mirror.override_path == Some(true),
            // This release of the documents has no setting for it.
            skip_fallback: false,
        };
        to.mirrors.insert(host.clone(), mirror);
    }
    for (host, config) in &from.config {
        to.config.insert(host.clone(), registry(host, config)?);
    }
    Ok(to)
}

fn registry(host: &str, config: &RegistryConfig) -> Result<Registry, Wrong> {
    let tls = config.tls.as_ref().map_or_else(Tls::default, |tls| Tls {
        ca: tls.ca.0.clone(),
        insecure_skip_verify: tls.insecure_skip_verify == Some(true),
        identity: tls.client_identity.as_ref().map(|identity| Identity {
            certificate: identity.crt.0.clone(),
            key: identity.key.clone(),
        }),
    });
    let auth = match &config.auth {
        Some(auth) => self::auth(auth).ok_or_else(|| {
            (
                format!("config.{host}.auth.auth"),
                "user:password in base64 is wanted",
            )
        })?,
        None => None,
    };
    Ok(Registry { tls, auth })
}

/// The credentials, if there are any. The outer `None` when they are malformed.
fn auth(from: &RegistryAuthConfig) -> Option<Option<Auth>> {
    let secret = |text: &config::SecretText| Secret::new(text.expose().as_bytes().to_vec());
    if !from.identity_token.is_empty() {
        return Some(Some(Auth {
            identity_token: secret(&from.identity_token),
            ..Auth::basic(&from.username, b"")
        }));
    }
    if !from.username.is_empty() {
        return Some(Some(Auth::basic(
            &from.username,
            from.password.expose().as_bytes(),
        )));
    }
    if from.auth.is_empty() {
        return Some(None);
    }
    Auth::from_packed(from.auth.expose().as_bytes()).map(Some)
}

/// The authorities of the system. Without any, only registries with their own are believed.
fn roots(environment: &Environment) -> Result<Vec<u8>, Trouble> {
    if let Some(file) = &environment.authorities {
        return read_bounded(file).map_err(|error| Trouble::file("read", file, &error));
    }
    let found = ROOTS.iter().map(Path::new).find(|file| file.exists());
    let read =
        found.map(|file| read_bounded(file).map_err(|error| Trouble::file("read", file, &error)));
    Ok(read.transpose()?.unwrap_or_default())
}

fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    if std::fs::metadata(file)?.len() > FILE_MAX {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    std::fs::read(file)
}

/// Docker's `config.json`, as far as it is of use. What is in it is not copied.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Docker<'a> {
    #[serde(borrow, default)]
    auths: BTreeMap<Cow<'a, str>, DockerAuth<'a>>,
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct DockerAuth<'a> {
    #[serde(borrow)]
    auth: Option<Cow<'a, str>>,
    #[serde(borrow)]
    identitytoken: Option<Cow<'a, str>>,
}

/// Adds the credentials of docker for places that have none yet. Returns the file, when some of them are
/// kept by a helper.
fn add_docker(
    registries: &mut Registries,
    environment: &Environment,
) -> Result<Option<PathBuf>, Trouble> {
    let home = || environment.home.as_ref().map(|home| home.join(".docker"));
    let Some(file) = environment
        .docker
        .clone()
        .or_else(home)
        .map(|folder| folder.join("config.json"))
    else {
        return Ok(None);
    };
    let bytes = match read_bounded(&file) {
        Ok(bytes) => Secret::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Trouble::file("read", &file, &error)),
    };
    let wrong = |what: &str| Trouble::new(format!("{}: {what}", file.display()));
    // The message of serde_json would quote what is there.
    let docker: Docker<'_> = serde_json::from_slice(bytes.expose()).map_err(|error| {
        wrong(&format!(
            "is not docker's configuration, at line {}",
            error.line()
        ))
    })?;
    for (place, auth) in &docker.auths {
        let token = auth.identitytoken.as_deref().unwrap_or_default();
        let packed = auth.auth.as_deref().unwrap_or_default();
        let auth = if token.is_empty() && packed.is_empty() {
            // The helper has them.
            continue;
        } else if token.is_empty() {
            Auth::from_packed(packed.as_bytes()).ok_or_else(|| {
                wrong(&format!(
                    "auths: {place}: auth is not user:password in base64"
                ))
            })?
        } else {
            Auth {
                identity_token: Secret::new(token.as_bytes().to_vec()),
                ..Auth::default()
            }
        };
        let registry = registries
            .config
            .entry(host_of(place).to_owned())
            .or_default();
        registry.auth.get_or_insert(auth);
    }
    let has_helper = docker.creds_store.is_some() || !docker.cred_helpers.is_empty();
    Ok(has_helper.then_some(file))
}

/// The host of a key in docker's file: `ghcr.io`, or `https://index.docker.io/v1/`.
fn host_of(place: &str) -> &str {
    let place = place.split_once("://").map_or(place, |(_, rest)| rest);
    place.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path) -> Environment {
        Environment {
            home: Some(folder.join("nobody")),
            folder: Some(folder.to_owned()),
            docker: Some(folder.to_owned()),
            authorities: Some(folder.join("roots")),
            ..Environment::default()
        }
    }

    /// A folder of its own, with files.
    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("ichorctl-registries-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("roots", "")].iter().chain(files) {
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    fn known(name: &str, files: &[(&str, &str)]) -> Result<Known, Trouble> {
        let folder = folder(name, files);
        let file = files
            .iter()
            .find(|(name, _)| *name == "file")
            .map(|(name, _)| Path::new(*name));
        let known = read(file, &environment(&folder));
        std::fs::remove_dir_all(folder).unwrap();
        known
    }

    #[test]
    fn reg_04_reg_05_reg_06_a_part_of_a_machine_configuration_says_how_to_pull() {
        let text = "machine:\n  registries:\n    mirrors:\n      docker.io:\n        endpoints: [http://harbor/v2/p]\n        \
                    overridePath: true\n    config:\n      harbor:\n        auth: {username: admin, password: pw}\n        \
                    tls: {insecureSkipVerify: true, ca: Y2E=}\n      other: {auth: {auth: YTpi}}\n      \
                    third: {auth: {identityToken: t}}\n      none: {}\n";
        let whole = format!("version: v1alpha1\n{text}  type: worker\n");
        for text in [text, &whole] {
            let registries = known("machine", &[("file", text)]).unwrap().registries;

            let mirror = &registries.mirrors["docker.io"];
            assert_eq!(mirror.endpoints, ["http://harbor/v2/p"]);
            assert!(mirror.override_path && !mirror.skip_fallback);
            let harbor = &registries.config["harbor"];
            assert_eq!(harbor.auth, Some(Auth::basic("admin", b"pw")));
            assert!(harbor.tls.insecure_skip_verify && harbor.tls.ca == b"ca");
            assert_eq!(
                registries.config["other"].auth,
                Some(Auth::basic("a", b"b"))
            );
            let third = registries.config["third"].auth.as_ref().unwrap();
            assert_eq!(third.identity_token.expose(), b"t");
            assert_eq!(registries.config["none"].auth, None);
        }
    }

    #[test]
    fn settings_that_are_none_are_refused_without_their_secrets() {
        for (text, said) in [
            ("", "file: "),
            (
                "machine: {type: worker}",
                "there is no machine.registries in it",
            ),
            ("machine: {registries: {mirror: {}}}", "mirror"),
            (
                "machine: {registries: {config: {h: {auth: {auth: hidden}}}}}",
                "file: machine.registries.config.h.auth.auth: user:password in base64 is wanted",
            ),
        ] {
            let error = known("wrong", &[("file", text)]).unwrap_err().to_string();
            assert!(
                error.contains(said) && !error.contains("hidden"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn credentials_of_docker_are_taken_where_there_are_no_others() {
        let docker = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "ghcr.io": {"auth": "YTpi"},
                          "h:5000": {"identitytoken": "t"}, "kept": {}}, "credsStore": "desktop"}"#;
        let file =
            "machine: {registries: {config: {ghcr.io: {auth: {username: me, password: pw}}}}}";

        let known = known("docker", &[("config.json", docker), ("file", file)]).unwrap();

        let auth = |host: &str| known.registries.config[host].auth.clone();
        assert_eq!(auth("index.docker.io"), Some(Auth::basic("a", b"b")));
        assert_eq!(auth("ghcr.io"), Some(Auth::basic("me", b"pw")));
        assert_eq!(auth("h:5000").unwrap().identity_token.expose(), b"t");
        assert!(!known.registries.config.contains_key("kept"));
        assert!(known.helper.is_some());
    }

    #[test]
    fn a_file_that_is_not_dockers_is_named_without_what_is_in_it() {
        for text in [
            "hidden",
            r#"{"auths": {"h": {"auth": "hidden"}}}"#,
            r#"{"auths": ["hidden"]}"#,
        ] {
            let error = known("broken", &[("config.json", text)])
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("config.json: ") && !error.contains("hidden"),
                "{error}"
            );
        }
        let known = known("empty", &[("config.json", "{}")]).unwrap();
        assert!(known.helper.is_none() && known.registries.config.is_empty());
    }
}
