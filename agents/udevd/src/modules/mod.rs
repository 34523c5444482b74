// SPDX-License-Identifier: MPL-2.0
//! Kernel modules: those that somebody names, and those that a device asks for.
//!
//! Owns: which modules are loaded in which order, from the index in `/lib/modules/<release>`.
//! Never: unloads one, remembers one (the kernel's list is in sysfs), or takes more of an index than
//! its bounds, whoever wrote it.

mod index;
mod insert;

use core::fmt::Write as _;

use heapless::String;
use proto::udev::{Fault, Loaded, MODULE_NAME_MAX, Module, PARAMETERS_MAX, Reason};
use sys::fs::OFlags;
use sys::io::Errno;
use wire::modules::{Alias, Dependencies, LINE_MAX, Name, Soft, When};

use crate::attribute::Sysfs;
use index::Index;
pub use insert::{Insert, Kernel};

/// How deep modules may depend on each other. The deepest chain of a whole distribution is nine.
const DEPTH_MAX: usize = 16;
/// How many modules one request may look up, soft dependencies counted.
const LOOKUPS_MAX: usize = 128;
/// How many modules one device or alias may load. Patterns that fit everything would load all.
const MATCHES_MAX: usize = 16;

/// A line of the index.
type Line = String<LINE_MAX>;
/// Names gathered from a line or from several.
type Names = heapless::Vec<Name, MATCHES_MAX>;

/// The modules of this kernel.
#[derive(Debug)]
pub struct Modules {
    index: Index,
    /// Whether any module says for which devices it is. Looked at once: layers do not change.
    by_device: bool,
}

/// What one request may still do.
struct Budget {
    lookups: usize,
    depth: usize,
}

impl Modules {
    /// Finds the modules of the running kernel. That there are none is no error.
    #[must_use]
    pub fn open() -> Self {
        let release = sys::system::uname();
        let mut path = String::<128>::new();
        let release = release.release().to_str().unwrap_or_default();
        let _ = write!(path, "/lib/modules/{release}");
        Self::below(&path)
    }

    /// Finds the modules in a folder.
    #[must_use]
    pub fn below(path: &str) -> Self {
        let index = Index::open(path);
        let by_device = index.has(c"modules.alias");
        Self { index, by_device }
    }

    /// Whether modules are to be looked for by device at all.
    #[must_use]
    pub const fn are_by_device(&self) -> bool {
        self.by_device
    }

    /// Loads what is asked for.
    pub fn load(&self, kernel: &mut impl Insert, wanted: Module<'_>) -> Loaded {
        if wanted.name.len() > MODULE_NAME_MAX || wanted.parameters.len() > PARAMETERS_MAX {
            return failed("", Reason::BadName);
        }
        let outcome = match Name::parse(wanted.name) {
            Some(name) => self.load_named(kernel, &name, wanted),
            // Other characters are in aliases only.
            None => Err(fault("", Reason::BadName)),
        };
        outcome.unwrap_or_else(Loaded::Failed)
    }

    fn load_named(
        &self,
        kernel: &mut impl Insert,
        name: &Name,
        wanted: Module<'_>,
    ) -> Result<Loaded, Fault> {
        let index = |reason| fault(name.as_str(), reason);
        if kernel.is_loaded(name) {
            return Ok(Loaded::Before);
        }
        if self.line_of(name).map_err(index)?.is_some() {
            let mut budget = Budget::new();
            return self.load_with(kernel, name, wanted.parameters, &mut budget);
        }
        if self.index.is_built_in(name).map_err(index)? {
            return Ok(Loaded::BuiltIn);
        }
        let found = self.found_by(wanted.name).map_err(index)?;
        if found.is_empty() {
            let reason = if self.index.has(c"modules.dep") {
                Reason::NotFound
            } else {
                Reason::NoIndex
            };
            return Err(index(reason));
        }
        let mut outcome = Loaded::Before;
        for name in &found {
            let mut budget = Budget::new();
            let one = self.load_with(kernel, name, wanted.parameters, &mut budget)?;
            if one != Loaded::Before {
                outcome = one;
            }
        }
        Ok(outcome)
    }

    /// Loads the modules that say they are for a device, given its `MODALIAS`. What cannot be loaded
    /// is said: nobody waits for an answer.
    pub fn plugged(&self, kernel: &mut impl Insert, modalias: &str) {
        if !self.by_device {
            return;
        }
        let found = match self.found_by(modalias) {
            Ok(found) => found,
            Err(reason) => return say(&fault("", reason)),
        };
        for name in &found {
            let mut budget = Budget::new();
            if let Err(fault) = self.load_with(kernel, name, "", &mut budget) {
                say(&fault);
            }
        }
    }

    /// Loads the modules of all devices that there are.
    pub fn plug_all(&self, kernel: &mut impl Insert, sysfs: &Sysfs) {
        if !self.by_device {
            return;
        }
        sysfs.list("bus", |bus| {
            let mut devices = String::<64>::new();
            if write!(devices, "bus/{bus}/devices").is_err() {
                return;
            }
            sysfs.list(&devices, |device| {
                let mut path = String::<256>::new();
                if write!(path, "{devices}/{device}").is_err() {
                    return;
                }
                let text = sysfs.read(&path, "modalias");
                if let Ok(modalias) = core::str::from_utf8(&text)
                    && !modalias.trim_end().is_empty()
                {
                    self.plugged(kernel, modalias.trim_end());
                }
            });
        });
    }

