// SPDX-License-Identifier: MPL-2.0
//! `gen secrets`.
//!
//! Owns: where the secrets of a cluster are read from, and the file they go to.
//! Never: takes over a secret that does not fit.

use std::path::Path;

use config::{Configuration, KubernetesPki, Release, SecretsBundle, SecretsError};
use pki::Secret;

use crate::args_gen::GenSecrets;
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::trouble::Trouble;

pub(crate) fn run(
    asked: &GenSecrets,
    existing: Existing,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let release = release(&asked.talos_version, screen)?;
    let bundle = bundle(asked, release, environment)?;
    let text = Secret::new(bundle.to_yaml().into_bytes());
    if asked.output_file == Path::new("-") {
        screen.write(text.expose());
        return Ok(());
    }
    let path = environment.path(&asked.output_file);
    places::create_all(&[(path, text)], existing, screen)
}

fn bundle(
    asked: &GenSecrets,
    release: Release,
    environment: &Environment,
) -> Result<SecretsBundle, Trouble> {
    if let Some(path) = &asked.from_controlplane_config {
        return from_configuration(&environment.path(path));
    }
    if let Some(folder) = &asked.from_kubernetes_pki {
        let folder = environment.path(folder);
        let token = asked.kubernetes_bootstrap_token.as_deref();
        return SecretsBundle::from_kubernetes_pki(keys(&folder)?, token, release, places::now())
            .map_err(|error| unfit(&folder, &error));
    }
    new(release)
}

/// Reads the version of `--talos-version`, and says so when more is meant than we know to write.
pub(crate) fn release(text: &str, screen: &mut Screen<'_>) -> Result<Release, Trouble> {
    let release = Release::parse(text).ok_or_else(|| {
        Trouble::new(format!(
            "--talos-version: {text:?} is not a version from {} on, such as {}",
            Release::OLDEST,
            Release::CURRENT
        ))
    })?;
    if release.is_newer() {
        let known = Release::CURRENT;
        screen.warn(format_args!(
            "warning: --talos-version: {release} is newer than {known}: what came after {known} is not written"
        ));
    }
    Ok(release)
}

/// Makes new secrets.
pub(crate) fn new(release: Release) -> Result<SecretsBundle, Trouble> {
    SecretsBundle::generate_for(release, places::now())
        .map_err(|error| Trouble::new(format!("cannot make secrets: {error}")))
}

/// Reads a secrets file.
pub(crate) fn read(path: &Path) -> Result<SecretsBundle, Trouble> {
    let hint = "make one with `ichorctl gen secrets`";
    let bundle =
        SecretsBundle::load(Secret::new(places::read(path)?).expose()).map_err(|error| {
            Trouble::new(format!("{} is not a secrets file: {error}", path.display())).hint(hint)
        })?;
    bundle.check().map_err(|error| unfit(path, &error))?;
    Ok(bundle)
}

fn from_configuration(path: &Path) -> Result<SecretsBundle, Trouble> {
    let loaded = Configuration::load(Secret::new(places::read(path)?).expose())
        .map_err(|error| Trouble::new(format!("{}: {error}", path.display())))?;
    let document = loaded.document().ok_or_else(|| {
        Trouble::new(format!(
            "{} is not the configuration of a node",
            path.display()
        ))
    })?;
    SecretsBundle::from_controlplane(document).map_err(|error| unfit(path, &error))
}

/// Reads the folder that kubeadm writes.
fn keys(folder: &Path) -> Result<KubernetesPki, Trouble> {
    let key = |name: &str| places::read(&folder.join(name)).map(Secret::new);
    let pair = |name: &str| {
        let certificate = places::read(&folder.join(format!("{name}.crt")))?;
        Ok::<_, Trouble>((certificate, key(&format!("{name}.key"))?))
    };
    Ok(KubernetesPki {
        kubernetes: pair("ca")?,
        aggregator: pair("front-proxy-ca")?,
        etcd: pair("etcd/ca")?,
        service_account: key("sa.key")?,
    })
}

fn unfit(path: &Path, error: &SecretsError) -> Trouble {
    Trouble::new(format!(
        "the secrets of {} are not usable: {error}",
        path.display()
    ))
}
