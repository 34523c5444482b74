// SPDX-License-Identifier: MPL-2.0
//! What the generators make, beside the schema.
//!
//! Owns: every option of `gen config`, alone and together, for each release, patched and commented.
//! Never: looks at what else is promised of the generators.

use config::patch::{self, Patch};
use config::{Comments, Configuration, GenerateOptions, Release, SecretsBundle, generate};
use pki::UnixTime;

use super::judge::Judge;

/// An option that differs from what `gen config` does by itself.
type Choice = (&'static str, fn(&mut GenerateOptions));

const CHOICES: &[Choice] = &[
    ("additional SANs", |o| {
        o.additional_sans = vec!["10.0.0.9".to_owned(), "api.example".to_owned()];
    }),
    ("DNS domain", |o| o.dns_domain = "home.arpa".to_owned()),
    ("disk", |o| o.install_disk = "/dev/vda".to_owned()),
    ("no disk", |o| o.install_disk = String::new()),
    ("image", |o| {
        o.install_image = "registry.example/installer:v1".to_owned();
    }),
    ("kernel arguments", |o| {
        o.install_extra_kernel_args = vec!["console=ttyS0".to_owned(), "panic=10".to_owned()];
    }),
    ("Kubernetes", |o| {
        o.kubernetes_version = "v1.27.3".to_owned()
    }),
    ("mirrors", |o| {
        o.registry_mirrors = vec![
            ("docker.io".to_owned(), "https://mirror.example".to_owned()),
            ("docker.io".to_owned(), "https://second.example".to_owned()),
            ("ghcr.io".to_owned(), "http://10.0.0.5:5000".to_owned()),
        ];
    }),
    ("no persistence", |o| o.persist = false),
    ("no discovery", |o| o.with_cluster_discovery = false),
    ("KubeSpan", |o| o.with_kubespan = true),
    ("scheduling", |o| {
        o.allow_scheduling_on_control_planes = Some(true)
    }),
    ("no scheduling", |o| {
        o.allow_scheduling_on_control_planes = Some(false)
    }),
];

/// A patch of each format, and each effect.
const PATCHES: &[&str] = &[
    "machine: {network: {hostname: node-1, nameservers: [10.0.0.1]}, sysctls: {kernel.panic: 10}}",
    "machine: {kubelet: {extraArgs: {v: 4, feature-gates: A=true}}, time: {bootTimeout: 1m30s}}",
    "machine: {features: {$patch: delete}}",
    "cluster: {network: {podSubnets: [10.1.0.0/16]}, apiServer: {certSANs: [a.example]}}",
    "[{op: add, path: /machine/env, value: {http_proxy: 'http://10.0.0.7:3128'}}]",
    "[{op: remove, path: /cluster/discovery}, {op: replace, path: /debug, value: true}]",
    "# nothing",
];

fn options(choices: &[Choice], release: &str) -> GenerateOptions {
    let mut options = GenerateOptions {
        talos_version: release.to_owned(),
        ..GenerateOptions::default()
    };
    for (_, choose) in choices {
        choose(&mut options);
    }
    options
}

/// Both configurations of a cluster.
fn made(options: &GenerateOptions) -> [Configuration; 2] {
    let release = Release::parse(&options.talos_version).unwrap_or(Release::CURRENT);
    let secrets = SecretsBundle::generate_for(release, UnixTime(1_790_000_000)).unwrap();
    let made = generate("home", "https://10.0.0.1:6443", &secrets, options).unwrap();
    [made.controlplane, made.worker].map(Configuration::from_document)
}

/// Refuses what the schema refuses, and what yaml.v3 would not decode into a struct although a schema
/// sees nothing of it.
fn must_be_taken(judge: &Judge, what: &str, text: &str) {
    if let Some(objection) = judge.objection_to_text(text) {
        panic!("{what}: {objection}\n{text}");
    }
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    for line in lines {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        // Nothing behind a key, and no block below it, is null: a list would be lost.
        assert!(
            !bare.ends_with(": null") && !bare.ends_with(": ~"),
            "{what}: {line}"
        );
        assert!(
            !bare.contains('\t') && bare != "---" && bare != "...",
            "{what}: {line}"
        );
    }
}

#[test]
fn conf_001_each_option_alone_and_all_together_make_what_the_schema_takes() {
    let judge = Judge::new();
    let alone = CHOICES.chunks(1);
    let most: Vec<Choice> = CHOICES
        .iter()
        .copied()
        .filter(|(name, _)| *name != "no disk")
        .collect();
    for choices in alone.chain([&[][..], &most]) {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        for configuration in made(&options(choices, "")) {
            must_be_taken(&judge, &names.join(", "), &configuration.to_yaml());
        }
    }
}

#[test]
fn conf_001_what_is_made_for_each_release_is_what_the_schema_takes() {
    let judge = Judge::new();
    for release in [
        "", "v1.6", "v1.5", "v1.4", "v1.3", "v1.2", "v1.1", "v1.0", "v0.14", "v0.12",
    ] {
        for choices in [&[][..], &CHOICES[..3], &CHOICES[10..12]] {
            for configuration in made(&options(choices, release)) {
                must_be_taken(&judge, release, &configuration.to_yaml());
            }
        }
    }
}

#[test]
fn conf_001_comments_and_patches_leave_what_the_schema_takes() {
    let judge = Judge::new();
    for configuration in made(&GenerateOptions::default()) {
        for comments in [
            Comments::ALL,
            Comments {
                docs: true,
                examples: false,
            },
            Comments {
                docs: false,
                examples: true,
            },
        ] {
            let text = configuration.to_commented_yaml(comments);
            must_be_taken(&judge, "commented", &text);
            for patch in PATCHES {
                let patches = [Patch::parse("test", patch.as_bytes()).unwrap()];
                let patched = patch::apply(&text, &patches).unwrap();
                must_be_taken(&judge, patch, &patched);
            }
        }
        let all: Vec<Patch> = PATCHES
            .iter()
            .map(|patch| Patch::parse("test", patch.as_bytes()).unwrap())
            .collect();
        let patched = patch::apply(configuration.source(), &all).unwrap();
        must_be_taken(&judge, "all patches", &patched);
    }
}

#[test]
fn the_judge_refuses_what_it_should() {
    let judge = Judge::new();
    let [controlplane, _] = made(&GenerateOptions::default());
    let good = controlplane.to_yaml();
    for (from, to) in [
        ("version: v1alpha1", "version: v2"),
        ("debug: false", "debug: null"),
        ("    certSANs: []", "    certSANs: null"),
        ("    certSANs:", "    certsans:"),
        (
            "    endpoint: https://10.0.0.1:6443",
            "    endpoint: http://10.0.0.1:6443",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(
            bad == good || judge.objection_to_text(&bad).is_some(),
            "{to}"
        );
    }
    assert!(
        good.contains("debug: false") && good.contains("    certSANs:"),
        "{good}"
    );
}
