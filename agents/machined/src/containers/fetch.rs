// SPDX-License-Identifier: MPL-2.0
//! The image of one container on its way.
//!
//! Owns: the talk with imaged about it, and the words for how far it is.
//! Never: gives up while it may still come; imaged says when it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{ContainerSpec, Pull};
use proto::images::{self, Ensure, MAX_MESSAGE, Progress, Ready, Reply, Request, Stage};
use tokio::task::AbortHandle;

use super::images as agent;
use crate::news::{Error, Line};
use crate::node::Node;

/// How long is waited before imaged is asked again when it could not be.
const PAUSE: Duration = Duration::from_secs(1);
/// In which steps it is told how far an image is: each is a line of the history.
const STEP: u8 = 10;

/// What is known of an image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) path: String,
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) environment: Vec<String>,
    pub(super) working_folder: String,
    pub(super) lowest_port: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

impl Image {
    fn of(ready: &Ready<'_>) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            path: ready.path.to_owned(),
            program: ready.program.to_owned(),
            args: owned(&ready.args),
            environment: owned(&ready.environment),
            working_folder: ready.working_folder.to_owned(),
            lowest_port: ready.lowest_port,
            uid: ready.uid,
            gid: ready.gid,
            groups: ready.groups.to_vec(),
        }
    }
}

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It comes; in words.
    Coming(String),
    /// It is there.
    There(Image),
    /// It does not come; why.
    Not(String),
}

/// An image that is fetched until this is dropped.
#[derive(Debug)]
pub(super) struct Fetch {
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // Its connection closes with it, which is how imaged hears of it.
        self.task.abort();
    }
}

impl Fetch {
    /// Begins.
    pub(super) fn begin(node: &Arc<Node>, spec: &ContainerSpec) -> Self {
        let state = Arc::new(Mutex::new(State::Coming(String::new())));
        let asking = Asking {
            node: Arc::clone(node),
            spec: spec.clone(),
            state: Arc::clone(&state),
        };
        Self {
            state,
            task: tokio::spawn(asking.ask()).abort_handle(),
        }
    }

    /// How far it is.
    pub(super) fn state(&self) -> State {
        locked(&self.state).clone()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Asking {
    node: Arc<Node>,
    spec: ContainerSpec,
    state: Arc<Mutex<State>>,
}

impl Asking {
    async fn ask(self) {
        let mut is_said = false;
        loop {
            let error = match self.talk().await {
                Ok(()) => return,
                Err(error) => error,
            };
            // It may only be starting; who reads the log hears of it once.
            if !is_said {
                self.node
                    .journal
                    .log(format_args!("imaged: {error}; asking again"));
                is_said = true;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn talk(&self) -> Result<(), Error> {
        if let Err(reason) = agent::start(&self.node).await? {
            self.note(State::Not(reason));
            return Ok(());
        }
        let path = self.node.places.at(images::SOCKET);
        let mut line = Line::with_room(&path, MAX_MESSAGE).await?;
        let spec = &self.spec;
        let ensure = Ensure {
            reference: &spec.image,
            pull: match spec.pull {
                Pull::IfNotPresent => images::Pull::IfNotPresent,
                Pull::Always => images::Pull::Always,
                Pull::Never => images::Pull::Never,
            },
            user: &spec.user,
            group: &spec.group,
            entrypoint: spec.entrypoint.iter().map(String::as_str).collect(),
            args: spec.args.iter().map(String::as_str).collect(),
        };
        line.send(|buffer| Request::Ensure(ensure).encode(buffer))
            .await?;
        loop {
            match Reply::decode(line.receive().await?) {
                Ok(Reply::Progress(progress)) => self.note(State::Coming(words(&progress))),
                Ok(Reply::Ready(ready)) => {
                    self.note(State::There(Image::of(&ready)));
                    return Ok(());
                }
                Ok(Reply::Failed(failed)) => {
                    self.note(State::Not(failed.reason.to_owned()));
                    return Ok(());
                }
                Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
                Ok(Reply::Welcome(_) | Reply::Kept(_) | Reply::Page(_) | Reply::Fetched(_))
                | Err(_) => {
                    return Err(Error::Unexpected);
                }
            }
        }
    }

    /// Keeps how far it is, and wakes the keeper.
    fn note(&self, state: State) {
        let is_news = {
            let mut known = locked(&self.state);
            let is_news = *known != state;
            *known = state;
            is_news
        };
        if is_news {
            self.node.services_changed.notify_waiters();
        }
    }
}

/// What is done for an image, as it follows on its reference.
fn words(progress: &Progress<'_>) -> String {
    let percent = progress
        .percent
        .checked_div(STEP)
        .unwrap_or(0)
        .saturating_mul(STEP);
    match progress.stage {
        Stage::Queued => "other images come first".to_owned(),
        Stage::Resolving => "asking its registry".to_owned(),
        Stage::Pulling => format!("pulling {percent}%"),
        Stage::Waiting => format!("{}; it is tried again", progress.trouble),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_steps_and_trouble_in_its_own_words() {
        let said = |stage, percent, trouble| {
            words(&Progress {
                stage,
                percent,
                trouble,
            })
        };
        assert_eq!(said(Stage::Pulling, 43, ""), "pulling 40%");
        assert_eq!(said(Stage::Pulling, 100, ""), "pulling 100%");
        assert_eq!(said(Stage::Resolving, 0, ""), "asking its registry");
        assert_eq!(said(Stage::Queued, 0, ""), "other images come first");
        assert_eq!(said(Stage::Waiting, 0, "no"), "no; it is tried again");
    }
}
