// SPDX-License-Identifier: MPL-2.0
//! What becomes of the double's nodes after an order: each look at one is the next step of its life.
//!
//! Owns: which boot a node is in, when it is away, and what it tells before.
//! Never: goes by a clock.

use std::collections::VecDeque;
use std::sync::Mutex;

use api::common::Data;
use api::machine as m;
use prost::Message;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status};

use crate::double::{Boxed, nodes};
use crate::shelf::Held;

pub(crate) const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How a node shows itself at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It answers, in this boot.
    Up(&'static str),
    /// It answers, and which boot it is in may not be read.
    Mute,
    /// It cannot be reached.
    Away,
    /// It has no configuration, so the others do not know it.
    Bare,
    /// The endpoint itself goes off.
    Gone,
}

/// The life of a node: its first step lasts until the first look, its last for ever.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) steps: VecDeque<Step>,
    /// What the stream of events says.
    pub(crate) says: Vec<m::Event>,
    /// Whether that stream ends then.
    pub(crate) hangs_up: bool,
}

impl Life {
    pub(crate) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            says: Vec::new(),
            hangs_up: true,
        }
    }

    /// The same with a stream that says something.
    pub(crate) fn saying(self, says: Vec<m::Event>) -> Self {
        Self { says, ..self }
    }
}

/// An event of an order that the double took.
pub(crate) fn event(kind: &str, message: &impl Message) -> m::Event {
    m::Event {
        data: Some(prost_types::Any {
            type_url: format!("talos/runtime/machine.{kind}"),
            value: message.encode_to_vec(),
        }),
        actor_id: "a".to_owned(),
        ..Default::default()
    }
}

/// Somebody asks for the version of a node: its life goes on.
pub(crate) fn look(held: &Mutex<Held>, node: &str) -> Result<(), Status> {
    let mut held = held.lock().unwrap();
    let held = &mut *held;
    let Some(life) = held.lives.get_mut(node) else {
        return Ok(());
    };
    if held.is_ordered && life.steps.len() > 1 {
        life.steps.pop_front();
    }
    match life.steps.front().unwrap() {
        Step::Up(_) | Step::Mute => Ok(()),
        Step::Away => Err(Status::unavailable("cannot reach node: no route to it")),
        Step::Bare => Err(Status::unavailable(
            "cannot reach node: 10.0.0.2:50000: invalid peer certificate: UnknownIssuer: look",
        )),
        Step::Gone => {
            held.power.as_ref().unwrap().send_replace(false);
            Err(Status::unavailable("gone"))
        }
    }
}

/// Which boot a node is in.
pub(crate) fn boot_id(held: &Mutex<Held>, node: &str) -> Vec<Result<Data, Status>> {
    let held = held.lock().unwrap();
    let step = held.lives.get(node).and_then(|life| life.steps.front());
    let said = match step {
        Some(Step::Up(boot)) => Ok(Data {
            bytes: format!("{boot}\n").into_bytes(),
            ..Default::default()
        }),
        Some(Step::Mute) | None => Err(Status::permission_denied("not authorized")),
        Some(Step::Away | Step::Bare | Step::Gone) => Err(Status::unavailable("no route to it")),
    };
    vec![said]
}

pub(crate) fn events(held: &Mutex<Held>, node: &str) -> Result<Boxed<m::Event>, Status> {
    let held = held.lock().unwrap();
    let Some(life) = held.lives.get(node) else {
        return Err(Status::unimplemented("no events of it"));
    };
    let says = tokio_stream::iter(life.says.clone().into_iter().map(Ok));
    if life.hangs_up {
        return Ok(Box::pin(says));
    }
    Ok(Box::pin(says.chain(tokio_stream::pending())))
}

pub(crate) fn shutdown(
    request: &Request<m::ShutdownRequest>,
    held: &Mutex<Held>,
) -> Result<Response<m::ShutdownResponse>, Status> {
    if held.lock().unwrap().lives.is_empty() {
        return Err(Status::permission_denied("not authorized"));
    }
    held.lock().unwrap().is_ordered = true;
    let messages = nodes(request).into_iter().map(|metadata| m::Shutdown {
        metadata,
        actor_id: "a".to_owned(),
    });
    Ok(Response::new(m::ShutdownResponse {
        messages: messages.collect(),
    }))
}
