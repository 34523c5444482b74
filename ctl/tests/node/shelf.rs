// SPDX-License-Identifier: MPL-2.0
//! The resources of the double: a few types, and a configuration for each node.
//!
//! Owns: what is read, and what becomes of a configuration that is written.
//! Never: merges or checks a configuration: `hostname: wrong` is what it refuses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use api::cosi::resource as r;
use api::cosi::resource::meta::ResourceDefinitionSpec;
use api::cosi::resource::meta::resource_definition_spec::PrintColumn;
use api::cosi::resource::state_server::State;
use api::machine::ApplyConfigurationRequest;
use prost::Message as _;
use tokio::sync::watch;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::lives::Life;

pub(crate) const MACHINE_CONFIG: &str = "MachineConfigs.config.talos.dev";
const DEFINITIONS: &str = "ResourceDefinitions.meta.cosi.dev";
const SERVICES: &str = "Services.v1alpha1.talos.dev";
const MACHINE_STATUS: &str = "MachineStatuses.runtime.talos.dev";

/// What a double knows and was told.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) is_configured: bool,
    /// The configuration of each node, with how often it was written.
    pub(crate) configurations: BTreeMap<String, (String, u64)>,
    /// What was asked for, in order: node, mode, whether it was a dry run.
    pub(crate) applied: Vec<(String, i32, bool)>,
    /// Which nodes were told that what is on trial is good.
    pub(crate) confirmed: Vec<String>,
    /// Every question how busy the node is fails, as if it were away.
    pub(crate) is_away: bool,
    /// What becomes of nodes after an order.
    pub(crate) lives: BTreeMap<String, Life>,
    /// There was an order, so lives go on.
    pub(crate) is_ordered: bool,
    /// Every order is refused.
    pub(crate) refuses: bool,
    /// Lists of images are longer than any that is meant.
    pub(crate) floods: bool,
    /// A snapshot is begun and never ends.
    pub(crate) snapshot_hangs: bool,
    /// Whether the node has power.
    pub(crate) power: Option<watch::Sender<bool>>,
    /// Every order that changes what is installed, as it came.
    pub(crate) orders: Vec<String>,
    /// How often that was asked.
    pub(crate) beats: u32,
    /// At this reading from now somebody else has changed the configuration.
    pub(crate) changes_in: Option<usize>,
}

impl Held {
    pub(crate) fn give(&mut self, node: &str, text: &str) {
        self.configurations
            .insert(node.to_owned(), (text.to_owned(), 1));
    }

    pub(crate) fn text(&self, node: &str) -> String {
        self.configurations.get(node).unwrap().0.clone()
    }

    /// Takes a configuration for a node that has one.
    pub(crate) fn take(
        &mut self,
        node: &str,
        request: &ApplyConfigurationRequest,
    ) -> Result<(), Status> {
        let Some((held, version)) = self.configurations.get_mut(node) else {
            return Ok(());
        };
        let text = String::from_utf8(request.data.clone()).unwrap();
        if text.contains("hostname: wrong") {
            return Err(Status::invalid_argument(
                "machine.network.hostname: no host name, line 3 column 5\nand more",
            ));
        }
        if text.contains("hostname: worker") {
            return Err(Status::unimplemented("not supported yet"));
        }
        self.applied
            .push((node.to_owned(), request.mode, request.dry_run));
        if !request.dry_run {
            (*held, *version) = (text, version.saturating_add(1));
        }
        Ok(())
    }

    fn configuration(&mut self, node: &str) -> Option<r::Resource> {
        let left = self.changes_in.map(|left| left.saturating_sub(1));
        self.changes_in = left;
        let (text, version) = self.configurations.get_mut(node)?;
        if left == Some(0) {
            self.changes_in = None;
            text.push_str("# somebody was here\n");
            *version = version.saturating_add(1);
        }
        let (text, version) = (text.clone(), *version);
        Some(resource(
            "config",
            MACHINE_CONFIG,
            "v1alpha1",
            version,
            &text,
            Vec::new(),
        ))
    }
}

/// The one node that a call is for.
pub(crate) fn named<T>(request: &Request<T>) -> String {
    let named = request.metadata().get("node");
    named.map_or("", |node| node.to_str().unwrap()).to_owned()
}

fn resource(
    namespace: &str,
    kind: &str,
    id: &str,
    version: u64,
    yaml: &str,
    proto: Vec<u8>,
) -> r::Resource {
    r::Resource {
        metadata: Some(r::Metadata {
            namespace: namespace.to_owned(),
            r#type: kind.to_owned(),
            id: id.to_owned(),
            version: version.to_string(),
            owner: "double".to_owned(),
            phase: "running".to_owned(),
            created: Some(prost_types::Timestamp {
                seconds: 1_700_000_000,
                nanos: 7,
            }),
            ..r::Metadata::default()
        }),
        spec: Some(r::Spec {
            proto_spec: proto,
            yaml_spec: yaml.to_owned(),
        }),
    }
}

struct Row {
    kind: &'static str,
    display: &'static str,
    namespace: &'static str,
    aliases: &'static [&'static str],
    columns: &'static [(&'static str, &'static str)],
}

