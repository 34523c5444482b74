// SPDX-License-Identifier: MPL-2.0
//! How long loading, validating, patching and generating take.
//!
//! Owns: the inputs that are timed; `examples/measure.rs` times the same for the budgets.
//! Never: judges.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark"
)]

use config::patch::{Patch, apply};
use config::{Circumstances, Configuration, GenerateOptions, SecretsBundle, generate};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pki::UnixTime;
use std::hint::black_box;

fn secrets() -> SecretsBundle {
    SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap()
}

fn controlplane() -> String {
    let made = generate("home", "10.0.0.1", &secrets(), &GenerateOptions::default()).unwrap();
    made.controlplane.to_yaml()
}

/// The generated configuration, grown to a size by files.
fn grown(size: usize) -> String {
    let base = controlplane();
    let lines = "            a line of text: and another\n".repeat(16);
    let file = format!(
        "        - content: |\n{lines}          permissions: 0o644\n          path: /var/a\n          op: create\n"
    );
    let count = size.saturating_sub(base.len()) / file.len();
    let files = format!("    files:\n{}", file.repeat(count));
    base.replacen("    kubelet:\n", &format!("{files}    kubelet:\n"), 1)
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load and validate");
    for size in [0, 64, 256, 1000] {
        let text = grown(size * 1024);
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap()));
        group.bench_with_input(BenchmarkId::from_parameter(text.len()), &text, |b, text| {
            b.iter(|| {
                let loaded = Configuration::load(text.as_bytes()).unwrap();
                black_box(loaded.validate(Circumstances::default()))
            });
        });
    }
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let base = controlplane();
    let mut group = criterion.benchmark_group("patch");
    for count in [1, 10, 100] {
        let patch = |n: usize| {
            let text = format!("machine: {{certSANs: [h{n}], sysctls: {{net.a{n}: '1'}}}}");
            Patch::parse("p", text.as_bytes()).unwrap()
        };
        let patches: Vec<Patch> = (0..count).map(patch).collect();
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap()));
        group.bench_with_input(
            BenchmarkId::from_parameter(count),
            &patches,
            |b, patches| {
                b.iter(|| black_box(apply(&base, patches).unwrap()));
            },
        );
    }
    group.finish();
}

fn make(criterion: &mut Criterion) {
    let secrets = secrets();
    let options = GenerateOptions::default();
    criterion.bench_function("gen config", |b| {
        b.iter(|| black_box(generate("home", "10.0.0.1", &secrets, &options).unwrap()));
    });
    criterion.bench_function("gen secrets", |b| b.iter(|| black_box(self::secrets())));
}

criterion_group!(all, load, merge, make);
criterion_main!(all);
