// SPDX-License-Identifier: MPL-2.0
//! All logs there are.
//!
//! Owns: the table of logs, and what happens when it is full.
//! Never: has more than one log of a name.

use core::fmt::Write as _;
use core::mem::MaybeUninit;

use heapless::Vec;
use proto::Name;
use proto::log::{CONTROLLERS, KERNEL, SYSLOG};
use sys::fd::{AsFd as _, OwnedFd};
use sys::fs::{AtFlags, Mode, OFlags, RawDir};
use sys::io::{self, Errno};
use sys::text::Text;

use crate::capacity::{self, LOGS_MAX};
use crate::lines::{self, Addition};
use crate::ring::{Found, Ring};
use crate::share::Share;

/// The log of what logd itself has to say: it is its own reader, so it never writes to its pipe.
pub const OWN: &str = "logd";

/// Logs that are always there.
const FIXED: [&str; 4] = [KERNEL, OWN, SYSLOG, CONTROLLERS];

/// One log.
#[derive(Debug)]
pub struct Log {
    /// Its name.
    pub name: Name,
    /// What is kept of it; `None` while there is no memory for it.
    pub ring: Option<Ring>,
    /// The read end of its service's output; `None` when there is no service (any more).
    pub pipe: Option<OwnedFd>,
    /// How much it may say.
    pub share: Share,
    /// When it was put on the shelf: a later one in the same place is another log.
    pub born: u64,
    /// Bytes that could not be kept since that was last said.
    pub dropped: u64,
    /// When it grew last, in the growths of all logs.
    pub grown_at: u64,
}

/// All logs.
#[derive(Debug)]
pub struct Shelf {
    folder: OwnedFd,
    logs: [Option<Log>; LOGS_MAX],
    births: u64,
    growths: u64,
    /// Whether anything was added since the readers were last told.
    pub grew: bool,
}

impl Shelf {
    /// Opens the folder at `path`, made where it is missing, and every ring in it.
    ///
    /// # Errors
    /// The kernel's, about the folder.
    pub fn open(path: &str, now_ms: u64) -> io::Result<Self> {
        match sys::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = sys::fs::open(path, flags, Mode::empty())?;
        let mut shelf = Self {
            folder,
            logs: [const { None }; LOGS_MAX],
            births: 0,
            growths: 0,
            grew: false,
        };
        // These first: they always have a place.
        for name in FIXED {
            let _ = shelf.find_or_add(name, now_ms);
        }
        let names = shelf.kept_names()?;
        for name in &names {
            let _ = shelf.find_or_add(name, now_ms);
        }
        Ok(shelf)
    }

