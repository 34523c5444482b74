// SPDX-License-Identifier: MPL-2.0
//! The single replies of several nodes as one, each labelled with the node that it is from.
//!
//! Owns: the order, which is the client's, and what of a node that fails is said in its place.
//! Never: holds more than the limits say.

use api::wire::Code;
use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::envelope;
use crate::limits;
use crate::merge::Asking;
use crate::refused::Refused;
use crate::relabel;
use crate::room::Room;

/// A reply, and the room that it takes.
pub(crate) type Held = (Bytes, OwnedSemaphorePermit);

/// Waits for all nodes and puts their messages together, as one gRPC frame. Who stops waiting calls
/// all of them off.
pub(crate) async fn gather(calls: Vec<(String, Asking)>, room: &Room) -> Result<Held, Refused> {
    let mut permit = room.none()?;
    let mut parts: Vec<Bytes> = vec![Bytes::new(); calls.len()];
    let mut waiting = JoinSet::new();
    for (place, (name, asking)) in calls.into_iter().enumerate() {
        let room = room.clone();
        waiting.spawn(async move {
            let part = match messages(&name, asking, &room).await {
                Ok((part, permit)) => (part, Some(permit)),
                Err(refused) => (envelope::field_1(&envelope::failure(&name, &refused)), None),
            };
            (place, part)
        });
    }
    while let Some(joined) = waiting.join_next().await {
        let (place, (part, room)) = joined.map_err(|_| lost())?;
        if let Some(slot) = parts.get_mut(place) {
            *slot = part;
        }
        if let Some(room) = room {
            permit.merge(room);
        }
    }
    Ok((envelope::frame_of(parts), permit))
}

/// The messages of one node, labelled.
async fn messages(
    name: &str,
    asking: Asking,
    room: &Room,
) -> Result<(Bytes, OwnedSemaphorePermit), Refused> {
    let response = asking.await?;
    if let Some(refused) = Refused::from_headers(response.headers()) {
        return Err(refused);
    }
    let (frames, permit) = whole(response.into_body(), room).await?;
    let labelled = envelope::unframe(&frames)
        .and_then(|reply| envelope::label_each(reply, &envelope::name(name)))
        .map_err(|_| relabel::misshapen())?;
    Ok((labelled.freeze(), permit))
}

/// Holds a whole reply.
async fn whole(mut answer: Answer, room: &Room) -> Result<Held, Refused> {
    let mut held = BytesMut::new();
    let mut permit = room.none()?;
    while let Some(frame) = answer.next().await {
        match frame?.into_data() {
            Ok(data) if held.len().saturating_add(data.len()) <= limits::HELD_ONE_MAX => {
                permit.merge(room.take(data.len())?);
                held.extend_from_slice(&data);
            }
            Ok(_) => {
                return Err(Refused::new(
                    Code::ResourceExhausted,
                    "the reply is too long to be labelled: ask without metadata `nodes`",
                ));
            }
            Err(frame) => {
                if let Some(refused) = frame.trailers_ref().and_then(Refused::from_headers) {
                    return Err(refused);
                }
            }
        }
    }
    Ok((held.freeze(), permit))
}

fn lost() -> Refused {
    Refused::new(
        Code::Internal,
        "a call to one of the nodes was lost on this node: try again",
    )
}
