// SPDX-License-Identifier: MPL-2.0
//! Where output goes.
//!
//! Owns: standard output and error, and whether anything failed on the way.
//! Never: mixes the two: what another program reads is on standard output alone.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use crate::harmless;
use crate::table::Table;
use crate::trouble::Trouble;

/// How often it is said how far something is, on a line of its own.
const PACE: Duration = Duration::from_secs(2);
/// The same for a line that is written over.
const PACE_WATCHED: Duration = Duration::from_millis(100);

/// Both outputs.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    failures: usize,
    closed: bool,
    on_terminal: bool,
    /// What is done to results on their way to a terminal.
    harmless: Option<harmless::Stream>,
    pace: Duration,
    /// Whether the last line of errors and news is one that is written over.
    has_status: bool,
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
            on_terminal: false,
            harmless: None,
            pace: PACE,
            has_status: false,
        }
    }

    /// Somebody watches the errors and news: how far something is may be written over.
    #[must_use]
    pub fn on_terminal(self) -> Self {
        Self {
            on_terminal: true,
            pace: PACE_WATCHED,
            ..self
        }
    }

    /// The result is read on a terminal: nothing that a node says may draw on it.
    #[must_use]
    pub fn to_terminal(self) -> Self {
        Self {
            harmless: Some(harmless::Stream::default()),
            ..self
        }
    }

    /// Whether the result is read on a terminal.
    pub(crate) fn is_to_terminal(&self) -> bool {
        self.harmless.is_some()
    }

    /// Says how far something is so often.
    #[must_use]
    pub fn paced(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// How often it is said how far something is.
    pub(crate) fn pace(&self) -> Duration {
        self.pace
    }

    /// Whether somebody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.on_terminal
    }

    /// Writes a line that the next one takes the place of. Only for those who watch.
    pub(crate) fn status(&mut self, text: fmt::Arguments<'_>) {
        // Back to the beginning, and what is longer goes (ECMA-48 §8.3.41, EL).
        let text = harmless::line(&text.to_string());
        let _ = write!(self.err, "\r{text}\x1b[K").and_then(|()| self.err.flush());
        self.has_status = true;
    }

    /// Takes the line away that the next one would take the place of.
    pub(crate) fn clear_status(&mut self) {
        if self.has_status {
            let _ = write!(self.err, "\r\x1b[K").and_then(|()| self.err.flush());
            self.has_status = false;
        }
    }

    /// Writes a part of the result as it is.
    pub(crate) fn print(&mut self, text: fmt::Arguments<'_>) {
        self.write(text.to_string().as_bytes());
    }

    /// Writes bytes of the result and sends them off. On a terminal they cannot draw.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match &mut self.harmless {
            Some(harmless) => {
                let bytes = harmless.next(bytes);
                self.put(&bytes);
            }
            None => self.put(bytes),
        }
    }

    /// Writes what is our own in every byte, so that it may draw.
    pub(crate) fn draw(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.clear_status();
        if self.closed {
            return;
        }
        let Err(error) = self.out.write_all(bytes).and_then(|()| self.out.flush()) else {
            return;
        };
        self.closed = true;
        // A reader that went away (`| head`) wants no more; that is not an error.
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.complain(
                &Trouble::new(format!("cannot write to standard output: {error}"))
                    .hint("what came before this is all that is there"),
            );
        }
    }

    /// Writes a table. One without rows is left out when errors say why there are none.
    pub(crate) fn table(&mut self, table: &Table) {
        if table.is_empty() && !self.is_clean() {
            return;
        }
        self.print(format_args!("{table}"));
    }

    /// Writes a line that is no result. Whoever it quotes cannot draw with it.
    pub(crate) fn warn(&mut self, text: fmt::Arguments<'_>) {
        self.clear_status();
        let text = harmless::text(&text.to_string());
        // There is nowhere left to say that this failed.
        let _ = writeln!(self.err, "{}", text.trim_end());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_over_and_never_stays_before_a_line() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err).on_terminal();

        screen.status(format_args!("1 of 2"));
        screen.status(format_args!("2 of 2"));
        screen.warn(format_args!("done"));
        screen.warn(format_args!("more"));

        assert!(screen.is_watched());
        assert_eq!(err, b"\r1 of 2\x1b[K\r2 of 2\x1b[K\r\x1b[Kdone\nmore\n");
    }

    /// An output that takes nothing, and why.
    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_went_away_is_no_error() {
        for (kind, failures) in [
            (io::ErrorKind::BrokenPipe, 0),
            (io::ErrorKind::StorageFull, 1),
        ] {
            let (mut out, mut err) = (Refusing(kind), Vec::new());
            let mut screen = Screen::new(&mut out, &mut err);

            screen.print(format_args!("one"));
            screen.print(format_args!("two"));

            assert!(screen.is_closed());
            assert_eq!(screen.failures, failures);
            let err = String::from_utf8(err).unwrap();
            assert_eq!(
                err.matches("cannot write to standard output").count(),
                failures
            );
        }
    }

    #[test]
    fn what_a_node_says_cannot_draw_on_a_terminal_and_stays_as_it_is_elsewhere() {
        let given = "a\x1b[2J\tb\r\n";
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err).to_terminal();

        screen.print(format_args!("{given}"));
        screen.write(given.as_bytes());
        screen.warn(format_args!("node: {given}"));
        screen.complain(&Trouble::new(given));
        screen.status(format_args!("{given}"));

        assert_eq!(out, b"a [2J\tb \na [2J\tb \n");
        assert_eq!(err, b"node: a [2J\tb\nerror: a [2J\tb\n\ra [2J b  \x1b[K");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        Screen::new(&mut out, &mut err).write(given.as_bytes());
        assert_eq!(out, given.as_bytes());
    }
}
