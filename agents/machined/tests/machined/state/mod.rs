// SPDX-License-Identifier: MPL-2.0
//! What machined promises of its resources.
//!
//! Owns: the list of the parts, and how a test asks.
//! Never: looks inside machined.

mod endpoint;
mod extension_status;
mod inspecting;
mod kernel_modules;
mod meta;
mod reading;
mod refusing;
mod watching;

use ::api::cosi::resource::state_client::StateClient;
use ::api::cosi::resource::{
    Event, EventType, GetRequest, ListRequest, Resource, WatchOptions, WatchRequest, WatchResponse,
};
use tonic::{Request, Status, Streaming};

use crate::clients::{Transport, as_admin};
use crate::node::DEADLINE;

const MC: &str = "MachineConfigs.config.talos.dev";
const RD: &str = "ResourceDefinitions.meta.cosi.dev";
const HOSTNAMES: &str = "HostnameStatuses.net.talos.dev";
const SERVICES: &str = "Services.v1alpha1.talos.dev";
const STORED: &str = "system/state/config.yaml";

pub(crate) type State = StateClient<Transport>;

fn get(namespace: &str, kind: &str, id: &str) -> GetRequest {
    GetRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.to_owned(),
        options: None,
    }
}

fn list(namespace: &str, kind: &str) -> ListRequest {
    ListRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        options: None,
    }
}

fn watch(namespace: &str, kind: &str, id: Option<&str>, options: WatchOptions) -> WatchRequest {
    WatchRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.map(str::to_owned),
        options: Some(options),
        api_version: 1,
    }
}

pub(crate) async fn read(
    state: &mut State,
    namespace: &str,
    kind: &str,
    id: &str,
) -> Result<Resource, Status> {
    let reply = state.get(as_admin(get(namespace, kind, id))).await?;
    Ok(reply.into_inner().resource.unwrap())
}

async fn all(state: &mut State, request: Request<ListRequest>) -> Result<Vec<Resource>, Status> {
    let mut stream = state.list(request).await?.into_inner();
    let mut found = Vec::new();
    while let Some(message) = stream.message().await? {
        found.push(message.resource.unwrap());
    }
    Ok(found)
}

fn id(resource: &Resource) -> &str {
    &resource.metadata.as_ref().unwrap().id
}

pub(crate) fn yaml(resource: &Resource) -> &str {
    &resource.spec.as_ref().unwrap().yaml_spec
}

async fn next(stream: &mut Streaming<WatchResponse>) -> Vec<Event> {
    let said = tokio::time::timeout(DEADLINE, stream.message()).await;
    said.unwrap().unwrap().unwrap().event
}

/// A call with metadata that names nodes.
fn to<T>(key: &'static str, names: &[&str], message: T) -> Request<T> {
    let mut request = Request::new(message);
    for name in names {
        request.metadata_mut().append(key, name.parse().unwrap());
    }
    request
}

/// What an event is and what it is about.
fn told(event: &Event) -> (EventType, String) {
    let about = event.resource.as_ref();
    (
        event.event_type(),
        about.map(|r| id(r).to_owned()).unwrap_or_default(),
    )
}
