// SPDX-License-Identifier: MPL-2.0
//! Decides when one service starts, stops and starts again.
//!
//! Owns: the life cycle of one service, its restart delay and its stop timeout.
//! Never: knows what the service is; time is an argument, counted from the boot.

use core::time::Duration;

/// The delay before a service that ended starts again. Nobody waits long for it, and a service
/// that ends at once does not keep a processor busy.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// The longest delay: a person who repaired the cause sees it work within half a minute.
const LAST_DELAY: Duration = Duration::from_secs(30);
/// A service that said it is ready and lasted this long since its start did well: its next delay
/// is the first one again.
const WELL_WITH_WORD: Duration = Duration::from_secs(1);
/// The same for a service that does not say when it is ready.
const WELL_WITHOUT_WORD: Duration = Duration::from_secs(10);
/// How long after SIGKILL it is sent again. The kernel needs no second one; but what was forked
/// between the reading of a cgroup and the signal does.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// What a service is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it starts again after it ended.
    pub restart: Restart,
    /// What makes it ready.
    pub ready: Ready,
    /// How long it may take from SIGTERM to its end before SIGKILL.
    pub stop_timeout: Duration,
}

/// When a service starts again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Whatever its exit was.
    Always,
    /// Never.
    Never,
    /// Until it ends well.
    UntilSuccess,
}

/// What makes a service ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// That its program runs.
    OnExec,
    /// That it says so.
    OnMessage,
}

/// Where in its life a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not asked to run.
    Stopped,
    /// Something it needs is not ready.
    Waiting,
    /// Its process was made and it is not ready yet.
    Starting,
    /// It is ready.
    Running,
    /// It was asked to end.
    Stopping,
    /// It ended and will start again when its delay is over.
    BackingOff,
    /// It ended well and will not start again.
    Finished,
    /// It ended badly and will not start again.
    Failed,
}

impl State {
    /// Whether there is a process.
    #[must_use]
    pub const fn has_process(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Stopping => true,
            Self::Stopped | Self::Waiting | Self::BackingOff | Self::Finished | Self::Failed => {
                false
            }
        }
    }

    /// Whether there is a process or will be one without being asked.
    #[must_use]
    pub const fn is_active(self) -> bool {
        match self {
            Self::Waiting | Self::Starting | Self::Running | Self::Stopping | Self::BackingOff => {
                true
            }
            Self::Stopped | Self::Finished | Self::Failed => false,
        }
    }

    /// Whether those who need it may start.
    #[must_use]
    pub const fn satisfies(self) -> bool {
        match self {
            Self::Running | Self::Finished => true,
            Self::Stopped
            | Self::Waiting
            | Self::Starting
            | Self::Stopping
            | Self::BackingOff
            | Self::Failed => false,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// With exit code 0.
    Well,
    /// In any other way.
    Badly,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Someone wants it to run.
    AskedToStart,
    /// Someone wants it not to run.
    AskedToStop,
    /// Someone wants it to stop and start.
    AskedToRestart,
    /// All that it needs is ready.
    DependenciesReady,
    /// Its process could not be made.
    SpawnFailed,
    /// Its program runs.
    Executed,
    /// It said that it is ready.
    SaidReady,
    /// Its process ended.
    Exited(How),
    /// The time of [`Service::deadline`] came.
    TimedOut,
}

/// What the caller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Make the process; then say `Executed` or `SpawnFailed`.
    Spawn,
    /// Ask the process to end (SIGTERM).
    Terminate,
    /// End it and everything it made (SIGKILL to the whole cgroup).
    Kill,
}

/// What follows when a stopping service has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stay,
    StartAgain,
}

/// The state with what belongs to it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Stopped,
    Waiting,
    Starting { spawned_at: Duration },
    Running { spawned_at: Duration },
    Stopping { kill_at: Duration, then: Then },
    BackingOff { retry_at: Duration },
    Finished,
    Failed,
}

/// One service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    policy: Policy,
    phase: Phase,
    changed_at: Duration,
    /// The delay before the next start by itself.
    delay: Duration,
    restarts: u32,
}

