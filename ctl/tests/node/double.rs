// SPDX-License-Identifier: MPL-2.0
//! A node that is a double: TLS in front, fixed answers behind.
//!
//! Owns: answers whose tables the tests know by heart; `10.0.0.9` is a node that fails.
//! Never: decides about roles, except that `os:none` may do nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

use api::cluster::cluster_service_server::ClusterServiceServer;
use api::common::{Data, Metadata};
use api::cosi::resource::state_server::StateServer;
use api::google::rpc::Status as RpcStatus;
use api::inspect as i;
use api::inspect::inspect_service_server::{InspectService, InspectServiceServer};
use api::machine as m;
use api::machine::machine_service_server::{MachineService, MachineServiceServer};
use api::storage::storage_service_server::StorageServiceServer;
use api::time::time_service_server::TimeServiceServer;
use pki::{Authority, Identity, Leaf, Names};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::cabinet;
use crate::desk::{LATER, now};
use crate::pulse;
use crate::quorum;
use crate::shelf::{Held, Shelf, named};
use crate::stock::{self, Stock};

/// A running node.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    /// What the node's configurations are, and what was asked of it.
    pub(crate) held: Arc<Mutex<Held>>,
}

impl Node {
    /// A configured node of this authority.
    pub(crate) fn running(authority: &Authority) -> Self {
        Self::start(authority, Some(authority))
    }

    /// A node in maintenance mode.
    pub(crate) fn maintenance() -> Self {
        Self::start(&Authority::maintenance(now()).unwrap(), None)
    }

    fn start(issuer: &Authority, clients: Option<&Authority>) -> Self {
        let names = Names::parse(["127.0.0.1", "localhost"]).unwrap();
        let identity = issuer
            .issue(&Leaf::api_server("node-1", names), now())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config(&identity, clients)));
        let (send, receive) = mpsc::channel();
        let held = Arc::new(Mutex::new(Held {
            is_configured: clients.is_some(),
            ..Held::default()
        }));
        let double = Double(Arc::clone(&held));
        let shelf = Shelf(Arc::clone(&held));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let inner = behind.local_addr().unwrap();
                let serve = tonic::transport::Server::builder()
                    .add_service(MachineServiceServer::new(double))
                    .add_service(StateServer::new(shelf))
                    .add_service(ClusterServiceServer::new(Stock))
                    .add_service(StorageServiceServer::new(Stock))
                    .add_service(TimeServiceServer::new(Stock))
                    .add_service(InspectServiceServer::new(Insight))
                    .serve_with_incoming(TcpListenerStream::new(behind));
                tokio::spawn(serve);
                let front = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
                let port = front.local_addr().unwrap().port();
                send.send(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                    .unwrap();
                loop {
                    let (stream, _) = front.accept().await.unwrap();
                    let tls = tls.clone();
                    tokio::spawn(async move {
                        match tls.accept(stream).into_fallible().await {
                            Ok(mut client) => {
                                let mut server = TcpStream::connect(inner).await.unwrap();
                                let _ = copy_bidirectional(&mut client, &mut server).await;
                            }
                            // Closing before the client stopped writing would lose the alert.
                            Err((_, mut client)) => {
                                let _ = client.shutdown().await;
                                let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
                            }
                        }
                    });
                }
            });
        });
        Self {
            address: receive.recv().unwrap(),
            identity,
            held,
        }
    }
}

fn config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from(authority.certificate().der().to_vec()))
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
    let mut config = builder
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

struct Double(Arc<Mutex<Held>>);

/// The metadata of one answer for each node that was asked for; without any, one without a name.
pub(crate) fn nodes<T>(request: &Request<T>) -> Vec<Option<Metadata>> {
    let names: Vec<&str> = request
        .metadata()
        .get_all("nodes")
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    if names.is_empty() {
        return vec![None];
    }
    let metadata = |name: &str| {
        let mut metadata = Metadata {
            hostname: name.to_owned(),
            ..Metadata::default()
        };
        if name == "10.0.0.9" {
            let message = "no route to it".to_owned();
            metadata.error.clone_from(&message);
            metadata.status = Some(RpcStatus {
                code: 14,
                message,
                details: Vec::new(),
            });
        }
        Some(metadata)
    };
    names.into_iter().map(metadata).collect()
}