const ROWS: &[Row] = &[
    Row {
        kind: MACHINE_CONFIG,
        display: "MachineConfig",
        namespace: "config",
        aliases: &["machineconfig", "mc"],
        columns: &[],
    },
    Row {
        kind: "ResolverStatuses.net.talos.dev",
        display: "ResolverStatus",
        namespace: "network",
        aliases: &["resolvers", "rs"],
        columns: &[],
    },
    Row {
        kind: DEFINITIONS,
        display: "ResourceDefinition",
        namespace: "meta",
        aliases: &["rd", "rds"],
        columns: &[("Aliases", "{.aliases[:]}")],
    },
    Row {
        kind: "RouteStatuses.net.talos.dev",
        display: "RouteStatus",
        namespace: "network",
        aliases: &["route", "rs"],
        columns: &[],
    },
    Row {
        kind: SERVICES,
        display: "Service",
        namespace: "runtime",
        aliases: &["services", "svc"],
        columns: &[("Running", "{.running}"), ("Strange", "{.x[?(@.y=~1)]}")],
    },
];

fn definition(row: &Row) -> r::Resource {
    let columns = row.columns.iter();
    let spec = ResourceDefinitionSpec {
        resource_type: row.kind.to_owned(),
        display_type: row.display.to_owned(),
        default_namespace: row.namespace.to_owned(),
        all_aliases: row.aliases.iter().map(|a| (*a).to_owned()).collect(),
        print_columns: columns
            .map(|(name, path)| PrintColumn {
                name: (*name).to_owned(),
                json_path: (*path).to_owned(),
            })
            .collect(),
        sensitivity: i32::from(row.kind == MACHINE_CONFIG),
        ..ResourceDefinitionSpec::default()
    };
    let yaml = format!("aliases: [{}]\n", row.aliases.join(", "));
    let id = row.kind.to_ascii_lowercase();
    resource("meta", DEFINITIONS, &id, 1, &yaml, spec.encode_to_vec())
}

fn service(id: &str, version: u64, running: bool) -> r::Resource {
    let yaml = format!("running: {running}\n");
    resource("runtime", SERVICES, id, version, &yaml, Vec::new())
}

/// A node's judgement of itself: only 10.0.0.3 lacks nothing.
fn machine_status(node: &str) -> r::Resource {
    let status = if node == "10.0.0.3" {
        "{ready: true, unmetConditions: []}"
    } else {
        "{ready: false, unmetConditions: [{name: services, reason: broken is not running}]}"
    };
    let yaml = format!("stage: running\nstatus: {status}\n");
    resource("runtime", MACHINE_STATUS, "machine", 1, &yaml, Vec::new())
}

/// The service.
pub(crate) struct Shelf(pub(crate) Arc<Mutex<Held>>);

impl Shelf {
    fn check<T>(&self, request: &Request<T>, kind: &str) -> Result<String, Status> {
        let node = named(request);
        if node == "10.0.0.9" {
            return Err(Status::unavailable("no route to it"));
        }
        let sensitive = kind == MACHINE_CONFIG;
        if sensitive && !self.0.lock().unwrap().is_configured {
            return Err(Status::permission_denied("not authorized"));
        }
        Ok(node)
    }
}

#[tonic::async_trait]
impl State for Shelf {
    async fn get(
        &self,
        request: Request<r::GetRequest>,
    ) -> Result<Response<r::GetResponse>, Status> {
        let node = self.check(&request, &request.get_ref().r#type)?;
        let asked = request.into_inner();
        let found = match asked.r#type.as_str() {
            MACHINE_CONFIG if asked.namespace == "config" && asked.id == "v1alpha1" => {
                self.0.lock().unwrap().configuration(&node)
            }
            SERVICES if asked.id == "apid" => Some(service("apid", 2, true)),
            MACHINE_STATUS if asked.id == "machine" => Some(machine_status(&node)),
            _ => None,
        };
        let found = found.ok_or_else(|| Status::not_found("the resource does not exist"))?;
        Ok(Response::new(r::GetResponse {
            resource: Some(found),
        }))
    }

    async fn list(
        &self,
        request: Request<r::ListRequest>,
    ) -> Result<Response<BoxStream<r::ListResponse>>, Status> {
        let node = self.check(&request, &request.get_ref().r#type)?;
        let found = match request.get_ref().r#type.as_str() {
            MACHINE_CONFIG => self
                .0
                .lock()
                .unwrap()
                .configuration(&node)
                .into_iter()
                .collect(),
            SERVICES => vec![service("apid", 2, true), service("udevd", 13, false)],
            DEFINITIONS => ROWS.iter().map(definition).collect(),
            _ => Vec::new(),
        };
        let messages = found.into_iter().map(|found| {
            Ok(r::ListResponse {
                resource: Some(found),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(
            messages.collect::<Vec<_>>(),
        ))))
    }

    /// Says a few things and then that it cannot go on.
    async fn watch(
        &self,
        request: Request<r::WatchRequest>,
    ) -> Result<Response<BoxStream<r::WatchResponse>>, Status> {
        use r::EventType::{Bootstrapped, Created, Destroyed, Errored, Updated};
        self.check(&request, &request.get_ref().r#type)?;
        let event = |kind: r::EventType, resource| r::Event {
            resource,
            event_type: kind.into(),
            ..r::Event::default()
        };
        let said = [
            vec![],
            vec![event(Created, Some(service("apid", 1, true)))],
            vec![
                event(Created, Some(service("a-long-name", 1, true))),
                event(Bootstrapped, None),
            ],
            vec![event(Updated, Some(service("apid", 2, false)))],
            vec![event(Destroyed, Some(service("apid", 2, false)))],
            vec![r::Event {
                error: Some("the watcher was too slow".to_owned()),
                event_type: Errored.into(),
                ..r::Event::default()
            }],
        ];
        let said: Vec<_> = said
            .into_iter()
            .map(|event| {
                Ok(r::WatchResponse {
                    event,
                    ..Default::default()
                })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(said))))
    }
}
