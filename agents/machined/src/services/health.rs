// SPDX-License-Identifier: MPL-2.0
//! Whether services do what they are for.
//!
//! Owns: the table of checks and their pace.
//! Never: acts on a bad check; operators see it, init restarts what ends.

use std::sync::Arc;
use std::time::Duration;

use proto::{paths, udev};
use tokio::net::TcpStream;

use crate::clock;
use crate::news::{Error, Line};
use crate::node::Node;

/// The documents' pace.
const PERIOD: Duration = Duration::from_secs(5);
/// How soon a bad check is repeated the first time; it doubles up to the pace.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_millis(500);
/// Settling takes as long as there are devices to look at.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(50);

#[derive(Debug, Clone, Copy)]
enum Check {
    /// Its TCP port takes connections.
    Tcp,
    /// It greets on its socket.
    Greets,
    /// It has dealt with every device event.
    Settles,
}

/// Who is checked, and how. The others have health `?`: machined itself, since whoever reads this
/// has its answer, and extension services, about which nobody said how.
const CHECKS: &[(&str, Check)] = &[
    ("apid", Check::Tcp),
    ("logd", Check::Greets),
    ("netd", Check::Greets),
    ("trustd", Check::Tcp),
    ("udevd", Check::Settles),
];

/// Says whether anybody checks the service.
#[must_use]
pub(super) fn is_checked(id: &str) -> bool {
    CHECKS.iter().any(|(known, _)| *known == id)
}

/// Checks services for ever, each by itself: one that does not answer holds up no other.
pub(crate) fn watch(node: &Arc<Node>) {
    for (id, check) in CHECKS {
        tokio::spawn(keep_checking(Arc::clone(node), id, *check));
    }
}

async fn keep_checking(node: Arc<Node>, id: &'static str, check: Check) {
    let mut pace = Pace::START;
    loop {
        let process = until(&node, || running(&node, id)).await;
        let other = || (running(&node, id) != Some(process)).then_some(());
        let result = tokio::select! {
            result = run(&node, check, id) => result,
            // What the former process said, or did not, says nothing about the next one.
            () = until(&node, other) => continue,
        };
        let pause = pace.after(&result);
        let change = node.state().services.check(id, result, clock::now().wall);
        if let Some(change) = change {
            node.publish("", "ServiceStateEvent", &change.0);
            crate::news::init::mirror(&node);
        }
        // A new process is looked at at once.
        if tokio::time::timeout(pause, until(&node, other))
            .await
            .is_ok()
        {
            pace = Pace::START;
        }
    }
}

/// How long to wait after a bad check.
#[derive(Debug)]
struct Pace(Duration);

impl Pace {
    const START: Self = Self(PAUSE_FIRST);

    /// How long to wait after this result.
    fn after(&mut self, result: &Result<(), String>) -> Duration {
        if result.is_ok() {
            *self = Self::START;
            return PERIOD;
        }
        let pause = self.0;
        self.0 = pause.saturating_mul(2).min(PERIOD);
        pause
    }
}

/// The process of a service, when it runs.
fn running(node: &Node, id: &str) -> Option<u32> {
    node.state().services.process(id)
}

/// Looks now, and again whenever something changed about a service.
async fn until<T>(node: &Node, look: impl Fn() -> Option<T>) -> T {
    loop {
        let changed = node.services_changed.notified();
        if let Some(found) = look() {
            return found;
        }
        changed.await;
    }
}

async fn run(node: &Node, check: Check, id: &str) -> Result<(), String> {
    let timeout = match check {
        Check::Tcp | Check::Greets => TIMEOUT,
        Check::Settles => SETTLE_TIMEOUT,
    };
    let outcome = match check {
        Check::Tcp => {
            let address = match id {
                "trustd" => node.places.trustd,
                _ => node.places.apid,
            };
            tokio::time::timeout(timeout, async move {
                let connected = TcpStream::connect(address).await;
                connected
                    .map(|_stream| ())
                    .map_err(|error| format!("connect to {address}: {error}"))
            })
            .await
        }
        Check::Greets | Check::Settles => {
            tokio::time::timeout(timeout, greet(node, check, id)).await
        }
    };
    outcome.unwrap_or_else(|_elapsed| Err(format!("no answer in {timeout:?}")))
}

async fn greet(node: &Node, check: Check, id: &str) -> Result<(), String> {
    let path = match id {
        "logd" => paths::LOGD_SOCKET,
        "netd" => paths::NETD_SOCKET,
        _ => paths::UDEVD_SOCKET,
    };
    let path = node.places.at(path);
    let talk = async {
        let mut line = Line::open(&path).await?;
        if matches!(check, Check::Settles) {
            let settle = udev::Request::Settle(());
            line.send(|buffer| settle.encode(buffer)).await?;
            match udev::Reply::decode(line.receive().await?) {
                Ok(udev::Reply::Settled(_)) => {}
                Ok(udev::Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
                Ok(udev::Reply::Welcome(_) | udev::Reply::Loaded(_)) | Err(_) => {
                    return Err(Error::Unexpected);
                }
            }
        }
        Ok(())
    };
    talk.await.map_err(|error| format!("{id}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn a_bad_check_is_repeated_soon_then_later_and_a_good_one_at_the_pace() {
        let bad = Err("no answer".to_owned());
        let mut pace = Pace::START;

        for expected_ms in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            assert_eq!(pace.after(&bad), Duration::from_millis(expected_ms));
        }
        assert_eq!(pace.after(&Ok(())), Duration::from_secs(5));
        assert_eq!(pace.after(&bad), Duration::from_millis(250));
    }
}
