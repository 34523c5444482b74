// SPDX-License-Identifier: MPL-2.0
//! The numbers that are promised: `tests/budgets.toml`, measured.
//!
//! Owns: the table of promised and measured, and the verdict.
//! Never: measures inside a machine or a library itself; `measure` of `tests/`, which has the client
//! and the probe, and `measure` of `lib/config`, `ctl` and `machined` do, and print
//! `measured NAME VALUE` lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::arch::Arch;
use crate::command;
use crate::places::Places;
use crate::programs::{self, Toolchain};
use crate::say::{self, Step};
use crate::{boot_image, kernel};

/// One promise.
#[derive(Clone, Debug, PartialEq)]
struct Budget {
    what: String,
    unit: String,
    promised: f64,
    goal: f64,
    of: Subject,
}

/// What a promise is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A node, on each architecture.
    Node,
    /// Our code on the machine that builds it.
    Here,
}

/// Budgets, or measured values, by name.
type Named<T> = BTreeMap<String, T>;

/// How often a machine that breaks a promise is measured again. What else a busy build machine does
/// can only make a node look slower and larger than it is.
const AGAIN_MAX: usize = 4;

/// Measures everything on the given architectures, prints the table, and judges.
///
/// # Errors
/// When something is not measured, or more than was promised.
pub fn run(places: &Places, architectures: &[Arch]) -> Result<()> {
    let path = places.root.join("tests/budgets.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let budgets = parse(&text)?;
    let of = |subject: Subject| -> Named<Budget> {
        let budgets = budgets.iter();
        budgets
            .filter(|(_, budget)| budget.of == subject)
            .map(|(name, budget)| (name.clone(), budget.clone()))
            .collect()
    };
    let mut breaches = check(&of(Subject::Here), "this machine", || measure_here(places))?;
    for arch in architectures {
        let broken = check(&of(Subject::Node), arch.name(), || measure(places, *arch))?;
        breaches = breaches.saturating_add(broken);
    }
    ensure!(breaches == 0, "{breaches} promises are broken");
    Ok(())
}

/// Measures one subject, again when that may help, and shows its table. Returns how many promises
/// are broken.
fn check(
    budgets: &Named<Budget>,
    title: &str,
    mut measure: impl FnMut() -> Result<Named<f64>>,
) -> Result<usize> {
    let mut measured = measure()?;
    for _ in 0..AGAIN_MAX {
        if judge(budgets, &measured, title).1 == 0 {
            break;
        }
        say::note("more than was promised: measured again, and the better value counts");
        keep_better(&mut measured, measure()?);
    }
    let (table, breaches) = judge(budgets, &measured, title);
    say::text(table);
    Ok(breaches)
}

/// Takes what is better in `again`.
fn keep_better(measured: &mut Named<f64>, again: Named<f64>) {
    for (name, value) in again {
        let best = measured.entry(name).or_insert(value);
        *best = best.min(value);
    }
}

fn parse(text: &str) -> Result<Named<Budget>> {
    let table: Table = text.parse().context("tests/budgets.toml")?;
    let mut budgets = Named::new();
    for (name, value) in table {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| value.get(key).and_then(Value::as_float);
        let missing = |key: &str| format!("tests/budgets.toml: {name} needs {key}");
        let budget = Budget {
            what: text("what").with_context(|| missing("what"))?,
            unit: text("unit").with_context(|| missing("unit"))?,
            promised: number("promised").with_context(|| missing("promised, as 1.0"))?,
            goal: number("goal").with_context(|| missing("goal, as 1.0"))?,
            of: match text("of").as_deref() {
                None => Subject::Node,
                Some("here") => Subject::Here,
                Some(other) => bail!("tests/budgets.toml: {name}: of = \"{other}\" is not known"),
            },
        };
        ensure!(
            budget.goal <= budget.promised,
            "{name}: the goal is worse than the promise"
        );
        budgets.insert(name, budget);
    }
    ensure!(!budgets.is_empty(), "tests/budgets.toml promises nothing");
    Ok(budgets)
}

/// What measures our libraries on this machine: what it is about, and the package of the example.
const HERE: &[(&str, &str)] = &[
    ("measure configurations", "config"),
    ("measure pulling an extension", "ichorctl"),
    ("measure the machine API", "machined"),
];

/// Compiles what measures this machine.
///
/// # Errors
/// When it does not build.
pub fn compile(places: &Places) -> Result<()> {
    for (_, package) in HERE {
        command::run(&mut example(places, "build", package)?)?;
    }
    Ok(())
}

fn example(places: &Places, order: &str, package: &str) -> Result<Command> {
    let mut cargo = Toolchain::find(places)?.cargo(places);
    cargo.args([order, "-q", "--locked", "--profile", "host"]);
    cargo.args(["-p", package, "--example", "measure"]);
    Ok(cargo)
}

/// Measures what our libraries do on this machine.
fn measure_here(places: &Places) -> Result<Named<f64>> {
    let mut measured = Named::new();
    for (what, package) in HERE {
        let step = Step::start(format!("this machine: {what}"));
        let said = command::output(&mut example(places, "run", package)?)?;
        measured.extend(read_measured(&said)?);
        step.done();
    }
    Ok(measured)
}

/// Builds what is measured, and measures it.
fn measure(places: &Places, arch: Arch) -> Result<Named<f64>> {
    kernel::build(places, arch)?;
    programs::build(places, arch)?;
    programs::build_guests(places, arch)?;
    boot_image::build(places, arch)?;
    boot_image::build_yardstick(places, arch)?;
    programs::build_client(places)?;

    let out = places.out_of(arch);
    let image = length(&out.join("vmlinuz"))? + length(&out.join("initramfs"))?;
    let init = length(&programs::folder(places, arch).join("init"))?;
    let mut measured = Named::from([
        ("image".to_owned(), image / 1e6),
        ("init-file".to_owned(), init / 1e3),
    ]);
    let step = Step::start(format!("{arch}: measure in a machine"));
    let mut cargo = Toolchain::find(places)?.cargo(places);
    cargo.args([
        "run",
        "-q",
        "--locked",
        "-p",
        "ichor-tests",
        "--bin",
        "measure",
        "--",
        arch.name(),
    ]);
    measured.extend(read_measured(&command::output(&mut cargo)?)?);
    step.done();
    Ok(measured)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "files are smaller than 2^53 bytes"
)]
fn length(path: &Path) -> Result<f64> {
    let metadata = path
        .metadata()
        .with_context(|| format!("cannot measure {}", path.display()))?;
    Ok(metadata.len() as f64)
}