impl Service {
    /// A service that was never asked to run.
    #[must_use]
    pub const fn new(policy: Policy, now: Duration) -> Self {
        let phase = Phase::Stopped;
        Self {
            policy,
            phase,
            changed_at: now,
            delay: FIRST_DELAY,
            restarts: 0,
        }
    }

    /// Where in its life it is.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Stopped => State::Stopped,
            Phase::Waiting => State::Waiting,
            Phase::Starting { .. } => State::Starting,
            Phase::Running { .. } => State::Running,
            Phase::Stopping { .. } => State::Stopping,
            Phase::BackingOff { .. } => State::BackingOff,
            Phase::Finished => State::Finished,
            Phase::Failed => State::Failed,
        }
    }

    /// When its state last changed.
    #[must_use]
    pub const fn changed_at(&self) -> Duration {
        self.changed_at
    }

    /// How often it started again by itself since it was last asked to start.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// When `TimedOut` is to be said, if ever.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Stopping { kill_at, .. } => Some(kill_at),
            Phase::BackingOff { retry_at } => Some(retry_at),
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Finished
            | Phase::Failed => None,
        }
    }

    /// Takes in what happened and says what to do.
    pub fn step(&mut self, event: Event, now: Duration) -> Action {
        match self.phase {
            Phase::Stopped | Phase::Finished | Phase::Failed => self.when_off(event, now),
            Phase::Waiting => self.when_waiting(event, now),
            Phase::Starting { spawned_at } => self.when_starting(event, now, spawned_at),
            Phase::Running { spawned_at } => self.when_running(event, now, spawned_at),
            Phase::Stopping { kill_at, .. } => self.when_stopping(event, now, kill_at),
            Phase::BackingOff { retry_at } => self.when_backing_off(event, now, retry_at),
        }
    }

    fn when_off(&mut self, event: Event, now: Duration) -> Action {
        match event {
            Event::AskedToStart | Event::AskedToRestart => self.begin(now),
            Event::AskedToStop => self.enter(Phase::Stopped, now),
            // Late news about a process we no longer have.
            Event::DependenciesReady
            | Event::SpawnFailed
            | Event::Executed
            | Event::SaidReady
            | Event::Exited(_)
            | Event::TimedOut => Action::Nothing,
        }
    }

    fn when_waiting(&mut self, event: Event, now: Duration) -> Action {
        match event {
            Event::DependenciesReady => self.spawn(now),
            Event::AskedToStop => self.enter(Phase::Stopped, now),
            Event::AskedToStart
            | Event::AskedToRestart
            | Event::SpawnFailed
            | Event::Executed
            | Event::SaidReady
            | Event::Exited(_)
            | Event::TimedOut => Action::Nothing,
        }
    }

    fn when_starting(&mut self, event: Event, now: Duration, spawned_at: Duration) -> Action {
        match (event, self.policy.ready) {
            (Event::Executed, Ready::OnExec) | (Event::SaidReady, Ready::OnMessage) => {
                self.enter(Phase::Running { spawned_at }, now)
            }
            (Event::AskedToStop, _) => self.terminate(Then::Stay, now),
            (Event::AskedToRestart, _) => self.terminate(Then::StartAgain, now),
            (Event::Exited(how), _) => self.ended(how, now, None),
            (Event::SpawnFailed, _) => self.ended(How::Badly, now, None),
            (Event::Executed, Ready::OnMessage)
            | (Event::SaidReady, Ready::OnExec)
            | (Event::AskedToStart | Event::DependenciesReady | Event::TimedOut, _) => {
                Action::Nothing
            }
        }
    }

    fn when_running(&mut self, event: Event, now: Duration, spawned_at: Duration) -> Action {
        match event {
            Event::AskedToStop => self.terminate(Then::Stay, now),
            Event::AskedToRestart => self.terminate(Then::StartAgain, now),
            Event::Exited(how) => self.ended(how, now, Some(spawned_at)),
            Event::AskedToStart
            | Event::DependenciesReady
            | Event::SpawnFailed
            | Event::Executed
            | Event::SaidReady
            | Event::TimedOut => Action::Nothing,
        }
    }

    fn when_stopping(&mut self, event: Event, now: Duration, kill_at: Duration) -> Action {
        match event {
            Event::Exited(_) | Event::SpawnFailed => match self.phase {
                Phase::Stopping {
                    then: Then::StartAgain,
                    ..
                } => self.begin(now),
                Phase::Stopping {
                    then: Then::Stay, ..
                }
                | Phase::Stopped
                | Phase::Waiting
                | Phase::Starting { .. }
                | Phase::Running { .. }
                | Phase::BackingOff { .. }
                | Phase::Finished
                | Phase::Failed => self.enter(Phase::Stopped, now),
            },
            Event::AskedToStop => self.afterwards(kill_at, Then::Stay),
            Event::AskedToStart | Event::AskedToRestart => {
                self.afterwards(kill_at, Then::StartAgain)
            }
            Event::TimedOut if now >= kill_at => {
                if let Phase::Stopping { kill_at, .. } = &mut self.phase {
                    *kill_at = now.saturating_add(KILL_AGAIN);
                }
                Action::Kill
            }
            Event::TimedOut | Event::DependenciesReady | Event::Executed | Event::SaidReady => {
                Action::Nothing
            }
        }
    }

    fn when_backing_off(&mut self, event: Event, now: Duration, retry_at: Duration) -> Action {
        match event {
            Event::AskedToStart | Event::AskedToRestart => {
                self.forget_failures();
                self.spawn(now)
            }
            Event::AskedToStop => self.enter(Phase::Stopped, now),
            Event::TimedOut if now >= retry_at => {
                self.restarts = self.restarts.saturating_add(1);
                self.spawn(now)
            }
            // Late news about a process we no longer have, or a timer that was too early.
            Event::TimedOut
            | Event::DependenciesReady
            | Event::SpawnFailed
            | Event::Executed
            | Event::SaidReady
            | Event::Exited(_) => Action::Nothing,
        }
    }

    fn enter(&mut self, phase: Phase, now: Duration) -> Action {
        if core::mem::discriminant(&phase) != core::mem::discriminant(&self.phase) {
            self.changed_at = now;
        }
        self.phase = phase;
        Action::Nothing
    }

    fn begin(&mut self, now: Duration) -> Action {
        self.forget_failures();
        self.enter(Phase::Waiting, now)
    }

    fn spawn(&mut self, now: Duration) -> Action {
        self.enter(Phase::Starting { spawned_at: now }, now);
        Action::Spawn
    }

    fn terminate(&mut self, then: Then, now: Duration) -> Action {
        let kill_at = now.saturating_add(self.policy.stop_timeout);
        self.enter(Phase::Stopping { kill_at, then }, now);
        Action::Terminate
    }

    const fn afterwards(&mut self, kill_at: Duration, then: Then) -> Action {
        self.phase = Phase::Stopping { kill_at, then };
        Action::Nothing
    }

    const fn forget_failures(&mut self) {
        self.delay = FIRST_DELAY;
        self.restarts = 0;
    }

    /// The process ended by itself; `ready_since_spawn` is when it was made, if it got ready.
    fn ended(&mut self, how: How, now: Duration, ready_since_spawn: Option<Duration>) -> Action {
        match (self.policy.restart, how) {
            (Restart::Always, How::Well | How::Badly) | (Restart::UntilSuccess, How::Badly) => {
                let well = match self.policy.ready {
                    Ready::OnMessage => WELL_WITH_WORD,
                    Ready::OnExec => WELL_WITHOUT_WORD,
                };
                if ready_since_spawn.is_some_and(|at| now.saturating_sub(at) >= well) {
                    self.delay = FIRST_DELAY;
                }
                let retry_at = now.saturating_add(self.delay);
                self.delay = self.delay.saturating_mul(2).min(LAST_DELAY);
                self.enter(Phase::BackingOff { retry_at }, now)
            }
            (Restart::Never | Restart::UntilSuccess, How::Well) => self.enter(Phase::Finished, now),
            (Restart::Never, How::Badly) => self.enter(Phase::Failed, now),
        }
    }
}
