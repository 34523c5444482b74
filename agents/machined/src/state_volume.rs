// SPDX-License-Identifier: MPL-2.0
//! The STATE volume: init mounts it, if there is one, and what is stored then outlives the machine.
//!
//! A node without the partition runs from memory: the same files are in the same place, and gone
//! with the power.
//!
//! Owns: asking for the mount, again when devices come, and remembering that it was made.
//! Never: holds up a boot for a disk that does not answer.

use std::time::Duration;

use proto::supervisor::{Mounting, Reply, Request, Volume};
use proto::{paths, udev};

use crate::mounted;
use crate::news::{Error, Line, Retry};
use crate::node::Node;

/// How long a boot waits for the kernel to mount it: the replay of a journal takes less.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It is mounted.
    Mounted,
    /// There is none: the node runs from memory.
    Absent,
    /// There is one that cannot be used, and why: the node runs from memory.
    Unusable(String),
}

/// Whether what is stored outlives the machine.
pub(crate) fn is_mounted(node: &Node) -> bool {
    node.places.state_is_mounted().exists()
}

/// Mounts it, if it is there now. What is wrong with it is said, and the node goes on without.
pub(crate) async fn mount(node: &Node) {
    if let Outcome::Unusable(reason) = attempt(node).await {
        say(node, &reason);
    }
}

fn say(node: &Node, reason: &str) {
    node.journal.console(format_args!(
        "the STATE partition cannot be used: {reason}; until that is mended the node keeps its \
         configuration in memory only"
    ));
}

async fn attempt(node: &Node) -> Outcome {
    // Most machines have none, and asking init costs them the time of a start.
    if !node.places.state_device().exists() {
        return Outcome::Absent;
    }
    let asked = tokio::time::timeout(PATIENCE, ask(node)).await;
    Outcome::Unusable(match asked {
        Ok(Ok(Mounting::Done)) => match std::fs::write(node.places.state_is_mounted(), "") {
            Ok(()) => {
                mounted::publish(node);
                return Outcome::Mounted;
            }
            Err(error) => format!("{}: {error}", node.places.state_is_mounted().display()),
        },
        Ok(Ok(Mounting::Failed(errno))) => match sys::errno::name_of(errno.into()) {
            "ENOENT" => return Outcome::Absent,
            "EINVAL" => "there is no file system on it that the node knows".to_owned(),
            errno => errno.to_owned(),
        },
        Ok(Err(error)) => format!("init: {error}"),
        Err(_) => format!("the disk does not answer within {} s", PATIENCE.as_secs()),
    })
}

async fn ask(node: &Node) -> Result<Mounting, Error> {
    let mut line = Line::open(&node.places.at(paths::INIT_SOCKET)).await?;
    line.send(|buffer| Request::Mount(Volume::State).encode(buffer))
        .await?;
    match Reply::decode(line.receive().await?) {
        Ok(Reply::Mounting(outcome)) => Ok(outcome),
        Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
        _other => Err(Error::Unexpected),
    }
}

/// Waits until devices came or went and it could be mounted after all: a disk on USB or a card may
/// be found long after the node came up.
pub(crate) async fn arrives(node: &Node) {
    let mut retry = Retry::of("udevd");
    let mut said = String::new();
    loop {
        let Err(error) = watch(node, &mut retry, &mut said).await else {
            return;
        };
        retry.wait(node, error).await;
    }
}

/// `said` is what was last said to be wrong with it, so that it is said once.
async fn watch(node: &Node, retry: &mut Retry, said: &mut String) -> Result<(), Error> {
    let mut line = Line::open(&node.places.at(paths::UDEVD_SOCKET)).await?;
    let mut known = udev::Settled {
        events: 0,
        overruns: 0,
    };
    loop {
        let changed = udev::Request::Changed(known);
        line.send(|buffer| changed.encode(buffer)).await?;
        known = match udev::Reply::decode(line.receive().await?) {
            Ok(udev::Reply::Settled(settled)) => settled,
            Ok(udev::Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            _other => return Err(Error::Unexpected),
        };
        retry.succeeded();
        match attempt(node).await {
            Outcome::Mounted => return Ok(()),
            Outcome::Absent => {}
            Outcome::Unusable(reason) if reason == *said => {}
            Outcome::Unusable(reason) => {
                say(node, &reason);
                *said = reason;
            }
        }
    }
}
