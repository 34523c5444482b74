// SPDX-License-Identifier: MPL-2.0
//! A configuration on trial: in force, not stored, and gone when its time is up.
//!
//! What is stored is what was there before, so whatever ends machined or the machine ends the trial
//! too, and nothing has to be undone on disk. A trial that begins with a start of the machine is
//! noted on disk before it begins: the start after that one knows that it was not confirmed.
//!
//! Where nothing was there before, nothing is stored either, and the node goes back to waiting for a
//! configuration. It does so with a reboot: what it began as a configured node has no other end.
//!
//! Owns: the one trial there can be, its end, and what the console says about it.
//! Never: stores a configuration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::machine;
use api::machine::task_event::Action;

use crate::configuration::Loaded;
use crate::node::Node;
use crate::sequence::Sequence;
use crate::{acquire, life, stored};

/// How long mode `try` lasts when the caller does not say.
pub(crate) const TRY_DEFAULT: Duration = Duration::from_secs(60);
/// The longest trial: who needs more than a day does not look after the node.
pub(crate) const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);

/// What the note to the next machined says of a trial that has nothing to go back to.
const FIRST: &str = "the first configuration";
/// What it says of any other.
const LATER: &str = "another configuration";

/// Why a configuration is on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Mode `try`: it is meant to go.
    Try,
    /// It is meant to stay, once its sender has come back.
    Confirm,
}

impl Purpose {
    /// The name in events.
    const fn task(self) -> &'static str {
        match self {
            Self::Try => "tryConfiguration",
            Self::Confirm => "confirmConfiguration",
        }
    }
}

/// How a configuration on trial came into force, which is how it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// On the node as it ran.
    Live,
    /// With a start of the machine: what only a start does needs one to be undone.
    Start,
}

/// A trial that goes on.
#[derive(Debug)]
pub(crate) struct Trial {
    purpose: Purpose,
    way: Way,
    /// What is tried.
    tried: Arc<Loaded>,
    /// What was in force before, which is what is stored; nothing on a node that had none.
    before: Option<Arc<Loaded>>,
    /// Since when.
    pub began_at: Instant,
}

impl Trial {
    /// What is tried, as it was written.
    #[must_use]
    pub(crate) fn source(&self) -> &[u8] {
        self.tried.source()
    }

    /// What the node goes back to; nothing is maintenance mode.
    #[must_use]
    pub(crate) fn before(&self) -> Option<&Arc<Loaded>> {
        self.before.as_ref()
    }

    /// What the console says when its time is up.
    fn over(&self) -> &'static str {
        match (self.purpose, &self.before) {
            (Purpose::Try, Some(_)) => "its time is up: the stored configuration is in force again",
            (Purpose::Try, None) => "its time is up: there is no configuration again",
            (Purpose::Confirm, Some(_)) => {
                "nobody confirmed the configuration in time: the stored one is in force again"
            }
            (Purpose::Confirm, None) => {
                "nobody confirmed the configuration in time: there is none again"
            }
        }
    }
}

/// Begins a trial in place of one that may go on; `stored` is what the node goes back to, if there
/// is anything.
pub(crate) fn begin(
    node: &Arc<Node>,
    (purpose, way): (Purpose, Way),
    tried: Loaded,
    stored: Option<Arc<Loaded>>,
    lasts: Duration,
) {
    end(node, "another configuration is tried");
    note(node, stored.as_ref());
    let unless = match purpose {
        Purpose::Try => "",
        Purpose::Confirm => " unless it is confirmed",
    };
    let back = match stored {
        Some(_) => "goes back to the stored one",
        None => "starts again and waits for one, as before,",
    };
    node.journal.console(format_args!(
        "a configuration is on trial and not stored: in {} s the node {back}{unless}",
        lasts.as_secs()
    ));
    told(node, purpose, Action::Start);
    let tried = acquire::accept(node, tried);
    let began_at = Instant::now();
    node.state().trial = Some(Trial {
        purpose,
        way,
        tried: Arc::clone(&tried),
        before: stored,
        began_at,
    });
    let node = Arc::clone(node);
    tokio::spawn(async move {
        tokio::time::sleep(lasts).await;
        expire(&node, &tried);
    });
}

/// Ends the trial of exactly this configuration, if it still goes on, by going back.
fn expire(node: &Arc<Node>, tried: &Arc<Loaded>) {
    let over = {
        let mut state = node.state();
        state
            .trial
            .take_if(|trial| Arc::ptr_eq(&trial.tried, tried))
    };
    let Some(trial) = over else {
        return;
    };
    match &trial.before {
        Some(before) => acquire::put_back(node, Arc::clone(before)),
        None => acquire::take_away(node),
    }
    finish(node, &trial, trial.over());
    match (&trial.before, trial.way) {
        (Some(_), Way::Live) => {}
        (None, Way::Live) | (_, Way::Start) => undo(node),
    }
    // Nobody asks between what is done above and this: the door is as it was, or closed.
    node.reconcile();
}

/// Starts the machine again, for what only that undoes.
pub(crate) fn undo(node: &Arc<Node>) {
    let why = "to undo what the configuration on trial did";
    life::go_down(node, Sequence::Reboot, why);
}

/// Ends the trial that goes on, if one does; what comes instead is the caller's.
pub(crate) fn end(node: &Node, why: &str) {
    let over = node.state().trial.take();
    if let Some(trial) = over {
        finish(node, &trial, why);
    }
}

fn finish(node: &Node, trial: &Trial, why: &str) {
    forget(node);
    node.journal
        .console(format_args!("the trial of a configuration ended: {why}"));
    told(node, trial.purpose, Action::Stop);
}

fn forget(node: &Node) {
    if let Err(error) = stored::end_trial(&node.places) {
        // The next start of the machine takes it for one that was not confirmed, which is what is
        // said anyway; a confirmed one is stored by now.
        node.journal.console(format_args!("STATE: {error}"));
    }
    match std::fs::remove_file(node.places.trial()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => node
            .journal
            .log(format_args!("{}: {error}", node.places.trial().display())),
        Ok(()) | Err(_) => {}
    }
}

/// Leaves a note to the next machined, which says what became of the trial.
fn note(node: &Node, before: Option<&Arc<Loaded>>) {
    let text = before.map_or(FIRST, |_| LATER);
    if let Err(error) = std::fs::write(node.places.trial(), text) {
        node.journal
            .log(format_args!("{}: {error}", node.places.trial().display()));
    }
}

/// Says whether the machined before this one ended in the middle of a trial that has nothing to go
/// back to. One that was confirmed just before is stored, and no trial any more.
pub(crate) fn was_of_the_first(node: &Node) -> bool {
    std::fs::read_to_string(node.places.trial()).is_ok_and(|note| note == FIRST)
        && !is_anything_stored(node)
}

fn is_anything_stored(node: &Node) -> bool {
    stored::stored(&node.places).is_ok_and(|stored| stored.is_some())
}

/// Says what became of a trial that went on when what ran it, machined or the machine, ended.
pub(crate) fn ended_with(node: &Node, what: &str) {
    if node.places.trial().exists() || node.places.tried_configuration().exists() {
        forget(node);
        let now = if is_anything_stored(node) {
            "the stored configuration is in force again"
        } else {
            "there is no configuration again"
        };
        node.journal.console(format_args!(
            "the trial of a configuration ended with the {what} that ran it: {now}"
        ));
    }
}

fn told(node: &Node, purpose: Purpose, action: Action) {
    let event = machine::TaskEvent {
        task: purpose.task().to_owned(),
        action: action.into(),
    };
    node.publish("", "TaskEvent", &event);
}
