// SPDX-License-Identifier: MPL-2.0
//! Which services there are: adding, finding and removing them.
//!
//! Owns: the places of the table and who starts after whom.
//! Never: starts or stops anything.

use core::time::Duration;

use heapless::Vec;
use proto::service::ServiceSpec;
use proto::supervisor::SERVICES_MAX;
use proto::{MAX_MESSAGE, Name, Refusal};
use supervise::{Event, Service, State, order};
use sys::fd::OwnedFd;
use sys::fs::{MemfdFlags, Mode, SealFlags};
use sys::io::Errno;
use sys::net::SocketType;
use sys::pipe::{PipeFlags, pipe_with};
use sys::process::{Gid, Uid};

use super::Supervisor;
use super::description::is_good;
use super::slot::{Kind, Slot, policy_of};
use crate::services::{self, CORE, Listener};
use crate::{cgroup, clock, say};

/// Whether a name can be a folder of the control groups and a word on a line.
#[must_use]
pub fn is_good_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=proto::NAME_MAX).contains(&name.len())
        && name.bytes().all(good)
        && !name.starts_with('.')
        && !name.starts_with('-')
}

/// Makes a socket of the table, for its group alone.
pub(super) fn listen(listener: &Listener) -> Result<OwnedFd, Errno> {
    let kind = match listener.kind {
        services::Kind::Messages => SocketType::SEQPACKET,
        services::Kind::Stream => SocketType::STREAM,
        services::Kind::Datagrams => SocketType::DGRAM,
    };
    let socket = sys::seqpacket::listen(listener.path, kind)?;
    let gid = Gid::from_raw(listener.gid);
    sys::fs::chown(listener.path, Some(Uid::ROOT), Some(gid))?;
    sys::fs::chmod(listener.path, Mode::from_raw_mode(listener.mode))?;
    sys::spawn::raise(socket)
}

/// Writes an encoded description to a file in memory that nobody can change.
fn keep(bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = sys::fs::memfd_create(c"service", flags)?;
    if sys::io::write(&file, bytes)? != bytes.len() {
        return Err(Errno::NOSPC);
    }
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    sys::fs::fcntl_add_seals(&file, seals)?;
    sys::spawn::raise(file)
}

/// Keeps a description.
fn keep_encoded(spec: &ServiceSpec<'_>) -> Result<OwnedFd, Refusal> {
    let mut bytes = [0; MAX_MESSAGE];
    let len = spec.encode(&mut bytes).map_err(|_| Refusal::Malformed)?;
    keep(bytes.get(..len).unwrap_or_default()).map_err(refused)
}

/// The refusal for an error of the kernel.
fn refused(errno: Errno) -> Refusal {
    Refusal::Failed(u16::try_from(errno.raw_os_error()).unwrap_or(0))
}

