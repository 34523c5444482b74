// SPDX-License-Identifier: MPL-2.0
//! One node and what is asked of it.
//!
//! Owns: the list of what is asked, the bounds of an answer, and what an error means.
//! Never: changes the node, or keeps an answer in memory that may be large.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::common::{ContainerDriver, Data};
use api::inspect::inspect_service_client::InspectServiceClient;
use api::machine::{DmesgRequest, LogsRequest, ReadRequest};
use api::storage::storage_service_client::StorageServiceClient;
use api::wire::MAX_MESSAGE;
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::commands::support::texts;
use crate::graph::{self, Present};
use crate::resources::Reader;
use crate::resources::form::Shown;
use crate::resources::kinds::Kind;
use crate::session::Session;
use crate::zip::{Packed, Packing};

/// A log that is longer is cut: its beginning is kept, and what is missing is said.
const LEN_MAX: u64 = 256 * 1024 * 1024;
/// An answer that does not go on for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that is asked of a node, which becomes one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Version,
    Dmesg,
    Log(String),
    Resources(Box<Kind>),
    Dependencies,
    Processes,
    Mounts,
    Memory,
    Load,
    Services,
    Disks,
    /// How busy the disks are.
    Io,
    Network,
    /// A file of the node, by its path.
    File(&'static str),
}

/// The log of what the node's controllers do, which is no service's.
const CONTROLLERS: &str = "controller-runtime";

/// What the kernel tells in files. Those that a kernel does not have are absent.
const FILES: [&str; 4] = [
    "/proc/pressure/cpu",
    "/proc/pressure/io",
    "/proc/pressure/memory",
    "/proc/bus/pci/devices",
];

impl Piece {
    /// Its file in the archive.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Version => "version.txt".to_owned(),
            Self::Dmesg => "dmesg.log".to_owned(),
            // Beside the kernel's: it is the node's, too.
            Self::Log(name) if name == CONTROLLERS => format!("{CONTROLLERS}.log"),
            Self::Log(service) => format!("service-logs/{}.log", crate::zip::harmless(service)),
            Self::Resources(kind) => format!("resources/{}.yaml", crate::zip::harmless(&kind.name)),
            Self::Dependencies => "dependencies.dot".to_owned(),
            Self::Processes => "processes.txt".to_owned(),
            Self::Mounts => "mounts.txt".to_owned(),
            Self::Memory => "memory.txt".to_owned(),
            Self::Load => "load.txt".to_owned(),
            Self::Services => "services.txt".to_owned(),
            Self::Disks => "disks.txt".to_owned(),
            Self::Io => "io.txt".to_owned(),
            Self::Network => "network.txt".to_owned(),
            Self::File(path) => path.trim_start_matches('/').to_owned(),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// This node does not have it.
    Absent(String),
    /// The node is not reached, so that there is no use in asking on.
    Away(String),
    /// Anything else.
    Wrong(String),
}

impl From<Status> for Failure {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "gRPC has many codes, and those are all"
    )]
    fn from(status: Status) -> Self {
        let why = format!("{} ({:?})", status.message(), status.code());
        match status.code() {
            Code::Unimplemented | Code::NotFound => Self::Absent(why),
            Code::Unavailable | Code::Unknown | Code::Cancelled => Self::Away(why),
            _ => Self::Wrong(why),
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    Failure::Wrong(error.to_string())
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) session: Arc<Session>,
    /// Without a name the endpoint itself.
    pub(super) name: Option<String>,
    pub(super) temporary: PathBuf,
}

