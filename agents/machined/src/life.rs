// SPDX-License-Identifier: MPL-2.0
//! The life of the machine from machined's side: initialize, boot, run; and what happens when
//! that fails.
//!
//! Owns: which sequence comes next, and not repeating a boot.
//! Never: takes a running node down because machined was restarted.

use std::sync::Arc;

use crate::node::Node;
use crate::resources::MachineStage;
use crate::sequence::{self, Failure, Sequence};
use crate::{acquire, clock, meta, news, trial};
use proto::supervisor::{Action, Request};

/// Says whether machined was restarted on a node that runs, and how life goes on then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// The node runs already.
    Running,
    /// It runs with a configuration that was on trial with nothing before it, and is to go back.
    Undoing,
    /// It has to boot.
    No,
}

/// Takes up a running node after a restart of machined, with the stored configuration.
pub(crate) fn resume(node: &Node) -> Resumed {
    if trial::was_of_the_first(node) {
        trial::ended_with(node, "machined");
        return Resumed::Undoing;
    }
    if !(node.places.booted().exists() && acquire::from_stored(node)) {
        return Resumed::No;
    }
    node.journal
        .console("machined was restarted: the node is as it was, earlier events are not kept");
    trial::ended_with(node, "machined");
    node.set_stage(MachineStage::Running);
    Resumed::Running
}

/// Lives.
pub(crate) async fn live(node: Arc<Node>, resumed: Resumed) {
    match resumed {
        Resumed::Running => return meta::load(&node).await,
        Resumed::Undoing => {
            meta::load(&node).await;
            return trial::undo(&node);
        }
        Resumed::No => {}
    }
    node.set_stage(MachineStage::Booting);
    match boot(&node).await {
        Ok(()) => {
            if let Err(error) = std::fs::write(node.places.booted(), "") {
                // A restart would repeat the boot, which changes nothing on a node that runs.
                node.journal
                    .log(format_args!("{}: {error}", node.places.booted().display()));
            }
            node.set_stage(MachineStage::Running);
        }
        // Whoever took over decides what comes next.
        Err(Failure::Cancelled | Failure::Locked) => {}
        Err(Failure::Task { .. }) => lost(&node).await,
    }
}

async fn boot(node: &Arc<Node>) -> Result<(), Failure> {
    sequence::run(node, Sequence::Initialize, "").await?;
    sequence::run(node, Sequence::Boot, "").await
}

/// A machine that cannot boot starts again, after a while in which somebody may read why.
async fn lost(node: &Node) {
    let Some(delay) = node.arguments.panic_delay() else {
        node.journal
            .console("the boot failed; panic=0 was given, so the machine stays as it is");
        return;
    };
    let action = if node.state().sequencer.power_off_when_lost {
        Action::PowerOff
    } else {
        Action::Reboot
    };
    node.journal.console(format_args!(
        "the boot failed; the machine starts again in {} s",
        delay.as_secs()
    ));
    tokio::time::sleep(delay).await;
    if let Err(error) = news::init::order(node, &Request::Down(action)).await {
        node.journal.console(format_args!("init: {error}"));
    }
}

/// Begins to bring the machine down, and says why on the console. Returns the id by which the
/// sequence is followed in events.
pub(crate) fn go_down(node: &Arc<Node>, wanted: Sequence, why: &str) -> String {
    let stage = match wanted {
        Sequence::Shutdown => MachineStage::ShuttingDown,
        Sequence::Initialize | Sequence::Boot | Sequence::Reboot => MachineStage::Rebooting,
    };
    let actor_id = node.state().events.next_id(clock::now().wall);
    node.journal
        .console(format_args!("{}: {why}", wanted.name()));
    let before = node.state().sequencer.stage;
    node.set_stage(stage);
    let (node, actor) = (Arc::clone(node), actor_id.clone());
    tokio::spawn(async move {
        if sequence::run(&node, wanted, &actor).await.is_err()
            && let Some(before) = before
        {
            // It did not begin: another sequence goes on, or a task failed.
            node.set_stage(before);
        }
    });
    actor_id
}
