// SPDX-License-Identifier: MPL-2.0
//! Signals that end a command in order.
//!
//! A thread of its own hears them, because the command may be busy with something that does not
//! wait, such as packing an image, or with an editor.
//!
//! Owns: which signals are meant, and the end of a command that does not notice.
//! Never: ends a command for a signal that was ignored when the process began, or for the key that
//! its editor was meant to hear.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::leftovers;

/// How long a command may take to notice a signal before it is ended where it stands.
const GRACE: Duration = Duration::from_millis(500);

/// An editor has the terminal: Ctrl-C is for it.
static IS_EDITING: AtomicBool = AtomicBool::new(false);

/// What becomes of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signals {
    /// They do what the system says.
    #[default]
    Left,
    /// They end the command, which leaves nothing behind.
    Heard,
}

/// Keeps Ctrl-C away from the command while an editor runs.
#[derive(Debug)]
pub(crate) struct Editing(());

impl Editing {
    pub(crate) fn begin() -> Self {
        IS_EDITING.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Editing {
    fn drop(&mut self) {
        IS_EDITING.store(false, Ordering::SeqCst);
    }
}

/// The signals of one command.
#[derive(Debug)]
pub(crate) struct Hearing {
    heard: watch::Receiver<Option<i32>>,
    noticed: watch::Sender<bool>,
}

impl Hearing {
    /// Begins to hear, if that is asked for and can be done.
    pub(crate) fn begin(signals: Signals) -> Option<Self> {
        match signals {
            Signals::Left => return None,
            Signals::Heard => {}
        }
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let (say, heard) = watch::channel(None);
        let (noticed, is_noticed) = watch::channel(false);
        let ears = Ears::open(&runtime)?;
        let listening = move || runtime.block_on(listen(ears, say, is_noticed));
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listening)
            .ok()?;
        Some(Self { heard, noticed })
    }

    /// Waits for a signal that ends the command; returns its number.
    pub(crate) async fn heard(&mut self) -> i32 {
        loop {
            if let Some(number) = *self.heard.borrow_and_update() {
                self.noticed.send_replace(true);
                return number;
            }
            if self.heard.changed().await.is_err() {
                // Nobody listens any more; that is no signal.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The streams of the signals that are heard.
struct Ears {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Ears {
    fn open(runtime: &Runtime) -> Option<Self> {
        let _entered = runtime.enter();
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        let hear = |kind: SignalKind| {
            if is_in(ignored, kind.as_raw_value()) {
                Ok(None)
            } else {
                signal(kind).map(Some)
            }
        };
        Some(Self {
            interrupt: hear(SignalKind::interrupt()).ok()?,
            terminate: hear(SignalKind::terminate()).ok()?,
            hang_up: hear(SignalKind::hangup()).ok()?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            () = one(&mut self.interrupt) => SignalKind::interrupt(),
            () = one(&mut self.terminate) => SignalKind::terminate(),
            () = one(&mut self.hang_up) => SignalKind::hangup(),
        };
        kind.as_raw_value()
    }
}

async fn one(signal: &mut Option<Signal>) {
    let came = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if came.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The signals that are ignored, a bit each (proc_pid_status(5), SigIgn).
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

fn is_in(mask: u64, number: i32) -> bool {
    let place = u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX);
    mask.checked_shr(place).is_some_and(|rest| rest & 1 == 1)
}

/// Hears signals until the command is over.
async fn listen(
    mut ears: Ears,
    say: watch::Sender<Option<i32>>,
    mut is_noticed: watch::Receiver<bool>,
) {
    loop {
        let number = tokio::select! {
            number = ears.next() => number,
            () = say.closed() => return,
        };
        let is_key = number == SignalKind::interrupt().as_raw_value();
        if is_key && IS_EDITING.load(Ordering::SeqCst) {
            continue;
        }
        say.send_replace(Some(number));
        let noticed = is_noticed.wait_for(|is_noticed| *is_noticed);
        match timeout(GRACE, noticed).await {
            // It ends by itself.
            Ok(_) => return,
            Err(_busy) => {
                leftovers::put_away();
                end(number);
            }
        }
    }
}

/// Ends the process by the number of a signal.
#[expect(
    clippy::exit,
    reason = "the thread that would return is the one that is busy"
)]
fn end(number: i32) -> ! {
    std::process::exit(number.saturating_add(128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_ignored_are_read_from_the_mask() {
        let mask = ignored("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t00000000ffffffff\n");

        assert!(is_in(mask, 1) && is_in(mask, 13));
        assert!(!is_in(mask, 2) && !is_in(mask, 15) && !is_in(mask, 100));
        assert_eq!(ignored("SigIgn: nonsense"), 0);
        assert_eq!(ignored(""), 0);
    }
}
