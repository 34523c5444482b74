// SPDX-License-Identifier: MPL-2.0
//! `health`.
//!
//! Owns: what is checked from here, and showing what a node checks.
//! Never: calls a cluster healthy of which only a part was looked at.

use std::time::Duration;

use api::cluster::{ClusterInfo, HealthCheckRequest};
use api::common::Metadata;
use api::machine::ServiceInfo;
use tokio::time::Instant;

use crate::args_cluster::Health;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// How often nodes are asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long one question may take, however little time there is.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// What of a cluster is not looked at.
const NOT_BUILT: &[&str] = &["etcd", "Kubernetes"];

pub(crate) async fn run(
    session: Session,
    asked: &Health,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.run_e2e {
        return Err(Trouble::new("--run-e2e: not built yet").hint("leave it out"));
    }
    if asked.server {
        on_node(&session, asked, screen).await
    } else {
        from_here(session, asked, screen).await
    }
}

fn control_plane(asked: &Health) -> Vec<String> {
    let nodes = asked.control_plane_nodes.iter().chain(&asked.init_node);
    nodes.cloned().collect()
}

async fn on_node(
    session: &Session,
    asked: &Health,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("health")?;
    let wait_timeout = prost_types::Duration::try_from(asked.wait_timeout)
        .map_err(|_| Trouble::new("--wait-timeout is too long"))?;
    let request = HealthCheckRequest {
        wait_timeout: Some(wait_timeout),
        cluster_info: Some(ClusterInfo {
            control_plane_nodes: control_plane(asked),
            worker_nodes: asked.worker_nodes.clone(),
            force_endpoint: asked.k8s_endpoint.clone().unwrap_or_default(),
        }),
    };
    let reply = session
        .cluster()
        .health_check(session.request_to(node, request)?)
        .await;
    let failed = |status| session.failed_at(node, &status);
    let mut stream = reply.map_err(failed)?.into_inner();
    while let Some(progress) = stream.message().await.map_err(failed)? {
        if session.node(progress.metadata.as_ref(), screen).is_some() {
            say(&progress.message, screen);
        }
        if screen.is_closed() {
            break;
        }
    }
    Ok(())
}

/// What a node says must not be able to draw on the operator's terminal.
fn say(text: &str, screen: &mut Screen<'_>) {
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    screen.print(format_args!("{shown}\n"));
}

async fn from_here(
    mut session: Session,
    asked: &Health,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    const WHAT: &str = "waiting for all services to be healthy";
    let mut nodes = control_plane(asked);
    nodes.extend(asked.worker_nodes.iter().cloned());
    if !nodes.is_empty() {
        session.target.nodes = nodes;
    }
    let until = Instant::now().checked_add(asked.wait_timeout);
    let until = until.ok_or_else(|| Trouble::new("--wait-timeout is too long"))?;
    let mut said = Vec::new();
    say(&format!("{WHAT}: ..."), screen);
    loop {
        let asked = tokio::time::timeout(ANSWER_MAX, troubles(&session)).await;
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(trouble)) => vec![trouble.to_string()],
            Err(_) => vec![format!("no answer within {} s", ANSWER_MAX.as_secs())],
        };
        if found.is_empty() {
            break;
        }
        if found != said {
            for reason in &found {
                say(&format!("{WHAT}: {reason}"), screen);
            }
            said = found;
        }
        if Instant::now() >= until {
            return Err(Trouble::new(format!("{WHAT}: {}", said.join("; "))));
        }
        if screen.is_closed() {
            return Ok(());
        }
        tokio::time::sleep_until(until.min(Instant::now().checked_add(AGAIN).unwrap_or(until)))
            .await;
    }
    say(&format!("{WHAT}: OK"), screen);
    for what in NOT_BUILT {
        say(
            &format!("waiting for {what}: not checked: not built yet"),
            screen,
        );
    }
    Err(Trouble::new(format!(
        "the services of all nodes are healthy; {} are not checked, because that is not built yet",
        NOT_BUILT.join(" and ")
    )))
}

/// What is wrong with each node.
async fn troubles(session: &Session) -> Result<Vec<String>, Trouble> {
    let reply = session.machine().service_list(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut troubles = Vec::new();
    for message in reply.messages {
        let metadata = message.metadata.unwrap_or_default();
        let Metadata {
            hostname, error, ..
        } = metadata;
        let node = if hostname.is_empty() {
            session.name_of(None)
        } else {
            hostname
        };
        if !error.is_empty() {
            troubles.push(format!("{node}: {error}"));
            continue;
        }
        let services = message.services.iter().filter_map(trouble);
        troubles.extend(services.map(|trouble| format!("{node}: {trouble}")));
    }
    Ok(troubles)
}

fn trouble(service: &ServiceInfo) -> Option<String> {
    let id = &service.id;
    match service.state.as_str() {
        "Running" => {}
        // It did what it is for.
        "Finished" => return None,
        state => return Some(format!("{id} is {}", state.to_lowercase())),
    }
    let health = service.health.as_ref()?;
    (!health.unknown && !health.healthy).then(|| format!("{id} is not healthy"))
}