/// Bytes of memory of this machine.
fn memory() -> u64 {
    let info = sys::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

impl Supervisor {
    /// Adds the rows of the table. One that cannot be added is said and missed.
    pub(super) fn add_core_services(&mut self) {
        let memory = memory();
        for row in CORE {
            let spec = row.spec(memory);
            let mut listeners = Vec::new();
            for listener in row.listeners {
                match listen(listener) {
                    Ok(socket) => drop(listeners.push(socket)),
                    Err(errno) => {
                        say!("socket {}: {}", listener.path, sys::errno::name(errno));
                    }
                }
            }
            if let Err(refusal) = self.add(&spec, Kind::Core, listeners) {
                say!("service {}: {refusal}", spec.name);
            }
        }
    }

    /// Asks every service to start.
    pub(super) fn start_all(&mut self, now: Duration) {
        for place in 0..SERVICES_MAX {
            self.happened(place, Event::AskedToStart);
        }
        self.settle(now);
    }

    /// Makes a service known that a client describes.
    pub(super) fn define(&mut self, spec: &ServiceSpec<'_>) -> Result<(), Refusal> {
        if !is_good(spec) {
            return Err(Refusal::Malformed);
        }
        if let Some(place) = self.place_of(spec.name) {
            return self.describe_anew(place, spec);
        }
        self.add(spec, Kind::Defined, Vec::new())
    }

    /// Gives a service that a client defined, and that has ended, another description.
    fn describe_anew(&mut self, place: usize, spec: &ServiceSpec<'_>) -> Result<(), Refusal> {
        let slot = self.slots.get_mut(place).and_then(Option::as_mut);
        let slot = slot.ok_or(Refusal::NotFound)?;
        if slot.with_spec(|known| known == spec) == Some(true) {
            return Ok(());
        }
        if slot.kind == Kind::Core || slot.life.state().is_active() {
            return Err(Refusal::Exists);
        }
        slot.spec = keep_encoded(spec)?;
        slot.life = Service::new(policy_of(spec), clock::now());
        self.note_change(place);
        self.find_needs();
        Ok(())
    }

    /// Puts a service into the table.
    fn add(
        &mut self,
        spec: &ServiceSpec<'_>,
        kind: Kind,
        listeners: Vec<OwnedFd, { proto::paths::MAX_LISTENERS }>,
    ) -> Result<(), Refusal> {
        let place = self.free_place().ok_or(Refusal::Full)?;
        let file = keep_encoded(spec)?;
        let (output_read, output_write) = pipe_with(PipeFlags::CLOEXEC).map_err(refused)?;
        let output_write = sys::spawn::raise(output_write).map_err(refused)?;
        let made = self
            .versions
            .get(place)
            .copied()
            .unwrap_or(0)
            .wrapping_add(1);
        let slot = Slot {
            name: Name::try_from(spec.name).map_err(|_| Refusal::Malformed)?,
            kind,
            life: Service::new(policy_of(spec), clock::now()),
            spec: file,
            output_read,
            output_write,
            listeners,
            run: None,
            last_exit: None,
            after: 0,
            lacks: false,
            made,
        };
        self.replace(place, Some(slot));
        Ok(())
    }

    /// Forgets a service that a client defined.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), Refusal> {
        let place = self.place_of(name).ok_or(Refusal::NotFound)?;
        let slot = self
            .slots
            .get(place)
            .and_then(Option::as_ref)
            .ok_or(Refusal::NotFound)?;
        if slot.kind == Kind::Core {
            return Err(Refusal::NotAllowed);
        }
        if slot.life.state().is_active() {
            return Err(Refusal::WrongState);
        }
        cgroup::remove(name);
        if let Some(left) = self.left.get_mut(place) {
            *left = Name::try_from(name).ok();
        }
        self.replace(place, None);
        Ok(())
    }

    /// Where the service of a name is.
    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| slot.as_ref().is_some_and(|slot| slot.name.as_str() == name))
    }

    /// The free place that changed least, so that subscribers hear of who left before another
    /// takes the place.
    fn free_place(&self) -> Option<usize> {
        let free = |place: &usize| self.slots.get(*place).is_some_and(Option::is_none);
        (0..SERVICES_MAX)
            .filter(free)
            .min_by_key(|place| self.versions.get(*place).copied().unwrap_or(u32::MAX))
    }

    /// Fills or empties a place, and finds out anew who starts after whom.
    fn replace(&mut self, place: usize, slot: Option<Slot>) {
        if let Some(old) = self.slots.get_mut(place) {
            *old = slot;
        }
        self.note_change(place);
        self.find_needs();
    }

    /// Counts a change, for subscribers.
    pub(super) fn note_change(&mut self, place: usize) {
        if let Some(version) = self.versions.get_mut(place) {
            *version = version.wrapping_add(1);
        }
    }

    /// Finds out who starts after whom.
    fn find_needs(&mut self) {
        for place in 0..SERVICES_MAX {
            let Some((after, lacks)) = self.needs_of(place) else {
                continue;
            };
            if let Some(slot) = self.slots.get_mut(place).and_then(Option::as_mut) {
                slot.after = after;
                slot.lacks = lacks;
            }
        }
    }

    /// The places of those that the service at a place starts after, and whether one is missing.
    fn needs_of(&self, place: usize) -> Option<(u64, bool)> {
        let slot = self.slots.get(place)?.as_ref()?;
        slot.with_spec(|spec| {
            let (mut after, mut lacks) = (0_u64, false);
            for name in &spec.after {
                match self.place_of(name) {
                    Some(other) => after |= bit(other),
                    None => lacks = true,
                }
            }
            (after, lacks)
        })
    }
}

/// The bit of a place.
fn bit(place: usize) -> u64 {
    u32::try_from(place).map_or(0, |place| 1_u64.wrapping_shl(place))
}

impl order::Services for Supervisor {
    fn count(&self) -> usize {
        SERVICES_MAX
    }

    fn state(&self, place: usize) -> Option<State> {
        self.state_at(place)
    }

    fn is_after(&self, place: usize, other: usize) -> bool {
        let slot = self.slots.get(place).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.after & bit(other) != 0)
    }

    fn keeps_sockets(&self, place: usize) -> bool {
        let slot = self.slots.get(place).and_then(Option::as_ref);
        slot.is_some_and(|slot| !slot.listeners.is_empty())
    }

    fn lacks(&self, place: usize) -> bool {
        let slot = self.slots.get(place).and_then(Option::as_ref);
        slot.is_none_or(|slot| slot.lacks)
    }
}

#[cfg(test)]
mod tests {
    use super::is_good_name;

    #[test]
    fn names_are_words() {
        for name in ["logd", "ext-hello.world_2", "A"] {
            assert!(is_good_name(name), "{name}");
        }
        let long = "a".repeat(proto::NAME_MAX + 1);
        for name in [
            "", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "é", "a\0", &long,
        ] {
            assert!(!is_good_name(name), "{name:?}");
        }
    }
}
