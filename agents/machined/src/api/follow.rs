// SPDX-License-Identifier: MPL-2.0
//! Streams: logs, the kernel's log, events.
//!
//! Each stream pulls: it asks for the next piece when the client took the last one, so a slow
//! client holds up nobody and costs one chunk of memory.
//!
//! Owns: where a stream begins and when it ends.
//! Never: skips anything silently.

use std::sync::Arc;
use std::time::Duration;

use api::machine::{DmesgRequest, EventsRequest, LogsRequest};
use api::rbac::Roles;
use api::{common, machine};
use prost_types::Any;
use proto::Refusal;
use proto::log::{KERNEL, NO_SERVICES};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::gap;
use crate::clock;
use crate::containers;
use crate::events::{Event, From, RING_MAX};
use crate::news::Error;
use crate::news::logs::{AtEnd, Reader};
use crate::node::Node;
use ::api::quota::Share;

/// Pieces between the reader and the network.
const AHEAD: usize = 1;

/// Names of the containers' namespaces that hold our services.
const OWN_NAMESPACES: &[&str] = &["", "system"];

pub(super) async fn logs(
    node: &Arc<Node>,
    roles: Roles,
    request: &LogsRequest,
) -> Result<BoxStream<common::Data>, Status> {
    if !OWN_NAMESPACES.contains(&request.namespace.as_str()) {
        return Err(Status::unimplemented(format!(
            "logs of namespace \"{}\": there is no container runtime yet",
            request.namespace
        )));
    }
    // Whoever left the driver out has the documents' default, which is containerd's: ours.
    if request.driver != i32::from(common::ContainerDriver::Containerd) {
        return Err(Status::unimplemented(
            "logs by the driver cri: there is no container runtime of Kubernetes yet",
        ));
    }
    // Anything below zero is all of it.
    let lines = u32::try_from(request.tail_lines).unwrap_or(u32::MAX);
    let log = log_of(node, &request.id);
    open(node, roles, &log, lines, request.follow).await
}

/// The log that is meant: a container may be called by its own name, unless that is another log's.
fn log_of(node: &Node, id: &str) -> String {
    if NO_SERVICES.contains(&id) {
        return id.to_owned();
    }
    let container = format!("{}{id}", containers::PREFIX);
    let state = node.state();
    let is_container = state.services.get(id).is_none() && state.services.get(&container).is_some();
    if is_container {
        container
    } else {
        id.to_owned()
    }
}

pub(super) async fn dmesg(
    node: &Arc<Node>,
    roles: Roles,
    request: DmesgRequest,
) -> Result<BoxStream<common::Data>, Status> {
    // `tail` means: only what comes from now on.
    let lines = if request.tail { 0 } else { u32::MAX };
    open(node, roles, KERNEL, lines, request.follow).await
}

async fn open(
    node: &Arc<Node>,
    roles: Roles,
    log: &str,
    lines: u32,
    follow: bool,
) -> Result<BoxStream<common::Data>, Status> {
    let place = node.logs.take(Share::of(roles), 1).ok_or_else(|| {
        Status::resource_exhausted(
            "too many clients read logs of this node; try again when one is done",
        )
    })?;
    let reader = match Reader::open(&node.places, log, lines).await {
        Ok(reader) => reader,
        Err(Error::Refused(Refusal::NotFound)) => {
            return Err(Status::not_found(format!(
                "log \"{log}\" was not registered"
            )));
        }
        Err(error) => return Err(Status::unavailable(format!("logd: {error}"))),
    };
    let at_end = if follow { AtEnd::Wait } else { AtEnd::Stop };
    let log = log.to_owned();
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        pump(reader, &log, at_end, sender).await;
        drop(place);
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

async fn pump(
    mut reader: Reader,
    log: &str,
    at_end: AtEnd,
    sender: mpsc::Sender<Result<common::Data, Status>>,
) {
    loop {
        let piece = tokio::select! {
            piece = reader.next(at_end) => piece,
            // Nobody listens any more: a quiet log must not keep this task for ever.
            () = sender.closed() => return,
        };
        let piece =
            piece.map(|piece| gap::before(log, reader.take_lost(), piece, clock::now().wall));
        let message = match piece {
            Ok(None) if at_end == AtEnd::Stop => return,
            Ok(None) => continue,
            Ok(Some(bytes)) => Ok(common::Data {
                metadata: None,
                bytes,
            }),
            Err(error) => Err(Status::unavailable(format!("logd: {error}"))),
        };
        let failed = message.is_err();
        if sender.send(message).await.is_err() || failed {
            return;
        }
    }
}

pub(super) fn events(
    node: &Arc<Node>,
    request: &EventsRequest,
) -> Result<BoxStream<machine::Event>, Status> {
    let now = clock::now().wall;
    let since = u64::try_from(request.tail_seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(|seconds| {
            now.checked_sub(Duration::from_secs(seconds))
                .unwrap_or(std::time::SystemTime::UNIX_EPOCH)
        });
    let from = match (request.tail_events, request.tail_id.as_str(), since) {
        (_, id, None) if !id.is_empty() => From::After(id),
        (0, "", Some(moment)) => From::Since(moment),
        (0, "", None) => From::Now,
        (count, "", None) => match usize::try_from(count) {
            Ok(count) => From::Last(count.min(RING_MAX)),
            Err(_negative) => From::Oldest,
        },
        _ => {
            return Err(Status::invalid_argument(
                "only one of tail_events, tail_id and tail_seconds can be used",
            ));
        }
    };
    let (place, before) = {
        let state = node.state();
        let place = state.events.place(from);
        (place, state.events.id_before(place))
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let actor = request.with_actor_id.clone();
    let hello = hello(before, actor.clone());
    // The channel is empty.
    let _taken = sender.try_send(Ok(hello));
    tokio::spawn(tell(Arc::clone(node), place, actor, sender));
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

async fn tell(
    node: Arc<Node>,
    mut place: u64,
    actor: String,
    sender: mpsc::Sender<Result<machine::Event, Status>>,
) {
    let news = Arc::clone(&node.state().events.news);
    loop {
        let notified = news.notified();
        tokio::pin!(notified);
        // Registered before looking, so that nothing is missed in between.
        notified.as_mut().enable();
        let next = node.state().events.read(place).map(|event| event.cloned());
        match next {
            Ok(Some(event)) => {
                place = place.saturating_add(1);
                if (actor.is_empty() || event.actor_id == actor)
                    && sender.send(Ok(wire(event))).await.is_err()
                {
                    return;
                }
            }
            Ok(None) => tokio::select! {
                () = notified => {}
                () = sender.closed() => return,
            },
            Err(_overrun) => {
                let lost = Status::out_of_range("events were lost: the reader was too slow");
                let _gone = sender.send(Err(lost)).await;
                return;
            }
        }
    }
}

/// The first event of every stream, which says that the stream is open: `talosctl reboot` waits for
/// one before it gives the order, and drops it. It has no kind. Whoever resumes behind its id
/// begins where this stream did.
fn hello(id: String, actor_id: String) -> machine::Event {
    machine::Event {
        metadata: None,
        data: Some(Any::default()),
        id,
        actor_id,
    }
}

fn wire(event: Event) -> machine::Event {
    machine::Event {
        metadata: None,
        data: Some(event.payload),
        id: event.id,
        actor_id: event.actor_id,
    }
}
