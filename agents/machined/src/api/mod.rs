// SPDX-License-Identifier: MPL-2.0
//! The machine API: what each method does, by calling the part that knows.
//!
//! Owns: the service, and which methods are there; every other one answers `Unimplemented`.
//! Never: decides who may call; `gate` has done that.

mod apply;
pub(crate) mod capture;
mod containers;
mod control;
mod disks;
mod files;
mod follow;
mod gap;
mod gate;
mod generate;
mod health;
mod held;
mod images;
mod inspect;
mod kubeconfig;
mod meta;
pub(crate) mod metered;
mod netstat;
mod power;
mod refusal;
pub(crate) mod serve;
mod state;
mod system;
mod time;

use std::sync::Arc;

use ::api::machine::machine_service_server::MachineService;
use ::api::rbac::Roles;
use ::api::{common, machine};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::proc;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    node: Arc<Node>,
}

impl Api {
    /// Serves a node.
    #[must_use]
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MachineService for Api {
    async fn version(&self, _: Request<()>) -> Reply<machine::VersionResponse> {
        Ok(Response::new(system::version(&self.node)))
    }

    async fn hostname(&self, _: Request<()>) -> Reply<machine::HostnameResponse> {
        Ok(Response::new(system::hostname(&self.node)))
    }

    async fn memory(&self, _: Request<()>) -> Reply<machine::MemoryResponse> {
        system::memory(&self.node).map(Response::new)
    }

    async fn load_avg(&self, _: Request<()>) -> Reply<machine::LoadAvgResponse> {
        system::load(&self.node).map(Response::new)
    }

    async fn system_stat(&self, _: Request<()>) -> Reply<machine::SystemStatResponse> {
        system::stat(&self.node).map(Response::new)
    }

    async fn cpu_info(&self, _: Request<()>) -> Reply<machine::CpuInfoResponse> {
        system::processors(&self.node).map(Response::new)
    }

    async fn mounts(&self, _: Request<()>) -> Reply<machine::MountsResponse> {
        Ok(Response::new(machine::MountsResponse {
            messages: vec![machine::Mounts {
                metadata: None,
                stats: proc::mounts::all(&self.node.places),
            }],
        }))
    }

    async fn processes(&self, _: Request<()>) -> Reply<machine::ProcessesResponse> {
        Ok(Response::new(machine::ProcessesResponse {
            messages: vec![machine::Process {
                metadata: None,
                processes: proc::process::all(&self.node.places),
            }],
        }))
    }

    async fn service_list(&self, _: Request<()>) -> Reply<machine::ServiceListResponse> {
        Ok(Response::new(control::list(&self.node)))
    }

    async fn service_start(
        &self,
        request: Request<machine::ServiceStartRequest>,
    ) -> Reply<machine::ServiceStartResponse> {
        control::start(&self.node, &request.into_inner().id)
            .await
            .map(Response::new)
    }

    async fn service_stop(
        &self,
        request: Request<machine::ServiceStopRequest>,
    ) -> Reply<machine::ServiceStopResponse> {
        control::stop(&self.node, &request.into_inner().id)
            .await
            .map(Response::new)
    }

    async fn service_restart(
        &self,
        request: Request<machine::ServiceRestartRequest>,
    ) -> Reply<machine::ServiceRestartResponse> {
        control::restart(&self.node, &request.into_inner().id)
            .await
            .map(Response::new)
    }

    async fn logs(&self, request: Request<machine::LogsRequest>) -> Reply<BoxStream<common::Data>> {
        let roles = roles(&request);
        follow::logs(&self.node, roles, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn dmesg(
        &self,
        request: Request<machine::DmesgRequest>,
    ) -> Reply<BoxStream<common::Data>> {
        let roles = roles(&request);
        follow::dmesg(&self.node, roles, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn events(
        &self,
        request: Request<machine::EventsRequest>,
    ) -> Reply<BoxStream<machine::Event>> {
        follow::events(&self.node, &request.into_inner()).map(Response::new)
    }

    async fn list(
        &self,
        request: Request<machine::ListRequest>,
    ) -> Reply<BoxStream<machine::FileInfo>> {
        files::list(&self.node, roles(&request), request.get_ref()).map(Response::new)
    }

    async fn read(&self, request: Request<machine::ReadRequest>) -> Reply<BoxStream<common::Data>> {
        files::read(&self.node, request.get_ref()).map(Response::new)
    }

    async fn copy(&self, request: Request<machine::CopyRequest>) -> Reply<BoxStream<common::Data>> {
        files::copy(&self.node, request.get_ref()).map(Response::new)
    }

    async fn disk_usage(
        &self,
        request: Request<machine::DiskUsageRequest>,
    ) -> Reply<BoxStream<machine::DiskUsageInfo>> {
        files::usage(&self.node, roles(&request), request.get_ref()).map(Response::new)
    }

    async fn network_device_stats(
        &self,
        _: Request<()>,
    ) -> Reply<machine::NetworkDeviceStatsResponse> {
        system::network(&self.node).map(Response::new)
    }

    async fn disk_stats(&self, _: Request<()>) -> Reply<machine::DiskStatsResponse> {
        system::disks(&self.node).map(Response::new)
    }

    async fn netstat(
        &self,
        request: Request<machine::NetstatRequest>,
    ) -> Reply<machine::NetstatResponse> {
        let roles = roles(&request);
        netstat::netstat(&self.node, roles, request.into_inner()).await
    }

    async fn reboot(
        &self,
        request: Request<machine::RebootRequest>,
    ) -> Reply<machine::RebootResponse> {
        power::reboot(&self.node, request.into_inner()).map(Response::new)
    }

    async fn shutdown(
        &self,
        request: Request<machine::ShutdownRequest>,
    ) -> Reply<machine::ShutdownResponse> {
        power::shutdown(&self.node, request.into_inner()).map(Response::new)
    }

    async fn apply_configuration(
        &self,
        request: Request<machine::ApplyConfigurationRequest>,
    ) -> Reply<machine::ApplyConfigurationResponse> {
        apply::apply(&self.node, &request).map(Response::new)
    }

    async fn generate_client_configuration(
        &self,
        request: Request<machine::GenerateClientConfigurationRequest>,
    ) -> Reply<machine::GenerateClientConfigurationResponse> {
        generate::client(&self.node, request.get_ref()).map(Response::new)
    }

    async fn generate_configuration(
        &self,
        request: Request<machine::GenerateConfigurationRequest>,
    ) -> Reply<machine::GenerateConfigurationResponse> {
        generate::machine(&self.node, request.get_ref()).map(Response::new)
    }

    async fn containers(
        &self,
        request: Request<machine::ContainersRequest>,
    ) -> Reply<machine::ContainersResponse> {
        containers::list(&self.node, request.get_ref()).map(Response::new)
    }

    async fn stats(
        &self,
        request: Request<machine::StatsRequest>,
    ) -> Reply<machine::StatsResponse> {
        containers::stats(&self.node, request.get_ref()).map(Response::new)
    }

    async fn restart(
        &self,
        request: Request<machine::RestartRequest>,
    ) -> Reply<machine::RestartResponse> {
        containers::restart(&self.node, request.get_ref())
            .await
            .map(Response::new)
    }

    async fn meta_write(
        &self,
        request: Request<machine::MetaWriteRequest>,
    ) -> Reply<machine::MetaWriteResponse> {
        meta::write(&self.node, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn meta_delete(
        &self,
        request: Request<machine::MetaDeleteRequest>,
    ) -> Reply<machine::MetaDeleteResponse> {
        meta::delete(&self.node, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn kubeconfig(&self, _: Request<()>) -> Reply<BoxStream<common::Data>> {
        kubeconfig::issue(&self.node).map(Response::new)
    }

    async fn packet_capture(
        &self,
        request: Request<machine::PacketCaptureRequest>,
    ) -> Reply<BoxStream<common::Data>> {
        capture::begin(&self.node, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn image_list(
        &self,
        request: Request<machine::ImageListRequest>,
    ) -> Reply<BoxStream<machine::ImageListResponse>> {
        images::list(&self.node, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn image_pull(
        &self,
        request: Request<machine::ImagePullRequest>,
    ) -> Reply<machine::ImagePullResponse> {
        images::pull(&self.node, request.get_ref())
            .await
            .map(Response::new)
    }
}

/// What the gate found out about the caller.
fn roles<T>(request: &Request<T>) -> Roles {
    let found = request.extensions().get::<Roles>().copied();
    found.unwrap_or(Roles::NONE)
}
