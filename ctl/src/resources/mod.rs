// SPDX-License-Identifier: MPL-2.0
//! Resources of nodes.
//!
//! Owns: the calls that read them, one node at a time.
//! Never: writes one.

pub(crate) mod form;
pub(crate) mod kinds;
pub(crate) mod path;

use api::cosi::resource::meta::ResourceDefinitionSpec;
use api::cosi::resource::{
    GetRequest, ListRequest, ListResponse, Resource, WatchOptions, WatchRequest, WatchResponse,
};
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use crate::session::Session;
use crate::trouble::Trouble;
use kinds::Kind;

/// The version of watches from which on their end and their errors are told.
const WATCH_VERSION: i32 = 1;
/// How much of one list is held, in bytes as they come: twenty thousand of the longest usual resources. A
/// node that goes on and on fills no more than that.
const LIST_MAX: usize = 64 * 1024 * 1024;
/// The type of the definitions themselves, in every node's namespace `meta`.
const DEFINITIONS: &str = "ResourceDefinitions.meta.cosi.dev";

/// A node that is asked; without a name it is the endpoint itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    session: &'a Session,
    node: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// One for each node that was asked for.
    pub(crate) fn each(session: &'a Session) -> Vec<Self> {
        let named = session.target.nodes.iter();
        let mut readers: Vec<Self> = named
            .map(|node| Self {
                session,
                node: Some(node),
            })
            .collect();
        if readers.is_empty() {
            readers.push(Self {
                session,
                node: None,
            });
        }
        readers
    }

    /// Reads a node by its name.
    pub(crate) fn of(session: &'a Session, node: Option<&'a str>) -> Self {
        Self { session, node }
    }

    /// The node's name, if it was asked for by one.
    pub(crate) fn node(&self) -> Option<&'a str> {
        self.node
    }

    /// What the node is called.
    pub(crate) fn name(&self) -> String {
        self.session.name_of(self.node)
    }

    /// Finds the type that an operator means.
    pub(crate) async fn resolve(&self, named: &str) -> Result<Kind, Trouble> {
        let definitions = self.definitions().await?;
        kinds::resolve(named, &definitions)
            .cloned()
            .map_err(|trouble| trouble.at(&self.name()))
    }

    /// Every type that the node has.
    pub(crate) async fn kinds(&self) -> Result<Vec<Kind>, Trouble> {
        self.definitions().await
    }

    /// All resources of a type as they come, for those who keep none of them.
    pub(crate) async fn stream_of(&self, kind: &Kind) -> Result<Streaming<ListResponse>, Status> {
        let request = ListRequest {
            namespace: kind.namespace.clone(),
            r#type: kind.name.clone(),
            options: None,
        };
        let request = self.request(request);
        let request = request.map_err(|trouble| Status::invalid_argument(trouble.to_string()))?;
        Ok(self.session.state().list(request).await?.into_inner())
    }

    async fn definitions(&self) -> Result<Vec<Kind>, Trouble> {
        let listed = self.list("meta", DEFINITIONS, None).await?;
        let mut kinds = Vec::with_capacity(listed.len());
        for resource in listed {
            let spec = resource.spec.unwrap_or_default();
            let definition = ResourceDefinitionSpec::decode(&spec.proto_spec[..]);
            let definition = definition.map_err(|error| {
                Trouble::new(format!(
                    "{}: cannot read the definition of a type: {error}",
                    self.name()
                ))
            })?;
            kinds.push(Kind::of(definition));
        }
        Ok(kinds)
    }

    /// Reads one resource.
    pub(crate) async fn get(
        &self,
        namespace: &str,
        kind: &Kind,
        id: &str,
    ) -> Result<Resource, Trouble> {
        self.read(namespace, (&kind.name, Some(kind)), id).await
    }

    /// Reads one resource of a type by its full name.
    pub(crate) async fn get_by_name(
        &self,
        namespace: &str,
        name: &str,
        id: &str,
    ) -> Result<Resource, Trouble> {
        self.read(namespace, (name, None), id).await
    }

    async fn read(
        &self,
        namespace: &str,
        (name, kind): (&str, Option<&Kind>),
        id: &str,
    ) -> Result<Resource, Trouble> {
        let request = GetRequest {
            namespace: namespace.to_owned(),
            r#type: name.to_owned(),
            id: id.to_owned(),
            options: None,
        };
        let reply = self.session.state().get(self.request(request)?).await;
        let reply = reply.map_err(|status| self.failed(&status, kind))?;
        reply.into_inner().resource.ok_or_else(|| {
            Trouble::new(format!(
                "{}: the node answered without a resource",
                self.name()
            ))
        })
    }

    /// Reads all resources of a type.
    pub(crate) async fn list_of(
        &self,
        namespace: &str,
        kind: &Kind,
    ) -> Result<Vec<Resource>, Trouble> {
        self.list(namespace, &kind.name, Some(kind)).await
    }

    /// Lists the resources of a type by its full name: who owns each, and its id.
    pub(crate) async fn owners(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<(String, String)>, Trouble> {
        let found = self.list(namespace, name, None).await?;
        let metadata = found.into_iter().filter_map(|resource| resource.metadata);
        Ok(metadata.map(|found| (found.owner, found.id)).collect())
    }

    async fn list(
        &self,
        namespace: &str,
        name: &str,
        kind: Option<&Kind>,
    ) -> Result<Vec<Resource>, Trouble> {
        let request = ListRequest {
            namespace: namespace.to_owned(),
            r#type: name.to_owned(),
            options: None,
        };
        let reply = self.session.state().list(self.request(request)?).await;
        let mut stream = reply
            .map_err(|status| self.failed(&status, kind))?
            .into_inner();
        let mut found = Vec::new();
        let mut held: usize = 0;
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    held = held.saturating_add(message.encoded_len());
                    check_held(held, name).map_err(|trouble| trouble.at(&self.name()))?;
                    found.extend(message.resource);
                }
                Ok(None) => return Ok(found),
                Err(status) => return Err(self.failed(&status, kind)),
            }
        }
    }

    /// Follows one resource, or all of a type.
    pub(crate) async fn watch(
        &self,
        namespace: &str,
        kind: &Kind,
        id: Option<&str>,
    ) -> Result<Streaming<WatchResponse>, Trouble> {
        let request = WatchRequest {
            namespace: namespace.to_owned(),
            r#type: kind.name.clone(),
            id: id.map(str::to_owned),
            options: Some(WatchOptions {
                // One resource is told as it is now anyway.
                bootstrap_contents: id.is_none(),
                ..WatchOptions::default()
            }),
            api_version: WATCH_VERSION,
        };
        let reply = self.session.state().watch(self.request(request)?).await;
        reply
            .map(tonic::Response::into_inner)
            .map_err(|status| self.failed(&status, Some(kind)))
    }

    fn request<T>(&self, message: T) -> Result<tonic::Request<T>, Trouble> {
        self.session.request_to(self.node, message)
    }

    /// The error for a call that failed.
    pub(crate) fn failed(&self, status: &Status, kind: Option<&Kind>) -> Trouble {
        let trouble = self.session.failed_at(self.node, status);
        match kind {
            Some(kind) if kind.is_sensitive && status.code() == Code::PermissionDenied => trouble
                .hint(format!(
                    "{} holds secrets: only os:admin reads it, and nobody on a node in maintenance \
                     mode",
                    kind.name
                )),
            Some(_) | None => trouble,
        }
    }
}

/// Refuses a list that is too long.
fn check_held(held: usize, name: &str) -> Result<(), Trouble> {
    if held <= LIST_MAX {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "the list of {name} is longer than {LIST_MAX} bytes"
    ))
    .hint("ask for one of them by its id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_goes_on_and_on_is_refused_by_its_type() {
        assert!(check_held(LIST_MAX, "Things.x.dev").is_ok());
        let trouble = check_held(LIST_MAX + 1, "Things.x.dev").unwrap_err();
        assert!(
            trouble
                .to_string()
                .starts_with("the list of Things.x.dev is longer")
        );
    }
}
