// SPDX-License-Identifier: MPL-2.0
//! Runs every test there is, and counts.
//!
//! Owns: what is built before, in which order tests run, and the last line.
//! Never: leaves a test out silently.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::idle::Idle;
use crate::places::Places;
use crate::programs::Toolchain;
use crate::say::{self, Step};
use crate::{boot_image, budgets, kernel, programs, room};

/// The crate whose tests boot machines.
const MACHINE_TESTS: &str = "ichor-tests";

/// The programs without std and what they are made of. They are tested by themselves: beside
/// programs with std, cargo would build `sys` with its `std` feature for all of them.
const WITHOUT_STD: &[&str] = &[
    "proto",
    "wire",
    "supervise",
    "sys",
    "init",
    "sandbox",
    "udevd",
    "netd",
    "logd",
];

/// The test that is no cargo test, because it compiles the workspace.
const REPRODUCED: &str = "the_image_compiled_in_another_folder_is_the_same";

/// The test that is no cargo test, because it is `./x` itself that it starts.
const SECOND_UP: &str = "a_second_up_reaches_a_running_node_within_a_minute";
/// What is promised of it, counted from its start, on two cores that emulate.
const SECOND_UP_MAX: Duration = Duration::from_secs(60);

/// The test that is no cargo test, because it measures and shows a table.
const BUDGETS: &str = "every_number_that_is_promised_is_kept";

/// What is said to have failed when there is nothing to boot.
const BUILT: &str = "the_images_build";

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

/// Runs the tests whose name contains `filter`; with `quick`, none that boots a machine.
///
/// # Errors
/// When a test fails or does not build.
pub fn run(places: &Places, filter: Option<&str>, quick: bool) -> Result<()> {
    room::check(places, quick)?;
    let mut count = Count::default();
    let step = Step::start("tests beside the code");
    let alone: Vec<&str> = WITHOUT_STD.iter().flat_map(|name| ["-p", *name]).collect();
    count.add(cargo_test(places, &alone, filter, &[])?);
    let mut others = vec!["--workspace", "--exclude", MACHINE_TESTS];
    others.extend(WITHOUT_STD.iter().flat_map(|name| ["--exclude", *name]));
    count.add(cargo_test(places, &others, filter, &[])?);
    step.done();
    if !quick {
        match build_images(places) {
            Ok(()) => count.add(in_machines(places, filter)?),
            Err(error) => {
                say::line(format!("test {BUILT} ... FAILED\n{error:#}"));
                count.add(Count {
                    passed: 0,
                    failed: 1,
                });
            }
        }
    }
    say::line(format!("{} passed, {} failed", count.passed, count.failed));
    if count.failed > 0 {
        bail!("{} tests failed", count.failed);
    }
    if count.passed == 0 {
        bail!("no test has that name");
    }
    Ok(())
}

/// Builds what the tests in machines boot, look in with, and ask with.
fn build_images(places: &Places) -> Result<()> {
    for arch in Arch::ALL {
        kernel::build(places, arch)?;
        programs::build(places, arch)?;
        programs::build_guests(places, arch)?;
        boot_image::build(places, arch)?;
    }
    programs::build_client(places).map(drop)
}

fn in_machines(places: &Places, filter: Option<&str>) -> Result<Count> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    // What takes long to compile and is wanted later is compiled while machines run.
    let started =
        |is_wanted: bool, arguments: &[&str]| is_wanted.then(|| Idle::start(places, arguments));
    let again = started(
        wanted(REPRODUCED),
        &["reproduce", "--arch", Arch::Amd64.name()],
    );
    let measures = started(wanted(BUDGETS), &["size", "--no-run"]);
    let step = Step::start("tests in virtual machines, amd64 and arm64");
    // One machine at a time: two share the processors and miss each other's deadlines.
    let mut count = cargo_test(
        places,
        &["-p", MACHINE_TESTS],
        filter,
        &["--test-threads=1"],
    )?;
    step.done();
    // Nothing may run beside what is measured.
    if let Some(again) = again {
        count.add(outcome(REPRODUCED, again.and_then(Idle::wait)));
    }
    if let Some(measures) = measures {
        let compiled = measures.and_then(Idle::wait);
        let kept = compiled.and_then(|()| budgets::run(places, &Arch::ALL));
        count.add(outcome(BUDGETS, kept));
    }
    if wanted(SECOND_UP) {
        count.add(outcome(SECOND_UP, second_up(places)));
    }
    Ok(count)
}

/// Says how a test that is no cargo test ended, and counts it.
fn outcome(name: &str, result: Result<()>) -> Count {
    match result {
        Ok(()) => {
            say::line(format!("test {name} ... ok"));
            Count {
                passed: 1,
                failed: 0,
            }
        }
        Err(error) => {
            say::line(format!("test {name} ... FAILED\n{error:#}"));
            Count {
                passed: 0,
                failed: 1,
            }
        }
    }
}

/// Runs `./x up --check` when everything is built, as it is here.
fn second_up(places: &Places) -> Result<()> {
    let step = Step::start("a second ./x up --check");
    let started_at = Instant::now();
    let output = Command::new(places.root.join("x"))
        .args(["up", "--check", "--arch", Arch::Amd64.name()])
        .output()
        .context("cannot start ./x")?;
    let took = started_at.elapsed();
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    if took > SECOND_UP_MAX {
        bail!("it took {:.1} s", took.as_secs_f64());
    }
    step.done();
    Ok(())
}

/// Runs `cargo test`, shows what it says, and counts its results.
fn cargo_test(
    places: &Places,
    select: &[&str],
    filter: Option<&str>,
    options: &[&str],
) -> Result<Count> {
    let mut command = Toolchain::find(places)?.cargo(places);
    command
        .args(["test", "--locked", "--no-fail-fast"])
        .args(select);
    command.arg("--").args(filter).args(options);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut count = Count::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what cargo says")?;
        count.add(parse_result(&line).unwrap_or_default());
        say::line(line);
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() && count.failed == 0 {
        // A test program that does not build or dies has no result line.
        count.failed = 1;
    }
    Ok(count)
}

/// Reads the line that a test program ends with.
fn parse_result(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, rest) = rest.split_once(". ")?;
    let mut count = Count::default();
    for part in rest.split("; ") {
        match part.split_once(' ') {
            Some((number, "passed")) => count.passed = number.parse().ok()?,
            Some((number, "failed")) => count.failed = number.parse().ok()?,
            _ => {}
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let line = "test result: ok. 29 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(
            parse_result(line),
            Some(Count {
                passed: 29,
                failed: 0
            })
        );

        let line = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            parse_result(line),
            Some(Count {
                passed: 1,
                failed: 2
            })
        );
    }

    #[test]
    fn other_lines_are_no_results() {
        for line in [
            "",
            "test a ... ok",
            "test result: ok",
            "running 3 tests",
            "1 passed; 2 failed",
        ] {
            assert_eq!(parse_result(line), None, "{line}");
        }
    }
}
