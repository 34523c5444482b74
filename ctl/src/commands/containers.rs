// SPDX-License-Identifier: MPL-2.0
//! `containers`, `stats` and `restart`.
//!
//! Owns: their tables.
//! Never: takes a container of Kubernetes for one of the node's own.

use api::machine::{ContainersRequest, RestartRequest, StatsRequest};

use crate::args_containers::{Containers, RestartContainer};
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;

const CONTAINERS: [&str; 6] = ["NODE", "NAMESPACE", "ID", "IMAGE", "PID", "STATUS"];
const STATS: [&str; 5] = ["NODE", "NAMESPACE", "ID", "MEMORY(MB)", "CPU"];

pub(crate) async fn list(
    session: &Session,
    asked: &Containers,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let (namespace, driver) = asked.whose();
    let request = session.request(ContainersRequest { namespace, driver })?;
    let reply = session.machine().containers(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&CONTAINERS);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        let mut containers = message.containers;
        containers.sort_by(|a, b| a.id.cmp(&b.id));
        for container in containers {
            table.row([
                node.clone(),
                container.namespace,
                inside(&container.pod_id, container.id),
                or_dash(container.image),
                container.pid.to_string(),
                container.status,
            ]);
        }
    }
    screen.table(&table);
    Ok(())
}

pub(crate) async fn stats(
    session: &Session,
    asked: &Containers,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let (namespace, driver) = asked.whose();
    let request = session.request(StatsRequest { namespace, driver })?;
    let reply = session.machine().stats(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&STATS);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        let mut stats = message.stats;
        stats.sort_by(|a, b| a.id.cmp(&b.id));
        for stat in stats {
            table.row([
                node.clone(),
                stat.namespace,
                inside(&stat.pod_id, stat.id),
                megabytes(stat.memory_usage),
                stat.cpu_usage.to_string(),
            ]);
        }
    }
    screen.table(&table);
    Ok(())
}

pub(crate) async fn restart(
    session: &Session,
    asked: &RestartContainer,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let (namespace, driver) = asked.whose.whose();
    let request = session.request(RestartRequest {
        namespace,
        id: asked.id.clone(),
        driver,
    })?;
    let reply = session.machine().restart(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            screen.warn(format_args!("{node}: restarted {}", asked.id));
        }
    }
    Ok(())
}

/// A container of a pod stands below it, as in the documents' tables.
fn inside(pod: &str, id: String) -> String {
    if pod.is_empty() || pod == id {
        id
    } else {
        format!("└─ {id}")
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// Writes a number of 10⁶ bytes with two decimals.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}
