// SPDX-License-Identifier: MPL-2.0
//! What clients do to the node, and what it costs.
//!
//! Owns: each measurement and the promise that it is divided by.
//! Never: counts the client's own work where the node's can be counted alone.

use std::time::{Duration, Instant};

use ::api::cosi::resource::state_client::StateClient;
use ::api::cosi::resource::{WatchOptions, WatchRequest};
use ::api::machine::ReadRequest;
use ::api::machine::machine_service_client::MachineServiceClient;
use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, decode_varint};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Streaming;

use crate::clients::{Client, Transport};
use crate::front::enter;
use crate::server::{FILE, FILE_LEN, Flapping, Server, UPDATES};

/// Calls of `Version` in a second of one core.
const CALLS: f64 = 5000.0;
/// What all but one of a hundred may take while a thousand come in a second, in seconds.
const LATENCY: f64 = 0.005;
/// Bytes in a second.
const READ: f64 = 500e6;
/// Bytes of memory that a watch takes.
const WATCH: f64 = 8000.0;
/// How many calls are under way at the same time.
const ABREAST: usize = 32;
const ROUNDS: usize = 1000;
/// Watches on one connection.
const WATCHES: usize = 1000;
/// How many seconds of calls are looked at. A quarter of them is better than the one that counts: this machine is
/// itself stopped for moments by what it runs on, and then all calls of a second wait for that.
const SECONDS: usize = 12;
/// In how many seconds all updates have reached all watchers.
const REACHED: f64 = 0.1;
/// Who is told of updates, and over how many connections.
const WATCHERS: usize = 100;
const CONNECTIONS: usize = 2;
/// How often they are counted.
const BURSTS: usize = 5;

