// SPDX-License-Identifier: MPL-2.0
//! What the double has of hardware, containers and time.
//!
//! Owns: those answers.
//! Never: differs from one test to another.

use api::cluster::cluster_service_server::ClusterService;
use api::cluster::{HealthCheckProgress, HealthCheckRequest};
use api::common::Data;
use api::machine as m;
use api::storage::disk::DiskType;
use api::storage::storage_service_server::StorageService;
use api::storage::{Disk, Disks, DisksResponse};
use api::time::time_service_server::TimeService;
use api::time::{Time, TimeRequest, TimeResponse};
use tonic::{Request, Response, Status};

use crate::desk::LATER;
use crate::double::{fails, nodes};

/// The services besides the machine's and the resources'.
pub(crate) struct Stock;

#[tonic::async_trait]
impl StorageService for Stock {
    async fn disks(&self, request: Request<()>) -> Result<Response<DisksResponse>, Status> {
        let vda = Disk {
            size: 68_719_476_736,
            device_name: "/dev/vda".to_owned(),
            modalias: "virtio:d00000002v00001AF4".to_owned(),
            r#type: DiskType::Hdd.into(),
            bus_path: "/pci0000:00/0000:00:06.0/virtio2/".to_owned(),
            subsystem: "/sys/class/block".to_owned(),
            system_disk: true,
            ..Disk::default()
        };
        let card = Disk {
            size: 15_931_539_456,
            device_name: "/dev/mmcblk0".to_owned(),
            name: "SC16G".to_owned(),
            serial: "0x\x1b[2J1".to_owned(),
            r#type: DiskType::Sd.into(),
            readonly: true,
            ..Disk::default()
        };
        let messages = nodes(&request).into_iter().map(|metadata| Disks {
            disks: match &metadata {
                Some(metadata) if fails(Some(metadata)) => Vec::new(),
                Some(_) => vec![vda.clone(), card.clone()],
                None => vec![vda.clone()],
            },
            metadata,
        });
        Ok(Response::new(DisksResponse {
            messages: messages.collect(),
        }))
    }
}

#[tonic::async_trait]
impl ClusterService for Stock {
    async fn health_check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<HealthCheckProgress>>, Status> {
        let asked = request.into_inner();
        let info = asked.cluster_info.unwrap();
        let said = format!(
            "{} s, {:?}, {:?}, {:?}",
            asked.wait_timeout.unwrap().seconds,
            info.control_plane_nodes,
            info.worker_nodes,
            info.force_endpoint
        );
        let progress = |message: &str| {
            Ok(HealthCheckProgress {
                metadata: None,
                message: message.to_owned(),
            })
        };
        let end = Status::unimplemented("this node is healthy; the rest is not built yet");
        let all = [
            progress("waiting for apid: OK\x1b[2J"),
            progress(&said),
            Err(end),
        ];
        Ok(Response::new(Box::pin(tokio_stream::iter(all))))
    }
}

#[tonic::async_trait]
impl TimeService for Stock {
    async fn time(&self, request: Request<()>) -> Result<Response<TimeResponse>, Status> {
        Ok(Response::new(time(&request, "pool.ntp.org")))
    }

    async fn time_check(
        &self,
        request: Request<TimeRequest>,
    ) -> Result<Response<TimeResponse>, Status> {
        let server = request.get_ref().server.clone();
        if server == "nobody" {
            return Err(Status::unavailable("time server nobody: no answer"));
        }
        Ok(Response::new(time(&request, &server)))
    }
}

fn time<T>(request: &Request<T>, server: &str) -> TimeResponse {
    let at = |nanos| {
        let seconds = LATER.0;
        Some(prost_types::Timestamp { seconds, nanos })
    };
    let messages = nodes(request).into_iter().map(|metadata| Time {
        metadata,
        server: server.to_owned(),
        localtime: at(0),
        remotetime: at(250_999),
    });
    TimeResponse {
        messages: messages.collect(),
    }
}

/// A container of the node's own, or a pod with its container.
pub(crate) fn containers(namespace: &str, driver: i32) -> Vec<m::ContainerInfo> {
    let container = |id: &str, pod: &str, image: &str, pid, status: &str| m::ContainerInfo {
        namespace: namespace.to_owned(),
        id: id.to_owned(),
        image: image.to_owned(),
        pid,
        status: status.to_owned(),
        pod_id: pod.to_owned(),
        ..Default::default()
    };
    match driver {
        0 => vec![
            container("ext-hello", "ext-hello", "", 0, "STOPPED"),
            container("ctr-web", "ctr-web", "busybox:1", 1773, "RUNNING"),
        ],
        _ => {
            let pod = "kube-system/flannel";
            let inner = format!("{pod}:install-cni:bc39");
            vec![
                container(pod, pod, "pause:3.8", 1773, "SANDBOX_READY"),
                container(&inner, pod, "cni:1", 0, "CONTAINER_EXITED"),
            ]
        }
    }
}

pub(crate) fn stats() -> Vec<m::Stat> {
    vec![m::Stat {
        namespace: "system".to_owned(),
        id: "ctr-web".to_owned(),
        memory_usage: 12_345_678,
        cpu_usage: 1_500_000,
        pod_id: "ctr-web".to_owned(),
        name: "ctr-web".to_owned(),
    }]
}

/// A capture in pcap form: a frame that is cut, and one without anything in it. On `eth1` it goes on for
/// ever.
pub(crate) fn capture(asked: &m::PacketCaptureRequest) -> Result<(Vec<Data>, bool), Status> {
    if asked.interface == "none0" {
        return Err(Status::not_found("interface \"none0\": there is none"));
    }
    let filtered = asked.bpf_filter.len() == 2;
    assert_eq!((filtered, asked.promiscuous), (filtered, filtered));
    assert_eq!(asked.snap_len, 65_536);
    let mut frame = vec![1; 12];
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2, 10, 0, 0, 1]);
    frame.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    let pieces: [&[u8]; 4] = [
        b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0",
        b"\x01\0\0\0\x02\0\0\0\x2a\0\0\0\x3c\0\0\0",
        &frame,
        b"\x02\0\0\0\x03\0\0\0\x00\0\0\0\x0e\0\0\0",
    ];
    let pieces = pieces.into_iter().map(|bytes| Data {
        metadata: None,
        bytes: bytes.to_vec(),
    });
    Ok((pieces.collect(), asked.interface == "eth1"))
}

/// A kubeconfig, packed; of `10.0.0.7` it is something else.
pub(crate) fn kubeconfig(node: &str) -> Result<Vec<Result<Data, Status>>, Status> {
    let text = "apiVersion: v1\nkind: Config\nclusters:\n- name: home\n  cluster: {server: 'https://10.0.0.2:6443'}\n\
                users:\n- name: admin@home\n  user: {client-key-data: c2VjcmV0}\ncontexts:\n- name: admin@home\n  \
                context: {cluster: home, namespace: default, user: admin@home}\n\
                current-context: admin@home\n";
    let archive = match node {
        "10.0.0.5" => return Err(Status::failed_precondition("a worker has no CA key")),
        "10.0.0.6" => b"no archive".to_vec(),
        "10.0.0.7" => crate::cabinet::packed(&[("x", b'5', "", 0o700, b"")]),
        _ => crate::cabinet::packed(&[("kubeconfig", b'0', "", 0o600, text.as_bytes())]),
    };
    let pieces = archive.chunks(100).map(|bytes| {
        Ok(Data {
            metadata: None,
            bytes: bytes.to_vec(),
        })
    });
    Ok(pieces.collect())
}
