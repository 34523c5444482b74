// SPDX-License-Identifier: MPL-2.0
//! What machined says about itself: a line to its log, and for operators one to the console.
//!
//! Owns: the form of its lines, and never waiting for a reader.
//! Never: writes a secret; callers pass words, not configuration.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The longest line, in bytes: a pipe takes this much whole or not at all (`PIPE_BUF`).
const LINE_MAX: usize = 4000;
/// What the kernel log takes of one line (`PRINTKRB_RECORD_MAX`).
const KERNEL_LINE_MAX: usize = 900;

/// Where lines go.
#[derive(Debug, Clone)]
pub enum Journal {
    /// Standard output, which init ties to logd, and the kernel log, which is the console.
    Node {
        /// `/dev/kmsg`.
        kernel_log: PathBuf,
    },
    /// Nowhere but the test's own output.
    Test,
}

impl Journal {
    /// Writes a line to the log of this service.
    pub fn log(&self, line: impl fmt::Display) {
        match self {
            Self::Node { .. } => to_own_log(&format!("[talos] {line}")),
            Self::Test => to_test(&line),
        }
    }

    /// Writes a line to the log of this service and, for who looks at the screen, to the console.
    pub fn console(&self, line: impl fmt::Display) {
        match self {
            Self::Node { kernel_log } => {
                let text = format!("[talos] {line}");
                to_own_log(&text);
                to_console(kernel_log, &text);
            }
            Self::Test => to_test(&line),
        }
    }

    /// Shows a line of somebody else on the console alone.
    pub fn pass_on(&self, line: impl fmt::Display) {
        match self {
            Self::Node { kernel_log } => to_console(kernel_log, &line.to_string()),
            Self::Test => to_test(&line),
        }
    }
}

/// Writes a line to the kernel log. Without a kernel log there is no console either.
fn to_console(kernel_log: &Path, text: &str) {
    if let Ok(mut file) = OpenOptions::new().write(true).open(kernel_log) {
        // Facility user (1), level warning (4): shown at every usual loglevel.
        let record = format!("<12>{}\n", cut(text, KERNEL_LINE_MAX));
        let _refused = file.write_all(record.as_bytes());
    }
}

#[expect(clippy::print_stderr, reason = "a test's own output")]
fn to_test(line: &dyn fmt::Display) {
    eprintln!("machined: {line}");
}

/// Writes one line to standard output when its pipe takes it now; a full pipe means that logd is
/// gone or slow, and machined does not wait for it.
fn to_own_log(text: &str) {
    use sys::event::{PollFd, PollFlags, Timespec, poll};
    let line = format!("{}\n", cut(text, LINE_MAX));
    let stdout = std::io::stdout();
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut ready = [PollFd::new(&stdout, PollFlags::OUT)];
    if poll(&mut ready, Some(&at_once)).is_ok_and(|count| count > 0) {
        let _lost = sys::io::write(&stdout, line.as_bytes());
    }
}

/// The front of `text`, at most `max` bytes, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = text
        .char_indices()
        .map(|(at, character)| at.saturating_add(character.len_utf8()))
        .take_while(|end| *end <= max)
        .last()
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_is_cut_between_characters() {
        assert_eq!(cut("aµb", 4), "aµb");
        assert_eq!(cut("aµb", 3), "aµ");
        assert_eq!(cut("aµb", 2), "a");
        assert_eq!(cut("aµb", 0), "");
        assert_eq!(cut("", 10), "");
    }
}
