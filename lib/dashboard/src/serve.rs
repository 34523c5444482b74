// SPDX-License-Identifier: MPL-2.0
//! Asks one node, again and again, and follows its logs.
//!
//! Owns: which calls are made, how often, and which answers mean that the node is away.
//! Never: makes a call that changes something, or waits for an answer without end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::common::{ContainerDriver, Data};
use api::cosi::resource::ListRequest;
use api::cosi::resource::state_client::StateClient;
use api::machine::machine_service_client::MachineServiceClient;
use api::machine::{DmesgRequest, LogsRequest};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::facts::{Facts, WANTED};
use crate::model::{Log, News, Wanted};
use crate::sample::{Processors, Sample, text};

/// A node that does not answer all questions of one time within this is away.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer, in bytes: thousands of processes. What is longer is refused and said so; on the node's own screen it
/// would not fit the memory there is.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// The most resources of one type that are looked at. What are more are not shown.
const LISTED_MAX: usize = 4096;
/// How long a node that is away is left alone.
const PAUSE: Duration = Duration::from_secs(3);
/// How many lines of a service's log are asked for at first.
const TAIL_LINES: i32 = 500;

/// A connection to a node.
#[derive(Debug, Clone)]
pub struct Source {
    /// The connection.
    pub channel: Channel,
    /// What every call carries: the name of the node, when the other end passes calls on.
    pub metadata: MetadataMap,
}

/// A connection that is being made; an error is a sentence for the operator.
pub type Dialled<'a> = Pin<Box<dyn Future<Output = Result<Source, String>> + Send + 'a>>;

/// Somebody who knows the way to nodes.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Connects to the node with this number, from 0.
    fn dial(&self, node: usize) -> Dialled<'_>;
}

/// Follows a node until nobody listens to the news.
pub(crate) async fn follow(
    node: usize,
    dial: Arc<dyn Dial>,
    every: Duration,
    wanted: watch::Receiver<Wanted>,
    news: mpsc::Sender<(usize, News)>,
) {
    let teller = Teller { node, news };
    while teller.is_heard() {
        let why = match dial.dial(node).await {
            Ok(source) => {
                teller.tell(News::Connected).await;
                let asker = Asker {
                    source,
                    teller: teller.clone(),
                };
                asker.serve(every, wanted.clone()).await
            }
            Err(why) => why,
        };
        teller.tell(News::Lost(why)).await;
        sleep(PAUSE).await;
    }
}

#[derive(Debug, Clone)]
struct Teller {
    node: usize,
    news: mpsc::Sender<(usize, News)>,
}

impl Teller {
    fn is_heard(&self) -> bool {
        !self.news.is_closed()
    }

    /// Waits while the one who draws is busy: a log that is faster than the terminal is read slower.
    async fn tell(&self, news: News) {
        // Nobody listens any more: the end is near.
        let _ = self.news.send((self.node, news)).await;
    }
}

#[derive(Debug, Clone)]
struct Asker {
    source: Source,
    teller: Teller,
}

