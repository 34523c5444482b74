// SPDX-License-Identifier: MPL-2.0
//! Whether services do what they are for.
//!
//! Owns: the table of checks and their pace.
//! Never: acts on a bad check; operators see it, init restarts what ends.

use std::sync::Arc;
use std::time::Duration;

use proto::service::State;
use proto::{paths, udev};
use tokio::net::TcpStream;

use crate::clock;
use crate::news::{Error, Line};
use crate::node::Node;

/// The documents' pace.
const PERIOD: Duration = Duration::from_secs(5);
/// While something is not known to be well, looking costs little and operators wait.
const PERIOD_UNTIL_WELL: Duration = Duration::from_millis(250);
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
    ("udevd", Check::Settles),
];

/// Says whether anybody checks the service.
#[must_use]
pub(crate) fn is_checked(id: &str) -> bool {
    CHECKS.iter().any(|(known, _)| *known == id)
}

/// Checks services for ever.
pub(crate) async fn watch(node: Arc<Node>) {
    loop {
        let mut all_well = true;
        for (id, check) in CHECKS {
            let runs = node
                .state()
                .services
                .get(id)
                .is_some_and(|entry| entry.status.state == State::Running);
            if !runs {
                all_well = false;
                continue;
            }
            let result = run(&node, *check, id).await;
            all_well &= result.is_ok();
            let change = node.state().services.check(id, result, clock::now().wall);
            if let Some(change) = change {
                node.publish("", "ServiceStateEvent", &change.0);
                crate::news::init::mirror(&node);
            }
        }
        let pause = if all_well { PERIOD } else { PERIOD_UNTIL_WELL };
        tokio::time::sleep(pause).await;
    }
}

async fn run(node: &Node, check: Check, id: &str) -> Result<(), String> {
    let timeout = match check {
        Check::Tcp | Check::Greets => TIMEOUT,
        Check::Settles => SETTLE_TIMEOUT,
    };
    let outcome = match check {
        Check::Tcp => {
            let address = node.places.apid;
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
                Ok(udev::Reply::Welcome(_)) | Err(_) => return Err(Error::Unexpected),
            }
        }
        Ok(())
    };
    talk.await.map_err(|error| format!("{id}: {error}"))
}
