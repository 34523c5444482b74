// SPDX-License-Identifier: MPL-2.0
//! `health`.
//!
//! Owns: what is checked from here, and showing what a node checks.
//! Never: judges a node by rules of its own: each says itself what it lacks. Never calls a cluster healthy of
//! which only a part was looked at.

use std::time::Duration;

use api::cluster::{ClusterInfo, HealthCheckRequest};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args_cluster::Health;
use crate::harmless;
use crate::resources::Reader;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// How often nodes are asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long one question may take, however little time there is.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// What a node says of itself as a whole.
const MACHINE_STATUS: &str = "MachineStatuses.runtime.talos.dev";
/// The stage of a node that does what it is for.
const RUNNING: &str = "running";
/// How much a node may say against itself: troubles, and letters of each.
const TROUBLES_MAX: usize = 16;
const TROUBLE_LEN: usize = 300;
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
    const WHAT: &str = "waiting for all nodes to be ready";
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
        let found = troubles(&session).await;
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
        "all nodes are ready; {} are not checked, because that is not built yet",
        NOT_BUILT.join(" and ")
    )))
}

/// What is wrong with each node, by its own judgement; all are asked at the same time.
async fn troubles(session: &Session) -> Vec<String> {
    let mut asked = JoinSet::new();
    let nodes = session.target.nodes.iter().cloned().map(Some);
    let nodes: Vec<Option<String>> = nodes.collect();
    let nodes = if nodes.is_empty() { vec![None] } else { nodes };
    for (place, node) in nodes.into_iter().enumerate() {
        let session = session.clone();
        asked.spawn(async move {
            let reader = Reader::of(&session, node.as_deref());
            let asked = tokio::time::timeout(ANSWER_MAX, status(reader)).await;
            let name = reader.name();
            let troubles = match asked {
                Ok(Ok(status)) => status.troubles(),
                // It says which node it is of.
                Ok(Err(trouble)) => return (place, vec![bounded(&trouble.to_string())]),
                Err(_) => vec![format!("no answer within {} s", ANSWER_MAX.as_secs())],
            };
            let troubles = troubles.iter().take(TROUBLES_MAX);
            let troubles = troubles.map(|trouble| format!("{name}: {}", bounded(trouble)));
            (place, troubles.collect())
        });
    }
    let mut found = asked.join_all().await;
    found.sort_unstable();
    found
        .into_iter()
        .flat_map(|(_, troubles)| troubles)
        .collect()
}

/// A trouble as far as it is told, on one line.
fn bounded(trouble: &str) -> String {
    harmless::line(trouble).chars().take(TROUBLE_LEN).collect()
}

async fn status(reader: Reader<'_>) -> Result<MachineStatus, Trouble> {
    let found = reader
        .get_by_name("runtime", MACHINE_STATUS, "machine")
        .await?;
    let text = found.spec.unwrap_or_default().yaml_spec;
    serde_yaml_ng::from_str(&text).map_err(|error| {
        let name = reader.name();
        Trouble::new(format!("{name}: cannot read its {MACHINE_STATUS}: {error}"))
    })
}

/// How a node judges itself (inventory: k8s-reference RSRC-117).
#[derive(Debug, Deserialize)]
struct MachineStatus {
    stage: String,
    #[serde(default)]
    status: Readiness,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Readiness {
    ready: bool,
    unmet_conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    name: String,
    #[serde(default)]
    reason: String,
}

impl MachineStatus {
    /// Why the node is not healthy; nothing when it is.
    fn troubles(&self) -> Vec<String> {
        let unmet = self.status.unmet_conditions.iter();
        let mut troubles: Vec<String> = unmet
            .map(|Condition { name, reason }| match reason.as_str() {
                "" => format!("{name} is not ready"),
                reason => format!("{name}: {reason}"),
            })
            .collect();
        if self.stage != RUNNING {
            troubles.insert(0, format!("its stage is {}", self.stage));
        } else if !self.status.ready && troubles.is_empty() {
            troubles.push("it is not ready, and does not say why".to_owned());
        }
        troubles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diag_03_a_node_is_healthy_when_it_runs_and_lacks_nothing_by_its_own_judgement() {
        for (yaml, expected) in [
            (
                "stage: running\nstatus:\n    ready: true\n    unmetConditions: []\n",
                &[][..],
            ),
            (
                "stage: running\nstatus:\n    ready: false\n    unmetConditions:\n\
                 \x20       - name: services\n          reason: netd is not running\n\
                 \x20       - name: time\n          reason: \"\"\n",
                &["services: netd is not running", "time is not ready"],
            ),
            // Nothing is asked of a machine that waits for its configuration: it says that it is ready for that.
            (
                "stage: maintenance\nstatus:\n    ready: true\n",
                &["its stage is maintenance"],
            ),
            (
                "stage: running\n",
                &["it is not ready, and does not say why"],
            ),
        ] {
            let status: MachineStatus = serde_yaml_ng::from_str(yaml).unwrap();
            assert_eq!(status.troubles(), expected, "{yaml}");
        }
    }
}
