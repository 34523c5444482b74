// SPDX-License-Identifier: MPL-2.0
//! What a service does in every state with every event.

use std::time::Duration;

use supervise::{Action, Event, How, Policy, Ready, Restart, Service, State};

const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(250);

fn policy() -> Policy {
    Policy {
        restart: Restart::Always,
        ready: Ready::OnMessage,
        stop_timeout: STOP_TIMEOUT,
    }
}

/// A service that was brought to `state`, and the time it is then.
fn service_in(state: State, policy: Policy) -> (Service, Duration) {
    let start = [Event::AskedToStart, Event::DependenciesReady];
    let ready = match policy.ready {
        Ready::OnExec => Event::Executed,
        Ready::OnMessage => Event::SaidReady,
    };
    let once = Policy {
        restart: Restart::Never,
        ..policy
    };
    let (policy, events): (Policy, Vec<Event>) = match state {
        State::Stopped => (policy, vec![]),
        State::Waiting => (policy, vec![Event::AskedToStart]),
        State::Starting => (policy, start.to_vec()),
        State::Running => (policy, [&start[..], &[ready]].concat()),
        State::Stopping => (policy, [&start[..], &[ready, Event::AskedToStop]].concat()),
        State::BackingOff => (policy, [&start[..], &[Event::Exited(How::Badly)]].concat()),
        State::Finished => (once, [&start[..], &[Event::Exited(How::Well)]].concat()),
        State::Failed => (once, [&start[..], &[Event::Exited(How::Badly)]].concat()),
    };
    let now = Duration::from_secs(100);
    let mut service = Service::new(policy, now);
    for event in events {
        service.step(event, now);
    }
    assert_eq!(service.state(), state);
    (service, now)
}

