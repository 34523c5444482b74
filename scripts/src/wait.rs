// SPDX-License-Identifier: MPL-2.0
//! Asking again, for things outside this program that announce nothing.
//!
//! Owns: the pause between two attempts.
//! Never: used where there is an event to wait for; every loop around it has a deadline.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Between two attempts: short enough not to be noticed, long enough to leave the processor to the
/// emulated machine.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits for one pause.
pub fn pause() {
    // Nobody unparks this thread; an early return only makes one attempt come sooner.
    std::thread::park_timeout(PAUSE);
}

/// Tries until it works or `limit` is over.
///
/// # Errors
/// The last attempt's.
pub fn until<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now()
        .checked_add(limit)
        .context("the limit is too long")?;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("gave up after {limit:?}")));
            }
            Err(_) => pause(),
        }
    }
}
