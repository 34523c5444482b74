// SPDX-License-Identifier: MPL-2.0
//! A connection to the API and the nodes it is used for.
//!
//! Owns: the metadata of every call, and how answers are matched to nodes.
//! Never: lets the failure of one node hide the answers of the others.

use std::sync::Arc;

use api::cluster::cluster_service_client::ClusterServiceClient;
use api::common::Metadata;
use api::cosi::resource::state_client::StateClient;
use api::inspect::inspect_service_client::InspectServiceClient;
use api::machine::machine_service_client::MachineServiceClient;
use api::storage::storage_service_client::StorageServiceClient;
use api::time::time_service_client::TimeServiceClient;
use api::wire::{MAX_MESSAGE, NODE, NODES};
use pki::Certificate;
use rustls::ClientConfig;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::args::Globals;
use crate::dial::{self, Address, Line};
use crate::places::{Environment, Kept};
use crate::screen::Screen;
use crate::trouble::Trouble;
use crate::trust;
use crate::units;

/// Whom to call, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where to connect. Without nodes this is the node that is meant, and it is one.
    pub(crate) addresses: Vec<Address>,
    pub(crate) nodes: Vec<String>,
    /// The endpoints of the flags or the context, as they are written there.
    pub(crate) endpoints: Vec<String>,
    tls: Arc<ClientConfig>,
    cluster: Option<String>,
    /// The roles of the client's certificate, for the words of a refusal.
    roles: Vec<String>,
}

impl Target {
    /// The nodes of the context and the flags, with the context's certificate.
    pub(crate) fn configured(
        globals: &Globals,
        environment: &Environment,
    ) -> Result<Self, Trouble> {
        let kept = Kept::open(globals, environment)?;
        let context = kept.context(globals)?;
        let name = kept.context_name(globals)?;
        let endpoints = chosen(&globals.endpoints, &context.endpoints);
        let nodes = chosen(&globals.nodes, &context.nodes).to_vec();
        // Without endpoints the nodes are dialled (docs: cli.md, `--endpoints`).
        let dialled = if endpoints.is_empty() {
            &nodes[..]
        } else {
            endpoints
        };
        if dialled.is_empty() {
            return Err(Trouble::new(format!("context {name:?} has no endpoints"))
                .hint("name one with -e, or store it with `ichorctl config endpoint <address>`"));
        }
        // Without nodes the first endpoint is the node that is meant (docs: components.md): an order
        // must not go to another one because the first is away.
        let dialled = if nodes.is_empty() {
            dialled.get(..1).unwrap_or_default()
        } else {
            dialled
        };
        let cluster = globals
            .cluster
            .clone()
            .or_else(|| Some(context.cluster.clone()));
        Ok(Self {
            addresses: addresses(dialled)?,
            endpoints: endpoints.to_vec(),
            nodes,
            tls: trust::mutual(name, context)?,
            cluster: cluster.filter(|cluster| !cluster.is_empty()),
            roles: Certificate::from_pem(&context.crt.0)
                .map(|certificate| certificate.organizations().to_vec())
                .unwrap_or_default(),
        })
    }

    /// Nodes in maintenance mode, one target each: they cannot pass a call on.
    pub(crate) fn insecure(
        globals: &Globals,
        fingerprints: &[String],
    ) -> Result<Vec<Self>, Trouble> {
        let dialled = chosen(&globals.nodes, &globals.endpoints);
        if dialled.is_empty() {
            return Err(Trouble::new("no node is named").hint("name one with -n <address>"));
        }
        let tls = trust::insecure(fingerprints)?;
        let target = |address| Self {
            addresses: vec![address],
            nodes: Vec::new(),
            endpoints: Vec::new(),
            tls: Arc::clone(&tls),
            cluster: None,
            roles: Vec::new(),
        };
        Ok(addresses(dialled)?.into_iter().map(target).collect())
    }

