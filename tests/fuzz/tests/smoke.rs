// SPDX-License-Identifier: MPL-2.0
//! Every target with some thousand inputs, the same on every machine.
//!
//! Owns: how many; `ICHOR_FUZZ_RUNS` asks for more, `ICHOR_FUZZ_SEED` for others.
//! Never: waits for a clock to decide that it is enough.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use api::machine::PacketCaptureRequest;
use ichor_fuzz::mutate::{Dice, mutate};
use ichor_fuzz::watched::seeds;
use ichor_fuzz::{TARGETS, Target};
use machined::outside;
use prost::Message as _;
use std::path::Path;
use std::time::{Duration, Instant};

const RUNS: u64 = 1_500;
/// Longer than any input of a few kilobytes may take, without optimisation.
const SLOWEST: Duration = Duration::from_secs(5);

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = target
        .seeds
        .iter()
        .map(|seed| seed.as_bytes().to_vec())
        .collect();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lib/config/tests/samples");
    let mut files: Vec<_> = std::fs::read_dir(samples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    corpus.extend(files.iter().map(|file| std::fs::read(file).unwrap()));
    corpus
}

fn smoke(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    for seed in seeds(RUNS) {
        let input = mutate(&corpus, target.words, &mut Dice::new(seed));
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(
            outcome.is_ok(),
            "{name}, seed {seed}: {:?}",
            String::from_utf8_lossy(&input)
        );
        let spent = start.elapsed();
        assert!(spent < SLOWEST, "{name}, seed {seed}: {spent:?}");
    }
}

#[test]
fn loading_keeps_its_promises_for_damaged_configurations() {
    smoke("config-load");
}

#[test]
fn strategic_merge_keeps_its_promises_for_damaged_patches() {
    smoke("config-strategic-merge");
}

#[test]
fn json_patch_keeps_its_promises_for_damaged_operations() {
    smoke("config-json-patch");
}

#[test]
fn damaged_texts_are_patched_right_or_not_at_all() {
    smoke("config-patched-text");
}

#[test]
fn every_target_has_a_smoke_test_and_takes_its_own_seeds() {
    let smoked = include_str!("smoke.rs");
    for target in TARGETS {
        let test = format!("smoke(\"{}\")", target.name);
        assert!(smoked.contains(&test), "{} has no smoke test", target.name);
        for seed in target.seeds {
            (target.run)(seed.as_bytes());
        }
    }
}

#[test]
fn the_first_inputs_of_machined_are_good_ones() {
    let first = |name: &str| {
        let target = TARGETS.iter().find(|target| target.name == name).unwrap();
        target.seeds.first().unwrap().as_bytes()
    };

    let ahead = outside::ntp_offset(first("ntp-answer"), *b"question", 0, 20_000_000);
    assert!(ahead.is_ok(), "{ahead:?}");
    let values = outside::meta_values(&outside::meta_sealed(first("meta-copy"))).unwrap();
    assert_eq!(values.len(), 3);
    let request = PacketCaptureRequest::decode(first("capture-filter")).unwrap();
    assert_eq!(outside::capture_filter(request).unwrap(), 4);
}

#[test]
fn manifests_keep_their_promises_when_they_are_damaged() {
    smoke("extension-manifest");
}

#[test]
fn layers_keep_their_promises_when_they_are_damaged() {
    smoke("extension-layer");
}

#[test]
fn descriptions_of_services_keep_their_promises_when_they_are_damaged() {
    smoke("extension-service");
}

#[test]
fn lists_of_layers_keep_their_promises_for_any_names() {
    smoke("layer-list");
}

#[test]
fn replies_of_registries_keep_their_promises_when_they_are_damaged() {
    smoke("registry-reply");
}

#[test]
fn challenges_keep_their_promises_when_they_are_damaged() {
    smoke("registry-challenge");
}

#[test]
fn references_keep_their_promises_when_they_are_damaged() {
    smoke("registry-reference");
}

#[test]
fn records_of_images_keep_their_promises_when_they_are_damaged() {
    smoke("imaged-record");
}

#[test]
fn answers_of_time_servers_keep_their_promises_when_they_are_damaged() {
    smoke("ntp-answer");
}

#[test]
fn copies_of_meta_keep_their_promises_for_any_records() {
    smoke("meta-copy");
}

#[test]
fn copies_of_the_old_meta_keep_their_promises_for_any_records() {
    smoke("meta-old-copy");
}

#[test]
fn filters_of_captures_keep_their_promises_when_they_are_damaged() {
    smoke("capture-filter");
}

#[test]
fn messages_to_syslog_keep_their_promises_when_they_are_damaged() {
    smoke("syslog-message");
}

#[test]
fn lines_that_are_shipped_keep_their_promises_when_they_are_damaged() {
    smoke("shipped-line");
}
