// SPDX-License-Identifier: MPL-2.0
//! What holds whatever happens.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use supervise::order::{self, Services};
use supervise::{Action, Event, How, Policy, Ready, Restart, Service, State};

fn policies() -> impl Strategy<Value = Policy> {
    let restart = prop_oneof![
        Just(Restart::Always),
        Just(Restart::Never),
        Just(Restart::UntilSuccess)
    ];
    let ready = prop_oneof![Just(Ready::OnExec), Just(Ready::OnMessage)];
    (restart, ready, 0..20_u64).prop_map(|(restart, ready, seconds)| Policy {
        restart,
        ready,
        stop_timeout: Duration::from_secs(seconds),
    })
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::AskedToStart),
        Just(Event::AskedToStop),
        Just(Event::AskedToRestart),
        Just(Event::DependenciesReady),
        Just(Event::SpawnFailed),
        Just(Event::Executed),
        Just(Event::SaidReady),
        Just(Event::Exited(How::Well)),
        Just(Event::Exited(How::Badly)),
        Just(Event::TimedOut),
    ]
}

proptest! {
    #[test]
    fn there_is_never_a_second_process(
        policy in policies(),
        steps in proptest::collection::vec((events(), 0..5_000_u64), 0..200),
    ) {
        let mut now = Duration::ZERO;
        let mut service = Service::new(policy, now);
        let mut process = false;
        for (event, wait_ms) in steps {
            now += Duration::from_millis(wait_ms);
            // The world: only a process that is there can end or speak.
            let about_a_process = matches!(
                event,
                Event::SpawnFailed | Event::Executed | Event::SaidReady | Event::Exited(_)
            );
            if about_a_process && !process {
                continue;
            }
            // A process that could not be made never ran.
            if event == Event::SpawnFailed && service.state() != State::Starting {
                continue;
            }
            if matches!(event, Event::SpawnFailed | Event::Exited(_)) {
                process = false;
            }
            match service.step(event, now) {
                Action::Spawn => {
                    assert!(!process, "a second process");
                    process = true;
                }
                Action::Terminate | Action::Kill => assert!(process, "nobody to end"),
                Action::Nothing => {}
            }
            assert_eq!(service.state().has_process(), process);
            if let Some(deadline) = service.deadline() {
                assert!(deadline <= now + Duration::from_secs(30), "too far away");
            }
        }
    }

    #[test]
    fn what_is_asked_to_stop_ends_and_stays(
        policy in policies(),
        before in proptest::collection::vec(events(), 0..50),
    ) {
        let now = Duration::from_secs(1);
        let mut service = Service::new(policy, now);
        for event in before {
            service.step(event, now);
        }

        service.step(Event::AskedToStop, now);
        if service.state() == State::Stopping {
            // It does not hear SIGTERM; its deadline comes, and SIGKILL ends it.
            let deadline = service.deadline().unwrap();
            assert_eq!(service.step(Event::TimedOut, deadline), Action::Kill);
            service.step(Event::Exited(How::Badly), deadline);
        }

        assert!(!service.state().is_active());
        assert_eq!(service.deadline(), None);
    }

    #[test]
    fn everything_ends_whatever_needs_what(
        needs in proptest::collection::vec(any::<u8>(), 8),
        states in proptest::collection::vec(0..3_usize, 8),
    ) {
        let mut world = World::new(&needs, &states);
        let mut rounds = 0;
        while !order::all_ended(&world) {
            let may_stop: Vec<_> = (0..world.count())
                .filter(|place| world.states[*place].is_some_and(State::is_active))
                .filter(|place| order::may_stop(&world, *place))
                .collect();
            assert!(!may_stop.is_empty(), "nobody may stop");
            for place in may_stop {
                world.states[place] = Some(State::Stopped);
            }
            rounds += 1;
            assert!(rounds <= world.count());
        }
    }
}

/// Services with given needs.
struct World {
    states: Vec<Option<State>>,
    needs: Vec<u8>,
    /// Whose sockets are there whether or not they run, one bit each.
    sockets: u8,
}

impl World {
    fn new(needs: &[u8], states: &[usize]) -> Self {
        let kinds = [None, Some(State::Running), Some(State::Stopped)];
        Self {
            states: states.iter().map(|kind| kinds[*kind]).collect(),
            needs: needs.to_vec(),
            sockets: 0,
        }
    }
}

impl Services for World {
    fn count(&self) -> usize {
        self.states.len()
    }

    fn state(&self, place: usize) -> Option<State> {
        self.states[place]
    }

    fn is_after(&self, place: usize, other: usize) -> bool {
        self.needs[place] & (1 << other) != 0
    }

    fn keeps_sockets(&self, place: usize) -> bool {
        self.sockets & (1 << place) != 0
    }

    fn lacks(&self, place: usize) -> bool {
        self.states[place].is_none()
    }
}

#[test]
fn a_service_starts_when_all_that_it_needs_is_ready() {
    for (other, may) in [
        (Some(State::Running), true),
        (Some(State::Finished), true),
        (Some(State::Starting), false),
        (Some(State::Stopped), false),
        (Some(State::BackingOff), false),
        (Some(State::Failed), false),
        (None, false),
    ] {
        let world = World {
            states: vec![Some(State::Waiting), other],
            needs: vec![0b10, 0],
            sockets: 0,
        };

        assert_eq!(order::may_start(&world, 0), may, "{other:?}");
    }
}

#[test]
fn who_is_called_on_a_kept_socket_need_not_be_ready() {
    for (other, may) in [
        (Some(State::Running), true),
        (Some(State::Waiting), true),
        (Some(State::Starting), true),
        (Some(State::BackingOff), true),
        (Some(State::Stopped), false),
        (Some(State::Failed), false),
        (None, false),
    ] {
        let world = World {
            states: vec![Some(State::Waiting), other],
            needs: vec![0b10, 0],
            sockets: 0b10,
        };

        assert_eq!(order::may_start(&world, 0), may, "{other:?}");
    }
}

#[test]
fn who_is_needed_stops_last() {
    let running = Some(State::Running);
    let mut world = World {
        states: vec![running; 3],
        needs: vec![0, 0b001, 0b011],
        sockets: 0,
    };

    assert!(!order::may_stop(&world, 0));
    assert!(!order::may_stop(&world, 1));
    assert!(order::may_stop(&world, 2));
    world.states[2] = Some(State::Stopped);
    assert!(order::may_stop(&world, 1));
    assert!(!order::may_stop(&world, 0));
}

#[test]
fn services_that_need_each_other_stop_together() {
    let running = Some(State::Running);
    let world = World {
        states: vec![running; 2],
        needs: vec![0b10, 0b01],
        sockets: 0,
    };

    assert!(order::may_stop(&world, 0));
    assert!(order::may_stop(&world, 1));
}

#[test]
fn a_service_that_needs_itself_never_starts_and_still_stops() {
    let world = World {
        states: vec![Some(State::Waiting)],
        needs: vec![0b1],
        sockets: 0,
    };

    assert!(!order::may_start(&world, 0));
    assert!(order::may_stop(&world, 0));
}
