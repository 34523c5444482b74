// SPDX-License-Identifier: MPL-2.0
//! The DHCP client of one link as a state machine (RFC 2131 §4.4).
//!
//! It begins when the link has a carrier. With a lease from before it asks for the same address
//! again (INIT-REBOOT); without one it looks for servers. A lease that ends without an answer is
//! given up, and the client keeps looking.
//!
//! Owns: what is asked when, and whether a lease is held.
//! Never: reads a clock, makes a random number, or sends; the caller carries out each [`Step`].

mod step;

use core::net::Ipv4Addr;
use core::time::Duration;

use heapless::{String, Vec};
use proto::net::LeaseState;
use wire::dhcp::{Kind, Message, PARAMETERS};

use crate::lease::{Lease, Refused, usable};

pub use step::{Destination, Event, Held, Note, Send, Step};

/// How often one server is asked for its offer, or any for our old address, before looking again.
const REQUESTS_MAX: u32 = 3;
/// The first retransmission comes after this (RFC 2131 §4.1) …
const DELAY_FIRST_MS: u64 = 4_000;
/// … give or take this, and each further one after twice the time, …
const JITTER_MS: u64 = 1_000;
/// … doubled so often: 64 seconds are the longest.
const DOUBLINGS_MAX: u32 = 4;
/// The shortest time between two requests for more time (RFC 2131 §4.4.5).
const EXTEND_MIN: Duration = Duration::from_secs(60);
/// The longest message we take: what fits one packet of Ethernet.
const MESSAGE_MAX: u16 = 1472;

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No carrier.
    Off,
    /// Looking for servers (INIT, SELECTING).
    Selecting,
    /// Asking one server for what it offered.
    Requesting { offered: Ipv4Addr, server: Ipv4Addr },
    /// Asking for the address of before.
    Rebooting,
    /// All is well.
    Bound,
    /// Asking the server of the lease for more time.
    Renewing,
    /// Asking any server for more time.
    Rebinding,
}

/// The client of one link.
#[derive(Debug, Clone)]
pub struct Client {
    hardware: [u8; 6],
    host_name: String<63>,
    state: State,
    held: Option<Held>,
    transaction: u32,
    /// When this exchange began.
    began_at: Duration,
    /// When the last message was sent.
    sent_at: Duration,
    /// Requests without an answer in this state.
    attempts: u32,
    /// Refusals since the last lease, so that a server that always refuses is asked ever less.
    denials: u32,
    /// Whether [`Note::Silence`] was said.
    silence_said: bool,
    /// When to send next, or to change the state.
    next_at: Option<Duration>,
}

impl Client {
    /// A client for a link with this hardware address, without a carrier so far. `host_name` is
    /// told to servers unless it is empty.
    #[must_use]
    pub const fn new(hardware: [u8; 6], host_name: String<63>) -> Self {
        Self {
            hardware,
            host_name,
            state: State::Off,
            held: None,
            transaction: 0,
            began_at: Duration::ZERO,
            sent_at: Duration::ZERO,
            attempts: 0,
            denials: 0,
            silence_said: false,
            next_at: None,
        }
    }

    /// Makes known what an earlier run of this program was given. Only before the first carrier.
    pub fn remember(&mut self, address: Ipv4Addr, prefix_len: u8, expires_at: Option<Duration>) {
        self.held = Some(Held::Remembered {
            address,
            prefix_len,
            expires_at,
        });
    }

    /// The hardware address it was made for.
    #[must_use]
    pub const fn hardware(&self) -> [u8; 6] {
        self.hardware
    }

