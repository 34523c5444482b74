// SPDX-License-Identifier: MPL-2.0
//! The ordered end: services stop in the reverse of their order, each when nobody needs it.
//!
//! Owns: who is stopped when, and for how long that is waited for.
//! Never: changes its mind: a second request changes nothing.

use core::time::Duration;

use proto::supervisor::{Action, SERVICES_MAX};
use supervise::{Event, State, order};

use super::Supervisor;
use crate::{clock, say};

/// How long the services together may take. Each is killed after its own timeout; this is for
/// processes that not even SIGKILL ends, because a device does not answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// The machine is going down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    action: Action,
    deadline: Duration,
}

impl Descent {
    /// When services are given up.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Supervisor {
    /// Begins the end, unless it has begun.
    pub(super) fn begin_descent(&mut self, action: Action) {
        if self.descent.is_none() {
            let deadline = clock::now().saturating_add(PATIENCE);
            self.descent = Some(Descent { action, deadline });
            say!("going down: {action:?}");
        }
    }

    /// Stops whoever may be stopped now. When nothing is left to stop, says what is to follow.
    pub(super) fn descend(&mut self, now: Duration) -> Option<Action> {
        let descent = self.descent?;
        for place in 0..SERVICES_MAX {
            let may_stop = match self.state_at(place) {
                Some(State::Waiting | State::Starting | State::Running | State::BackingOff) => {
                    order::may_stop(self, place)
                }
                // Its own timeout is running; it must not start again afterwards.
                Some(State::Stopping) => true,
                Some(State::Stopped | State::Finished | State::Failed) | None => false,
            };
            if may_stop {
                self.stop_for_good(place);
            }
        }
        if order::all_ended(self) {
            return Some(descent.action);
        }
        if now >= descent.deadline {
            say!("some services did not end; going on without them");
            return Some(descent.action);
        }
        None
    }

    /// Stops a service; one that is stopping already only learns that it stays so.
    fn stop_for_good(&mut self, place: usize) {
        let stopping = self.state_at(place) == Some(State::Stopping);
        if stopping {
            if let Some(slot) = self.slots.get_mut(place).and_then(Option::as_mut) {
                let _ = slot.life.step(Event::AskedToStop, clock::now());
            }
        } else {
            self.happened(place, Event::AskedToStop);
        }
    }
}