    /// The names of the rings in the folder; what cannot be a ring is removed.
    fn kept_names(&self) -> io::Result<Vec<Name, LOGS_MAX>> {
        let mut names = Vec::new();
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&self.folder, &mut space);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let file = entry.file_name();
            if file == c"." || file == c".." {
                continue;
            }
            let name = file.to_str().ok().filter(|name| capacity::is_name(name));
            let kept = name
                .and_then(|name| Name::try_from(name).ok())
                .is_some_and(|name| names.push(name).is_ok());
            if !kept {
                let _ = sys::fs::unlinkat(&self.folder, file, AtFlags::empty());
            }
        }
        Ok(names)
    }

    /// The place of the log `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.places()
            .find(|(_, log)| log.name == name)
            .map(|(place, _)| place)
    }

    /// The log at `place`.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Log> {
        self.logs.get(place).and_then(Option::as_ref)
    }

    /// The log at `place`.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Log> {
        self.logs.get_mut(place).and_then(Option::as_mut)
    }

    /// Every log and its place.
    pub fn places(&self) -> impl Iterator<Item = (usize, &Log)> {
        let places = self.logs.iter().enumerate();
        places.filter_map(|(place, log)| Some((place, log.as_ref()?)))
    }

    /// The place of the log `name`, which is made where it is missing. When the table is full
    /// the oldest log without a service makes room. `None`: all have services.
    pub fn find_or_add(&mut self, name: &str, now_ms: u64) -> Option<usize> {
        if let Some(place) = self.find(name) {
            return Some(place);
        }
        let place = match self.logs.iter().position(Option::is_none) {
            Some(place) => place,
            None => self.make_room()?,
        };
        self.births = self.births.saturating_add(1);
        let log = Log {
            name: Name::try_from(name).ok()?,
            ring: None,
            pipe: None,
            share: Share::new(now_ms),
            born: self.births,
            dropped: 0,
            grown_at: self.next_growth(),
        };
        *self.logs.get_mut(place)? = Some(log);
        self.open_ring(place);
        Some(place)
    }

    const fn next_growth(&mut self) -> u64 {
        self.growths = self.growths.saturating_add(1);
        self.growths
    }

    /// Removes the log without a service that is on the shelf longest.
    fn make_room(&mut self) -> Option<usize> {
        let (place, log) = self
            .places()
            .filter(|(_, log)| log.pipe.is_none())
            .filter(|(_, log)| !FIXED.contains(&log.name.as_str()))
            .min_by_key(|(_, log)| log.born)?;
        let _ = sys::fs::unlinkat(&self.folder, log.name.as_str(), AtFlags::empty());
        *self.logs.get_mut(place)? = None;
        Some(place)
    }

    /// Opens the ring of the log at `place` and says when that was not simple.
    fn open_ring(&mut self, place: usize) {
        let taken = self.places().filter_map(|(_, log)| log.ring.as_ref());
        let taken = taken.map(|ring| u64::from(ring.header().capacity)).sum();
        let Some(log) = self.logs.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let name = log.name.clone();
        let capacity = capacity::of(&name, taken);
        // A failure is not said here: what is lost is counted and said when it works again.
        if let Ok((ring, found)) = Ring::open(self.folder.as_fd(), &name, capacity) {
            log.ring = Some(ring);
            if let Found::Reset(error) = found {
                self.say(format_args!("the log of {name} begins anew: {error}"));
            }
        }
    }

    /// Adds what came from a service to its log.
    pub fn add(&mut self, place: usize, input: &[u8]) {
        let ring = self.get(place).and_then(|log| log.ring.as_ref());
        let addition = lines::split(ring.map_or(0, |ring| ring.header().pending), input);
        self.append(place, &addition, 0);
    }

    /// Ends the unfinished line of a log whose writer is gone, and lets its pipe go.
    pub fn end(&mut self, place: usize) {
        let ring = self.get(place).and_then(|log| log.ring.as_ref());
        let addition = Addition::finish(ring.map_or(0, |ring| ring.header().pending));
        if !addition.bytes.is_empty() {
            self.append(place, &addition, 0);
        }
        if let Some(log) = self.get_mut(place) {
            log.pipe = None;
        }
    }

    /// Adds to a log, and counts what could not be added.
    pub fn append(&mut self, place: usize, addition: &Addition, mark: u64) {
        if self.get(place).is_some_and(|log| log.ring.is_none()) {
            self.open_ring(place);
        }
        self.grew = true;
        let growth = self.next_growth();
        let Some(log) = self.get_mut(place) else {
            return;
        };
        // An unfinished line is nothing that a reader could see.
        if addition.complete > 0 {
            log.grown_at = growth;
        }
        let done = match &mut log.ring {
            Some(ring) => ring.append(addition, mark),
            None => Err(Errno::NOMEM),
        };
        let bytes = u64::try_from(addition.bytes.len()).unwrap_or(0);
        match done {
            Err(_) => log.dropped = log.dropped.saturating_add(bytes),
            Ok(()) if log.dropped > 0 => {
                let (name, dropped) = (log.name.clone(), core::mem::take(&mut log.dropped));
                self.say(format_args!(
                    "{name}: {dropped} bytes were lost for lack of memory"
                ));
            }
            Ok(()) => {}
        }
    }

    /// Adds a line of our own.
    pub fn say(&mut self, text: core::fmt::Arguments<'_>) {
        let mut line = Text::<512>::new();
        let _ = write!(line, "logd: {text}");
        line.end_line();
        if let Some(place) = self.find(OWN) {
            self.add(place, line.as_bytes());
        }
    }
}
