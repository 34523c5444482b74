// SPDX-License-Identifier: MPL-2.0
//! logd's loop: wait, give everyone a turn, tell the readers.
//!
//! Owns: the order of turns; each source has one turn a round, of at most a page.
//! Never: waits for one of them.

use core::fmt::Write as _;

use heapless::Vec;
use proto::log::{KERNEL, NO_SERVICES, SYSLOG};
use proto::paths::{FIRST_LISTENER_FD, INIT_SOCKET, LOG_RINGS, READY_FD};
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::OwnedFd;
use sys::io::{self, Errno};
use sys::kernel_log::{self, RECORD_MAX};
use sys::net::{RecvFlags, recv};
use sys::text::Text;
use wire::kmsg::Record;

use crate::capacity::{LOGS_MAX, TURN_MAX, is_name};
use crate::clock;
use crate::lines;
use crate::serve::Readers;
use crate::shelf::Shelf;
use crate::stamp;
use crate::supervisor::{self, Init, News};
use crate::syslog::{self, MESSAGE_MAX};

/// Records of the kernel in one turn.
const RECORDS_PER_TURN: usize = 32;
/// Messages of init in one turn.
const NEWS_PER_TURN: usize = 16;
/// Datagrams of syslog(3) in one turn.
const DATAGRAMS_PER_TURN: usize = 16;
/// init, the readers, and the source of every log.
const POLLED_MAX: usize = LOGS_MAX + 2;

/// logd, as it runs.
struct Logd {
    shelf: Shelf,
    readers: Readers,
    init: Init,
    kernel: Option<OwnedFd>,
    syslog: Option<OwnedFd>,
    ready: Option<OwnedFd>,
}

/// Runs until init goes away.
pub fn main(_arguments: sys::start::Arguments) -> u8 {
    let reason = match Logd::start() {
        Ok(mut logd) => logd.run(),
        Err(reason) => reason,
    };
    // Our own output may be a full pipe that only we read: never wait for it.
    let mut line = Text::<256>::new();
    let _ = write!(line, "logd: ends: {reason}");
    line.end_line();
    kernel_log::write(kernel_log::Urgency::Notice, &line);
    let _ = sys::text::write_now(line.as_bytes());
    1
}

/// Why logd ends.
#[derive(Debug)]
enum Reason {
    /// The kernel refused a step.
    Step(&'static str, Errno),
    /// The conversation with init.
    Init(supervisor::Reason),
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Step(step, errno) => write!(f, "{step}: {}", sys::errno::name(*errno)),
            Self::Init(reason) => write!(f, "cannot work without init: {reason}"),
        }
    }
}

impl Logd {
    /// Takes what init gave, finds the rings and calls init.
    fn start() -> Result<Self, Reason> {
        let ready = sys::inherited::take(READY_FD).ok();
        let listener = sys::inherited::take(FIRST_LISTENER_FD)
            .map_err(|errno| Reason::Step("no socket was given", errno))?;
        // After a change of the table in init, logs are worth more than this socket.
        let syslog = sys::inherited::take(FIRST_LISTENER_FD.saturating_add(1)).ok();
        let readers =
            Readers::new(listener).map_err(|errno| Reason::Step("cannot serve", errno))?;
        let mut shelf = Shelf::open(LOG_RINGS, clock::since_start_ms())
            .map_err(|errno| Reason::Step("cannot open the folder of logs", errno))?;
        let kernel = match kernel_log::open() {
            Ok(kernel) => Some(kernel),
            Err(errno) => {
                let errno = sys::errno::name(errno);
                shelf.say(format_args!("cannot read the kernel's log: {errno}"));
                None
            }
        };
        let init = Init::connect(INIT_SOCKET).map_err(Reason::Init)?;
        Ok(Self {
            shelf,
            readers,
            init,
            kernel,
            syslog,
            ready,
        })
    }

    /// Runs until it cannot; returns why.
    fn run(&mut self) -> Reason {
        loop {
            if let Err(errno) = self.wait() {
                return Reason::Step("cannot wait", errno);
            }
            if let Err(reason) = self.hear_init() {
                return reason;
            }
            self.read_kernel();
            self.read_syslog();
            self.read_pipes();
            self.readers.turn(&mut self.shelf);
            if core::mem::take(&mut self.shelf.grew) {
                self.readers.pump(&mut self.shelf);
            }
        }
    }

