// SPDX-License-Identifier: MPL-2.0
//! Every rule: what breaks it, and what is said then.
//!
//! Owns: the list of the parts, and a configuration that breaks no rule by itself.
//! Never: tests what the loader refuses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod circumstances;
mod cluster;
mod links;
mod machine;
mod others;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{Circumstances, Configuration, Report};
use pki::{Authority, UnixTime};
use std::sync::OnceLock;

/// The machine authority as it stands in a configuration.
fn authority() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let (certificate, key) = Authority::machine(UnixTime(1_790_000_000))
            .unwrap()
            .to_pem()
            .unwrap();
        format!(
            "{{crt: {}, key: {}}}",
            STANDARD.encode(certificate),
            STANDARD.encode(key.expose())
        )
    })
}

fn text(kind: &str, machine: &str, cluster: &str) -> String {
    let mut text = format!(
        "version: v1alpha1\nmachine:\n  type: {kind}\n  ca: {}\n",
        authority()
    );
    if !machine.contains("install:") {
        text.push_str("  install: {disk: /dev/sda}\n");
    }
    text.push_str(&format!("  {machine}\ncluster:\n"));
    if !cluster.contains("controlPlane:") {
        text.push_str("  controlPlane: {endpoint: 'https://10.0.0.1:6443'}\n");
    }
    text.push_str(&format!("  {cluster}\n"));
    text
}

fn report(text: &str) -> Report {
    Configuration::load(text.as_bytes())
        .unwrap()
        .validate(Circumstances::default())
}

/// Errors without their positions.
fn errors(report: &Report) -> Vec<String> {
    let cut = |error: &config::Problem| {
        assert!(error.position.is_some(), "{error}");
        error
            .to_string()
            .split(", line ")
            .next()
            .unwrap()
            .to_owned()
    };
    report.errors.iter().map(cut).collect()
}
