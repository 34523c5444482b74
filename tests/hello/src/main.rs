// SPDX-License-Identifier: MPL-2.0
//! A service that says hello, with the time since its process was made, and rests.
//!
//! It is what `tests/budgets.toml` measures the price of a service with: it has no libc and takes a
//! handful of pages, so whatever else a service costs is ours.
//!
//! Owns: how long it took from a clone to the first instruction of a program.
//! Never: does anything until it is told to end.
#![no_std]
#![no_main]

use sys::event::{PollFd, PollFlags, poll};
use sys::fs::{Mode, OFlags};
use sys::process::Signal;
use sys::signal::{SignalFd, Signals};
use sys::time::{ClockId, clock_gettime};

sys::entry!(main);

/// The kernel counts the time of a process in hundredths of a second (`USER_HZ`).
const TICK_MS: u64 = 10;
/// Where proc_pid_stat(5) has the start of a process, counted from the end of its name.
const STARTTIME: usize = 20;

fn main(_arguments: sys::start::Arguments) -> u8 {
    let now_ms = uptime_ms();
    let Some(began_ms) = began_ms() else {
        sys::text::say(format_args!("cannot read /proc/self/stat"));
        return 1;
    };
    let age_ms = now_ms.saturating_sub(began_ms);
    sys::text::say(format_args!("hello after {age_ms} ms"));
    match rest() {
        Ok(()) => 0,
        Err(errno) => {
            sys::text::say(format_args!("cannot wait for a signal: {errno}"));
            1
        }
    }
}

/// The time since the machine started.
fn uptime_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let of = |number: i64| u64::try_from(number).unwrap_or_default();
    of(now.tv_sec)
        .saturating_mul(1_000)
        .saturating_add(of(now.tv_nsec) / 1_000_000)
}

/// When this process was made, on the same clock.
fn began_ms() -> Option<u64> {
    let file = sys::fs::open(c"/proc/self/stat", OFlags::RDONLY, Mode::empty()).ok()?;
    let mut text = [0_u8; 512];
    let len = sys::io::read(&file, &mut text[..]).ok()?;
    let text = core::str::from_utf8(text.get(..len)?).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: u64 = fields
        .split_whitespace()
        .nth(STARTTIME.checked_sub(1)?)?
        .parse()
        .ok()?;
    ticks.checked_mul(TICK_MS)
}

/// Waits to be told to end. As the first process of its container it would not hear otherwise.
fn rest() -> sys::io::Result<()> {
    let signals = Signals::of(&[Signal::TERM]);
    sys::signal::block_only(signals)?;
    let inbox = SignalFd::new(signals)?;
    while inbox.read()?.is_none() {
        match poll(&mut [PollFd::new(&inbox, PollFlags::IN)], None) {
            Ok(_) | Err(sys::io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
