// SPDX-License-Identifier: MPL-2.0
//! The loop of PID 1: waits for what happens and carries out what `supervise` decides.
//!
//! Owns: the table of services, their processes, pipes and sockets.
//! Never: waits for an agent: every descriptor it reads is non-blocking.

mod control;
mod descend;
mod description;
mod registry;
mod slot;
mod spawn;

use core::mem::MaybeUninit;
use core::time::Duration;

use proto::MAX_MESSAGE;
use proto::service::{Exit, SpawnFailure};
use proto::supervisor::{Action as DownAction, SERVICES_MAX};
use supervise::{Action, Event, How, Service, State};
use sys::event::Timespec;
use sys::event::epoll::{self, EventData, EventFlags};
use sys::fd::OwnedFd;
use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::process::{Pid, Signal, WaitOptions, WaitStatus, wait};
use sys::seqpacket::Server;
use sys::signal::{SignalFd, Signals};

use crate::fatal::Fatal;
use crate::say::{Phase, Short};
use crate::volumes::Volumes;
use crate::{cgroup, clock, say, services};
use control::Client;
use descend::Descent;
pub use registry::is_good_name;
use slot::Slot;

/// How many clients the control socket has at once: machined and logd need four.
const CLIENTS_MAX: usize = 16;
/// How many events one round of the loop looks at.
const EVENTS_MAX: usize = 32;

/// The control socket.
type Control = Server<Client, CLIENTS_MAX, MAX_MESSAGE>;

/// Everything that init knows.
#[derive(Debug)]
struct Supervisor {
    slots: [Option<Slot>; SERVICES_MAX],
    /// Who was at a place before; told to subscribers that have not heard that it left.
    left: [Option<proto::Name>; SERVICES_MAX],
    /// Counts every change of a place, so that subscribers can tell what they have not heard.
    versions: [u32; SERVICES_MAX],
    epoll: OwnedFd,
    /// Standard input of every service.
    null: OwnedFd,
    /// The machine is going down.
    descent: Option<Descent>,
    volumes: Volumes,
}

/// What an event of the epoll is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Signals,
    Control,
    /// The readiness pipe of the service at a place.
    Ready(usize),
    /// The error pipe of the service at a place.
    Errors(usize),
}

impl Source {
    fn encode(self) -> EventData {
        let (kind, place) = match self {
            Self::Signals => (0, 0),
            Self::Control => (1, 0),
            Self::Ready(place) => (2, place),
            Self::Errors(place) => (3, place),
        };
        let place = u64::try_from(place).unwrap_or(0);
        EventData::new_u64(place.wrapping_shl(8) | kind)
    }

    fn decode(data: u64) -> Option<Self> {
        let place = usize::try_from(data.wrapping_shr(8)).ok()?;
        match data & 0xff {
            0 => Some(Self::Signals),
            1 => Some(Self::Control),
            2 => Some(Self::Ready(place)),
            3 => Some(Self::Errors(place)),
            _ => None,
        }
    }
}

/// Starts the core services and supervises until the machine is to go down and every service has
/// ended. `then` is done once, as soon as the core services are on their way.
///
/// # Errors
/// When the loop's own descriptors or the control socket cannot be made.
pub fn run(then: impl FnOnce()) -> Result<DownAction, Fatal> {
    let phase = Phase::begin("services");
    let signals = take_signals()?;
    let mut supervisor = Supervisor::new()?;
    let listener = registry::listen(&services::CONTROL)
        .map_err(Fatal::during("make", "the control socket"))?;
    let mut control =
        Control::new(listener).map_err(Fatal::during("serve", "the control socket"))?;
    supervisor
        .watch(&signals, Source::Signals)
        .and_then(|()| supervisor.watch(&control, Source::Control))
        .map_err(Fatal::during("make", "the event loop"))?;
    supervisor.add_core_services();
    supervisor.start_all(clock::now());
    phase.done();
    then();

    loop {
        supervisor.turn(&signals, &mut control);
        let now = clock::now();
        supervisor.pass_deadlines(now);
        supervisor.settle(now);
        if let Some(action) = supervisor.descend(now) {
            return Ok(action);
        }
        control.pump(&mut supervisor);
    }
}

