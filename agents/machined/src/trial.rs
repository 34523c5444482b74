// SPDX-License-Identifier: MPL-2.0
//! A configuration on trial: in force, not stored, and gone when its time is up.
//!
//! A trial lives in machined's memory alone, and what is stored is what was there before. So
//! whatever ends machined or the machine ends the trial too, and nothing has to be undone on disk.
//!
//! Owns: the one trial there can be, its end, and what the console says about it.
//! Never: stores a configuration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::machine;
use api::machine::task_event::Action;

use crate::acquire;
use crate::configuration::Loaded;
use crate::node::Node;

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

/// A trial that goes on.
#[derive(Debug)]
pub(crate) struct Trial {
    purpose: Purpose,
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
    purpose: Purpose,
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
fn expire(node: &Node, tried: &Arc<Loaded>) {
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
    match std::fs::remove_file(node.places.trial()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => node
            .journal
            .log(format_args!("{}: {error}", node.places.trial().display())),
        Ok(()) | Err(_) => {}
    }
}

/// Says what became of a trial that went on when machined ended.
pub(crate) fn ended_with_machined(node: &Node) {
    if node.places.trial().exists() {
        forget(node);
        node.journal.console(
            "the trial of a configuration ended with the machined that ran it: the stored \
             configuration is in force again",
        );
    }
}

fn told(node: &Node, purpose: Purpose, action: Action) {
    let event = machine::TaskEvent {
        task: purpose.task().to_owned(),
        action: action.into(),
    };
    node.publish("", "TaskEvent", &event);
}
