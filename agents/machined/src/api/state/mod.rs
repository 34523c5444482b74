// SPDX-License-Identifier: MPL-2.0
//! The service of resources: reading and watching what the node knows.
//!
//! Owns: which calls are answered, and with what.
//! Never: writes a resource for a caller: controllers and sources do that alone.

mod access;
mod begin;
mod follow;
mod message;
mod query;

use ::api::cosi::resource::state_server::State;
use ::api::cosi::resource::{
    CreateRequest, CreateResponse, DestroyRequest, DestroyResponse, GetRequest, GetResponse,
    ListRequest, ListResponse, UpdateRequest, UpdateResponse, WatchRequest, WatchResponse,
};
use ::api::rbac::Roles;
use resource::{Filter, Resource};
use tokio::sync::OwnedSemaphorePermit;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use self::query::Query;
use super::{Api, Reply, roles};
use crate::node::Node;
use crate::on_demand;
use ::api::quota::Share;

#[tonic::async_trait]
impl State for Api {
    async fn get(&self, request: Request<GetRequest>) -> Reply<GetResponse> {
        let roles = roles(&request);
        let asked = request.into_inner();
        let (namespace, kind) = access::read(roles, &asked.namespace, &asked.r#type)?;
        on_demand::refresh(&self.node, kind);
        let found = self
            .node
            .state()
            .store
            .get_any(namespace, kind, &asked.id)
            .cloned();
        let found = found.ok_or_else(|| access::not_found(namespace, kind, &asked.id))?;
        Ok(Response::new(GetResponse {
            resource: Some(message::resource(&found)?),
        }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Reply<BoxStream<ListResponse>> {
        let roles = roles(&request);
        let asked = request.into_inner();
        let (namespace, kind) = access::read(roles, &asked.namespace, &asked.r#type)?;
        let options = asked.options.unwrap_or_default();
        let query = query::read(&options.label_query, options.id_query.as_ref())?;
        let (filter, _held) = hold(&self.node, roles, query)?;
        on_demand::refresh(&self.node, kind);
        let found: Vec<Resource> = self
            .node
            .state()
            .store
            .list_any(namespace, kind)
            .filter(|found| {
                let filter = filter.as_ref();
                filter.is_none_or(|filter| filter.wants(&found.metadata))
            })
            .cloned()
            .collect();
        // Each is encoded when the client takes it: a list costs no more than its specs.
        let messages = found.into_iter().map(|found| {
            Ok(ListResponse {
                resource: Some(message::resource(&found)?),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Reply<BoxStream<WatchResponse>> {
        let roles = roles(&request);
        follow::watch(&self.node, roles, request.into_inner()).map(Response::new)
    }

    async fn create(&self, _: Request<CreateRequest>) -> Reply<CreateResponse> {
        Err(access::read_only())
    }

    async fn update(&self, _: Request<UpdateRequest>) -> Reply<UpdateResponse> {
        Err(access::read_only())
    }

    async fn destroy(&self, _: Request<DestroyRequest>) -> Reply<DestroyResponse> {
        Err(access::read_only())
    }
}

/// The filter of a query, and its place in the memory that all of them share.
///
/// # Errors
/// There is none left; this is the answer.
fn hold(
    node: &Node,
    roles: Roles,
    query: Option<Query>,
) -> Result<(Option<Filter>, Option<OwnedSemaphorePermit>), Status> {
    let Some(query) = query else {
        return Ok((None, None));
    };
    let kib = u32::try_from(query.cost.div_ceil(1024)).unwrap_or(u32::MAX);
    let held = node.queries.take(Share::of(roles), kib);
    let held = held.ok_or_else(|| {
        Status::resource_exhausted(
            "too many clients choose by label or id; try again when one is done",
        )
    })?;
    Ok((Some(query.filter), Some(held)))
}
