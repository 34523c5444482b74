// SPDX-License-Identifier: MPL-2.0
//! Measures what `tests/budgets.toml` promises of configurations, as ratios: 1.0 is the promise itself.
//!
//! Owns: lines `measured NAME VALUE`, and which inputs they are about.
//! Never: judges; `./x size` does.
#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a measurement, whose only output is lines"
)]

use config::patch::{Patch, apply};
use config::{Circumstances, Configuration, GenerateOptions, SecretsBundle, generate};
use pki::UnixTime;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The argument that asks for the memory of refusals, which is no file.
const HOSTILE: &str = "--hostile";
const NOW: UnixTime = UnixTime(1_790_000_000);
/// What loading and validating a generated configuration may take.
const LOAD: Duration = Duration::from_millis(5);
/// What `gen secrets` and `gen config` may take together.
const GENERATE: Duration = Duration::from_millis(100);
/// What refusing anything may take.
const REFUSE: Duration = Duration::from_secs(1);
/// What refusing anything may take up in memory, the input not counted.
const REFUSE_MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

fn controlplane() -> String {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let options = GenerateOptions::default();
    let made = generate("home", "10.0.0.1", &secrets, &options).unwrap();
    made.controlplane.to_yaml()
}

/// The generated configuration, grown to a size by files.
fn grown(base: &str, size: usize) -> String {
    let lines = "            a line of text: and another\n".repeat(16);
    let file = format!(
        "        - content: |\n{lines}          permissions: 0o644\n          path: /var/a\n          op: create\n"
    );
    let count = size.saturating_sub(base.len()) / file.len();
    let files = format!("    files:\n{}", file.repeat(count));
    base.replacen("    kubelet:\n", &format!("{files}    kubelet:\n"), 1)
}

/// The shortest of several runs: what else the machine does can only add.
fn time(runs: usize, mut run: impl FnMut()) -> f64 {
    let spent = (0..runs).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    spent.min().unwrap_or_default().as_secs_f64()
}

fn load(text: &str) {
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    black_box(loaded.validate(Circumstances::default()));
}

fn refuse(text: &[u8]) {
    if let Ok(patch) = Patch::parse("p", text) {
        let base = "version: v1alpha1\nmachine: {kubelet: {extraConfig: {a: {}}}}\n";
        black_box(apply(base, &[patch]).unwrap_err());
    }
    black_box(Configuration::load(text).unwrap_err());
}

/// Inputs that cost the most before they are refused.
fn hostile() -> Vec<String> {
    let room = config::MAX_BYTES - 100;
    let units = [
        "[\"]\",",
        "[\"\n]\n\",",
        "[a,\nb ",
        "{\"}\": ",
        "[#]\n",
        "- [\n",
        "? [",
        "[? ",
        "a,",
    ];
    let deep = units.iter().map(|unit| {
        let open = if *unit == "a," { "[" } else { "" };
        format!("machine: {open}{}", unit.repeat(room / unit.len()))
    });
    let mut bomb = "machine:\n  pods:\n  - &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push_str(&format!("  - &a{n} [{refs}]\n"));
    }
    let doubling: String = (0..10_000)
        .map(|n| {
            format!("- {{op: copy, from: /machine, path: /machine/kubelet/extraConfig/k{n}}}\n")
        })
        .collect();
    let wide: String = (0..8_000)
        .map(|n| {
            format!("- {{op: copy, from: /machine/env, path: /machine/kubelet/extraConfig/k{n}}}\n")
        })
        .collect();
    let wide = format!(
        "- {{op: add, path: /machine/env, value: {{a: {}}}}}\n{wide}",
        "x".repeat(200_000)
    );
    let keys: String = (0..60_000).map(|n| format!("key{n}: 1\n")).collect();
    deep.chain([bomb, doubling, wide, keys, "a".repeat(50 * 1024 * 1024)])
        .collect()
}

/// A main document as far as the values that it is to be full of.
const HEAD: &str = "version: v1alpha1\nmachine:\n";

/// Values that take up the most for their text: what comes before them, one of them, what comes behind.
const DENSE: &[(&str, &str, &str)] = &[
    ("  certSANs: [", "a,", "]"),
    ("  certSANs: [", "abcdefghijklmnopqrstuvwxy,", "]"),
    ("  certSANs:\n", "  - a\n", ""),
    ("  network: {interfaces: [", "~,", "]}"),
    ("  network: {interfaces: [", "{},", "]}"),
    ("  network: {interfaces: [", "{vlans: [~]},", "]}"),
    ("  files: [", "{},", "]"),
    ("  pods: [", "[],", "]"),
    ("  pods: [", "[[[a]]],", "]"),
    ("  pods: [", "{a},", "]"),
    ("  pods:\n", "  - a: {b: {c: 1}}\n", ""),
    ("  sysctls:\n", "    kN: 1\n", ""),
    ("  kubelet: {extraConfig: {", "kN: a,", "}}"),
    ("  registries: {mirrors: {", "kN: {},", "}}"),
    ("  registries: {config: {", "kN: {tls: {}},", "}}"),
    ("  token: ", "a", ""),
    ("  token: |\n", "    \u{fffd}\n", ""),
];