    /// What it holds.
    #[must_use]
    pub const fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// The lease it holds, if it knows one whole.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        match &self.held {
            Some(Held::Lease(lease)) => Some(lease),
            Some(Held::Remembered { .. }) | None => None,
        }
    }

    /// Its state, as it is told to others.
    #[must_use]
    pub const fn state(&self) -> LeaseState {
        match self.state {
            State::Off => LeaseState::NoCarrier,
            State::Selecting => LeaseState::Discovering,
            State::Requesting { .. } | State::Rebooting => LeaseState::Requesting,
            State::Bound => LeaseState::Bound,
            State::Renewing => LeaseState::Renewing,
            State::Rebinding => LeaseState::Rebinding,
        }
    }

    /// How many requests went unanswered in this state.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When [`Event::TimePassed`] is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Duration> {
        let ends_at = self.held.as_ref().and_then(Held::expires_at);
        [self.next_at, ends_at].into_iter().flatten().min()
    }

    /// Takes what happened at `now` and says what to do. `random` is any number; it must be hard
    /// to guess for who is not on the link.
    pub fn step(&mut self, event: Event<'_>, now: Duration, random: u32) -> Step {
        // An end that came unnoticed (the machine slept) comes before all else.
        if let Some(address) = self.expired(now) {
            let mut step = match self.state {
                State::Bound | State::Renewing | State::Rebinding | State::Rebooting => {
                    self.look(now, random)
                }
                State::Off | State::Selecting | State::Requesting { .. } => {
                    self.carry_on(event, now, random)
                }
            };
            step.note = step.note.or(Some(Note::Expired(address)));
            return step;
        }
        self.carry_on(event, now, random)
    }

    /// Takes what happened while nothing ended.
    fn carry_on(&mut self, event: Event<'_>, now: Duration, random: u32) -> Step {
        match event {
            Event::CarrierCame => {
                self.silence_said = false;
                self.denials = 0;
                if self.held.is_some() {
                    self.enter(State::Rebooting, now, random);
                    self.ask(now, random)
                } else {
                    self.look(now, random)
                }
            }
            Event::CarrierWent => {
                self.state = State::Off;
                self.attempts = 0;
                self.next_at = None;
                Step::default()
            }
            Event::Received(message) => self.received(message, now, random),
            Event::TimePassed if self.next_at.is_some_and(|at| at <= now) => {
                self.timed_out(now, random)
            }
            Event::TimePassed => Step::default(),
        }
    }

    /// Forgets what is held when its time is over, and says what it was.
    fn expired(&mut self, now: Duration) -> Option<Ipv4Addr> {
        let over = |held: &mut Held| held.expires_at().is_some_and(|at| at <= now);
        self.held.take_if(over).map(|held| held.address())
    }

    /// Begins an exchange in `state`.
    const fn enter(&mut self, state: State, now: Duration, random: u32) {
        self.state = state;
        self.transaction = random;
        self.began_at = now;
        self.attempts = 0;
    }

    /// Begins to look for servers, at once.
    fn look(&mut self, now: Duration, random: u32) -> Step {
        self.enter(State::Selecting, now, random);
        self.ask(now, random)
    }

    /// The time of the next message came.
    fn timed_out(&mut self, now: Duration, random: u32) -> Step {
        match self.state {
            State::Off => {
                self.next_at = None;
                Step::default()
            }
            State::Selecting => {
                let silent = self.attempts > 0 && !self.silence_said;
                self.silence_said |= silent;
                let mut step = self.ask(now, random);
                step.note = silent.then_some(Note::Silence);
                step
            }
            State::Requesting { .. } | State::Rebooting if self.attempts >= REQUESTS_MAX => {
                self.look(now, random)
            }
            State::Requesting { .. } | State::Rebooting => self.ask(now, random),
            State::Bound => {
                self.enter(State::Renewing, now, random);
                self.ask(now, random)
            }
            State::Renewing => {
                if self
                    .lease()
                    .and_then(|lease| lease.rebind_at)
                    .is_some_and(|at| at <= now)
                {
                    self.enter(State::Rebinding, now, random);
                }
                self.ask(now, random)
            }
            State::Rebinding => self.ask(now, random),
        }
    }

    /// Sends what the state wants sent, and sets the time of the next message.
    fn ask(&mut self, now: Duration, random: u32) -> Step {
        let message = self.message(now);
        self.sent_at = now;
        self.next_at = Some(match self.state {
            State::Renewing => self.extend_at(now, self.lease().and_then(|lease| lease.rebind_at)),
            State::Rebinding => {
                self.extend_at(now, self.lease().and_then(|lease| lease.expires_at))
            }
            State::Off
            | State::Selecting
            | State::Requesting { .. }
            | State::Rebooting
            | State::Bound => now.saturating_add(delay(self.attempts, random)),
        });
        self.attempts = self.attempts.saturating_add(1);
        let ours = self.held.as_ref().map(Held::address);
        let to = match (self.state, self.lease()) {
            (State::Renewing, Some(lease)) => Destination::Server {
                from: lease.address,
                server: lease.server,
            },
            (State::Rebinding, _) => Destination::Everyone {
                from: ours.unwrap_or(Ipv4Addr::UNSPECIFIED),
            },
            _ => Destination::Everyone {
                from: Ipv4Addr::UNSPECIFIED,
            },
        };
        Step {
            send: Some(Send { message, to }),
            note: None,
        }
    }

    /// When to ask again for more time: after half of what is left until `end`.
    fn extend_at(&self, now: Duration, end: Option<Duration>) -> Duration {
        let Some(end) = end else {
            return now.saturating_add(EXTEND_MIN);
        };
        let half = end.saturating_sub(now).checked_div(2).unwrap_or_default();
        now.saturating_add(half.max(EXTEND_MIN)).min(end)
    }

    /// The message that the state wants sent (RFC 2131 §4.3.2, table 4 in §4.3.6).
    fn message(&self, now: Duration) -> Message {
        let kind = match self.state {
            State::Off | State::Selecting => Kind::Discover,
            State::Requesting { .. }
            | State::Rebooting
            | State::Bound
            | State::Renewing
            | State::Rebinding => Kind::Request,
        };
        let mut message = Message::new(kind, self.transaction, self.hardware);
        let seconds = now.saturating_sub(self.began_at).as_secs();
        message.seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        let ours = self.held.as_ref().map(Held::address);
        match self.state {
            State::Requesting { offered, server } => {
                message.options.requested = Some(offered);
                message.options.server = Some(server);
            }
            State::Off | State::Selecting | State::Rebooting => {
                message.options.requested = ours;
            }
            State::Bound | State::Renewing | State::Rebinding => {
                message.client = ours.unwrap_or(Ipv4Addr::UNSPECIFIED);
            }
        }
        message.options.max_size = Some(MESSAGE_MAX);
        message.options.parameters = Vec::from_slice(PARAMETERS).unwrap_or_default();
        message.options.host_name = self.host_name.clone();
        // Hardware type 1, then the address (RFC 2132 §9.14).
        let [a, b, c, d, e, f] = self.hardware;
        message.options.client_id = Vec::from_slice(&[1, a, b, c, d, e, f]).unwrap_or_default();
        message
    }

    /// A message came.
    fn received(&mut self, message: &Message, now: Duration, random: u32) -> Step {
        let ours = message.transaction == self.transaction && message.hardware == self.hardware;
        if !ours {
            return Step::default();
        }
        match (self.state, message.kind) {
            (State::Selecting, Kind::Offer) => self.offered(message, now, random),
            (State::Requesting { server, .. }, Kind::Ack | Kind::Nak)
                if message.options.server != Some(server) =>
            {
                Step::default()
            }
            (
                State::Requesting { .. } | State::Rebooting | State::Renewing | State::Rebinding,
                Kind::Ack,
            ) => self.acknowledged(message),
            (
                State::Requesting { .. } | State::Rebooting | State::Renewing | State::Rebinding,
                Kind::Nak,
            ) => self.denied(now, random),
            // Late answers, and what only servers are told.
            _ => Step::default(),
        }
    }

    /// A server offers an address: the first one is taken.
    fn offered(&mut self, message: &Message, now: Duration, random: u32) -> Step {
        let offer = usable(message.yours).and_then(|offered| {
            let server = message.options.server.ok_or(Refused::NoServer)?;
            Ok(State::Requesting { offered, server })
        });
        match offer {
            Ok(state) => {
                // The exchange goes on: same transaction, same beginning.
                self.state = state;
                self.attempts = 0;
                self.ask(now, random)
            }
            Err(refused) => Self::refused(refused),
        }
    }

    /// A server gives a lease, or more time.
    fn acknowledged(&mut self, message: &Message) -> Step {
        let lease = match Lease::from_ack(message, self.sent_at) {
            Ok(lease) => lease,
            Err(refused) => return Self::refused(refused),
        };
        let before = self.held.as_ref().map(Held::address);
        let extended = matches!(self.state, State::Renewing | State::Rebinding);
        let note = if extended && before == Some(lease.address) {
            Note::Prolonged
        } else {
            Note::Given
        };
        self.state = State::Bound;
        self.attempts = 0;
        self.denials = 0;
        self.silence_said = false;
        self.next_at = lease.renew_at;
        self.held = Some(Held::Lease(lease));
        Step {
            send: None,
            note: Some(note),
        }
    }

    /// A server says no: what is held is given up, and everything begins anew.
    fn denied(&mut self, now: Duration, random: u32) -> Step {
        let address = self.held.take().map(|held| held.address());
        let mut step = if self.denials == 0 {
            self.look(now, random)
        } else {
            self.enter(State::Selecting, now, random);
            self.next_at = Some(now.saturating_add(delay(self.denials, random)));
            Step::default()
        };
        self.denials = self.denials.saturating_add(1);
        step.note = Some(Note::Denied(address));
        step
    }

    /// An answer is not believed; the question stays open.
    const fn refused(refused: Refused) -> Step {
        Step {
            send: None,
            note: Some(Note::Refused(refused)),
        }
    }
}

/// How long to wait for an answer to the message that `attempts` others went before.
fn delay(attempts: u32, random: u32) -> Duration {
    let base = DELAY_FIRST_MS.saturating_mul(1 << attempts.min(DOUBLINGS_MAX));
    let spread = JITTER_MS.saturating_mul(2).saturating_add(1);
    let jitter = u64::from(random).checked_rem(spread).unwrap_or(0);
    Duration::from_millis(base.saturating_sub(JITTER_MS).saturating_add(jitter))
}
