// SPDX-License-Identifier: MPL-2.0
//! `gen config` and `machineconfig gen`.
//!
//! Owns: which files are written where.
//! Never: writes one file when another of the same call cannot be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use config::patch::{Patch, apply};
use config::{
    ClientConfig, Comments, Configuration, Document, GenerateOptions, Release, SecretsBundle,
    generate,
};
use pki::Secret;

use crate::args_gen::{GenConfig, OutputType};
use crate::commands::{gen_check, gen_secrets};
use crate::patches;
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::trouble::Trouble;

/// How long the administrator's first certificate is valid: a year, as Talos has it.
const CLIENT_LIFETIME: Duration = Duration::from_secs(8_760 * 3_600);

pub(crate) fn run(
    asked: &GenConfig,
    existing: Existing,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let release = gen_secrets::release(&asked.talos_version, screen)?;
    let Some(folder) = destination(asked, environment)? else {
        for (_, text) in texts(asked, release, environment, screen)? {
            screen.print(format_args!("{text}"));
        }
        return Ok(());
    };
    screen.warn(format_args!("generating PKI and tokens"));
    let files = texts(asked, release, environment, screen)?;
    let files: Vec<(PathBuf, Secret)> = match folder {
        Destination::Folder(folder) => {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Trouble::file("make", &folder, &error))?;
            files
                .into_iter()
                .map(|(name, text)| (folder.join(name), Secret::new(text.into_bytes())))
                .collect()
        }
        Destination::File(path) => files
            .into_iter()
            .map(|(_, text)| (path.clone(), Secret::new(text.into_bytes())))
            .collect(),
    };
    places::create_all(&files, existing, screen)
}

/// The name and content of each file that is asked for.
fn texts(
    asked: &GenConfig,
    release: Release,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Vec<(&'static str, String)>, Trouble> {
    let secrets = match &asked.with_secrets {
        None => gen_secrets::new(release)?,
        Some(path) => gen_secrets::read(&environment.path(path))?,
    };
    let generated = generate(&asked.name, &asked.endpoint, &secrets, &options(asked))
        .map_err(|error| Trouble::new(error.to_string()))?;
    // Each is read once: it may be standard input.
    let read = |texts: &[String]| patches::read(texts, environment);
    let all = read(&asked.config_patch)?;
    let controlplane = [all.clone(), read(&asked.config_patch_control_plane)?].concat();
    let worker = [all, read(&asked.config_patch_worker)?].concat();
    let mut files = Vec::new();
    for kind in &asked.output_types {
        let file = match kind {
            OutputType::Controlplane => {
                let text = printed(asked, &generated.controlplane, &controlplane, screen)?;
                ("controlplane.yaml", text)
            }
            OutputType::Worker => {
                let text = printed(asked, &generated.worker, &worker, screen)?;
                ("worker.yaml", text)
            }
            OutputType::Talosconfig => ("talosconfig", client(&asked.name, &secrets)?.to_yaml()),
        };
        if !files.iter().any(|(name, _)| *name == file.0) {
            files.push(file);
        }
    }
    Ok(files)
}

/// The text of a configuration: first the patches, then the rules, then the comments.
fn printed(
    asked: &GenConfig,
    document: &Document,
    patches: &[Patch],
    screen: &mut Screen<'_>,
) -> Result<String, Trouble> {
    let comments = Comments {
        docs: asked.with_docs,
        examples: asked.with_examples,
    };
    let plain = Configuration::from_document(document.clone());
    let kind = kind(document);
    if patches.is_empty() {
        gen_check::check(kind, &plain, &plain, screen)?;
        return Ok(document.to_commented_yaml(comments));
    }
    let refused = |error: &dyn std::fmt::Display| {
        Trouble::new(format!("cannot patch the generated {kind}: {error}"))
    };
    let text = apply(plain.source(), patches).map_err(|error| refused(&error))?;
    let loaded = Configuration::load(text.as_bytes()).map_err(|error| refused(&error))?;
    gen_check::check(kind, &plain, &loaded, screen)?;
    if loaded.newer().is_empty() {
        return Ok(loaded.to_commented_yaml(comments));
    }
    // What only newer releases know is in the text alone.
    apply(&document.to_commented_yaml(comments), patches).map_err(|error| refused(&error))
}

fn kind(document: &Document) -> &str {
    document
        .machine
        .as_ref()
        .map_or("", |machine| machine.kind.as_str())
}

fn options(asked: &GenConfig) -> GenerateOptions {
    let defaults = GenerateOptions::default();
    GenerateOptions {
        // `--additional-sans "$NAMES"` with nothing in it names none.
        additional_sans: asked
            .additional_sans
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect(),
        dns_domain: asked.dns_domain.clone(),
        install_disk: asked.install_disk.clone(),
        install_image: asked.install_image.clone(),
        kubernetes_version: asked
            .kubernetes_version
            .clone()
            .unwrap_or_else(|| defaults.kubernetes_version.clone()),
        talos_version: asked.talos_version.clone(),
        registry_mirrors: asked.registry_mirror.clone(),
        persist: asked.persist,
        with_cluster_discovery: asked.with_cluster_discovery,
        with_kubespan: asked.with_kubespan,
        ..defaults
    }
}

/// The administrator's client configuration.
pub(crate) fn client(name: &str, secrets: &SecretsBundle) -> Result<ClientConfig, Trouble> {
    let bad = |error: pki::Error| Trouble::new(format!("cannot issue a certificate: {error}"));
    let authority = secrets.machine_authority().map_err(bad)?;
    // The first endpoint is not known yet; this is what stands there until `config endpoint`.
    let endpoints = vec!["127.0.0.1".to_owned()];
    let now = places::now();
    ClientConfig::for_cluster(
        name,
        endpoints,
        &authority,
        &["os:admin"],
        CLIENT_LIFETIME,
        now,
    )
    .map_err(bad)
}

enum Destination {
    Folder(PathBuf),
    File(PathBuf),
}

/// Where to write; `None` is standard output.
fn destination(
    asked: &GenConfig,
    environment: &Environment,
) -> Result<Option<Destination>, Trouble> {
    let one = asked.output_types.len() == 1;
    match asked.output.as_deref() {
        None => Ok(Some(Destination::Folder(environment.path(Path::new(""))))),
        Some(path) if path == Path::new("-") && one => Ok(None),
        Some(path) if path == Path::new("-") => Err(Trouble::new(
            "only one type of file can be written to standard output",
        )
        .hint("name it with --output-types")),
        Some(path) => {
            let path = environment.path(path);
            Ok(Some(if one && !path.is_dir() {
                Destination::File(path)
            } else {
                Destination::Folder(path)
            }))
        }
    }
}
