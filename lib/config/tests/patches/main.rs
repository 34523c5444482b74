// SPDX-License-Identifier: MPL-2.0
//! Patches of both formats: what they do, and what they leave alone.
//!
//! Owns: the list of the parts, and how a test applies a patch.
//! Never: tests what a patched configuration means.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod deletions;
mod formats;
mod merging;
mod mistakes;
mod operations;
mod several;
mod texts;

use config::patch::{Patch, apply};

fn patch(text: &str) -> Patch {
    Patch::parse("p", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Applies patches to a text that must take them.
fn patched(base: &str, patches: &[&str]) -> String {
    let patches: Vec<Patch> = patches.iter().map(|text| patch(text)).collect();
    apply(base, &patches).unwrap_or_else(|error| panic!("{error}\n{base}"))
}

/// What a patch is refused with, when it is read or when it is applied.
fn refused(base: &str, text: &str) -> String {
    match Patch::parse("p.yaml", text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(patch) => apply(base, &[patch]).unwrap_err().to_string(),
    }
}

/// A main document of these sections.
fn main_of(inside: &str) -> String {
    format!("version: v1alpha1\n{inside}")
}

fn expect(base: &str, patch: &str, result: &str) {
    assert_eq!(
        patched(&main_of(base), &[patch]),
        main_of(result),
        "{patch}"
    );
}

const RULE: &str = "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh # far\nportSelector:\n  ports:\n    - 22\n    - 2222\n  protocol: tcp\ningress:\n  - subnet: 10.0.0.0/8\n";
