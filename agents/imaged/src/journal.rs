// SPDX-License-Identifier: MPL-2.0
//! Log lines.
//!
//! Owns: one line each, on standard output.
//! Never: prints a credential, or waits for the reader of the log.

use std::fmt;
use std::io::Write as _;

/// Writes one line. What strangers said in it is in one line already (`oci::Error`, `extension::Problem`).
pub fn say(line: fmt::Arguments<'_>) {
    // A log that cannot be written has nobody to be told to.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
