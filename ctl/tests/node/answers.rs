// SPDX-License-Identifier: MPL-2.0
//! What the double of a node answers to each method of the machine.
//!
//! Owns: answers whose tables the tests know by heart.
//! Never: decides about roles, except that `os:none` may do nothing.

use std::sync::{Arc, Mutex};

use api::common::Data;
use api::inspect as i;
use api::inspect::inspect_service_server::InspectService;
use api::machine as m;
use api::machine::machine_service_server::MachineService;
use tonic::{Request, Response, Status};

use crate::cabinet;
use crate::desk::LATER;
use crate::double::{Boxed, fails, nodes};
use crate::lives;
use crate::pulse;
use crate::quorum;
use crate::shelf::{Held, named};
use crate::stock;

/// The machine behind the door.
pub(crate) struct Double(pub(crate) Arc<Mutex<Held>>);

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
        lives::look(&self.0, &named(&request))?;
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
        self.0.lock().unwrap().is_ordered = true;
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
        request: Request<m::ShutdownRequest>,
    ) -> Result<Response<m::ShutdownResponse>, Status> {
        lives::shutdown(&request, &self.0)
    }

    async fn events(
        &self,
        request: Request<m::EventsRequest>,
    ) -> Result<Response<Boxed<m::Event>>, Status> {
        Ok(Response::new(lives::events(&self.0, &named(&request))?))
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
            "context: new\ncontexts: {{new: {{endpoints: [], cluster: '{} for {seconds} s'}}}}\n",
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
        if self.0.lock().unwrap().floods {
            images.resize(20_000, m::ImageListResponse::default());
        }
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
        let pieces = match request.get_ref().path.as_str() {
            lives::BOOT_ID => lives::boot_id(&self.0, &named(&request)),
            path => cabinet::read(path),
        };
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

    async fn disk_stats(&self, _: Request<()>) -> Result<Response<m::DiskStatsResponse>, Status> {
        Ok(Response::new(pulse::disk_stats()))
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
        Ok(Response::new(quorum::etcd_snapshot(&self.0)))
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
pub(crate) struct Insight;

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