#[test]
fn every_state_answers_every_event_as_the_table_says() {
    use Action::{Kill, Nothing, Spawn, Terminate};
    use State::{BackingOff, Failed, Finished, Running, Starting, Stopped, Stopping, Waiting};

    let events = [
        Event::AskedToStart,
        Event::AskedToStop,
        Event::AskedToRestart,
        Event::DependenciesReady,
        Event::SpawnFailed,
        Event::Executed,
        Event::SaidReady,
        Event::Exited(How::Well),
        Event::Exited(How::Badly),
        Event::TimedOut,
    ];
    // One row a state, one column an event, in the order above. Each deadline has come.
    let table: [(State, [(State, Action); 10]); 8] = [
        (
            Stopped,
            [
                (Waiting, Nothing),
                (Stopped, Nothing),
                (Waiting, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
            ],
        ),
        (
            Waiting,
            [
                (Waiting, Nothing),
                (Stopped, Nothing),
                (Waiting, Nothing),
                (Starting, Spawn),
                (Waiting, Nothing),
                (Waiting, Nothing),
                (Waiting, Nothing),
                (Waiting, Nothing),
                (Waiting, Nothing),
                (Waiting, Nothing),
            ],
        ),
        (
            Starting,
            [
                (Starting, Nothing),
                (Stopping, Terminate),
                (Stopping, Terminate),
                (Starting, Nothing),
                (BackingOff, Nothing),
                (Starting, Nothing),
                (Running, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (Starting, Nothing),
            ],
        ),
        (
            Running,
            [
                (Running, Nothing),
                (Stopping, Terminate),
                (Stopping, Terminate),
                (Running, Nothing),
                (Running, Nothing),
                (Running, Nothing),
                (Running, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (Running, Nothing),
            ],
        ),
        (
            Stopping,
            [
                (Stopping, Nothing),
                (Stopping, Nothing),
                (Stopping, Nothing),
                (Stopping, Nothing),
                (Stopped, Nothing),
                (Stopping, Nothing),
                (Stopping, Nothing),
                (Stopped, Nothing),
                (Stopped, Nothing),
                (Stopping, Kill),
            ],
        ),
        (
            BackingOff,
            [
                (Starting, Spawn),
                (Stopped, Nothing),
                (Starting, Spawn),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (BackingOff, Nothing),
                (Starting, Spawn),
            ],
        ),
        (
            Finished,
            [
                (Waiting, Nothing),
                (Stopped, Nothing),
                (Waiting, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
                (Finished, Nothing),
            ],
        ),
        (
            Failed,
            [
                (Waiting, Nothing),
                (Stopped, Nothing),
                (Waiting, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
                (Failed, Nothing),
            ],
        ),
    ];
    for (before, row) in table {
        for (event, (after, action)) in events.into_iter().zip(row) {
            let (mut service, now) = service_in(before, policy());
            let now = now + STOP_TIMEOUT;

            let done = service.step(event, now);

            assert_eq!(
                (service.state(), done),
                (after, action),
                "{before:?} {event:?}"
            );
        }
    }
}

#[test]
fn readiness_is_what_the_policy_says() {
    let on_exec = Policy {
        ready: Ready::OnExec,
        ..policy()
    };
    for (policy, event, after) in [
        (policy(), Event::Executed, State::Starting),
        (policy(), Event::SaidReady, State::Running),
        (on_exec, Event::Executed, State::Running),
        (on_exec, Event::SaidReady, State::Starting),
    ] {
        let (mut service, now) = service_in(State::Starting, policy);

        service.step(event, now);

        assert_eq!(service.state(), after, "{policy:?} {event:?}");
    }
}

#[test]
fn what_follows_an_end_is_what_the_policy_says() {
    for (restart, how, after) in [
        (Restart::Always, How::Well, State::BackingOff),
        (Restart::Always, How::Badly, State::BackingOff),
        (Restart::Never, How::Well, State::Finished),
        (Restart::Never, How::Badly, State::Failed),
        (Restart::UntilSuccess, How::Well, State::Finished),
        (Restart::UntilSuccess, How::Badly, State::BackingOff),
    ] {
        let (mut service, now) = service_in(
            State::Running,
            Policy {
                restart,
                ..policy()
            },
        );

        service.step(Event::Exited(how), now);

        assert_eq!(service.state(), after, "{restart:?} {how:?}");
    }
}

#[test]
fn restart_delay_doubles_up_to_half_a_minute() {
    let (mut service, mut now) = service_in(State::Starting, policy());

    let mut delays = Vec::new();
    for _ in 0..10 {
        service.step(Event::Exited(How::Badly), now);
        let retry_at = service.deadline().unwrap();
        delays.push((retry_at - now).as_millis());
        now = retry_at;
        assert_eq!(service.step(Event::TimedOut, now), Action::Spawn);
    }

    assert_eq!(
        delays,
        [
            250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000
        ]
    );
    assert_eq!(service.restarts(), 10);
}

#[test]
fn restart_delay_is_the_first_again_after_a_good_run() {
    for (ready, said, well) in [
        (Ready::OnMessage, Event::SaidReady, Duration::from_secs(1)),
        (Ready::OnExec, Event::Executed, Duration::from_secs(10)),
    ] {
        for (ran, expected) in [
            (well, FIRST_DELAY),
            (well - Duration::from_millis(1), FIRST_DELAY * 2),
        ] {
            let (mut service, now) = service_in(State::Starting, Policy { ready, ..policy() });
            service.step(Event::Exited(How::Badly), now);
            let now = service.deadline().unwrap();
            service.step(Event::TimedOut, now);
            service.step(said, now);
            let now = now + ran;

            service.step(Event::Exited(How::Badly), now);

            assert_eq!(
                service.deadline().unwrap() - now,
                expected,
                "{ready:?} {ran:?}"
            );
        }
    }
}

#[test]
fn a_service_killed_ten_times_after_a_good_run_never_waits_longer_than_the_first_delay() {
    let (mut service, mut now) = service_in(State::Running, policy());
    for _ in 0..10 {
        now += Duration::from_secs(1);
        service.step(Event::Exited(How::Badly), now);
        assert_eq!(service.deadline().unwrap() - now, FIRST_DELAY);
        now = service.deadline().unwrap();
        service.step(Event::TimedOut, now);
        service.step(Event::SaidReady, now);
    }

    assert_eq!(service.state(), State::Running);
    assert_eq!(service.restarts(), 10);
}

#[test]
fn a_timer_that_is_early_changes_nothing() {
    for state in [State::BackingOff, State::Stopping] {
        let (mut service, now) = service_in(state, policy());
        let before = service;

        let action = service.step(Event::TimedOut, now);

        assert_eq!(action, Action::Nothing);
        assert_eq!(service, before);
    }
}

#[test]
fn a_service_that_does_not_end_is_killed_and_killed_again() {
    let (mut service, now) = service_in(State::Stopping, policy());
    assert_eq!(service.deadline(), Some(now + STOP_TIMEOUT));

    assert_eq!(
        service.step(Event::TimedOut, now + STOP_TIMEOUT),
        Action::Kill
    );
    let again = service.deadline().unwrap();
    assert!(again > now + STOP_TIMEOUT);
    assert_eq!(service.step(Event::TimedOut, again), Action::Kill);
}

#[test]
fn the_last_wish_while_stopping_counts() {
    for (wishes, after) in [
        (&[Event::AskedToStart][..], State::Waiting),
        (&[Event::AskedToRestart], State::Waiting),
        (&[Event::AskedToRestart, Event::AskedToStop], State::Stopped),
        (
            &[Event::AskedToStart, Event::AskedToStop, Event::AskedToStart],
            State::Waiting,
        ),
    ] {
        let (mut service, now) = service_in(State::Stopping, policy());
        for wish in wishes {
            assert_eq!(service.step(*wish, now), Action::Nothing);
        }
        let deadline = service.deadline();
        assert_eq!(
            deadline,
            Some(now + STOP_TIMEOUT),
            "wishes do not put off the kill"
        );

        service.step(Event::Exited(How::Well), now);

        assert_eq!(service.state(), after, "{wishes:?}");
    }
}

#[test]
fn being_asked_to_start_forgets_failures() {
    let (mut service, mut now) = service_in(State::Starting, policy());
    for _ in 0..5 {
        service.step(Event::Exited(How::Badly), now);
        now = service.deadline().unwrap();
        service.step(Event::TimedOut, now);
    }
    service.step(Event::Exited(How::Badly), now);

    assert_eq!(service.step(Event::AskedToStart, now), Action::Spawn);
    assert_eq!(service.restarts(), 0);
    service.step(Event::Exited(How::Badly), now);
    assert_eq!(service.deadline(), Some(now + FIRST_DELAY));
}

#[test]
fn the_time_of_a_change_is_kept_until_the_next() {
    let (mut service, now) = service_in(State::Running, policy());
    let later = now + Duration::from_secs(5);

    service.step(Event::AskedToStart, later);
    assert_eq!(service.changed_at(), now);
    service.step(Event::AskedToStop, later);
    assert_eq!(service.changed_at(), later);
}
