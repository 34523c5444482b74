// SPDX-License-Identifier: MPL-2.0
//! Room on the disk for what a whole run builds.
//!
//! A compiler that finds the disk full says so after half an hour, of a file that nobody knows.
//!
//! Owns: how much a whole run takes, and that it is looked at before.
//! Never: deletes anything.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::places::Places;

const GIB: u64 = 1 << 30;
/// What a whole run has in the folder that cargo compiles in, and the copy that it compiles to compare, in bytes:
/// measured, and a third more.
const WHOLE: u64 = 12 * GIB;
/// What is wanted at least, though all has been compiled before: disks of machines, and what changed.
const AGAIN: u64 = 4 * GIB;

/// Fails if the disk is too full for a whole run.
///
/// # Errors
/// When it is, with how much is missing and what to do; or when the disk cannot be asked.
pub(crate) fn check(places: &Places) -> Result<()> {
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
    judge(&places.target, free, held)
}

fn judge(folder: &Path, free: u64, held: u64) -> Result<()> {
    let wanted = WHOLE.saturating_sub(held).max(AGAIN);
    if free >= wanted {
        return Ok(());
    }
    // Rounded so that who makes that much room has enough.
    bail!(
        "the disk has {} GiB free and a whole run wants {} GiB more: make room below {}, \
         name another disk with CARGO_TARGET_DIR, or delete what was built before with ./x clean",
        free / GIB,
        wanted.div_ceil(GIB),
        folder.display()
    )
}

/// Returns the first number that a program prints.
fn first_number(command: &mut Command) -> Result<u64> {
    let said = command::output(command)?;
    let mut words = said.split_whitespace();
    words
        .find_map(|word| word.parse().ok())
        .with_context(|| format!("no number of bytes in: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_before_anything_is_compiled() {
        let folder = Path::new("target");
        let said = |free, held| {
            judge(folder, free, held)
                .map_err(|error| error.to_string())
                .err()
        };

        assert_eq!(said(WHOLE, 0), None);
        let full = said(9 * GIB + GIB / 2, 0).unwrap();
        assert!(
            full.contains("9 GiB free") && full.contains("12 GiB more"),
            "{full}"
        );
        // What was compiled before is not compiled again.
        assert_eq!(said(9 * GIB, 8 * GIB), None);
        assert_eq!(said(4 * GIB, 60 * GIB), None);
        assert!(said(3 * GIB, 60 * GIB).is_some());
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
