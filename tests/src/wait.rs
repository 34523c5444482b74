// SPDX-License-Identifier: MPL-2.0
//! Waiting for what cannot announce itself to a test: a port that answers, a pid that changes.
//!
//! Owns: the one loop that asks again, and its deadline.
//! Never: used where there is an event to wait for, such as a console line or a stream.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long to let the machine work between two questions. Under emulation a question costs the
/// machine a few milliseconds, so asking much more often would slow down what is waited for.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks until the answer is `Ok` or `limit` is over; then the last error is the result.
///
/// # Errors
/// The last answer, with `what` was waited for.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now()
        .checked_add(limit)
        .context("the limit is too long")?;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("{what}: not within {limit:?}")));
            }
            Err(_) => std::thread::park_timeout(PAUSE),
        }
    }
}
