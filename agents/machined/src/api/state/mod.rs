// SPDX-License-Identifier: MPL-2.0
//! The service of resources: reading and watching what the node knows.
//!
//! Owns: which calls are answered, and with what.
//! Never: writes a resource for a caller: controllers and sources do that alone.

mod access;
mod follow;
mod message;
mod query;

use ::api::cosi::resource::state_server::State;
use ::api::cosi::resource::{
    CreateRequest, CreateResponse, DestroyRequest, DestroyResponse, GetRequest, GetResponse,
    ListRequest, ListResponse, UpdateRequest, UpdateResponse, WatchRequest, WatchResponse,
};
use ::api::rbac::Roles;
use resource::Resource;
use tonic::codegen::BoxStream;
use tonic::{Request, Response};

use super::{Api, Reply};
use crate::on_demand;

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
        let filter = query::filter(&options.label_query, options.id_query.as_ref())?;
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

/// What the gate found out about the caller.
fn roles<T>(request: &Request<T>) -> Roles {
    let found = request.extensions().get::<Roles>().copied();
    found.unwrap_or(Roles::NONE)
}