/// Takes the signals that init acts on; the kernel keeps all others from PID 1.
fn take_signals() -> Result<SignalFd, Fatal> {
    let all = Signals::of(&[Signal::CHILD, Signal::INT, Signal::TERM, Signal::POWER]);
    sys::signal::block_only(all)
        .and_then(|()| SignalFd::new(all))
        .map_err(Fatal::during("take", "signals"))
}

impl Supervisor {
    fn new() -> Result<Self, Fatal> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(Fatal::during("make", "the event loop"))?;
        let null = sys::fs::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .and_then(sys::spawn::raise)
            .map_err(Fatal::during("open", "/dev/null"))?;
        Ok(Self {
            slots: [const { None }; SERVICES_MAX],
            left: [const { None }; SERVICES_MAX],
            versions: [0; SERVICES_MAX],
            epoll,
            null,
            descent: None,
            volumes: Volumes::default(),
        })
    }

    /// Has the epoll say when `descriptor` is readable.
    fn watch(&self, descriptor: impl sys::fd::AsFd, source: Source) -> Result<(), Errno> {
        epoll::add(&self.epoll, descriptor, source.encode(), EventFlags::IN)
    }

    /// Waits until something happens or a deadline comes, and takes it in.
    fn turn(&mut self, signals: &SignalFd, control: &mut Control) {
        let mut events = [MaybeUninit::uninit(); EVENTS_MAX];
        let timeout = self.time_left(clock::now());
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) else {
            return;
        };
        for event in events.iter() {
            match Source::decode(event.data.u64()) {
                Some(Source::Signals) => self.take_in_signals(signals),
                Some(Source::Control) => control.turn(self),
                Some(Source::Ready(place)) => self.read_readiness(place),
                Some(Source::Errors(place)) => self.read_failure(place),
                None => {}
            }
        }
    }

    /// How long nothing needs to be done by itself; `None` for ever.
    fn time_left(&self, now: Duration) -> Option<Timespec> {
        let deadlines = self
            .slots
            .iter()
            .flatten()
            .filter_map(|slot| slot.life.deadline());
        let descent = self.descent.as_ref().map(Descent::deadline);
        let left = deadlines.chain(descent).min()?.saturating_sub(now);
        Some(Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        })
    }

    fn take_in_signals(&mut self, signals: &SignalFd) {
        while let Ok(Some(received)) = signals.read() {
            match i32::try_from(received.signal)
                .ok()
                .and_then(Signal::from_named_raw)
            {
                Some(Signal::CHILD) => self.reap(),
                // Ctrl-Alt-Del, or a container runtime's polite request.
                Some(Signal::INT) => self.begin_descent(DownAction::Reboot),
                // The power button's daemon or a failing power supply.
                Some(Signal::TERM | Signal::POWER) => self.begin_descent(DownAction::PowerOff),
                Some(_) | None => {}
            }
        }
    }

    /// Takes in the end of every process that has ended: services, and orphans, which nobody
    /// else waits for.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(place) = self.place_of_process(pid) {
                self.ended(place, status);
            } else {
                self.volumes.ended(pid, status.exit_status());
            }
        }
    }

    fn place_of_process(&self, pid: Pid) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| slot.as_ref().is_some_and(|slot| slot.pid() == Some(pid)))
    }

    /// The process of a service ended.
    fn ended(&mut self, place: usize, status: WaitStatus) {
        // What it said before it ended counts first.
        self.read_failure(place);
        self.read_readiness(place);
        let Some(slot) = self.slots.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let Some(run) = slot.run.take() else {
            return;
        };
        // Whatever it forked ends with it.
        cgroup::kill(slot.name.as_str());
        let exit = slot::exit_of(status, &run, cgroup::oom_kills(slot.name.as_str()));
        slot.last_exit = Some(exit);
        let how = if exit == Exit::Code(0) {
            How::Well
        } else {
            How::Badly
        };
        self.happened(place, Event::Exited(how));
    }

    /// Reads a service's readiness pipe, if it has something to say.
    fn read_readiness(&mut self, place: usize) {
        let Some(run) = self.run_at(place) else {
            return;
        };
        let Some(pipe) = &run.ready else {
            return;
        };
        let mut bytes = [0; 8];
        match sys::io::read(pipe, &mut bytes[..]) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(count) => {
                run.ready = None;
                if bytes.get(..count).is_some_and(|said| said.contains(&b'\n')) {
                    self.happened(place, Event::SaidReady);
                }
            }
            Err(_) => run.ready = None,
        }
    }

    /// Reads a service's error pipe: a failure, or its end, which exec closed.
    fn read_failure(&mut self, place: usize) {
        let Some(run) = self.run_at(place) else {
            return;
        };
        let Some(pipe) = &run.errors else {
            return;
        };
        let mut bytes = [0; SpawnFailure::MAX_LEN];
        match sys::io::read(pipe, &mut bytes[..]) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(0) | Err(_) => {
                run.errors = None;
                if run.failure.is_none() {
                    self.happened(place, Event::Executed);
                }
            }
            // The pipe's end follows; the exit tells the story.
            Ok(count) => {
                run.failure = bytes
                    .get(..count)
                    .and_then(|bytes| SpawnFailure::decode(bytes).ok());
            }
        }
    }

    fn run_at(&mut self, place: usize) -> Option<&mut slot::Run> {
        self.slots.get_mut(place)?.as_mut()?.run.as_mut()
    }

    /// Tells every service whose time has come.
    fn pass_deadlines(&mut self, now: Duration) {
        for place in 0..SERVICES_MAX {
            let due = self
                .slots
                .get(place)
                .and_then(Option::as_ref)
                .and_then(|slot| slot.life.deadline())
                .is_some_and(|deadline| deadline <= now);
            if due {
                self.happened(place, Event::TimedOut);
            }
        }
    }

    /// Starts every waiting service whose needs are met, until none is left.
    fn settle(&mut self, _now: Duration) {
        for place in 0..SERVICES_MAX {
            let waits = self.state_at(place) == Some(State::Waiting);
            if waits && self.descent.is_none() && supervise::order::may_start(self, place) {
                self.happened(place, Event::DependenciesReady);
            }
        }
    }

    fn state_at(&self, place: usize) -> Option<State> {
        Some(self.slots.get(place)?.as_ref()?.life.state())
    }

    /// Tells a service what happened and does what it decides.
    fn happened(&mut self, place: usize, event: Event) {
        let now = clock::now();
        let Some(slot) = self.slots.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let before = slot.life;
        let action = slot.life.step(event, now);
        match action {
            Action::Nothing => {}
            Action::Spawn => self.spawn(place),
            Action::Terminate => slot.terminate(),
            Action::Kill => slot.kill(),
        }
        self.changed(place, before, now);
    }

    /// Counts the change for subscribers and says it on the console.
    fn changed(&mut self, place: usize, before: Service, now: Duration) {
        self.note_change(place);
        let Some(slot) = self.slots.get(place).and_then(Option::as_ref) else {
            return;
        };
        let after = slot.life.state();
        if before.state() == after {
            return;
        }
        let took = Short(now.saturating_sub(before.changed_at()));
        let name = slot.name.as_str();
        match after {
            State::Running => say!("service {name}: running, {took}"),
            State::Stopping => say!("service {name}: stopping"),
            State::Stopped => say!("service {name}: stopped, {took}"),
            State::Finished => say!("service {name}: finished"),
            State::BackingOff => {
                let retry_at = slot.life.deadline().unwrap_or(now);
                let delay = Short(retry_at.saturating_sub(now));
                say!(
                    "service {name}: {}, starts again in {delay}",
                    slot.last_words()
                );
            }
            State::Failed => say!("service {name}: {}", slot.last_words()),
            State::Waiting | State::Starting => {}
        }
    }
}