/// The largest file of such values that is accepted, filled up with a comment to a size.
fn densest((before, unit, behind): (&str, &str, &str), size: usize) -> String {
    let text = |count: usize| {
        let units: String = (0..count)
            .map(|n| unit.replace('N', &n.to_string()))
            .collect();
        let mut text = format!("{HEAD}{before}{units}{behind}\n");
        let room = size.saturating_sub(text.len() + 2);
        text.push_str(&format!("# {}", "-".repeat(room)));
        text
    };
    let (mut accepted, mut refused) = (0, config::MAX_BYTES / unit.len() + 1);
    while refused - accepted > 1 {
        let count = accepted.midpoint(refused);
        if Configuration::load(text(count).as_bytes()).is_ok() {
            accepted = count;
        } else {
            refused = count;
        }
    }
    text(accepted)
}

/// The most memory that an accepted file takes, in what is promised for its size.
fn densest_memory(base: &str) -> f64 {
    let manifests = with_manifests(base, config::MAX_BYTES - 4096);
    assert!(manifests.len() > config::MAX_BYTES / 2);
    let dense = [config::MAX_BYTES, config::MAX_BYTES / 8]
        .into_iter()
        .flat_map(|size| DENSE.iter().map(move |values| densest(*values, size)));
    std::iter::once(manifests)
        .chain(dense)
        .map(|text| {
            let promised = (text.len() * config::MEMORY_PER_BYTE).max(config::MEMORY_FLOOR);
            let taken = memory(&text);
            println!(
                "talk: {:.1} MiB of {:.1} for {} bytes of {:?}",
                taken / 1_048_576.0,
                promised as f64 / 1_048_576.0,
                text.len(),
                text.get(HEAD.len()..HEAD.len() + 40).unwrap_or_default()
            );
            taken / promised as f64
        })
        .fold(0.0, f64::max)
}

/// The generated configuration with as many manifests inline as fit, which is what makes real files large.
fn with_manifests(base: &str, size: usize) -> String {
    let line = "            key: value # of some manifest, 64 characters wide with its comment\n";
    let count = size.saturating_sub(base.len()) / line.len();
    let manifest = format!(
        "    inlineManifests:\n        - name: a\n          contents: |\n{}",
        line.repeat(count)
    );
    base.replacen("    inlineManifests: []\n", &manifest, 1)
}

/// The peak of this process's memory since it was last asked, in bytes (proc_pid_status(5)).
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    // Writing 5 sets the peak to what is used now (proc_pid_clear_refs(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    kilobytes.unwrap_or_default() * 1024.0
}

/// What loading and validating takes at its peak, in bytes. A new process does it, because memory that this
/// one has freed would be used again unseen.
fn memory(text: &str) -> f64 {
    let file = std::env::temp_dir().join(format!("ichor-measure-{}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let bytes = of_child(&file);
    std::fs::remove_file(&file).unwrap();
    bytes
}

/// What a new process with this argument prints.
fn of_child(argument: &std::path::Path) -> f64 {
    let own = std::env::current_exe().unwrap();
    let out = std::process::Command::new(own)
        .arg(argument)
        .output()
        .unwrap();
    String::from_utf8(out.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// The new process: prints the most bytes that refusing one of the hostile inputs takes.
fn refuse_alone() {
    let most = hostile().into_iter().fold(1.0, |most: f64, text| {
        peak_memory();
        let before = peak_memory();
        refuse(text.as_bytes());
        most.max(peak_memory() - before)
    });
    println!("{most}");
}

/// The new process: prints how many bytes loading the file takes besides the file.
fn load_alone(file: &str) {
    let text = std::fs::read(file).unwrap();
    // The code itself is not what is measured.
    load(&format!("{HEAD}  type: worker\n"));
    peak_memory();
    let before = peak_memory();
    let loaded = Configuration::load(&text).unwrap();
    black_box(loaded.validate(Circumstances::default()));
    println!("{}", (peak_memory() - before).max(1.0));
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some(HOSTILE) => return refuse_alone(),
        Some(file) => return load_alone(file),
    }
    let base = controlplane();
    let large = grown(&base, config::MAX_BYTES - 4096);

    println!("measured config-memory {:.3}", densest_memory(&base));

    let small = time(50, || load(&base));
    println!("measured config-load {:.3}", small / LOAD.as_secs_f64());

    // Time per byte of the largest file, against that of one an eighth as large.
    let eighth = grown(&base, config::MAX_BYTES / 8);
    let per_byte = |text: &str| time(8, || load(text)) / text.len() as f64;
    println!(
        "measured config-load-growth {:.3}",
        per_byte(&large) / per_byte(&eighth)
    );

    let patch = |n: usize| {
        let text = format!("machine: {{certSANs: [h{n}], sysctls: {{net.a{n}: '1'}}}}");
        Patch::parse("p", text.as_bytes()).unwrap()
    };
    let patches: Vec<Patch> = (0..100).map(patch).collect();
    let merge = |count: usize| {
        let some = patches.get(..count).unwrap();
        time(20, || {
            black_box(apply(&base, some).unwrap());
        })
    };
    // A hundred patches cost no more than a hundred times one, or ten times ten.
    println!(
        "measured config-merge-growth {:.3}",
        merge(100) / (merge(10) * 10.0)
    );

    let make = time(10, || {
        black_box(controlplane());
    });
    println!(
        "measured config-generate {:.3}",
        make / GENERATE.as_secs_f64()
    );

    let slowest = hostile()
        .iter()
        .map(|text| time(1, || refuse(text.as_bytes())))
        .fold(0.0, f64::max);
    println!(
        "measured config-refuse {:.3}",
        slowest / REFUSE.as_secs_f64()
    );
    let most = of_child(std::path::Path::new(HOSTILE));
    println!("measured config-refuse-memory {:.3}", most / REFUSE_MEMORY);
}