impl Asker {
    fn machine(&self) -> MachineServiceClient<Channel> {
        MachineServiceClient::new(self.source.channel.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.source.metadata.clone();
        request
    }

    /// Asks until the node is away; returns why it is.
    async fn serve(self, every: Duration, mut wanted: watch::Receiver<Wanted>) -> String {
        // Dropping the set ends what is in it.
        let mut logs = JoinSet::new();
        logs.spawn(self.clone().follow_log(Log::Kernel));
        let mut service = JoinSet::new();
        let mut service_log = None;
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let began_at = Instant::now();
        loop {
            let now = wanted.borrow_and_update().clone();
            if now.log != service_log {
                service.abort_all();
                if let Some(name) = &now.log {
                    service.spawn(self.clone().follow_log(Log::Service(name.clone())));
                }
                service_log = now.log;
            }
            tokio::select! {
                _ = ticks.tick() => {
                    let at = began_at.elapsed();
                    match timeout(PATIENCE, self.sample(at, now.facts)).await {
                        Ok(Ok(sample)) => self.teller.tell(News::Sampled(Box::new(sample))).await,
                        Ok(Err(why)) => return why,
                        Err(_) => return format!("no answer within {} s", PATIENCE.as_secs()),
                    }
                }
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return String::new();
                    }
                    // Who looks at another view should not wait for it.
                    ticks.reset_immediately();
                }
            }
        }
    }

    /// Asks for everything once.
    async fn sample(&self, at: Duration, facts: bool) -> Result<Sample, String> {
        let mut sample = Sample {
            at,
            ..Sample::default()
        };
        let mut refused = Refusals::default();
        let mut machine = self.machine();
        let reply = refused.take(machine.system_stat(self.request(())).await)?;
        sample.stat = reply.and_then(|reply| reply.messages.into_iter().next());
        let reply = refused.take(machine.version(self.request(())).await)?;
        let version = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.version = version.and_then(|version| Some(version.version?.tag));
        let reply = refused.take(machine.cpu_info(self.request(())).await)?;
        let infos = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.processors = infos.and_then(|infos| Processors::of(&infos.cpu_info));
        let reply = refused.take(machine.load_avg(self.request(())).await)?;
        sample.load = reply.and_then(|reply| reply.messages.into_iter().next());
        let reply = refused.take(machine.memory(self.request(())).await)?;
        let memory = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.memory = memory.and_then(|memory| memory.meminfo);
        let reply = refused.take(machine.disk_stats(self.request(())).await)?;
        let disks = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.disks = disks.map_or_else(Vec::new, |disks| disks.devices);
        let reply = refused.take(machine.network_device_stats(self.request(())).await)?;
        let links = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.links = links.map_or_else(Vec::new, |links| links.devices);
        let reply = refused.take(machine.processes(self.request(())).await)?;
        let processes = reply.and_then(|reply| reply.messages.into_iter().next());
        sample.processes = processes.map(|processes| processes.processes);
        let reply = refused.take(machine.service_list(self.request(())).await)?;
        let services = reply.and_then(|reply| reply.messages.into_iter().next());
        let services = services.map_or_else(Vec::new, |services| services.services);
        sample.services = services.into_iter().map(|service| service.id).collect();
        if facts {
            sample.facts = Some(self.facts(&mut refused).await?);
        }
        sample.refused = refused.first;
        Ok(sample.bounded())
    }

    async fn facts(&self, refused: &mut Refusals) -> Result<Facts, String> {
        let mut facts = Facts::default();
        let mut asked = JoinSet::new();
        for (namespace, kind) in WANTED {
            asked.spawn(self.clone().list(namespace, kind));
        }
        while let Some(joined) = asked.join_next().await {
            let Ok((kind, listed)) = joined else {
                continue;
            };
            for (id, yaml) in refused.take(listed.map(Response::new))?.unwrap_or_default() {
                facts.take(kind, &id, &yaml);
            }
        }
        Ok(facts)
    }

    /// The ids and specs of one type.
    async fn list(self, namespace: &'static str, kind: &'static str) -> (&'static str, Listed) {
        let listed = async {
            let mut state =
                StateClient::new(self.source.channel.clone()).max_decoding_message_size(ANSWER_MAX);
            let request = self.request(ListRequest {
                namespace: namespace.to_owned(),
                r#type: kind.to_owned(),
                options: None,
            });
            let mut stream = state.list(request).await?.into_inner();
            let (mut found, mut len) = (Vec::new(), 0_usize);
            while let Some(message) = stream.message().await? {
                let Some(resource) = message.resource else {
                    continue;
                };
                let id = resource.metadata.unwrap_or_default().id;
                let yaml = resource.spec.unwrap_or_default().yaml_spec;
                len = len.saturating_add(id.len()).saturating_add(yaml.len());
                found.push((id, yaml));
                // A node may be anybody's: what it says without end is not listened to without end.
                if len > ANSWER_MAX || found.len() > LISTED_MAX {
                    let why = format!("{kind}: too many to be looked at");
                    return Err(Status::resource_exhausted(why));
                }
            }
            Ok(found)
        };
        (kind, listed.await)
    }

    /// Follows a log; when it ends it is asked for again after a while.
    async fn follow_log(self, log: Log) {
        loop {
            let why = match self.open_log(&log).await {
                Ok(stream) => {
                    self.teller.tell(News::LogBegan(log.clone())).await;
                    self.pass_on(&log, stream).await
                }
                Err(status) => status.message().to_owned(),
            };
            self.teller.tell(News::LogEnded(log.clone(), why)).await;
            sleep(PAUSE).await;
        }
    }

    async fn open_log(&self, log: &Log) -> Result<Streaming<Data>, Status> {
        let mut machine = self.machine();
        let reply = match log {
            Log::Kernel => {
                let asked = DmesgRequest {
                    follow: true,
                    tail: false,
                };
                machine.dmesg(self.request(asked)).await?
            }
            Log::Service(id) => {
                let asked = LogsRequest {
                    namespace: "system".to_owned(),
                    id: id.clone(),
                    driver: ContainerDriver::Containerd.into(),
                    follow: true,
                    tail_lines: TAIL_LINES,
                };
                machine.logs(self.request(asked)).await?
            }
        };
        Ok(reply.into_inner())
    }

    /// Returns why there is no more.
    async fn pass_on(&self, log: &Log, mut stream: Streaming<Data>) -> String {
        loop {
            match stream.message().await {
                Ok(Some(data)) => {
                    self.teller
                        .tell(News::LogPiece(log.clone(), data.bytes))
                        .await
                }
                Ok(None) => return "the node has no more of it".to_owned(),
                Err(status) => return status.message().to_owned(),
            }
        }
    }
}

type Listed = Result<Vec<(String, String)>, Status>;

/// What a node refused, in one sentence.
#[derive(Debug, Default)]
struct Refusals {
    first: Option<String>,
}

impl Refusals {
    /// Takes an answer. What a node does not have, or does not let this client see, is missing; any other
    /// error means that the node is away.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "gRPC has many codes, and those are all"
    )]
    fn take<T>(&mut self, reply: Result<Response<T>, Status>) -> Result<Option<T>, String> {
        let status = match reply {
            Ok(reply) => return Ok(Some(reply.into_inner())),
            Err(status) => status,
        };
        match status.code() {
            Code::Unimplemented | Code::NotFound => Ok(None),
            Code::Unavailable | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded => {
                Err(text(status.message()))
            }
            code => {
                let why = || format!("{} ({code:?})", text(status.message()));
                self.first.get_or_insert_with(why);
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_does_not_have_is_missing_and_only_silence_is_being_away() {
        let mut refused = Refusals::default();
        let mut take = |status: Status| refused.take::<()>(Err(status));

        assert_eq!(take(Status::unimplemented("x")), Ok(None));
        assert_eq!(take(Status::not_found("x")), Ok(None));
        assert_eq!(take(Status::permission_denied("not authorized")), Ok(None));
        assert_eq!(take(Status::internal("later")), Ok(None));
        assert_eq!(take(Status::unavailable("gone")), Err("gone".to_owned()));
        let why = refused.first.unwrap();
        assert_eq!(why, "not authorized (PermissionDenied)");
    }
}