pub(crate) fn fails(metadata: Option<&Metadata>) -> bool {
    metadata.is_some_and(|metadata| !metadata.error.is_empty())
}

macro_rules! answer {
    ($request:expr, $reply:ident, $message:ident { $field:ident: $value:expr }) => {{
        let messages = nodes(&$request).into_iter().map(|metadata| {
            let value = if fails(metadata.as_ref()) {
                Default::default()
            } else {
                $value
            };
            m::$message {
                metadata,
                $field: value,
                ..Default::default()
            }
        });
        Ok(Response::new(m::$reply {
            messages: messages.collect(),
        }))
    }};
}

pub(crate) type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn service(id: &str, state: &str, healthy: Option<bool>) -> m::ServiceInfo {
    let ts = Some(prost_types::Timestamp {
        seconds: LATER.0.saturating_sub(7205),
        nanos: 0,
    });
    m::ServiceInfo {
        id: id.to_owned(),
        state: state.to_owned(),
        events: Some(m::ServiceEvents {
            events: vec![m::ServiceEvent {
                msg: "ready".to_owned(),
                state: state.to_owned(),
                ts,
            }],
        }),
        health: Some(m::ServiceHealth {
            unknown: healthy.is_none(),
            healthy: healthy == Some(true),
            ..Default::default()
        }),
    }
}

#[tonic::async_trait]
impl MachineService for Double {
    async fn version(&self, request: Request<()>) -> Result<Response<m::VersionResponse>, Status> {
        answer!(
            request,
            VersionResponse,
            Version {
                version: Some(m::VersionInfo {
                    tag: "v9.8.7".to_owned(),
                    os: "linux".to_owned(),
                    arch: "arm64".to_owned(),
                    ..Default::default()
                })
            }
        )
    }

    async fn memory(&self, request: Request<()>) -> Result<Response<m::MemoryResponse>, Status> {
        answer!(
            request,
            MemoryResponse,
            Memory {
                meminfo: Some(m::MemInfo {
                    memtotal: 131_072,
                    memfree: 65_536,
                    memavailable: 98_304,
                    buffers: 1024,
                    cached: 16_384,
                    shmem: 2048,
                    ..Default::default()
                })
            }
        )
    }

    async fn mounts(&self, request: Request<()>) -> Result<Response<m::MountsResponse>, Status> {
        let stat = |filesystem: &str, size, available, on: &str| m::MountStat {
            filesystem: filesystem.to_owned(),
            size,
            available,
            mounted_on: on.to_owned(),
        };
        answer!(
            request,
            MountsResponse,
            Mounts {
                stats: vec![
                    stat("/dev/loop0", 10_000_000, 0, "/"),
                    stat("tmpfs", 64_000_000_000, 48_000_000_000, "/run"),
                    stat("proc", 0, 0, "/proc"),
                ]
            }
        )
    }

    async fn processes(
        &self,
        request: Request<()>,
    ) -> Result<Response<m::ProcessesResponse>, Status> {
        let process = |pid, rss, cpu_time, executable: &str| m::ProcessInfo {
            pid,
            state: "S".to_owned(),
            threads: 1,
            cpu_time,
            virtual_memory: 2_000_000,
            resident_memory: rss,
            executable: executable.to_owned(),
            command: "kthreadd".to_owned(),
            ..Default::default()
        };
        answer!(
            request,
            ProcessesResponse,
            Process {
                processes: vec![
                    process(2, 0, 9.5, ""),
                    process(1, 400_000, 1.25, "/sbin/init"),
                    process(7, 3_900_000, 0.5, "/usr/lib/ichor/apid"),
                ]
            }
        )
    }

    async fn service_list(
        &self,
        request: Request<()>,
    ) -> Result<Response<m::ServiceListResponse>, Status> {
        if named(&request) == "10.0.0.9" {
            return Err(Status::unavailable("no route to it"));
        }
        answer!(
            request,
            ServiceListResponse,
            ServiceList {
                services: vec![
                    service("udevd", "Running", None),
                    service("apid", "Running", Some(true)),
                    service("broken", "Failed", Some(false)),
                ]
            }
        )
    }

    async fn service_restart(
        &self,
        request: Request<m::ServiceRestartRequest>,
    ) -> Result<Response<m::ServiceRestartResponse>, Status> {
        let id = request.get_ref().id.clone();
        answer!(
            request,
            ServiceRestartResponse,
            ServiceRestart {
                resp: format!("service {id} is restarted")
            }
        )
    }