    /// The same for each endpoint on its own.
    pub(crate) fn ways(&self) -> Vec<Self> {
        let way = |address: &Address| Self {
            addresses: vec![address.clone()],
            ..self.clone()
        };
        self.addresses.iter().map(way).collect()
    }

    /// Connects.
    pub(crate) async fn open(&self) -> Result<Session, Trouble> {
        let line = dial::any(&self.addresses, &self.tls).await?;
        Ok(Session {
            target: self.clone(),
            line,
        })
    }
}

/// The first that names somebody.
fn chosen<'a>(first: &'a [String], second: &'a [String]) -> &'a [String] {
    if first.is_empty() { second } else { first }
}

fn addresses(texts: &[String]) -> Result<Vec<Address>, Trouble> {
    texts.iter().map(|text| Address::parse(text)).collect()
}

/// A connection in use. A copy of it is the same connection.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) target: Target,
    line: Line,
}

impl Session {
    /// Connects to the configured nodes.
    pub(crate) async fn open(
        globals: &Globals,
        environment: &Environment,
    ) -> Result<Self, Trouble> {
        Target::configured(globals, environment)?.open().await
    }

    /// The machine API.
    pub(crate) fn machine(&self) -> MachineServiceClient<Channel> {
        MachineServiceClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// The health of the cluster.
    pub(crate) fn cluster(&self) -> ClusterServiceClient<Channel> {
        ClusterServiceClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// The disks.
    pub(crate) fn storage(&self) -> StorageServiceClient<Channel> {
        StorageServiceClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// The clock.
    pub(crate) fn time(&self) -> TimeServiceClient<Channel> {
        TimeServiceClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// The resources.
    pub(crate) fn state(&self) -> StateClient<Channel> {
        StateClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// The connection and what every call for one node carries, for those who make calls by themselves.
    pub(crate) fn source(&self, node: Option<&str>) -> Result<dashboard::Source, Trouble> {
        Ok(dashboard::Source {
            channel: self.line.channel.clone(),
            metadata: self.request_to(node, ())?.metadata().clone(),
        })
    }

    /// What there is to see inside of a node.
    pub(crate) fn inspect(&self) -> InspectServiceClient<Channel> {
        InspectServiceClient::new(self.line.channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// A call for one node, passed on one to one; without a name for the endpoint itself.
    pub(crate) fn request_to<T>(
        &self,
        node: Option<&str>,
        message: T,
    ) -> Result<Request<T>, Trouble> {
        let mut request = Request::new(message);
        if let Some(node) = node {
            let value = MetadataValue::try_from(node)
                .map_err(|_| Trouble::new(format!("{node:?} is not the name of a node")))?;
            request.metadata_mut().insert(NODE, value);
        }
        self.name_cluster(&mut request)?;
        Ok(request)
    }

    /// The node of a command that takes one; without a name the endpoint itself.
    pub(crate) fn only_node(&self, command: &str) -> Result<Option<&str>, Trouble> {
        match &self.target.nodes[..] {
            [] => Ok(None),
            [node] => Ok(Some(node)),
            several => Err(Trouble::new(format!(
                "`{command}` is for one node at a time, and these are {}: {}",
                several.len(),
                several.join(", ")
            ))
            .hint("name one with -n <address>")),
        }
    }

    /// The way to a node's own door, if that is among the endpoints; without a name it is the one
    /// that was dialled.
    pub(crate) fn door_of(&self, node: Option<&str>) -> Option<Target> {
        let address = match node {
            None => &self.line.address,
            Some(node) => self.target.addresses.iter().find(|it| it.host == node)?,
        };
        Some(Target {
            addresses: vec![address.clone()],
            ..self.target.clone()
        })
    }

    /// What a node that is asked by itself is called.
    pub(crate) fn name_of(&self, node: Option<&str>) -> String {
        node.unwrap_or(&self.line.address.host).to_owned()
    }

    /// The error for a call to one node.
    pub(crate) fn failed_at(&self, node: Option<&str>, status: &Status) -> Trouble {
        match node {
            Some(node) if self.line.cause.get().is_none() && !self.is_silent() => {
                self.refusal(node, status.code(), status.message())
            }
            Some(_) | None => self.failed(status),
        }
    }

    /// A call for the nodes that were asked for.
    pub(crate) fn request<T>(&self, message: T) -> Result<Request<T>, Trouble> {
        let mut request = Request::new(message);
        for node in &self.target.nodes {
            let value = MetadataValue::try_from(node)
                .map_err(|_| Trouble::new(format!("{node:?} is not the name of a node")))?;
            request.metadata_mut().append(NODES, value);
        }
        self.name_cluster(&mut request)?;
        Ok(request)
    }

    fn name_cluster<T>(&self, request: &mut Request<T>) -> Result<(), Trouble> {
        if let Some(cluster) = &self.target.cluster {
            let value = MetadataValue::try_from(cluster)
                .map_err(|_| Trouble::new(format!("{cluster:?} is not the name of a cluster")))?;
            request.metadata_mut().insert("cluster", value);
        }
        Ok(())
    }

    /// Says which node answered; when it answered with an error, reports that and says `None`.
    pub(crate) fn node(
        &self,
        metadata: Option<&Metadata>,
        screen: &mut Screen<'_>,
    ) -> Option<String> {
        match self.answered(metadata) {
            Ok(name) => Some(name),
            Err(trouble) => {
                screen.complain(&trouble);
                None
            }
        }
    }

    /// Says which node answered, or with which error.
    pub(crate) fn answered(&self, metadata: Option<&Metadata>) -> Result<String, Trouble> {
        let Some(metadata) = metadata else {
            return Ok(self.line.address.host.clone());
        };
        let name = match metadata.hostname.as_str() {
            "" => self.line.address.host.clone(),
            hostname => hostname.to_owned(),
        };
        if metadata.error.is_empty() && metadata.status.as_ref().is_none_or(|s| s.code == 0) {
            return Ok(name);
        }
        let (code, text) = match &metadata.status {
            Some(status) if !status.message.is_empty() => {
                (Code::from_i32(status.code), status.message.as_str())
            }
            Some(status) => (Code::from_i32(status.code), metadata.error.as_str()),
            None => (Code::Unknown, metadata.error.as_str()),
        };
        Err(self.refusal(&name, code, text))
    }

    /// The error for a call that failed as a whole.
    pub(crate) fn failed(&self, status: &Status) -> Trouble {
        if let Some(tls) = self.line.cause.get() {
            let trouble = Trouble::new(format!("{}: {}", self.line.address, dial::tls_story(&tls)));
            return match dial::tls_hint(&tls) {
                Some(hint) => trouble.hint(hint),
                None => trouble,
            };
        }
        if self.is_silent() {
            return Trouble::new(format!(
                "{}: the connection went silent: no answer within {} to whether it is there",
                self.line.address,
                units::span(dial::PING.patience)
            ))
            .hint(
                "it or the way to it lost power or network; what was asked for may or may not have \
                 been carried out",
            );
        }
        self.refusal(
            &self.line.address.to_string(),
            status.code(),
            status.message(),
        )
    }

    /// Whether a call failed because nothing came any more: what a node says itself was just heard.
    fn is_silent(&self) -> bool {
        self.line.cause.is_silent_for(dial::PING.patience)
    }

    fn refusal(&self, place: &str, code: Code, text: &str) -> Trouble {
        let trouble = Trouble::new(format!("{place}: {text} ({code:?})"));
        if code == Code::PermissionDenied {
            let roles = self.target.roles.join(", ");
            let roles = if roles.is_empty() {
                "no role".to_owned()
            } else {
                roles
            };
            trouble.hint(format!(
                "your certificate has {roles}; this call needs another role"
            ))
        } else if text.contains("transport") {
            trouble.hint("the connection broke; the call may or may not have been carried out")
        } else if code == Code::Unavailable {
            trouble.hint("try again; the node may be restarting")
        } else {
            trouble
        }
    }
}
