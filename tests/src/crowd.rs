// SPDX-License-Identifier: MPL-2.0
//! A crowd of clients that follow a node, with its administrator's certificate.
//!
//! Owns: connections, streams on them, and how each stream ends.
//! Never: reads what streams say.

use anyhow::{Context, Result, bail};
use api::cosi::resource::state_client::StateClient;
use api::cosi::resource::{WatchOptions, WatchRequest, WatchResponse};
use api::machine::machine_service_client::MachineServiceClient;
use api::machine::{EventsRequest, LogsRequest};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::administrator::{Administrator, within};
use crate::node::{LIMIT, Node};

/// Connections, and what goes on on them.
#[derive(Debug)]
pub struct Crowd {
    runtime: Runtime,
    channels: Vec<Channel>,
    /// What each stream ended with; nothing when it ended well.
    streams: JoinSet<Option<Code>>,
}

impl Crowd {
    /// Connects so many times.
    ///
    /// # Errors
    /// The node does not let the administrator in.
    pub fn connect(node: &Node, connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let administrator = Administrator::of(node)?;
        let mut channels = Vec::new();
        for _ in 0..connections {
            channels.push(runtime.block_on(administrator.connect())?);
        }
        Ok(Self {
            runtime,
            channels,
            streams: JoinSet::new(),
        })
    }

    /// Opens so many watches on each connection, and waits until each has said something.
    ///
    /// # Errors
    /// One is refused, or says nothing within [`LIMIT`].
    pub fn watch(&mut self, each: usize) -> Result<()> {
        self.open(each, |_| 0)
    }

    /// Connects so many times more, with room for one byte of each reply, and asks on each connection so many
    /// times for everything of a kind that has much, and reads none of it. What is refused, or hung up on, is no
    /// error. Says how many were answered.
    ///
    /// # Errors
    /// The node does not let the administrator in, or says nothing at all within [`LIMIT`].
    pub fn neglect(&mut self, node: &Node, connections: usize, each: usize) -> Result<usize> {
        let administrator = Administrator::of(node)?;
        let mut kept = Vec::new();
        for _ in 0..connections {
            self.runtime.block_on(within(LIMIT, async {
                let channel = administrator.connect_narrowly(1).await?;
                for _ in 0..each {
                    kept.extend(watch(&channel, DEFINITIONS).await);
                }
                Ok(())
            }))?;
        }
        Ok(kept.len())
    }

    /// Opens so many streams on each connection, watches, events and logs in turn, and waits until each
    /// has said something.
    ///
    /// # Errors
    /// One is refused, or says nothing within [`LIMIT`].
    pub fn follow(&mut self, each: usize) -> Result<()> {
        self.open(each, |number| number)
    }

    /// Opens so many streams on each connection, of the kind that `kind` says for each.
    fn open(&mut self, each: usize, kind: fn(usize) -> usize) -> Result<()> {
        let Self {
            runtime,
            channels,
            streams,
        } = self;
        for channel in channels {
            for number in 0..each {
                let opened = within(LIMIT, open(channel, kind(number), streams));
                let opened = runtime.block_on(opened);
                opened.with_context(|| format!("stream {number} of a connection"))?;
            }
        }
        Ok(())
    }

    /// Waits until all streams have ended, and says with what.
    ///
    /// # Errors
    /// One goes on for longer than [`LIMIT`].
    pub fn ends(&mut self) -> Result<Vec<Option<Code>>> {
        let Self {
            runtime, streams, ..
        } = self;
        let mut ends = Vec::new();
        runtime.block_on(async {
            while let Some(ended) = within(LIMIT, async { Ok(streams.join_next().await) }).await? {
                ends.push(ended?);
            }
            Ok(ends)
        })
    }

    /// Asks for the version on every connection, again while machined is away.
    ///
    /// # Errors
    /// The answer is another than that it is away, or none comes within [`LIMIT`].
    pub fn ask(&mut self) -> Result<()> {
        let Self {
            runtime, channels, ..
        } = self;
        runtime.block_on(within(LIMIT, async {
            for channel in channels {
                let mut client = MachineServiceClient::new(channel.clone());
                loop {
                    match client.version(()).await {
                        Ok(_) => break,
                        // The next call is answered when it is there again, so this is no busy wait for long.
                        Err(status) if status.code() == Code::Unavailable => {
                            tokio::task::yield_now().await;
                        }
                        Err(status) => bail!("{status}"),
                    }
                }
            }
            Ok(())
        }))
    }
}

/// A namespace and a type of it.
type Kind = (&'static str, &'static str);

/// One resource.
const STATUS: Kind = ("runtime", "MachineStatuses.runtime.talos.dev");
/// More than a hundred, tens of kilobytes.
const DEFINITIONS: Kind = ("meta", "ResourceDefinitions.meta.cosi.dev");

/// Watches all resources of a kind, from those that there are.
async fn watch(channel: &Channel, kind: Kind) -> Result<Streaming<WatchResponse>, Status> {
    let request = WatchRequest {
        namespace: kind.0.to_owned(),
        r#type: kind.1.to_owned(),
        options: Some(WatchOptions {
            bootstrap_contents: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let watch = StateClient::new(channel.clone()).watch(request).await?;
    Ok(watch.into_inner())
}

async fn open(channel: &Channel, number: usize, streams: &mut JoinSet<Option<Code>>) -> Result<()> {
    let mut machine = MachineServiceClient::new(channel.clone());
    match number % 3 {
        0 => {
            let watch = watch(channel, STATUS).await?;
            streams.spawn(until_end(began(watch).await?));
        }
        1 => {
            let request = EventsRequest {
                tail_events: -1,
                ..Default::default()
            };
            let events = machine.events(request).await?;
            streams.spawn(until_end(began(events.into_inner()).await?));
        }
        _ => {
            let request = LogsRequest {
                id: "machined".to_owned(),
                follow: true,
                tail_lines: 1,
                ..Default::default()
            };
            let logs = machine.logs(request).await?;
            streams.spawn(until_end(began(logs.into_inner()).await?));
        }
    }
    Ok(())
}

/// A stream that has said something.
async fn began<T>(mut stream: Streaming<T>) -> Result<Streaming<T>, Status> {
    stream.message().await?;
    Ok(stream)
}

async fn until_end<T>(mut stream: Streaming<T>) -> Option<Code> {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status.code()),
        }
    }
}