    async fn reboot(
        &self,
        request: Request<m::RebootRequest>,
    ) -> Result<Response<m::RebootResponse>, Status> {
        answer!(
            request,
            RebootResponse,
            Reboot {
                actor_id: "a".to_owned()
            }
        )
    }

    async fn shutdown(
        &self,
        _: Request<m::ShutdownRequest>,
    ) -> Result<Response<m::ShutdownResponse>, Status> {
        Err(Status::permission_denied("not authorized"))
    }

    async fn apply_configuration(
        &self,
        request: Request<m::ApplyConfigurationRequest>,
    ) -> Result<Response<m::ApplyConfigurationResponse>, Status> {
        if request.get_ref().data.starts_with(b"bad") {
            return Err(Status::invalid_argument(
                "machine.typ: unknown key, line 3 column 5",
            ));
        }
        if request.get_ref().data.is_empty() {
            let confirm = request.metadata().get(api::wire::CONFIRM);
            assert_eq!(confirm.map(|value| value.as_bytes()), Some(&b"now"[..]));
            self.0.lock().unwrap().confirmed.push(named(&request));
            return answer!(
                request,
                ApplyConfigurationResponse,
                ApplyConfiguration {
                    mode_details: "Confirmed: the configuration is stored".to_owned()
                }
            );
        }
        self.0
            .lock()
            .unwrap()
            .take(&named(&request), request.get_ref())?;
        let is_patched = request
            .get_ref()
            .data
            .windows(17)
            .any(|part| part == b"hostname: patched");
        let details = format!(
            "mode {}, dry run {}{}",
            request.get_ref().mode,
            request.get_ref().dry_run,
            if is_patched { ", patched" } else { "" }
        );
        answer!(
            request,
            ApplyConfigurationResponse,
            ApplyConfiguration {
                mode_details: details.clone()
            }
        )
    }

    async fn generate_client_configuration(
        &self,
        request: Request<m::GenerateClientConfigurationRequest>,
    ) -> Result<Response<m::GenerateClientConfigurationResponse>, Status> {
        let asked = request.get_ref();
        if asked.roles == ["os:unbuilt"] {
            return Err(Status::unimplemented("not built yet"));
        }
        let seconds = asked.crt_ttl.as_ref().unwrap().seconds;
        let text = format!(
            "# {} for {seconds} s\ncontext: new\n",
            asked.roles.join(" ")
        );
        answer!(
            request,
            GenerateClientConfigurationResponse,
            GenerateClientConfiguration {
                talosconfig: text.clone().into_bytes()
            }
        )
    }

