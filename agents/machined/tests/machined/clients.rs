// SPDX-License-Identifier: MPL-2.0
//! Clients of a test's node, at machined's own sockets.
//!
//! Owns: connections without TLS, as apid has them, and roles as apid says them.
//! Never: goes through apid.

use std::time::Duration;

use ::api::cluster::cluster_service_client::ClusterServiceClient;
use ::api::cosi::resource::state_client::StateClient;
use ::api::inspect::inspect_service_client::InspectServiceClient;
use ::api::machine;
use ::api::machine::machine_service_client::MachineServiceClient;
use ::api::storage::storage_service_client::StorageServiceClient;
use ::api::time::time_service_client::TimeServiceClient;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::body::Body;

use crate::node::{DEADLINE, TestNode};

impl TestNode {
    /// Connects to the API.
    pub(crate) async fn client(&self) -> Client {
        MachineServiceClient::with_origin(self.transport().await, origin())
    }

    /// Connects to the cluster's health.
    pub(crate) async fn cluster(&self) -> ClusterServiceClient<Transport> {
        ClusterServiceClient::with_origin(self.transport().await, origin())
    }

    /// Connects to the disks.
    pub(crate) async fn storage(&self) -> StorageServiceClient<Transport> {
        StorageServiceClient::with_origin(self.transport().await, origin())
    }

    /// Connects to the clock.
    pub(crate) async fn time(&self) -> TimeServiceClient<Transport> {
        TimeServiceClient::with_origin(self.transport().await, origin())
    }

    /// Connects to the resources.
    pub(crate) async fn state(&self) -> StateClient<Transport> {
        StateClient::with_origin(self.transport().await, origin())
    }

    /// Connects to what looks inside.
    pub(crate) async fn inspect(&self) -> InspectServiceClient<Transport> {
        InspectServiceClient::with_origin(self.transport().await, origin())
    }

    /// Connects to the API as the dashboard on the node's screen does.
    pub(crate) async fn reader(&self) -> Client {
        let transport = self.transport_to("system/run/machined/reader.sock").await;
        MachineServiceClient::with_origin(transport, origin())
    }

    pub(crate) async fn transport(&self) -> Transport {
        self.transport_to("system/run/machined/machine.sock").await
    }

    async fn transport_to(&self, socket: &str) -> Transport {
        let socket = self.path(socket);
        let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        Transport(sender)
    }

    /// Calls any method as an administrator, with an empty message, and returns its gRPC status.
    pub(crate) async fn status_of(&self, path: &str) -> Option<String> {
        let Transport(mut sender) = self.transport().await;
        let request = http::Request::post(format!("http://machined{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("talos-role", "os:admin")
            // One frame: not compressed, no bytes.
            .body(Body::new(http_body_util::Full::new(
                bytes::Bytes::from_static(&[0; 5]),
            )))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let in_head = head.headers.get("grpc-status").cloned();
        let status = match in_head {
            Some(status) => Some(status),
            None => {
                let body = tokio::time::timeout(DEADLINE, body.collect()).await;
                let trailers = body.unwrap().unwrap().trailers().cloned();
                trailers.and_then(|trailers| trailers.get("grpc-status").cloned())
            }
        };
        status.map(|status| status.to_str().unwrap().to_owned())
    }
}

/// The stages that events told, oldest first; what was told twice in a row is there once.
pub(crate) async fn stages(client: &mut Client) -> Option<Vec<i32>> {
    let events = events(client, "MachineStatusEvent").await;
    let decode = |value: &[u8]| {
        <machine::MachineStatusEvent as prost::Message>::decode(value).map(|event| event.stage)
    };
    let mut stages: Vec<i32> = events
        .iter()
        .map(|value| decode(value).ok())
        .collect::<Option<_>>()?;
    // Being ready or not makes an event too.
    stages.dedup();
    Some(stages)
}

/// The payloads of all kept events of a type, oldest first.
pub(crate) async fn events(client: &mut Client, name: &str) -> Vec<Vec<u8>> {
    let request = machine::EventsRequest {
        tail_events: -1,
        ..Default::default()
    };
    let mut found = Vec::new();
    let Ok(stream) = client.events(as_admin(request)).await else {
        return found;
    };
    let mut stream = stream.into_inner();
    let pause = Duration::from_millis(100);
    while let Ok(Ok(Some(event))) = tokio::time::timeout(pause, stream.message()).await {
        let data = event.data.unwrap();
        if data.type_url.ends_with(name) {
            found.push(data.value);
        }
    }
    found
}

pub(crate) fn with_role<T>(role: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request
        .metadata_mut()
        .insert(::api::wire::ROLE, role.parse().unwrap());
    request
}

pub(crate) fn as_admin<T>(message: T) -> tonic::Request<T> {
    with_role("os:admin", message)
}

pub(crate) type Client = MachineServiceClient<Transport>;

/// What the paths of methods are put behind; nobody looks at it.
fn origin() -> http::Uri {
    http::Uri::from_static("http://machined")
}

/// One HTTP/2 connection, as apid has it.
#[derive(Clone)]
pub(crate) struct Transport(pub(crate) http2::SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.0.send_request(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Body::new(body.boxed_unsync()))) })
    }
}