    /// Loads one module of the index after those it depends on, and with those that go with it.
    fn load_with(
        &self,
        kernel: &mut impl Insert,
        name: &Name,
        parameters: &str,
        budget: &mut Budget,
    ) -> Result<Loaded, Fault> {
        let wrong = |reason| fault(name.as_str(), reason);
        if kernel.is_loaded(name) {
            return Ok(Loaded::Before);
        }
        budget.enter().map_err(wrong)?;
        let line = self.line_of(name).map_err(wrong)?;
        let line = line.ok_or_else(|| wrong(Reason::NotFound))?;
        let line = Dependencies::parse(&line).ok_or_else(|| wrong(Reason::NotFound))?;
        for soft in &self.soft(name, When::Before).map_err(wrong)? {
            self.load_soft(kernel, soft, budget)?;
        }
        for needed in line.in_order() {
            let needed = Name::of_path(needed).ok_or_else(|| wrong(Reason::BadName))?;
            self.load_with(kernel, &needed, "", budget)?;
        }
        let file = self
            .index
            .open_file(line.path)
            .map_err(|errno| wrong(Reason::File(number(errno))))?;
        let outcome = match kernel.insert(&file, parameters) {
            Ok(()) => Loaded::Now,
            // Somebody was faster, or it is a part of the kernel after all.
            Err(Errno::EXIST) => Loaded::Before,
            Err(errno) => return Err(wrong(Reason::Kernel(number(errno)))),
        };
        for soft in &self.soft(name, When::After).map_err(wrong)? {
            self.load_soft(kernel, soft, budget)?;
        }
        budget.leave();
        Ok(outcome)
    }

    /// Loads a module that goes with another one, where it is there.
    fn load_soft(
        &self,
        kernel: &mut impl Insert,
        name: &Name,
        budget: &mut Budget,
    ) -> Result<(), Fault> {
        match self.line_of(name) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => self.load_with(kernel, name, "", budget).map(drop),
            Err(reason) => Err(fault(name.as_str(), reason)),
        }
    }

    /// The line of a module in `modules.dep`.
    fn line_of(&self, name: &Name) -> Result<Option<Line>, Reason> {
        self.index.find(c"modules.dep", |line| {
            let (path, _) = line.split_once(':')?;
            let is_it = Name::of_path(path).is_some_and(|of| of == *name);
            if is_it {
                Line::try_from(line).ok()
            } else {
                None
            }
        })
    }

    /// The modules that an alias or a device stands for.
    fn found_by(&self, wanted: &str) -> Result<Names, Reason> {
        let mut found = Names::new();
        let bus = wanted.split_once(':').map(|(bus, _)| bus);
        self.index.each(c"modules.alias", |line| {
            // Most lines are of other buses: they are told apart without a pattern.
            let pattern = line.strip_prefix("alias ").unwrap_or_default();
            if bus.is_some_and(|bus| !pattern.starts_with(bus) && !pattern.starts_with('*')) {
                return;
            }
            if let Some(alias) = Alias::parse(line)
                && alias.is_for(wanted)
                && let Some(name) = Name::parse(alias.module)
                && !found.contains(&name)
            {
                // More than can be are left out.
                let _ = found.push(name);
            }
        })?;
        Ok(found)
    }

    /// The modules that go with one.
    fn soft(&self, name: &Name, when: When) -> Result<Names, Reason> {
        let mut found = Names::new();
        self.index.each(c"modules.softdep", |line| {
            let Some(soft) = Soft::parse(line) else {
                return;
            };
            if Name::parse(soft.module).is_none_or(|of| of != *name) {
                return;
            }
            for with in soft.with(when).filter_map(Name::parse) {
                let _ = found.push(with);
            }
        })?;
        Ok(found)
    }
}

impl Budget {
    const fn new() -> Self {
        Self {
            lookups: LOOKUPS_MAX,
            depth: DEPTH_MAX,
        }
    }

    fn enter(&mut self) -> Result<(), Reason> {
        self.lookups = self.lookups.checked_sub(1).ok_or(Reason::TooDeep)?;
        self.depth = self.depth.checked_sub(1).ok_or(Reason::TooDeep)?;
        Ok(())
    }

    const fn leave(&mut self) {
        self.depth = self.depth.saturating_add(1);
    }
}

fn fault(module: &str, reason: Reason) -> Fault {
    Fault {
        module: String::try_from(module).unwrap_or_default(),
        reason,
    }
}

fn failed(module: &str, reason: Reason) -> Loaded {
    Loaded::Failed(fault(module, reason))
}

/// The number of an error of the kernel.
fn number(errno: Errno) -> u16 {
    u16::try_from(errno.raw_os_error()).unwrap_or(0)
}

/// Says what is wrong with a module.
fn say(fault: &Fault) {
    sys::say!("udevd: module {}: {}", fault.module, fault.reason);
}

/// How files of the index and modules are opened.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOCTTY);
