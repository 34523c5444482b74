// SPDX-License-Identifier: MPL-2.0
//! The command on a terminal.
//!
//! Owns: a pseudo terminal, what stands on it, and its modes after the end.
//! Never: waits without a deadline.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::desk::Desk;

const PATIENCE: Duration = Duration::from_secs(30);

/// The command on a terminal of 30 lines.
pub(crate) struct Terminal {
    child: std::process::Child,
    /// Where the number of the command's process is.
    number: PathBuf,
    pieces: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    pub(crate) fn open(desk: &Desk, line: &str) -> Self {
        Self::sized(desk, line, (100, 30))
    }

    /// The same on a terminal that says that it has so many columns and rows.
    pub(crate) fn sized(desk: &Desk, line: &str, size: (u16, u16)) -> Self {
        Self::after("", desk, line, size)
    }

    /// The same with something that a shell does before it becomes the command.
    pub(crate) fn after(
        before: &str,
        desk: &Desk,
        line: &str,
        (columns, rows): (u16, u16),
    ) -> Self {
        let program = env!("CARGO_BIN_EXE_ichorctl");
        let command = format!(
            "stty rows {rows} cols {columns}; \
             sh -c '{before} echo $$ >{}; exec {program} {line}'; \
             code=$?; stty -a; exit $code",
            number(desk).display()
        );
        Self::with(&command, desk)
    }

    /// A terminal with something else on it.
    pub(crate) fn with(command: &str, desk: &Desk) -> Self {
        let mut child = Command::new("env")
            // Tests may run where these are ignored, as with nohup.
            .args(["--default-signal=HUP,INT,TERM", "script"])
            .args(["-qec", command, "/dev/null"])
            .current_dir(&desk.folder)
            .env("HOME", &desk.folder)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            number: number(desk),
            pieces,
            shown: String::new(),
        }
    }

    /// Waits until `text` is on the screen.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !screen(&self.shown).contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(why) => panic!("no {text:?} ({why}) on:\n{}", screen(&self.shown)),
            }
        }
    }

    /// Waits until `text` was written so often.
    pub(crate) fn wait_for_count(&mut self, text: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.shown.matches(text).count() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(why) => panic!("not {count} times {text:?} ({why}): {}", self.shown),
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Sends the command a signal.
    pub(crate) fn signal(&self, name: &str) {
        let number = std::fs::read_to_string(&self.number).unwrap();
        let sent = Command::new("kill")
            .args(["-s", name, number.trim()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// The exit code and all that was shown.
    pub(crate) fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.shown),
            }
        }
        let code = self.child.wait().unwrap().code().unwrap();
        (code, std::mem::take(&mut self.shown))
    }
}

impl Drop for Terminal {
    /// What is still on it is hung up.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(desk: &Desk) -> PathBuf {
    desk.folder.with_extension("tmp").join("number")
}

/// What stands on a terminal of 30 lines after all this was written to it: only what changed is
/// written, at places that escape sequences name (ECMA-48).
fn screen(written: &str) -> String {
    let mut cells = vec![vec![' '; 100]; 30];
    let (mut row, mut column) = (0, 0);
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let mut place = String::new();
                let end = letters.by_ref().skip(1).find(|c| {
                    place.push(*c);
                    c.is_ascii_alphabetic()
                });
                if end != Some('H') {
                    continue;
                }
                place.pop();
                let mut numbers = place
                    .split(';')
                    .map(|n| n.parse::<usize>().unwrap_or(1) - 1);
                row = numbers.next().unwrap_or(0);
                column = numbers.next().unwrap_or(0);
            }
            letter => {
                if let Some(cell) = cells.get_mut(row).and_then(|line| line.get_mut(column)) {
                    *cell = letter;
                }
                column += 1;
            }
        }
    }
    let lines = cells.into_iter().map(|line| line.into_iter().collect());
    lines.collect::<Vec<String>>().join("\n")
}
