// SPDX-License-Identifier: MPL-2.0
//! Room on the disk for what a whole run builds.
//!
//! A compiler that finds the disk full says so after half an hour, of a file that nobody knows.
//!
//! Owns: how much a whole run takes, and that it is looked at before.
//! Never: deletes anything.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::places::Places;

const GIB: u64 = 1 << 30;
/// What a whole run has in the folder that cargo compiles in, and the copy that it compiles to compare, in bytes:
/// 7.5 GB, 5 that cargo keeps for the next time where `CI` is not set, and a bit.
const WHOLE: u64 = 14 * GIB;
/// The same of a run without machines.
const QUICK: u64 = 10 * GIB;
/// What is wanted at least, though all has been compiled before: disks of machines, and what changed.
const AGAIN: u64 = 4 * GIB;

/// Fails if the disk is too full for a whole run, or for a `quick` one.
///
/// # Errors
/// When it is, with how much is missing and what to do; or when the disk cannot be asked.
pub(crate) fn check(places: &Places, quick: bool) -> Result<()> {
    std::fs::create_dir_all(&places.target)
        .with_context(|| format!("cannot make {}", places.target.display()))?;
    let free = first_number(
        Command::new("df")
            .args(["--output=avail", "--block-size=1"])
            .arg(&places.target),
    )?;
    let held = first_number(
        Command::new("du")
            .args(["--summarize", "--block-size=1"])
            .arg(&places.target),
    )?;
    let whole = if quick { QUICK } else { WHOLE };
    judge(&places.target, free, whole.saturating_sub(held).max(AGAIN))
}

fn judge(folder: &Path, free: u64, wanted: u64) -> Result<()> {
    if free >= wanted {
        return Ok(());
    }
    // Rounded so that who makes that much room has enough.
    bail!(
        "the disk has {} GiB free and the tests want {}: make room below {}, \
         name another disk with CARGO_TARGET_DIR, or delete what was built before with ./x clean",
        free / GIB,
        wanted.div_ceil(GIB),
        folder.display()
    )
}

/// Returns the first number that a program prints. It may fail after that, as `du` does when a compiler beside it
/// deletes a file.
fn first_number(command: &mut Command) -> Result<u64> {
    let program = command.get_program().to_owned();
    let output = command
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut words = said.split_whitespace();
    words
        .find_map(|word| word.parse().ok())
        .with_context(|| format!("{} says no number of bytes: {said}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_before_anything_is_compiled() {
        let said = |free, wanted| {
            let judged = judge(Path::new("target"), free, wanted);
            judged.map_err(|error| error.to_string()).err()
        };

        assert_eq!(said(WHOLE, WHOLE), None);
        let full = said(9 * GIB + GIB / 2, WHOLE).unwrap();
        assert!(
            full.contains("9 GiB free") && full.contains("want 14"),
            "{full}"
        );
        assert!(said(AGAIN - 1, AGAIN).is_some());
    }

    #[test]
    fn the_disk_is_asked() {
        let df = first_number(
            Command::new("df")
                .args(["--output=avail", "--block-size=1"])
                .arg("/"),
        );
        let du = first_number(
            Command::new("du")
                .args(["--summarize", "--block-size=1"])
                .arg("src"),
        );

        assert!(df.is_ok_and(|bytes| bytes > 0));
        assert!(du.is_ok_and(|bytes| bytes > 0));
        assert!(first_number(&mut Command::new("true")).is_err());
    }
}
