// SPDX-License-Identifier: MPL-2.0
//! Whether calls go on over a connection, and since when not.
//!
//! Owns: the count of calls, and the wait until there were none for long enough.
//! Never: closes anything; whose connection it is does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Whether calls are going on, and since when not.
#[derive(Debug)]
pub(crate) struct Activity {
    calls: AtomicU32,
    last_at: Mutex<Instant>,
    changed: Notify,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            calls: AtomicU32::new(0),
            last_at: Mutex::new(Instant::now()),
            changed: Notify::new(),
        }
    }

    /// How many calls go on.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Ends when there was no call for `limit`.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        loop {
            if self.calls() > 0 {
                self.changed.notified().await;
                continue;
            }
            let last_at = self
                .last_at
                .lock()
                .map_or_else(|_| Instant::now(), |at| *at);
            let Some(until) = last_at.checked_add(limit) else {
                return;
            };
            tokio::select! {
                () = sleep_until(until) => return,
                () = self.changed.notified() => {}
            }
        }
    }
}

/// A call that goes on.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    pub(crate) fn new(activity: &Arc<Activity>) -> Self {
        activity.calls.fetch_add(1, Ordering::Relaxed);
        activity.changed.notify_one();
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        if let Ok(mut last_at) = self.0.last_at.lock() {
            *last_at = Instant::now();
        }
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_connection_is_idle_only_when_its_last_call_is_long_over() {
        let activity = Arc::new(Activity::new());
        let busy = Busy::new(&activity);
        let limit = Duration::from_secs(60);

        assert!(timeout(limit * 10, activity.idle_for(limit)).await.is_err());
        drop(busy);
        assert!(timeout(limit / 2, activity.idle_for(limit)).await.is_err());
        assert!(timeout(limit, activity.idle_for(limit)).await.is_ok());
    }
}
