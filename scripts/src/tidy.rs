// SPDX-License-Identifier: MPL-2.0
//! The rules of the tree that no compiler checks.
//!
//! Owns: the list of checks and how their findings are shown.
//! Never: changes a file.

mod crates;
mod imports;
mod lists;
mod sources;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::places::Places;
use crate::programs::Toolchain;
use crate::say;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the checkout.
    pub path: String,
    /// The line, counted from 1; 0 when it is about the whole file.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// Checks the tree.
///
/// # Errors
/// When there is a finding, or the tree cannot be read.
pub fn run(places: &Places) -> Result<()> {
    let mut findings = Vec::new();
    let files = places.tracked_files()?;
    for path in &files {
        // What is not text (there is nothing of that kind yet) has no lines to check.
        let Ok(text) = std::fs::read_to_string(places.root.join(path)) else {
            continue;
        };
        if path != Path::new("LICENSE") {
            findings.extend(lists::check_any(path, &text));
        }
        if path.extension().is_some_and(|extension| extension == "rs") {
            findings.extend(sources::check(path, &text));
        }
        if path.starts_with("kernel-config") {
            findings.extend(lists::check_kernel_config(path, &text));
        }
    }
    let metadata = metadata(places)?;
    findings.extend(imports::check(places, &metadata)?);
    findings.extend(crates::check(places, &metadata)?);
    findings.sort();
    for finding in &findings {
        say::note(finding.to_string());
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    say::note(format!("tidy: {} files, no findings", files.len()));
    Ok(())
}

/// Asks cargo for the crates of the tree and of other people.
fn metadata(places: &Places) -> Result<serde_json::Value> {
    let mut cargo = Toolchain::find(places)?.cargo(places);
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    serde_json::from_str(&command::output(&mut cargo)?).context("cargo metadata is not JSON")
}

/// Returns the path as it is shown.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns a text field of cargo's metadata, or nothing.
fn field<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value
        .get(name)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}

/// Returns a list field of cargo's metadata, or nothing.
fn items<'a>(value: &'a serde_json::Value, name: &str) -> &'a [serde_json::Value] {
    value
        .get(name)
        .and_then(serde_json::Value::as_array)
        .map_or(&[], Vec::as_slice)
}
