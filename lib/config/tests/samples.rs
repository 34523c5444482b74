// SPDX-License-Identifier: MPL-2.0
//! What the documentation shows: one file per sample, with the same keys and shapes and own values.
//!
//! Owns: loading `tests/samples`, where each file says which page it stands for and what is expected.
//! Never: lets a sample pass that says nothing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use config::patch::{Format, Patch, apply};
use config::{Configuration, GenerateOptions, SecretsBundle, generate};
use pki::UnixTime;
use std::path::Path;

/// Fewer files than that mean that some were not found.
const SAMPLES_MIN: usize = 180;

struct Sample {
    name: String,
    expected: String,
    text: String,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let sample = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("# Stands for: "), "{name}");
        let expected = lines.next().unwrap().strip_prefix("# Expect: ");
        let expected = expected.unwrap_or_else(|| panic!("{name}")).to_owned();
        Sample {
            name,
            expected,
            text,
        }
    };
    files.iter().map(sample).collect()
}

/// A configuration as `gen config` makes it, to lay samples over.
fn controlplane() -> String {
    let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
    let options = GenerateOptions::default();
    let made = generate("home", "10.0.0.1", &secrets, &options).unwrap();
    made.controlplane.to_yaml()
}

/// The sample as a file of its own: the main document needs its version. Lines stay where they are.
fn whole(text: &str) -> String {
    if text.contains("\nversion:") || text.contains("\nkind:") {
        text.to_owned()
    } else {
        text.trim_end_matches("...\n").to_owned() + "version: v1alpha1\n"
    }
}

impl Sample {
    /// Whatever is refused, alone or over a generated configuration.
    fn refusals(&self, base: &str) -> Vec<String> {
        let mut refusals = Vec::new();
        match Patch::parse("sample", self.text.as_bytes()) {
            Err(error) => refusals.push(error.to_string()),
            Ok(patch) => {
                if let Err(error) = apply(base, core::slice::from_ref(&patch)) {
                    refusals.push(error.to_string());
                }
                if patch.format() == Format::Json {
                    return refusals;
                }
            }
        }
        if let Err(error) = Configuration::load(whole(&self.text).as_bytes()) {
            refusals.push(error.to_string());
        }
        refusals
    }

    fn must_load(&self, base: &str) {
        assert_eq!(self.refusals(base), [""; 0], "{}", self.name);
        let patch = Patch::parse(&self.name, self.text.as_bytes()).unwrap();
        let patched = apply(base, core::slice::from_ref(&patch)).unwrap();
        if patch.format() == Format::Json {
            assert_ne!(patched, base, "{}", self.name);
            return;
        }
        let loaded = Configuration::load(whole(&self.text).as_bytes()).unwrap();
        let printed = Configuration::load(loaded.to_yaml().as_bytes()).unwrap();
        assert_eq!(printed.document(), loaded.document(), "{}", self.name);
        assert_eq!(printed.extras(), loaded.extras(), "{}", self.name);
    }

    fn must_be_refused(&self, base: &str, reason: &str) {
        let refusals = self.refusals(base);
        assert!(!refusals.is_empty(), "{}", self.name);
        for refusal in refusals {
            assert!(refusal.contains(reason), "{}: {refusal}", self.name);
        }
    }

    fn must_warn(&self, base: &str, warning: &str) {
        self.must_load(base);
        let loaded = Configuration::load(whole(&self.text).as_bytes()).unwrap();
        let newer: Vec<String> = loaded.newer().iter().map(ToString::to_string).collect();
        let [newer] = newer.as_slice() else {
            panic!("{}: {newer:?}", self.name);
        };
        assert!(newer.starts_with(warning), "{}: {newer}", self.name);
    }

    fn must_patch(&self) {
        let (rest, result) = self.text.split_once("# Result\n").unwrap();
        let mut parts = rest.split("# Patch\n");
        let base = parts.next().unwrap();
        let parse = |text: &str| Patch::parse(&self.name, text.as_bytes()).unwrap();
        let patches: Vec<Patch> = parts.map(parse).collect();
        assert!(!patches.is_empty());
        let head: String = base.split_inclusive('\n').take(2).collect();

        assert_eq!(
            apply(base, &patches).unwrap(),
            format!("{head}{result}"),
            "{}",
            self.name
        );
    }
}

#[test]
fn every_sample_of_the_documentation_does_what_is_expected() {
    let base = controlplane();
    let samples = samples();
    assert!(samples.len() >= SAMPLES_MIN, "{}", samples.len());
    for sample in samples {
        match sample.expected.split_once(": ") {
            None if sample.expected == "loads" => sample.must_load(&base),
            None if sample.expected == "patches" => sample.must_patch(),
            Some(("refused", reason)) => sample.must_be_refused(&base, reason),
            Some(("warns", warning)) => sample.must_warn(&base, warning),
            _ => panic!("{}: {:?}", sample.name, sample.expected),
        }
    }
}
