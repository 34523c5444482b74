// SPDX-License-Identifier: MPL-2.0
//! A resource as a message.
//!
//! Owns: how metadata is written.
//! Never: encodes a spec; its type does.

use std::sync::Arc;

use ::api::cosi::resource::{
    Event as WireEvent, EventType, Metadata as WireMetadata, Resource as WireResource, Spec,
};
use resource::{Bookmark, Encoded, Event, Metadata, Phase, Resource};
use tonic::Status;

use crate::clock;

/// The version of what is not there.
const NO_VERSION: &str = "undefined";
const RUNNING: &str = "running";
const TEARING_DOWN: &str = "tearingDown";

/// Writes a resource.
///
/// # Errors
/// Its spec has no form for clients: a mistake of ours.
pub(super) fn resource(resource: &Resource) -> Result<WireResource, Status> {
    let encoded = resource.encoded().ok_or_else(|| {
        let name = resource.metadata.kind.name;
        Status::internal(format!("cannot encode a resource of type {name}"))
    })?;
    // Nobody else has one of a secret: it is moved, and no second copy is left in memory.
    let Encoded { yaml, proto } = Arc::unwrap_or_clone(encoded);
    Ok(WireResource {
        metadata: Some(metadata(&resource.metadata)),
        spec: Some(Spec {
            proto_spec: proto,
            yaml_spec: yaml,
        }),
    })
}

fn metadata(metadata: &Metadata) -> WireMetadata {
    let finalizers = metadata.finalizers.iter();
    WireMetadata {
        namespace: metadata.namespace.to_owned(),
        r#type: metadata.kind.name.to_owned(),
        id: metadata.id.clone(),
        version: metadata.version.to_string(),
        owner: metadata.owner.to_owned(),
        phase: match metadata.phase {
            Phase::Running => RUNNING.to_owned(),
            Phase::TearingDown => TEARING_DOWN.to_owned(),
        },
        created: Some(clock::timestamp(metadata.created)),
        updated: Some(clock::timestamp(metadata.updated)),
        finalizers: finalizers.map(|holder| (*holder).to_owned()).collect(),
        annotations: Default::default(),
        labels: metadata.labels.clone().into_iter().collect(),
    }
}

/// Writes an event, and where a watch that heard it can go on.
///
/// # Errors
/// As [`resource`].
pub(super) fn event(event: &Event, bookmark: Option<Bookmark>) -> Result<WireEvent, Status> {
    let (kind, present, old) = match event {
        Event::Created(present) => (EventType::Created, Some(present), None),
        Event::Updated { old, new } => (EventType::Updated, Some(new), Some(old)),
        Event::Destroyed(gone) => (EventType::Destroyed, Some(gone), None),
        Event::Bootstrapped => (EventType::Bootstrapped, None, None),
        Event::Noop => (EventType::Noop, None, None),
    };
    Ok(WireEvent {
        resource: present.map(resource).transpose()?,
        old: old.map(resource).transpose()?,
        error: None,
        event_type: kind.into(),
        bookmark: bookmark.map(|bookmark| bookmark.to_bytes().to_vec()),
    })
}

/// The event for one resource that is watched and not there.
pub(super) fn absent(namespace: &str, kind: &str, id: &str, bookmark: Bookmark) -> WireEvent {
    WireEvent {
        resource: Some(WireResource {
            metadata: Some(WireMetadata {
                namespace: namespace.to_owned(),
                r#type: kind.to_owned(),
                id: id.to_owned(),
                version: NO_VERSION.to_owned(),
                phase: RUNNING.to_owned(),
                ..WireMetadata::default()
            }),
            spec: None,
        }),
        event_type: EventType::Destroyed.into(),
        bookmark: Some(bookmark.to_bytes().to_vec()),
        ..WireEvent::default()
    }
}

/// The last event of a watch that cannot go on.
pub(super) fn error(why: &impl ToString) -> WireEvent {
    WireEvent {
        error: Some(why.to_string()),
        event_type: EventType::Errored.into(),
        ..WireEvent::default()
    }
}
