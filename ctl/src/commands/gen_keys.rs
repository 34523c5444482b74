// SPDX-License-Identifier: MPL-2.0
//! `gen ca`, `gen crt`, `gen csr`, `gen key`, `gen keypair`: keys and certificates as files.
//!
//! Owns: what each file is called.
//! Never: writes a certificate without the key that belongs to it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pki::{Algorithm, Authority, Key, Names, Request, Secret, Usage};

use crate::args_gen::{Gen, GenCa, GenCrt, GenCsr};
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::trouble::Trouble;

/// As long as every certificate lives for which nothing else is said.
const PAIR_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

type Files = Vec<(PathBuf, Secret)>;

pub(crate) fn run(
    what: &Gen,
    existing: Existing,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let files = match what {
        Gen::Ca(asked) => ca(asked, environment)?,
        Gen::Crt(asked) => crt(asked, environment)?,
        Gen::Csr(asked) => csr(asked, environment)?,
        Gen::Key { name } => {
            let key = Key::generate(Algorithm::Ed25519).map_err(unmade)?;
            vec![(
                file(environment, name, "key"),
                key.to_pem().map_err(unmade)?,
            )]
        }
        Gen::Keypair { ip, organization } => keypair(*ip, organization, environment)?,
        // These are made elsewhere.
        Gen::Config(_) | Gen::Secrets(_) => Vec::new(),
    };
    places::create_all(&files, existing, screen)
}

fn ca(asked: &GenCa, environment: &Environment) -> Result<Files, Trouble> {
    let algorithm = if asked.rsa {
        Algorithm::Rsa
    } else {
        Algorithm::Ed25519
    };
    let name = asked.organization.as_str();
    let lifetime = hours(asked.hours);
    let made = Authority::generate(algorithm, &[name], lifetime, places::now()).map_err(unmade)?;
    let digest = format!("sha256:{}\n", made.certificate().key_digest());
    let mut files = pair(&made, name, environment)?;
    files.push((
        file(environment, Path::new(name), "sha256"),
        Secret::new(digest.into_bytes()),
    ));
    Ok(files)
}

fn keypair(
    ip: Option<IpAddr>,
    organization: &str,
    environment: &Environment,
) -> Result<Files, Trouble> {
    let key = Key::generate(Algorithm::Ed25519).map_err(unmade)?;
    let names = addressed(ip);
    let made = Authority::self_signed(key, &[organization], &names, PAIR_LIFETIME, places::now())
        .map_err(unmade)?;
    pair(&made, organization, environment)
}

fn pair(made: &Authority, name: &str, environment: &Environment) -> Result<Files, Trouble> {
    let (certificate, key) = made.to_pem().map_err(unmade)?;
    let name = Path::new(name);
    Ok(vec![
        (file(environment, name, "crt"), Secret::new(certificate)),
        (file(environment, name, "key"), key),
    ])
}

fn csr(asked: &GenCsr, environment: &Environment) -> Result<Files, Trouble> {
    let path = environment.path(&asked.key);
    let pem = Secret::new(places::read(&path)?);
    let key = Key::from_pem(pem.expose()).map_err(|error| unread("key", &path, &error))?;
    let roles: Vec<&str> = asked.roles.iter().map(String::as_str).collect();
    let request = Request::new(&key, "", &roles, &addressed(asked.ip)).map_err(unmade)?;
    Ok(vec![(
        path.with_extension("csr"),
        Secret::new(request.to_pem()),
    )])
}

fn crt(asked: &GenCrt, environment: &Environment) -> Result<Files, Trouble> {
    // Both `ca` and `ca.crt` are meant by the documents.
    let base = match asked.ca.extension() {
        Some(extension) if extension == "crt" => asked.ca.with_extension(""),
        _ => asked.ca.clone(),
    };
    let path = file(environment, &base, "crt");
    let certificate = places::read(&path)?;
    let key = Secret::new(places::read(&file(environment, &base, "key"))?);
    let authority = Authority::from_pem(&certificate, key.expose())
        .map_err(|error| unread("authority", &path, &error))?;
    let path = environment.path(&asked.csr);
    let request = Request::from_pem(&places::read(&path)?)
        .map_err(|error| unread("certificate request", &path, &error))?;
    // For clients alone: apid refuses callers whose certificate could also be a server's.
    let leaf = request.leaf(Usage::Client, hours(asked.hours));
    let made = authority
        .issue_request(&leaf, &request, places::now())
        .map_err(unmade)?;
    Ok(vec![(
        file(environment, &asked.name, "crt"),
        Secret::new(made.to_pem()),
    )])
}

/// `name` with an extension added, not replaced: names may have dots.
fn file(environment: &Environment, name: &Path, extension: &str) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    environment.path(Path::new(&name))
}

fn addressed(ip: Option<IpAddr>) -> Names {
    Names {
        dns: Vec::new(),
        addresses: ip.into_iter().collect(),
    }
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count).saturating_mul(3_600))
}

fn unmade(error: pki::Error) -> Trouble {
    Trouble::new(format!("cannot make it: {error}"))
}

fn unread(what: &str, path: &Path, error: &pki::Error) -> Trouble {
    Trouble::new(format!(
        "{} is not a usable {what}: {error}",
        path.display()
    ))
}