async fn connect(server: &Server) -> Transport {
    // The door opens a moment after it listens.
    for _ in 0..200 {
        if let Some(transport) = enter(server.door, &server.authority, &server.admin).await {
            let mut client = MachineServiceClient::with_origin(transport.clone(), origin());
            if client.version(()).await.is_ok() {
                return transport;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the door does not open");
}

fn origin() -> http::Uri {
    http::Uri::from_static("https://node")
}

async fn client(server: &Server) -> Client {
    MachineServiceClient::with_origin(connect(server).await, origin())
}

/// The promised rate against that of a second of the node's processor time, over one connection.
pub(crate) async fn calls(server: &Server) -> f64 {
    let client = client(server).await;
    let (began, before) = (Instant::now(), server.used());
    let mut tasks = JoinSet::new();
    for _ in 0..ABREAST {
        let mut client = client.clone();
        tasks.spawn(async move {
            for _ in 0..ROUNDS {
                client.version(()).await.unwrap();
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let count = (ABREAST * ROUNDS) as f64;
    let used = (server.used() - before).as_secs_f64();
    println!(
        "Version: {:.0} in a second of the node's core, {:.0} in a second",
        count / used,
        count / began.elapsed().as_secs_f64()
    );
    CALLS / (count / used)
}

/// The 99th percentile of calls that come at their times, whether or not those before are answered.
pub(crate) async fn latency(server: &Server) -> f64 {
    let client = client(server).await;
    let mut clock = interval(Duration::from_millis(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut p99s = Vec::new();
    for _ in 0..SECONDS {
        let mut tasks = JoinSet::new();
        for _ in 0..1000 {
            let due = clock.tick().await;
            let mut client = client.clone();
            tasks.spawn(async move {
                client.version(()).await.unwrap();
                due.elapsed()
            });
        }
        let mut taken: Vec<Duration> = tasks.join_all().await;
        taken.sort_unstable();
        p99s.push(taken[taken.len() * 99 / 100]);
    }
    p99s.sort_unstable();
    let p99 = p99s[SECONDS / 4];
    println!("Version: p99 {p99:?} at 1000 a second, of {p99s:?}");
    p99.as_secs_f64() / LATENCY
}

/// The promised rate of `Read` against that of a large file.
pub(crate) async fn read(server: &Server) -> f64 {
    let mut client = client(server).await;
    let before = server.used();
    let began = Instant::now();
    let request = ReadRequest {
        path: FILE.to_owned(),
    };
    let mut stream = client.read(request).await.unwrap().into_inner();
    let mut len = 0;
    while let Some(data) = stream.message().await.unwrap() {
        len += data.bytes.len() as u64;
    }
    assert_eq!(len, FILE_LEN, "the file came whole");
    let rate = len as f64 / began.elapsed().as_secs_f64();
    let used = (server.used() - before).as_secs_f64();
    println!(
        "Read: {:.0} MB/s, {:.0} MB in a second of the node's processors",
        rate / 1e6,
        len as f64 / used / 1e6
    );
    READ / rate
}

/// Memory of a watch that waits, against what it may take.
pub(crate) async fn watches(server: &Server) -> f64 {
    let mut state = StateClient::with_origin(connect(server).await, origin());
    let before = server.memory();
    let mut streams = Vec::new();
    for _ in 0..WATCHES {
        let request = WatchRequest {
            namespace: "runtime".to_owned(),
            r#type: "MachineStatuses.runtime.talos.dev".to_owned(),
            options: Some(WatchOptions {
                bootstrap_contents: true,
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut stream = state.watch(request).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        streams.push(stream);
    }
    let grown = server.memory().saturating_sub(before) as f64;
    let each = grown / streams.len() as f64;
    println!("watch: {each:.0} bytes each of {}", streams.len());
    each / WATCH
}

/// An answer to a watch as far as it must be read to count its events: the client works on the same
/// processors as the node.
#[derive(Clone, PartialEq, Debug, Default)]
struct Counted {
    events: usize,
    /// Of all events.
    bytes: usize,
}

impl prost::Message for Counted {
    fn encode_raw(&self, _buf: &mut impl BufMut) {
        panic!("it is only received");
    }

    fn encoded_len(&self) -> usize {
        0
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        _context: DecodeContext,
    ) -> Result<(), DecodeError> {
        assert_eq!((tag, wire_type), (1, WireType::LengthDelimited));
        let len = usize::try_from(decode_varint(buf)?).unwrap();
        buf.advance(len);
        self.events += 1;
        self.bytes += len;
        Ok(())
    }
}

/// Opens a watch of what changes that takes several events at once.
async fn watch(transport: Transport, what: Flapping) -> Streaming<Counted> {
    let of = match what {
        Flapping::Address => "AddressStatuses.net.talos.dev",
        Flapping::Link => "LinkStatuses.net.talos.dev",
    };
    let request = WatchRequest {
        namespace: "network".to_owned(),
        r#type: of.to_owned(),
        options: Some(WatchOptions {
            aggregated: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut grpc = tonic::client::Grpc::with_origin(transport, origin());
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/cosi.resource.State/Watch");
    let codec = tonic_prost::ProstCodec::<WatchRequest, Counted>::default();
    let request = tonic::Request::new(request);
    let answer = grpc.server_streaming(request, path, codec).await;
    let mut stream = answer.unwrap().into_inner();
    // It says that from now on nothing is missed.
    stream.message().await.unwrap().unwrap();
    stream
}

/// How long it takes until every watcher has been told of every update, against what it may take.
///
/// An address is about as long as the type in the middle, when all that a node has are put in order of length; a link
/// is one of the longer, and is shown beside it.
pub(crate) async fn updates(server: &mut Server) -> f64 {
    let links = reach(server, Flapping::Link).await;
    let addresses = reach(server, Flapping::Address).await;
    println!(
        "updates: {UPDATES} reach {WATCHERS} watchers in {addresses:?}; of links in {links:?}"
    );
    addresses.as_secs_f64() / REACHED
}

/// The time in the middle of [`BURSTS`].
async fn reach(server: &mut Server, what: Flapping) -> Duration {
    let mut transports = Vec::new();
    for _ in 0..CONNECTIONS {
        transports.push(connect(server).await);
    }
    let mut streams = Vec::new();
    for number in 0..WATCHERS {
        let transport = transports[number % CONNECTIONS].clone();
        streams.push(watch(transport, what).await);
    }
    let mut taken = Vec::new();
    for _ in 0..BURSTS {
        let before = server.used();
        let began = Instant::now();
        server.change(what);
        let mut tasks = JoinSet::new();
        for stream in streams.drain(..) {
            tasks.spawn(count(stream));
        }
        let mut len = 0;
        for (stream, told) in tasks.join_all().await {
            streams.push(stream);
            len += told;
        }
        taken.push(began.elapsed());
        println!(
            "updates: {:?} for {:.1} MB, {:?} of the node's processors",
            began.elapsed(),
            len as f64 / 1e6,
            server.used() - before
        );
    }
    taken.sort_unstable();
    taken[BURSTS / 2]
}

/// Reads until all updates are told; returns the stream, and how many bytes they were.
async fn count(mut stream: Streaming<Counted>) -> (Streaming<Counted>, usize) {
    let (mut seen, mut len) = (0, 0);
    while seen < UPDATES {
        let told = stream.message().await.unwrap().unwrap();
        seen += told.events;
        len += told.bytes;
    }
    assert_eq!(seen, UPDATES, "each is told once");
    (stream, len)
}
