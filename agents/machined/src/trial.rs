// SPDX-License-Identifier: MPL-2.0
//! A configuration on trial: in force, not stored, and gone when its time is up.
//!
//! What is stored is what was there before, so whatever ends machined or the machine ends the trial
//! too, and nothing has to be undone on disk. A trial that begins with a start of the machine is
//! noted on disk before it begins: the start after that one knows that it was not confirmed.
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
    /// What was in force before, which is what is stored.
    before: Arc<Loaded>,
    /// Since when.
    pub began_at: Instant,
}

impl Trial {
    /// What is tried, as it was written.
    #[must_use]
    pub(crate) fn source(&self) -> &[u8] {
        self.tried.source()
    }

    /// What the node goes back to.
    #[must_use]
    pub(crate) fn before(&self) -> &Arc<Loaded> {
        &self.before
    }
}

/// Begins a trial in place of one that may go on; `stored` is what the node goes back to.
pub(crate) fn begin(
    node: &Arc<Node>,
    (purpose, way): (Purpose, Way),
    tried: Loaded,
    stored: Arc<Loaded>,
    lasts: Duration,
) {
    end(node, "another configuration is tried");
    // Only the next machined reads it, to say what became of the trial.
    if let Err(error) = std::fs::write(node.places.trial(), purpose.task()) {
        node.journal
            .log(format_args!("{}: {error}", node.places.trial().display()));
    }
    let unless = match purpose {
        Purpose::Try => "",
        Purpose::Confirm => " unless it is confirmed",
    };
    node.journal.console(format_args!(
        "a configuration is on trial and not stored: in {} s the node goes back to the stored \
         one{unless}",
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
    acquire::put_back(node, Arc::clone(&trial.before));
    // The door is as it was before anybody reads that it is.
    node.reconcile();
    finish(
        node,
        &trial,
        match trial.purpose {
            Purpose::Try => "its time is up: the stored configuration is in force again",
            Purpose::Confirm => {
                "nobody confirmed the configuration in time: the stored one is in force again"
            }
        },
    );
    match trial.way {
        Way::Live => {}
        Way::Start => {
            life::go_down(
                node,
                Sequence::Reboot,
                "to undo what the configuration did at its start",
            );
        }
    }
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

/// Says what became of a trial that went on when what ran it, machined or the machine, ended.
pub(crate) fn ended_with(node: &Node, what: &str) {
    if node.places.trial().exists() || node.places.tried_configuration().exists() {
        forget(node);
        node.journal.console(format_args!(
            "the trial of a configuration ended with the {what} that ran it: the stored \
             configuration is in force again"
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
