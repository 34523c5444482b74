// SPDX-License-Identifier: MPL-2.0
//! A machined that is a double: its two sockets, and a few methods.
//!
//! Owns: what the door is told, and answers that show what arrived.
//! Never: decides about roles; it repeats what it was told.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use api::common::Data;
use api::machine::machine_service_server::{MachineService, MachineServiceServer};
use api::machine::{
    Hostname, HostnameResponse, LogsRequest, Version, VersionInfo, VersionResponse,
};
use proto::Greeting;
use proto::door::{Door, KeyUsage, MAX_MESSAGE, Mode, Rbac, Reply, Request as DoorRequest};
use sys::net::SocketType;
use sys::seqpacket::{self, Received};
use tokio::net::UnixListener;
use tokio::sync::{oneshot, watch};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

/// How long a snapshot has to be that comes whole.
pub(crate) const SNAPSHOT_MIB: usize = 2;

/// A snapshot of so many MiB.
pub(crate) fn snapshot(mib: usize) -> impl Stream<Item = Data> + Send + 'static {
    let piece = || Data {
        metadata: None,
        bytes: vec![7; 1024 * 1024],
    };
    tokio_stream::iter(std::iter::repeat_with(piece).take(mib))
}

/// A door, as machined would tell it, with room for everything.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) mode: Mode,
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) client_ca: String,
    /// Certificate and key towards other nodes; empty on a worker.
    pub(crate) route: (String, String),
    pub(crate) rbac: Rbac,
    pub(crate) key_usage: KeyUsage,
    pub(crate) names: Vec<String>,
}

impl Told {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let door = Door {
            mode: self.mode,
            certificate_pem: &self.certificate,
            key_pem: &self.key,
            client_ca_pem: &self.client_ca,
            route_certificate_pem: &self.route.0,
            route_key_pem: &self.route.1,
            rbac: self.rbac,
            key_usage: self.key_usage,
            names: self.names.iter().map(String::as_str).collect(),
        };
        let mut buffer = vec![0; MAX_MESSAGE];
        let len = Reply::Door(door).encode(&mut buffer).unwrap();
        buffer.truncate(len);
        buffer
    }
}

/// Serves the door's socket on a thread until the sender is dropped: each message that is sent
/// goes to the subscriber; a new subscriber gets the last one first.
pub(crate) fn door(path: &Path) -> mpsc::Sender<Vec<u8>> {
    let listener = seqpacket::listen(path.to_str().unwrap(), SocketType::SEQPACKET).unwrap();
    sys::io::ioctl_fionbio(&listener, false).unwrap();
    let (sender, news) = mpsc::channel::<Vec<u8>>();
    std::thread::spawn(move || {
        let mut last: Option<Vec<u8>> = None;
        loop {
            let socket = sys::net::accept(&listener).unwrap();
            if !greet(&socket) {
                continue;
            }
            if let Some(last) = &last {
                let _ = seqpacket::send(&socket, last);
            }
            loop {
                let Ok(message) = news.recv() else { return };
                let sent = seqpacket::send(&socket, &message);
                last = Some(message);
                if sent.is_err() {
                    break;
                }
            }
        }
    });
    sender
}

fn greet(socket: &OwnedFd) -> bool {
    let mut buffer = [0; 256];
    let Ok(Received::Message(len, _)) = seqpacket::receive(socket, &mut buffer) else {
        return false;
    };
    assert_eq!(
        DoorRequest::decode(&buffer[..len]),
        Ok(DoorRequest::Hello(Greeting::OURS))
    );
    let len = Reply::Welcome(Greeting::OURS).encode(&mut buffer).unwrap();
    seqpacket::send(socket, &buffer[..len]).unwrap();
    let Ok(Received::Message(len, _)) = seqpacket::receive(socket, &mut buffer) else {
        return false;
    };
    DoorRequest::decode(&buffer[..len]) == Ok(DoorRequest::Subscribe(()))
}

/// The API's server, alive.
pub(crate) struct Served {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// How many connections it has taken.
    pub(crate) connections: watch::Receiver<usize>,
    /// How many endless streams are read.
    pub(crate) endless: watch::Receiver<usize>,
}

impl Served {
    /// Kills it with all its connections, in the middle of whatever they do.
    pub(crate) fn kill(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }
}

