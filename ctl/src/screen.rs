// SPDX-License-Identifier: MPL-2.0
//! Where output goes.
//!
//! Owns: standard output and error, and whether anything failed on the way.
//! Never: mixes the two: what another program reads is on standard output alone.

use std::fmt;
use std::io::Write;

use crate::table::Table;
use crate::trouble::Trouble;

/// Both outputs.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    failures: usize,
    closed: bool,
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl<'a> Screen<'a> {
    /// Writes results to `out`, and errors and news to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            out,
            err,
            failures: 0,
            closed: false,
        }
    }

    /// Writes a part of the result as it is.
    pub(crate) fn print(&mut self, text: fmt::Arguments<'_>) {
        self.write(text.to_string().as_bytes());
    }

    /// Writes bytes of the result and sends them off.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // A reader that went away (`| head`) wants no more; that is not an error.
        if self
            .out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .is_err()
        {
            self.closed = true;
        }
    }

    /// Writes a table. One without rows is left out when errors say why there are none.
    pub(crate) fn table(&mut self, table: &Table) {
        if table.is_empty() && !self.is_clean() {
            return;
        }
        self.print(format_args!("{table}"));
    }

    /// Writes a line that is no result.
    pub(crate) fn warn(&mut self, text: fmt::Arguments<'_>) {
        // There is nowhere left to say that this failed.
        let _ = writeln!(self.err, "{}", text.to_string().trim_end());
    }

    /// Writes an error; the exit code will not be 0.
    pub(crate) fn complain(&mut self, trouble: &Trouble) {
        self.failures = self.failures.saturating_add(1);
        self.warn(format_args!("error: {trouble}"));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failures == 0
    }

    /// Whether nobody reads the result any more: streams should end.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}