    async fn logs(
        &self,
        request: Request<m::LogsRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        if request.get_ref().namespace != "system" {
            return Err(Status::unimplemented("containers are not built yet"));
        }
        let mut pieces = Vec::new();
        for metadata in nodes(&request) {
            let texts: &[&[u8]] = if fails(metadata.as_ref()) {
                &[b""]
            } else {
                &[b"one\ntw", b"o\nthree"]
            };
            for text in texts {
                pieces.push(Ok(Data {
                    metadata: metadata.clone(),
                    bytes: text.to_vec(),
                }));
            }
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }
    async fn image_list(
        &self,
        request: Request<m::ImageListRequest>,
    ) -> Result<Response<Boxed<m::ImageListResponse>>, Status> {
        if request.get_ref().namespace != 1 {
            return Err(Status::unimplemented("namespace \"cri\": no runtime yet"));
        }
        let mut images = Vec::new();
        for metadata in nodes(&request) {
            if fails(metadata.as_ref()) {
                images.push(m::ImageListResponse {
                    metadata,
                    ..Default::default()
                });
                continue;
            }
            for (name, size) in [("a.example/b:1", 1_234_567), ("c:2", 7)] {
                images.push(m::ImageListResponse {
                    metadata: metadata.clone(),
                    name: name.to_owned(),
                    digest: "sha256:0".to_owned(),
                    size,
                    created_at: Some(prost_types::Timestamp {
                        seconds: LATER.0,
                        nanos: 0,
                    }),
                });
            }
        }
        let images = images.into_iter().map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(images))))
    }

    async fn image_pull(
        &self,
        request: Request<m::ImagePullRequest>,
    ) -> Result<Response<m::ImagePullResponse>, Status> {
        let asked = request.get_ref();
        if (asked.namespace, asked.reference.as_str()) != (1, "a:1") {
            return Err(Status::failed_precondition("has no such manifest (404)"));
        }
        let messages = nodes(&request)
            .into_iter()
            .map(|metadata| m::ImagePull { metadata });
        Ok(Response::new(m::ImagePullResponse {
            messages: messages.collect(),
        }))
    }

    async fn containers(
        &self,
        request: Request<m::ContainersRequest>,
    ) -> Result<Response<m::ContainersResponse>, Status> {
        let asked = request.get_ref();
        let containers = stock::containers(&asked.namespace, asked.driver);
        answer!(
            request,
            ContainersResponse,
            Container {
                containers: containers.clone()
            }
        )
    }

    async fn stats(
        &self,
        request: Request<m::StatsRequest>,
    ) -> Result<Response<m::StatsResponse>, Status> {
        answer!(
            request,
            StatsResponse,
            Stats {
                stats: stock::stats()
            }
        )
    }

    async fn restart(
        &self,
        request: Request<m::RestartRequest>,
    ) -> Result<Response<m::RestartResponse>, Status> {
        let asked = request.get_ref();
        if asked.id == "machined" {
            return Err(Status::failed_precondition("it is no container"));
        }
        assert_eq!((asked.namespace.as_str(), asked.driver), ("system", 0));
        let messages = nodes(&request)
            .into_iter()
            .map(|metadata| m::Restart { metadata });
        Ok(Response::new(m::RestartResponse {
            messages: messages.collect(),
        }))
    }

    async fn meta_write(
        &self,
        request: Request<m::MetaWriteRequest>,
    ) -> Result<Response<m::MetaWriteResponse>, Status> {
        let asked = request.get_ref();
        assert_eq!((asked.key, &asked.value[..]), (10, &b"-x y"[..]));
        let messages = nodes(&request)
            .into_iter()
            .map(|metadata| m::MetaWrite { metadata });
        Ok(Response::new(m::MetaWriteResponse {
            messages: messages.collect(),
        }))
    }

    async fn meta_delete(
        &self,
        request: Request<m::MetaDeleteRequest>,
    ) -> Result<Response<m::MetaDeleteResponse>, Status> {
        if request.get_ref().key != 10 {
            return Err(Status::not_found("key 0x0c: has no value"));
        }
        let messages = nodes(&request)
            .into_iter()
            .map(|metadata| m::MetaDelete { metadata });
        Ok(Response::new(m::MetaDeleteResponse {
            messages: messages.collect(),
        }))
    }

    async fn kubeconfig(&self, request: Request<()>) -> Result<Response<Boxed<Data>>, Status> {
        let pieces = stock::kubeconfig(&named(&request))?;
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn packet_capture(
        &self,
        request: Request<m::PacketCaptureRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        let (pieces, goes_on) = stock::capture(request.get_ref())?;
        let pieces = tokio_stream::iter(pieces.into_iter().map(Ok));
        if goes_on {
            let more = tokio_stream::StreamExt::chain(pieces, tokio_stream::pending());
            return Ok(Response::new(Box::pin(more)));
        }
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn list(
        &self,
        request: Request<m::ListRequest>,
    ) -> Result<Response<Boxed<m::FileInfo>>, Status> {
        let mut files = Vec::new();
        for metadata in nodes(&request) {
            if fails(metadata.as_ref()) {
                files.push(Ok(m::FileInfo {
                    metadata,
                    ..Default::default()
                }));
            } else {
                files.append(&mut cabinet::list(request.get_ref(), metadata));
            }
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(files))))
    }

    async fn disk_usage(
        &self,
        request: Request<m::DiskUsageRequest>,
    ) -> Result<Response<Boxed<m::DiskUsageInfo>>, Status> {
        let sums = nodes(&request)
            .into_iter()
            .flat_map(|metadata| cabinet::usage(request.get_ref(), metadata));
        let sums: Vec<_> = sums.collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(sums))))
    }

    async fn read(
        &self,
        request: Request<m::ReadRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        let pieces = cabinet::read(&request.get_ref().path);
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn copy(
        &self,
        request: Request<m::CopyRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        let pieces = cabinet::copy(&request.get_ref().root_path);
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn system_stat(
        &self,
        request: Request<()>,
    ) -> Result<Response<m::SystemStatResponse>, Status> {
        pulse::system_stat(&request, &self.0)
    }

    async fn cpu_info(&self, _: Request<()>) -> Result<Response<m::CpuInfoResponse>, Status> {
        Ok(Response::new(pulse::cpu_info()))
    }

    async fn load_avg(&self, _: Request<()>) -> Result<Response<m::LoadAvgResponse>, Status> {
        Ok(Response::new(pulse::load_avg()))
    }

    async fn dmesg(
        &self,
        request: Request<m::DmesgRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        Ok(Response::new(pulse::dmesg(request.get_ref())))
    }

    async fn bootstrap(
        &self,
        request: Request<m::BootstrapRequest>,
    ) -> Result<Response<m::BootstrapResponse>, Status> {
        quorum::bootstrap(&request, &self.0)
    }

    async fn reset(
        &self,
        request: Request<m::ResetRequest>,
    ) -> Result<Response<m::ResetResponse>, Status> {
        quorum::reset(&request, &self.0)
    }

    async fn upgrade(
        &self,
        request: Request<m::UpgradeRequest>,
    ) -> Result<Response<m::UpgradeResponse>, Status> {
        quorum::upgrade(&request, &self.0)
    }

    async fn etcd_status(
        &self,
        request: Request<()>,
    ) -> Result<Response<m::EtcdStatusResponse>, Status> {
        quorum::etcd_status(&request, &self.0)
    }

    async fn etcd_member_list(
        &self,
        request: Request<m::EtcdMemberListRequest>,
    ) -> Result<Response<m::EtcdMemberListResponse>, Status> {
        quorum::etcd_member_list(&request, &self.0)
    }

    async fn etcd_alarm_list(
        &self,
        request: Request<()>,
    ) -> Result<Response<m::EtcdAlarmListResponse>, Status> {
        quorum::etcd_alarm_list(&request, &self.0)
    }

    async fn etcd_remove_member_by_id(
        &self,
        request: Request<m::EtcdRemoveMemberByIdRequest>,
    ) -> Result<Response<m::EtcdRemoveMemberByIdResponse>, Status> {
        quorum::etcd_remove_member_by_id(&request, &self.0)
    }

    async fn etcd_snapshot(
        &self,
        _: Request<m::EtcdSnapshotRequest>,
    ) -> Result<Response<Boxed<Data>>, Status> {
        Ok(Response::new(quorum::etcd_snapshot()))
    }

    async fn etcd_recover(
        &self,
        request: Request<tonic::Streaming<Data>>,
    ) -> Result<Response<m::EtcdRecoverResponse>, Status> {
        quorum::etcd_recover(request, &self.0).await
    }

    async fn netstat(
        &self,
        request: Request<m::NetstatRequest>,
    ) -> Result<Response<m::NetstatResponse>, Status> {
        let networks = request.get_ref().netns.clone().unwrap_or_default();
        if let Some(name) = networks.netns.first() {
            return Err(Status::unimplemented(format!("no network of {name}")));
        }
        let asked = *request.get_ref().feature.as_ref().unwrap();
        answer!(
            request,
            NetstatResponse,
            Netstat {
                connectrecord: cabinet::sockets(asked.pid)
            }
        )
    }
}

/// What the double shows of its inside.
struct Insight;

#[tonic::async_trait]
impl InspectService for Insight {
    async fn controller_runtime_dependencies(
        &self,
        _: Request<()>,
    ) -> Result<Response<i::ControllerRuntimeDependenciesResponse>, Status> {
        let edge = |kind: i::DependencyEdgeType, namespace: &str, name: &str| {
            i::ControllerDependencyEdge {
                controller_name: "v1alpha1.ServiceController".to_owned(),
                edge_type: kind.into(),
                resource_namespace: namespace.to_owned(),
                resource_type: name.to_owned(),
                resource_id: String::new(),
            }
        };
        let services = "Services.v1alpha1.talos.dev";
        let edges = vec![
            edge(i::DependencyEdgeType::InputStrong, "runtime", services),
            edge(i::DependencyEdgeType::InputWeak, "secrets", "Locked.x.dev"),
        ];
        Ok(Response::new(i::ControllerRuntimeDependenciesResponse {
            messages: vec![i::ControllerRuntimeDependency {
                metadata: None,
                edges,
            }],
        }))
    }
}
