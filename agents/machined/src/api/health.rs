// SPDX-License-Identifier: MPL-2.0
//! The health of the cluster, as far as this node can see it: its own.
//!
//! Checks come one after another, and each is waited for. Those of etcd and Kubernetes are named, and
//! said not to be built: a cluster whose health is not known is never called healthy.
//!
//! Owns: the list of checks, their words, and how the stream ends.
//! Never: skips a check silently.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::api::cluster::cluster_service_server::ClusterService;
use ::api::cluster::{ClusterInfo, HealthCheckProgress, HealthCheckRequest};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::{Api, Reply};
use crate::clock;
use crate::node::Node;
use crate::resources::{
    HostnameStatus, MachineStage, MachineStatus, NodeAddress, TrustdCertificate,
};
use crate::services::{self, Health};

/// How long is waited when the client does not say (cli.md, `--wait-timeout`).
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// The longest that a client may have it wait.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often is looked when nothing tells that something changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How many nodes a client may name: more than a cluster has that is checked like this.
const NODES_MAX: usize = 1024;
/// Messages between the check and the client.
const AHEAD: usize = 4;

#[tonic::async_trait]
impl ClusterService for Api {
    async fn health_check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Reply<BoxStream<HealthCheckProgress>> {
        let request = request.into_inner();
        let patience = patience(request.wait_timeout)?;
        let members = members(request.cluster_info.unwrap_or_default())?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let check = Check {
            node: Arc::clone(&self.node),
            members,
            until: later(patience),
            sender,
        };
        tokio::spawn(check.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// A moment so far from now; now when there is none, which a day is not.
fn later(by: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(by).unwrap_or(now)
}

fn patience(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(asked) = asked else {
        return Ok(PATIENCE);
    };
    clock::duration(asked)
        .filter(|patience| *patience <= PATIENCE_MAX)
        .ok_or_else(|| {
            Status::invalid_argument(format!(
                "wait_timeout: wants a time from 0 to {} s",
                PATIENCE_MAX.as_secs()
            ))
        })
}

/// The nodes that the client names.
fn members(info: ClusterInfo) -> Result<BTreeSet<String>, Status> {
    let named = [
        ("control_plane_nodes", info.control_plane_nodes),
        ("worker_nodes", info.worker_nodes),
    ];
    let mut members = BTreeSet::new();
    for (field, nodes) in named {
        if nodes.len() > NODES_MAX {
            return Err(Status::invalid_argument(format!(
                "cluster_info.{field}: more than {NODES_MAX}"
            )));
        }
        for (index, node) in nodes.into_iter().enumerate() {
            if pki::Names::parse([node.as_str()]).is_err() {
                return Err(Status::invalid_argument(format!(
                    "cluster_info.{field}[{index}]: is no address and no name"
                )));
            }
            members.insert(node);
        }
    }
    Ok(members)
}

/// What is checked, in this order, with why it is not so; nothing when it is.
type Row = (&'static str, fn(&Check) -> Option<String>);

const CHECKS: &[Row] = &[
    ("the machine to run", Check::is_running),
    ("the addresses of the node", Check::has_address),
    ("the node to be one of the cluster", Check::is_member),
    ("apid to be ready", Check::apid_is_ready),
    ("all services to be healthy", Check::services_are_healthy),
];

/// What the documents' system checks too.
const NOT_BUILT: &[&str] = &[
    "etcd to be healthy",
    "etcd members to be the control plane nodes",
    "kubelet to be healthy",
    "all nodes to report in Kubernetes",
    "control plane static pods to be running",
    "kube-proxy, coredns and all nodes to be ready",
];

/// A check that goes on.
struct Check {
    node: Arc<Node>,
    members: BTreeSet<String>,
    until: Instant,
    sender: mpsc::Sender<Result<HealthCheckProgress, Status>>,
}

impl Check {
    async fn run(self) {
        // Without a client there is nobody to tell.
        if let Err(ended) = self.all().await {
            let _gone = self.sender.send(Err(ended)).await;
        }
    }

    async fn all(&self) -> Result<(), Status> {
        if self.members.is_empty() {
            self.tell(
                "no nodes are named, and there is no discovery yet: only this node is checked",
            )
            .await?;
        }
        for (what, why_not) in CHECKS {
            self.wait_for(what, *why_not).await?;
        }
        for what in NOT_BUILT {
            self.tell(&format!("waiting for {what}: not checked: not built yet"))
                .await?;
        }
        Err(Status::unimplemented(
            "this node is healthy; etcd and Kubernetes are not checked, because they are not built yet",
        ))
    }

    async fn tell(&self, message: &str) -> Result<(), Status> {
        let progress = HealthCheckProgress {
            metadata: None,
            message: message.to_owned(),
        };
        let told = self.sender.send(Ok(progress)).await;
        told.map_err(|_| Status::cancelled("the client left"))
    }

    async fn wait_for(
        &self,
        what: &str,
        why_not: fn(&Self) -> Option<String>,
    ) -> Result<(), Status> {
        self.tell(&format!("waiting for {what}: ...")).await?;
        let mut said = String::new();
        loop {
            let changed = self.node.services_changed.notified();
            let Some(reason) = why_not(self) else {
                return self.tell(&format!("waiting for {what}: OK")).await;
            };
            if Instant::now() >= self.until {
                return Err(Status::deadline_exceeded(format!(
                    "waiting for {what}: {reason}"
                )));
            }
            if reason != said {
                self.tell(&format!("waiting for {what}: {reason}")).await?;
                said = reason;
            }
            let again = self.until.min(later(LOOK_AGAIN));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(again) => {}
                () = self.sender.closed() => return Err(Status::cancelled("the client left")),
            }
        }
    }

    fn is_running(&self) -> Option<String> {
        let state = self.node.state();
        let status = state.store.get::<MachineStatus>(MachineStatus::ID);
        let stage = match status?.stage {
            MachineStage::Running => return None,
            MachineStage::Booting => "it boots",
            MachineStage::Maintenance => "it has no configuration",
            MachineStage::Rebooting => "it reboots",
            MachineStage::ShuttingDown => "it shuts down",
        };
        Some(stage.to_owned())
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let state = self.node.state();
        let found = state.store.get::<NodeAddress>("current");
        let prefixes = found.iter().flat_map(|found| &found.0);
        prefixes.map(|prefix| prefix.address).collect()
    }

    fn has_address(&self) -> Option<String> {
        let none = self.addresses().is_empty();
        none.then(|| "it has none that others can reach".to_owned())
    }

    fn is_member(&self) -> Option<String> {
        if self.members.is_empty() {
            return None;
        }
        let addresses = self.addresses();
        let names = {
            let state = self.node.state();
            let found = state.store.get::<HostnameStatus>(HostnameStatus::ID);
            found.map(|found| [found.hostname.clone(), found.full()])
        };
        let is_ours = |member: &String| match member.parse::<IpAddr>() {
            Ok(address) => addresses.contains(&address),
            Err(_name) => names.iter().flatten().any(|name| name == member),
        };
        let is_member = self.members.iter().any(is_ours);
        (!is_member).then(|| "none of the named nodes is this one".to_owned())
    }

    fn apid_is_ready(&self) -> Option<String> {
        let state = self.node.state();
        let Some(apid) = state.services.get("apid") else {
            return Some("it is not known".to_owned());
        };
        match &apid.health {
            Health::Good { .. } => None,
            Health::Unknown => Some("it was not checked yet".to_owned()),
            Health::Bad { message, .. } => Some(message.clone()),
        }
    }

    fn services_are_healthy(&self) -> Option<String> {
        let state = self.node.state();
        let required = services::required(state.store.get(TrustdCertificate::ID));
        services::troubles(state.services.standings(), &required)
    }
}