impl Node {
    /// What it is called.
    pub(super) fn shown(&self) -> String {
        self.session.name_of(self.name.as_deref())
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, Failure> {
        self.session
            .request_to(self.name.as_deref(), message)
            .map_err(wrong)
    }

    /// Finds out what there is to ask for, and what that failed for.
    pub(super) async fn plan(&self) -> (Vec<Piece>, Vec<(String, Failure)>) {
        let controllers = Piece::Log(CONTROLLERS.to_owned());
        let mut pieces = vec![Piece::Version, Piece::Dmesg, controllers];
        let mut failures = Vec::new();
        match self.services().await {
            Ok(ids) => pieces.extend(ids.into_iter().map(Piece::Log)),
            Err(failure) => failures.push(("the list of services".to_owned(), failure)),
        }
        if matches!(failures.first(), Some((_, Failure::Away(_)))) {
            return (Vec::new(), failures);
        }
        let reader = Reader::of(&self.session, self.name.as_deref());
        match timeout(PATIENCE, reader.kinds()).await {
            Ok(Ok(kinds)) => {
                let open = kinds.into_iter().filter(|kind| !kind.is_sensitive);
                pieces.extend(open.map(|kind| Piece::Resources(Box::new(kind))));
            }
            Ok(Err(trouble)) => {
                failures.push(("the list of types".to_owned(), wrong(trouble)));
            }
            Err(_) => failures.push(("the list of types".to_owned(), late())),
        }
        pieces.extend([
            Piece::Dependencies,
            Piece::Processes,
            Piece::Mounts,
            Piece::Memory,
            Piece::Load,
            Piece::Services,
            Piece::Disks,
            Piece::Io,
            Piece::Network,
        ]);
        pieces.extend(FILES.map(Piece::File));
        (pieces, failures)
    }

    async fn services(&self) -> Result<Vec<String>, Failure> {
        let request = self.request(())?;
        let mut machine = self.session.machine();
        let reply = first(
            timeout(PATIENCE, machine.service_list(request)).await,
            |reply| reply.messages,
        )?;
        Ok(reply
            .services
            .into_iter()
            .map(|service| service.id)
            .collect())
    }

    /// Asks for one thing.
    pub(super) async fn ask(&self, piece: &Piece) -> Result<Packed, Failure> {
        match piece {
            Piece::Dmesg => {
                let request = self.request(DmesgRequest::default())?;
                let reply = timeout(PATIENCE, self.session.machine().dmesg(request)).await;
                self.pack_stream(stream(reply)?).await
            }
            Piece::Log(service) => {
                let request = self.request(LogsRequest {
                    namespace: "system".to_owned(),
                    id: service.clone(),
                    driver: ContainerDriver::Containerd.into(),
                    follow: false,
                    tail_lines: -1,
                })?;
                let reply = timeout(PATIENCE, self.session.machine().logs(request)).await;
                self.pack_stream(stream(reply)?).await
            }
            Piece::File(path) => {
                let path = (*path).to_owned();
                let request = self.request(ReadRequest { path })?;
                let reply = timeout(PATIENCE, self.session.machine().read(request)).await;
                self.pack_stream(stream(reply)?).await
            }
            Piece::Resources(kind) => self.pack_resources(kind).await,
            Piece::Version
            | Piece::Dependencies
            | Piece::Processes
            | Piece::Mounts
            | Piece::Memory
            | Piece::Load
            | Piece::Services
            | Piece::Disks
            | Piece::Io
            | Piece::Network => {
                let mut packing = self.begin()?;
                let text = self.text(piece).await?;
                packing.feed(text.as_bytes()).map_err(wrong)?;
                packing.finish().map_err(wrong)
            }
        }
    }

    /// The answers that are short.
    async fn text(&self, piece: &Piece) -> Result<String, Failure> {
        let mut machine = self.session.machine();
        let request = self.request(())?;
        Ok(match piece {
            Piece::Version => {
                let reply = timeout(PATIENCE, machine.version(request)).await;
                texts::version(first(reply, |reply| reply.messages)?)
            }
            Piece::Processes => {
                let reply = timeout(PATIENCE, machine.processes(request)).await;
                texts::processes(first(reply, |reply| reply.messages)?)
            }
            Piece::Mounts => {
                let reply = timeout(PATIENCE, machine.mounts(request)).await;
                texts::mounts(first(reply, |reply| reply.messages)?)
            }
            Piece::Memory => {
                let reply = timeout(PATIENCE, machine.memory(request)).await;
                texts::memory(first(reply, |reply| reply.messages)?)
            }
            Piece::Load => {
                let reply = timeout(PATIENCE, machine.load_avg(request)).await;
                texts::load(&first(reply, |reply| reply.messages)?)
            }
            Piece::Services => {
                let reply = timeout(PATIENCE, machine.service_list(request)).await;
                texts::services(first(reply, |reply| reply.messages)?)
            }
            Piece::Io => {
                let reply = timeout(PATIENCE, machine.disk_stats(request)).await;
                texts::io(first(reply, |reply| reply.messages)?)
            }
            Piece::Network => {
                let reply = timeout(PATIENCE, machine.network_device_stats(request)).await;
                texts::network(first(reply, |reply| reply.messages)?)
            }
            Piece::Disks => {
                let source = self.session.source(None).map_err(wrong)?;
                let mut storage = StorageServiceClient::new(source.channel)
                    .max_decoding_message_size(MAX_MESSAGE);
                let reply = timeout(PATIENCE, storage.disks(request)).await;
                texts::disks(first(reply, |reply| reply.messages)?)
            }
            Piece::Dependencies => {
                let source = self.session.source(None).map_err(wrong)?;
                let mut inspect = InspectServiceClient::new(source.channel)
                    .max_decoding_message_size(MAX_MESSAGE);
                let asked = inspect.controller_runtime_dependencies(request);
                let reply = timeout(PATIENCE, asked).await;
                graph::draw(
                    &first(reply, |reply| reply.messages)?.edges,
                    &Present::new(),
                )
            }
            Piece::Dmesg | Piece::Log(_) | Piece::Resources(_) | Piece::File(_) => String::new(),
        })
    }

    async fn pack_resources(&self, kind: &Kind) -> Result<Packed, Failure> {
        let node = self.shown();
        let reader = Reader::of(&self.session, self.name.as_deref());
        let mut packing = self.begin()?;
        let mut stream = timeout(PATIENCE, reader.stream_of(kind))
            .await
            .map_err(|_| late())??;
        let mut count = 0_usize;
        while let Some(message) = timeout(PATIENCE, stream.message())
            .await
            .map_err(|_| late())??
        {
            let Some(resource) = &message.resource else {
                continue;
            };
            let shown = Shown {
                node: &node,
                event: None,
                resource,
            };
            let mark = if count > 0 { "---\n" } else { "" };
            count = count.saturating_add(1);
            let text = format!("{mark}{}", shown.yaml());
            packing.feed(text.as_bytes()).map_err(wrong)?;
        }
        packing.finish().map_err(wrong)
    }

    async fn pack_stream(&self, mut stream: Streaming<Data>) -> Result<Packed, Failure> {
        let mut packing = self.begin()?;
        while let Some(data) = timeout(PATIENCE, stream.message())
            .await
            .map_err(|_| late())??
        {
            if let Some(metadata) = data.metadata.filter(|metadata| !metadata.error.is_empty()) {
                return Err(Failure::Wrong(metadata.error));
            }
            packing.feed(&data.bytes).map_err(wrong)?;
            if packing.len() > LEN_MAX {
                packing.feed(b"\n(the rest is left out)\n").map_err(wrong)?;
                break;
            }
        }
        packing.finish().map_err(wrong)
    }

    fn begin(&self) -> Result<Packing, Failure> {
        Packing::begin(&self.temporary).map_err(|error| {
            let folder = self.temporary.display();
            Failure::Wrong(format!("cannot write in {folder}: {error}"))
        })
    }
}

type Late<T> = Result<Result<Response<T>, Status>, tokio::time::error::Elapsed>;

fn late() -> Failure {
    Failure::Wrong(format!("no answer within {} s", PATIENCE.as_secs()))
}

fn stream(reply: Late<Streaming<Data>>) -> Result<Streaming<Data>, Failure> {
    Ok(reply.map_err(|_| late())??.into_inner())
}

/// The answer of the one node that was asked.
fn first<T, M>(reply: Late<T>, messages: impl FnOnce(T) -> Vec<M>) -> Result<M, Failure> {
    let reply = reply.map_err(|_| late())??.into_inner();
    let mut messages = messages(reply).into_iter();
    let none = || Failure::Wrong("the node answered without a message".to_owned());
    messages.next().ok_or_else(none)
}