/// Reads `measured NAME VALUE` lines; others are talk.
fn read_measured(text: &str) -> Result<Named<f64>> {
    let mut measured = Named::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("measured ") else {
            continue;
        };
        let (name, value) = rest
            .split_once(' ')
            .with_context(|| format!("no value: {line}"))?;
        let value: f64 = value
            .parse()
            .with_context(|| format!("no number: {line}"))?;
        if !value.is_finite() || value <= 0.0 {
            bail!("impossible: {line}");
        }
        measured.insert(name.to_owned(), value);
    }
    Ok(measured)
}

/// Makes the table, and counts the promises that are broken or not measured.
fn judge(budgets: &Named<Budget>, measured: &Named<f64>, title: &str) -> (String, usize) {
    let mut breaches: usize = 0;
    let mut table = format!(
        "\n{:<66}{:>10}{:>10}{:>8}\n",
        title, "promised", "measured", "goal"
    );
    for (name, budget) in budgets {
        let value = measured.get(name);
        let kept = value.is_some_and(|value| *value <= budget.promised);
        if !kept {
            breaches = breaches.saturating_add(1);
        }
        let shown = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        let unit = if budget.unit == "ratio" {
            ""
        } else {
            budget.unit.as_str()
        };
        let verdict = if kept { "" } else { "  BROKEN" };
        let _ = writeln!(
            table,
            "{:<60}{unit:>6}{:>10}{shown:>10}{:>8}{verdict}",
            budget.what, budget.promised, budget.goal
        );
    }
    (table, breaches)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[a]\nwhat = \"A\"\nunit = \"MB\"\npromised = 2.0\ngoal = 1.0\n";

    #[test]
    fn a_kept_promise_is_no_breach() {
        let budgets = parse(TEXT).unwrap();
        let measured = read_measured("talk\nmeasured a 2.0\n").unwrap();

        assert_eq!(judge(&budgets, &measured, "a node").1, 0);
    }

    #[test]
    fn more_than_promised_is_a_breach() {
        let budgets = parse(TEXT).unwrap();
        let measured = read_measured("measured a 2.01\n").unwrap();

        let (table, breaches) = judge(&budgets, &measured, "a node");

        assert_eq!(breaches, 1);
        assert!(table.contains("BROKEN"), "{table}");
    }

    #[test]
    fn of_two_measurements_the_better_one_counts() {
        let mut measured = read_measured("measured a 2.5\nmeasured b 1.0\n").unwrap();

        keep_better(
            &mut measured,
            read_measured("measured a 1.9\nmeasured b 1.5\n").unwrap(),
        );

        let wanted = Named::from([("a".to_owned(), 1.9), ("b".to_owned(), 1.0)]);
        assert_eq!(measured, wanted);
    }

    #[test]
    fn what_is_not_measured_is_a_breach() {
        assert_eq!(judge(&parse(TEXT).unwrap(), &Named::new(), "a node").1, 1);
    }

    #[test]
    fn a_budget_without_its_fields_is_refused() {
        for field in ["what", "unit", "promised", "goal"] {
            let text: String = TEXT
                .lines()
                .filter(|line| !line.starts_with(field))
                .map(|line| format!("{line}\n"))
                .collect();
            assert!(parse(&text).is_err(), "{field}");
        }
        assert!(parse("").is_err());
        assert!(parse(&format!("{TEXT}of = \"the moon\"\n")).is_err());
        assert!(parse(&TEXT.replace("1.0", "3.0")).is_err());
        assert!(parse(&TEXT.replace("2.0", "\"2.0\"")).is_err());
    }

    #[test]
    fn a_measurement_that_cannot_be_is_refused() {
        for line in [
            "measured a",
            "measured a x",
            "measured a -1",
            "measured a NaN",
            "measured a 0",
        ] {
            assert!(read_measured(line).is_err(), "{line}");
        }
    }
}