/// Serves the API's socket on a thread of its own until it is killed.
pub(crate) fn machined(path: &Path) -> Served {
    let _ = std::fs::remove_file(path);
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (stop, stopped) = oneshot::channel();
    let (count, connections) = watch::channel(0);
    let (streams, endless) = watch::channel(0);
    let machined = Machined {
        folder: path.parent().unwrap().to_str().unwrap().to_owned(),
        streams: Arc::new(streams),
    };
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let incoming = UnixListenerStream::new(UnixListener::from_std(listener).unwrap()).map(
                move |stream| {
                    count.send_modify(|count| *count += 1);
                    stream
                },
            );
            let server = tonic::transport::Server::builder()
                .add_service(MachineServiceServer::new(machined).max_encoding_message_size(1 << 26))
                .serve_with_incoming(incoming);
            tokio::select! {
                ended = server => ended.unwrap(),
                _ = stopped => {}
            }
        });
    });
    Served {
        stop: Some(stop),
        thread: Some(thread),
        connections,
        endless,
    }
}

/// The methods that tests call; all others are `Unimplemented`, as machined has it.
struct Machined {
    /// Where the node is: what tells it from others.
    folder: String,
    streams: Arc<watch::Sender<usize>>,
}

/// A stream that goes on.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

type DataStream = Pin<Box<dyn Stream<Item = Result<Data, Status>> + Send>>;

fn data(bytes: &[u8]) -> Data {
    Data {
        metadata: None,
        bytes: bytes.to_vec(),
    }
}

#[tonic::async_trait]
impl MachineService for Machined {
    /// Says who called, as machined was told.
    async fn version(&self, request: Request<()>) -> Result<Response<VersionResponse>, Status> {
        let metadata = request.metadata();
        let all = |key: &str| {
            let values = metadata
                .get_all(key)
                .iter()
                .map(|v| v.to_str().unwrap().to_owned());
            values.collect::<Vec<_>>().join(",")
        };
        let version = VersionInfo {
            tag: all("talos-role"),
            sha: all("proxyfrom"),
            built: all("node") + &all("nodes"),
            go_version: all("x-mine"),
            os: self.folder.clone(),
            ..Default::default()
        };
        let message = Version {
            version: Some(version),
            ..Default::default()
        };
        let mut response = Response::new(VersionResponse {
            messages: vec![message],
        });
        response
            .metadata_mut()
            .insert("x-theirs", "1".parse().unwrap());
        Ok(response)
    }

    async fn hostname(&self, _: Request<()>) -> Result<Response<HostnameResponse>, Status> {
        let big = Hostname {
            metadata: None,
            hostname: "h".repeat(5 * 1024 * 1024),
        };
        Ok(Response::new(HostnameResponse {
            messages: vec![big],
        }))
    }

    async fn memory(
        &self,
        _: Request<()>,
    ) -> Result<Response<api::machine::MemoryResponse>, Status> {
        Err(Status::failed_precondition("no memory today: 100 %"))
    }

    /// The id says what comes: `endless`, `fails`, `refused`, `flood`, or three lines.
    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<DataStream>, Status> {
        let lines = tokio_stream::iter([&b"a\n"[..], b"", b"c\n"].map(|line| Ok(data(line))));
        let stream: DataStream = match request.get_ref().id.as_str() {
            "endless" => {
                let counted = Counted::new(&self.streams);
                let endless = lines.chain(tokio_stream::pending());
                Box::pin(endless.map(move |line| {
                    let _goes_on = &counted;
                    line
                }))
            }
            // Longer than what is held of one of several streams.
            "long" => Box::pin(tokio_stream::iter(
                std::iter::repeat_n((), 5).map(|()| Ok(data(&[b'l'; 300 * 1024]))),
            )),
            "fails" => Box::pin(lines.chain(tokio_stream::once(Err(Status::data_loss(
                "the ring was lost",
            ))))),
            "refused" => return Err(Status::not_found("no service of that name")),
            "flood" => Box::pin(tokio_stream::iter(std::iter::repeat_with(|| {
                Ok(data(&[b'x'; 16 * 1024]))
            }))),
            "slow" => Box::pin(tokio_stream::iter(0..3).then(|n| async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(data(n.to_string().as_bytes()))
            })),
            _ => Box::pin(lines),
        };
        Ok(Response::new(stream))
    }

    async fn etcd_recover(
        &self,
        request: Request<tonic::Streaming<Data>>,
    ) -> Result<Response<api::machine::EtcdRecoverResponse>, Status> {
        let mut stream = request.into_inner();
        let mut bytes = 0;
        while let Some(data) = stream.message().await? {
            bytes += data.bytes.len();
        }
        if bytes != SNAPSHOT_MIB * 1024 * 1024 {
            return Err(Status::data_loss(format!("got {bytes} bytes")));
        }
        let message = api::machine::EtcdRecover::default();
        Ok(Response::new(api::machine::EtcdRecoverResponse {
            messages: vec![message],
        }))
    }
}
