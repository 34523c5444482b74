// SPDX-License-Identifier: MPL-2.0
//! Runs a sequence: takes the lock, does phase after phase, and says so.
//!
//! Owns: the order, the events, and the lines in the log with counters and durations.
//! Never: knows what a task does.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::common::{Code, Error as WireError};
use api::machine::{PhaseEvent, SequenceEvent, TaskEvent, phase_event, sequence_event, task_event};
use tokio::task::JoinSet;

use super::table::Phase;
use super::{Lock, Sequence, tasks};
use crate::clock::Took;
use crate::node::Node;

/// How long a sequence waits for another one to end.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a sequence did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another one went on for too long.
    Locked,
    /// Another one took over.
    Cancelled,
    /// A task failed.
    Task {
        /// Which.
        task: &'static str,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => write!(f, "another sequence is running"),
            Self::Cancelled => write!(f, "another sequence took over"),
            Self::Task { task, reason } => write!(f, "task {task}: {reason}"),
        }
    }
}

impl Failure {
    const fn code(&self) -> Code {
        match self {
            Self::Locked => Code::Locked,
            Self::Cancelled => Code::Canceled,
            Self::Task { .. } => Code::Fatal,
        }
    }
}

/// Runs a sequence to its end. `actor_id` is the request that wanted it.
///
/// # Errors
/// It could not begin, was taken over, or a task failed. Events and the log have said so.
pub(crate) async fn run(
    node: &Arc<Node>,
    sequence: Sequence,
    actor_id: &str,
) -> Result<(), Failure> {
    let locked = tokio::time::timeout(LOCK_TIMEOUT, lock(node, sequence)).await;
    let Ok(cancel) = locked else {
        told(
            node,
            "",
            actor_id,
            sequence_event::Action::Noop,
            Some(&Failure::Locked),
        );
        return Err(Failure::Locked);
    };
    let name = sequence.name();
    told(node, name, actor_id, sequence_event::Action::Start, None);
    let result = tokio::select! {
        result = phases(node, sequence, actor_id) => result,
        () = cancel.notified() => Err(Failure::Cancelled),
    };
    match &result {
        Ok(()) => told(node, name, actor_id, sequence_event::Action::Stop, None),
        Err(failure) => {
            node.journal
                .console(format_args!("{name} sequence: failed: {failure}"));
            told(
                node,
                name,
                actor_id,
                sequence_event::Action::Noop,
                Some(failure),
            );
        }
    }
    node.state().sequencer.unlock();
    result
}

async fn lock(node: &Node, sequence: Sequence) -> Arc<tokio::sync::Notify> {
    loop {
        let lock = node.state().sequencer.lock(sequence);
        match lock {
            Lock::Taken(cancel) => return cancel,
            Lock::Wait(freed) => freed.notified().await,
        }
    }
}

fn told(
    node: &Node,
    name: &str,
    actor_id: &str,
    action: sequence_event::Action,
    failure: Option<&Failure>,
) {
    let event = SequenceEvent {
        sequence: name.to_owned(),
        action: action.into(),
        error: failure.map(|failure| WireError {
            code: failure.code().into(),
            message: failure.to_string(),
            details: Vec::new(),
        }),
    };
    node.publish(actor_id, "SequenceEvent", &event);
}

async fn phases(node: &Arc<Node>, sequence: Sequence, actor_id: &str) -> Result<(), Failure> {
    let begun = Instant::now();
    let name = sequence.name();
    let phases: Vec<&Phase> = sequence.phases(node.arguments.in_container()).collect();
    let count = phases.len();
    node.journal
        .console(format_args!("{name} sequence: {count} phase(s)"));
    for (number, phase) in (1_usize..).zip(phases) {
        let event = |action: phase_event::Action| PhaseEvent {
            phase: phase.name.to_owned(),
            action: action.into(),
        };
        let label = format!("phase {} ({number}/{count})", phase.name);
        let begun = Instant::now();
        node.journal
            .console(format_args!("{label}: {} task(s)", phase.tasks.len()));
        node.publish(actor_id, "PhaseEvent", &event(phase_event::Action::Start));
        tasks_of(node, phase, actor_id).await?;
        node.publish(actor_id, "PhaseEvent", &event(phase_event::Action::Stop));
        node.journal
            .console(format_args!("{label}: done, {}", Took(begun.elapsed())));
    }
    node.journal.console(format_args!(
        "{name} sequence: done, {}",
        Took(begun.elapsed())
    ));
    Ok(())
}

/// Does the tasks of a phase side by side; the first failure ends the others.
async fn tasks_of(node: &Arc<Node>, phase: &Phase, actor_id: &str) -> Result<(), Failure> {
    let mut set = JoinSet::new();
    let count = phase.tasks.len();
    for (number, task) in (1_usize..).zip(phase.tasks.iter().copied()) {
        let (node, actor_id) = (Arc::clone(node), actor_id.to_owned());
        set.spawn(async move {
            let name = task.name();
            let event = |action: task_event::Action| TaskEvent {
                task: name.to_owned(),
                action: action.into(),
            };
            let label = format!("task {name} ({number}/{count})");
            let begun = Instant::now();
            node.journal.console(format_args!("{label}: starting"));
            node.publish(&actor_id, "TaskEvent", &event(task_event::Action::Start));
            let result = tasks::perform(&node, task, &label).await;
            let took = Took(begun.elapsed());
            match &result {
                Ok(()) => node.journal.console(format_args!("{label}: done, {took}")),
                Err(reason) => node
                    .journal
                    .console(format_args!("{label}: failed, {took}: {reason}")),
            }
            node.publish(&actor_id, "TaskEvent", &event(task_event::Action::Stop));
            result.map_err(|reason| Failure::Task { task: name, reason })
        });
    }
    while let Some(ended) = set.join_next().await {
        ended.unwrap_or(Err(Failure::Cancelled))?;
    }
    Ok(())
}