    /// Waits until there is something to do, or a log that said too much may go on.
    fn wait(&mut self) -> io::Result<()> {
        let now_ms = clock::since_start_ms();
        let mut pause_ms: Option<u64> = None;
        for place in 0..LOGS_MAX {
            let Some(log) = self.shelf.get_mut(place) else {
                continue;
            };
            if !log.share.allows(now_ms) {
                let wait_ms = log.share.wait_ms().max(1);
                pause_ms = Some(pause_ms.map_or(wait_ms, |pause_ms| pause_ms.min(wait_ms)));
            }
        }
        let mut polled = Vec::<PollFd<'_>, POLLED_MAX>::new();
        let _ = polled.push(PollFd::new(&self.init, PollFlags::IN));
        let _ = polled.push(PollFd::new(&self.readers, PollFlags::IN));
        for (_, log) in self
            .shelf
            .places()
            .filter(|(_, log)| log.share.wait_ms() == 0)
        {
            let source = match log.name.as_str() {
                KERNEL => &self.kernel,
                SYSLOG => &self.syslog,
                _ => &log.pipe,
            };
            if let Some(source) = source {
                let _ = polled.push(PollFd::new(source, PollFlags::IN));
            }
        }
        let pause = pause_ms.map(|pause_ms| Timespec {
            tv_sec: 0,
            // A share is refilled within milliseconds; the bound keeps the product small.
            tv_nsec: i64::try_from(pause_ms.min(500))
                .unwrap_or(0)
                .saturating_mul(1_000_000),
        });
        match poll(&mut polled, pause.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Hears init's news.
    fn hear_init(&mut self) -> Result<(), Reason> {
        for _ in 0..NEWS_PER_TURN {
            match self.init.hear() {
                None => return Ok(()),
                Some((News::Ask | News::Nothing, _)) => {}
                Some((News::Ready, _)) => {
                    if let Some(ready) = self.ready.take() {
                        let _ = io::write(&ready, b"\n");
                    }
                }
                Some((News::Pipe(name), Some(pipe))) => self.take_pipe(&name, pipe),
                Some((News::Pipe(name), None)) => {
                    self.shelf.say(format_args!("init sent no pipe for {name}"));
                }
                Some((News::Broken(reason), _)) => {
                    return Err(Reason::Init(reason));
                }
            }
        }
        Ok(())
    }

    /// Puts the output of a service on the shelf.
    fn take_pipe(&mut self, name: &str, pipe: OwnedFd) {
        if !is_name(name) || NO_SERVICES.contains(&name) {
            self.shelf
                .say(format_args!("a service has a name that no log can have"));
            return;
        }
        let nonblocking = io::ioctl_fionbio(&pipe, true);
        let place = self.shelf.find_or_add(name, clock::since_start_ms());
        let Some((place, ())) = place.zip(nonblocking.ok()) else {
            self.shelf
                .say(format_args!("there is no room for the log of {name}"));
            return;
        };
        // A service that was removed and defined again has a new pipe: the old one's last words
        // first. A pipe holds 64 KiB.
        for _ in 0..17 {
            self.read_pipe(place);
        }
        if let Some(log) = self.shelf.get_mut(place) {
            log.pipe = Some(pipe);
        }
    }

    /// Gives every service its turn.
    fn read_pipes(&mut self) {
        let now_ms = clock::since_start_ms();
        for place in 0..LOGS_MAX {
            let allowed = self
                .shelf
                .get_mut(place)
                .is_some_and(|log| log.share.allows(now_ms));
            if allowed {
                self.read_pipe(place);
            }
        }
    }

    /// One turn of one service.
    fn read_pipe(&mut self, place: usize) {
        let mut input = [0; TURN_MAX];
        let Some(log) = self.shelf.get_mut(place) else {
            return;
        };
        let Some(pipe) = &log.pipe else {
            return;
        };
        match io::read(pipe, &mut input[..]) {
            Ok(0) => self.shelf.end(place),
            Ok(len) => {
                log.share.spend(len);
                self.shelf.add(place, input.get(..len).unwrap_or_default());
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => {
                let (name, errno) = (log.name.clone(), sys::errno::name(errno));
                self.shelf
                    .say(format_args!("cannot read the output of {name}: {errno}"));
                self.shelf.end(place);
            }
        }
    }

    /// The kernel's turn.
    fn read_kernel(&mut self) {
        let now_ms = clock::since_start_ms();
        let mut buffer = [0; RECORD_MAX];
        for _ in 0..RECORDS_PER_TURN {
            let Some(kernel) = &self.kernel else {
                return;
            };
            let Some(place) = self.shelf.find(KERNEL) else {
                return;
            };
            if !self
                .shelf
                .get_mut(place)
                .is_some_and(|log| log.share.allows(now_ms))
            {
                return;
            }
            match kernel_log::read_record(kernel, &mut buffer) {
                Ok(Some(record)) => self.add_record(place, record),
                Ok(None) => return,
                // Records were lost: the next one's number says how many.
                Err(Errno::PIPE | Errno::INTR) => {}
                Err(errno) => {
                    let errno = sys::errno::name(errno);
                    self.shelf
                        .say(format_args!("the kernel's log ends: {errno}"));
                    self.kernel = None;
                }
            }
        }
    }

    /// The turn of programs that use syslog(3). One that says too much waits: its socket is full.
    fn read_syslog(&mut self) {
        let now_ms = clock::since_start_ms();
        let mut buffer = [0; MESSAGE_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            let (Some(socket), Some(place)) = (&self.syslog, self.shelf.find(SYSLOG)) else {
                return;
            };
            let Some(log) = self.shelf.get_mut(place) else {
                return;
            };
            if !log.share.allows(now_ms) {
                return;
            }
            // What does not fit is cut off by the kernel.
            match recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((len, _)) => {
                    log.share.spend(len.max(1));
                    let message = buffer.get(..len).unwrap_or_default();
                    let line = syslog::line(message, clock::now_ns());
                    self.shelf.append(place, &lines::split(0, &line), 0);
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(errno) => {
                    let errno = sys::errno::name(errno);
                    self.shelf
                        .say(format_args!("the socket of syslog fails: {errno}"));
                    self.syslog = None;
                }
            }
        }
    }

    /// Adds one record, unless an earlier logd did.
    fn add_record(&mut self, place: usize, bytes: &[u8]) {
        let Ok(record) = Record::parse(bytes) else {
            self.shelf
                .say(format_args!("a record of the kernel is malformed"));
            return;
        };
        let Some(log) = self.shelf.get_mut(place) else {
            return;
        };
        let mark = log.ring.as_ref().map_or(0, |ring| ring.header().mark);
        let Some(lost) = record.sequence.checked_sub(mark) else {
            return;
        };
        log.share.spend(bytes.len());
        if lost > 0 {
            let line = stamp::lost(lost, record.sequence, record.time_us);
            self.shelf
                .append(place, &lines::split(0, &line), record.sequence);
        }
        let next = record.sequence.saturating_add(1);
        self.shelf
            .append(place, &lines::split(0, &stamp::line(&record)), next);
    }
}
