// SPDX-License-Identifier: MPL-2.0
//! An Ethernet switch for virtual machines, over sockets of the file system.
//!
//! QEMU's own hub gives every frame to all, its user-mode network among them, which answers for whole
//! networks: what one machine says to another would be refused by it. A switch learns who is where.
//!
//! Owns: the frames between the machines of one network.
//! Never: reads more of a frame than its two addresses.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// The longest frame that QEMU sends, with all that a card may put together.
const FRAME_MAX: usize = 128 * 1024;
/// A machine that takes nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hardware address.
type Address = [u8; 6];

/// A switch that runs; dropping it pulls all plugs.
#[derive(Debug)]
pub struct Switch {
    sockets: Vec<PathBuf>,
    inside: Arc<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    stops: AtomicBool,
    plugs: Vec<Mutex<Option<UnixStream>>>,
    table: Mutex<HashMap<Address, usize>>,
}

impl Switch {
    /// Starts a switch with `ports` sockets in `folder`.
    ///
    /// # Errors
    /// A socket cannot be made.
    pub fn start(folder: &Path, ports: usize) -> Result<Self> {
        let inside = Arc::new(Inside {
            plugs: (0..ports).map(|_| Mutex::default()).collect(),
            ..Inside::default()
        });
        let mut sockets = Vec::new();
        for port in 0..ports {
            let path = socket(folder, port);
            let listener = UnixListener::bind(&path)
                .with_context(|| format!("cannot listen at {}", path.display()))?;
            let inside = Arc::clone(&inside);
            std::thread::spawn(move || inside.serve(port, &listener));
            sockets.push(path);
        }
        Ok(Self { sockets, inside })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.inside.stops.store(true, Ordering::Relaxed);
        for (plug, socket) in self.inside.plugs.iter().zip(&self.sockets) {
            // Ends whoever reads, then whoever waits for the next one.
            if let Some(stream) = locked(plug).take() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let _ = UnixStream::connect(socket);
        }
    }
}

/// Where the machine of `port` plugs in.
#[must_use]
pub fn socket(folder: &Path, port: usize) -> PathBuf {
    folder.join(format!("port{port}"))
}

impl Inside {
    /// Takes the machine of a port, and the next one when that is gone.
    fn serve(&self, port: usize, listener: &UnixListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.stops.load(Ordering::Relaxed) {
                return;
            }
            let Ok(writer) = stream.try_clone() else {
                continue;
            };
            let _ = writer.set_write_timeout(Some(PATIENCE));
            if let Some(plug) = self.plugs.get(port) {
                *locked(plug) = Some(writer);
            }
            self.follow(port, stream);
            if let Some(plug) = self.plugs.get(port) {
                *locked(plug) = None;
            }
        }
    }

    /// Passes on what a machine sends, until it is gone.
    fn follow(&self, port: usize, mut stream: UnixStream) {
        let mut message = Vec::new();
        loop {
            // Each frame comes after its length, four bytes with the highest first.
            let mut head = [0; 4];
            if stream.read_exact(&mut head).is_err() {
                return;
            }
            let len = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
            if len > FRAME_MAX {
                return;
            }
            message.clear();
            message.extend_from_slice(&head);
            message.resize(len.saturating_add(4), 0);
            let Some(frame) = message.get_mut(4..) else {
                return;
            };
            if stream.read_exact(frame).is_err() {
                return;
            }
            self.pass(port, &message);
        }
    }

    /// Sends a frame where its address is, or to all when that is not known.
    fn pass(&self, from: usize, message: &[u8]) {
        let Some((to, source)) = addresses(message) else {
            return;
        };
        let known = {
            let mut table = locked(&self.table);
            table.insert(source, from);
            table.get(&to).copied()
        };
        for (port, plug) in self.plugs.iter().enumerate() {
            if port == from || known.is_some_and(|known| known != port) {
                continue;
            }
            let mut plug = locked(plug);
            // A frame that went half way makes the rest of the stream mean nothing.
            if plug
                .as_mut()
                .is_some_and(|stream| stream.write_all(message).is_err())
            {
                *plug = None;
            }
        }
    }
}

/// Whom a frame is for and from whom it is; it begins after four bytes.
fn addresses(message: &[u8]) -> Option<(Address, Address)> {
    let address = |from: usize| {
        let bytes = message.get(from..from.checked_add(6)?)?;
        Address::try_from(bytes).ok()
    };
    Some((address(4)?, address(10)?))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(to: u8, from: u8) -> Vec<u8> {
        let mut message = vec![0, 0, 0, 14];
        message.extend([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0]);
        message
    }

    fn next(stream: &mut UnixStream) -> Vec<u8> {
        let mut message = vec![0; 18];
        stream.read_exact(&mut message).unwrap();
        message
    }

    #[test]
    fn a_frame_goes_to_all_until_it_is_known_who_is_where() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::start(folder.path(), 3).unwrap();
        let mut machines: Vec<UnixStream> = (0..3)
            .map(|port| UnixStream::connect(socket(folder.path(), port)).unwrap())
            .collect();
        for machine in &machines {
            machine.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        crate::wait::until(PATIENCE, || {
            let plugged = switch
                .inside
                .plugs
                .iter()
                .all(|plug| locked(plug).is_some());
            anyhow::ensure!(plugged, "a machine is not plugged in");
            Ok(())
        })
        .unwrap();

        machines[0].write_all(&frame(9, 1)).unwrap();
        assert_eq!(next(&mut machines[1]), frame(9, 1));
        assert_eq!(next(&mut machines[2]), frame(9, 1));
        machines[1].write_all(&frame(1, 2)).unwrap();
        assert_eq!(next(&mut machines[0]), frame(1, 2));
        machines[2].write_all(&frame(2, 3)).unwrap();
        assert_eq!(next(&mut machines[1]), frame(2, 3));
        // Had the others been given to all, they would come before this one.
        machines[1].write_all(&frame(9, 2)).unwrap();
        assert_eq!(next(&mut machines[2]), frame(9, 2));
        assert_eq!(next(&mut machines[0]), frame(9, 2));
    }
}
