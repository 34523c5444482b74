// SPDX-License-Identifier: MPL-2.0
//! Who starts after whom, and the reverse when everything ends.
//!
//! Services are named by their place in the caller's list; who is not in it is never ready.
//!
//! Owns: the order of starting and stopping.
//! Never: stops everything at once while an order is possible, or waits for ever when none is.

use crate::State;

/// What the order is made from.
pub trait Services {
    /// How many places the list has.
    fn count(&self) -> usize;

    /// The state of the service at a place, if there is one.
    fn state(&self, place: usize) -> Option<State>;

    /// Whether the service at `place` starts after the one at `other`.
    fn is_after(&self, place: usize, other: usize) -> bool;

    /// Whether the sockets of the service at `place` are there whether it runs or not, so that who
    /// calls it early is answered when it can.
    fn keeps_sockets(&self, place: usize) -> bool;

    /// Whether the service at `place` needs one that is not in the list.
    fn lacks(&self, place: usize) -> bool;
}

/// Whether all that the service at `place` needs is ready, or takes calls until it is.
pub fn may_start(services: &impl Services, place: usize) -> bool {
    !services.lacks(place)
        && (0..services.count())
            .all(|other| !services.is_after(place, other) || can_be_called(services, other))
}

/// Whether those that start after the service at a place may start.
fn can_be_called(services: &impl Services, place: usize) -> bool {
    services.state(place).is_some_and(|state| {
        state.satisfies() || (services.keeps_sockets(place) && state.is_active())
    })
}

/// Whether the service at `place` may be stopped when everything is to end: all that start after
/// it have ended. Services that need each other in a circle are stopped together.
pub fn may_stop(services: &impl Services, place: usize) -> bool {
    is_free(services, place) || !(0..services.count()).any(|other| is_stoppable(services, other))
}

/// Whether everything has ended.
pub fn all_ended(services: &impl Services) -> bool {
    !(0..services.count()).any(|place| services.state(place).is_some_and(State::is_active))
}

/// Whether nobody who starts after it is left.
fn is_free(services: &impl Services, place: usize) -> bool {
    (0..services.count()).all(|other| {
        other == place
            || !services.is_after(other, place)
            || !services.state(other).is_some_and(State::is_active)
    })
}

/// Whether it is active and nobody who starts after it is left.
fn is_stoppable(services: &impl Services, place: usize) -> bool {
    services.state(place).is_some_and(State::is_active) && is_free(services, place)
}
