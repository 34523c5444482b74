// SPDX-License-Identifier: MPL-2.0
//! What the double has of hardware, containers and time.
//!
//! Owns: those answers.
//! Never: differs from one test to another.

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
