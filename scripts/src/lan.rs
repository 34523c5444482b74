// SPDX-License-Identifier: MPL-2.0
//! Several machines on one network, without a network of the host.
//!
//! A switch of ours joins them. The first machine's QEMU also has the user-mode network, with DHCP and
//! the local ports, as one more plug of that switch.
//!
//! Owns: which machine sits where, and the local ports that lead to each.
//! Never: lets a packet out to the host but through the user-mode network.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::qemu::free_port;
use crate::switch::{self, Switch};

/// The address that the user-mode network's DHCP server gives first; it counts up from there.
const FIRST: u8 = 15;
/// The most machines: the DHCP server has sixteen addresses.
const SEATS_MAX: usize = 8;

/// A network of machines.
#[derive(Clone, Debug)]
pub struct Lan {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    folder: PathBuf,
    /// For each machine its ports and the local ports that lead to them.
    forwards: Vec<Vec<(u16, u16)>>,
    _switch: Switch,
}

/// One machine's place in a network.
#[derive(Clone, Debug)]
pub struct Seat {
    lan: Lan,
    number: usize,
}

impl Lan {
    /// A network for `seats` machines, whose sockets are in `folder`; `ports` of each get a local port.
    ///
    /// # Errors
    /// Too many machines, or no free local port.
    pub fn new(folder: &Path, seats: usize, ports: &[u16]) -> Result<Self> {
        ensure!(
            (1..=SEATS_MAX).contains(&seats),
            "a network has one to {SEATS_MAX} machines, not {seats}"
        );
        let seat = |_| ports.iter().map(|port| Ok((*port, free_port()?))).collect();
        let forwards = (0..seats).map(seat).collect::<Result<_>>()?;
        // The last plug is that of the user-mode network.
        let _switch = Switch::start(folder, seats.saturating_add(1))?;
        let folder = folder.to_owned();
        Ok(Self {
            inside: Arc::new(Inside {
                folder,
                forwards,
                _switch,
            }),
        })
    }

    /// The place of machine `number`, counted from 0. Machine 0 must run while any other does.
    ///
    /// # Errors
    /// There are not so many.
    pub fn seat(&self, number: usize) -> Result<Seat> {
        let seats = self.inside.forwards.len();
        ensure!(number < seats, "this network has {seats} machines");
        let lan = self.clone();
        Ok(Seat { lan, number })
    }
}

impl Seat {
    /// The address that the machine gets, if all those before it got theirs first.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        address(self.number)
    }

    /// The machine's ports and the local ports that lead to them.
    #[must_use]
    pub fn ports(&self) -> Vec<(u16, u16)> {
        let of = self.lan.inside.forwards.get(self.number);
        of.cloned().unwrap_or_default()
    }

    /// QEMU's arguments for the network card and, at the first machine, for the network.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut backends = vec![self.plug("net0", self.number)];
        if self.number == 0 {
            let mut user = "user,id=dhcp".to_owned();
            for (seat, ports) in self.lan.inside.forwards.iter().enumerate() {
                for (port, local) in ports {
                    let to = address(seat);
                    let _ = write!(user, ",hostfwd=tcp:127.0.0.1:{local}-{to}:{port}");
                }
            }
            backends.push(user);
            backends.push(self.plug("uplink", self.lan.inside.forwards.len()));
            // A hub of two is a cable.
            for end in ["dhcp", "uplink"] {
                backends.push(format!("hubport,id=hub-{end},hubid=0,netdev={end}"));
            }
        }
        let mut arguments: Vec<String> = backends
            .into_iter()
            .flat_map(|backend| ["-netdev".to_owned(), backend])
            .collect();
        // Each its own hardware address: by it the DHCP server knows them.
        arguments.push("-device".to_owned());
        arguments.push(format!(
            "virtio-net-pci,netdev=net0,romfile=,mac=52:54:00:12:34:{:02x}",
            self.number.saturating_add(0x56)
        ));
        arguments
    }

    fn plug(&self, id: &str, port: usize) -> String {
        let path = switch::socket(&self.lan.inside.folder, port);
        format!(
            "stream,id={id},server=off,addr.type=unix,addr.path={}",
            path.display()
        )
    }
}

fn address(seat: usize) -> Ipv4Addr {
    let last = u8::try_from(seat).unwrap_or(u8::MAX).saturating_add(FIRST);
    Ipv4Addr::new(10, 0, 2, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_machine_brings_the_network_to_the_switch_and_the_others_plug_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let lan = Lan::new(folder.path(), 3, &[50000]).unwrap();

        let first = lan.seat(0).unwrap().arguments().join(" ");
        let third = lan.seat(2).unwrap();

        let plug = |id: &str, port: usize| {
            format!("stream,id={id},server=off,addr.type=unix,addr.path={path}/port{port}")
        };
        assert!(first.contains(&plug("net0", 0)), "{first}");
        assert!(first.contains(&plug("uplink", 3)), "{first}");
        let forward = format!("127.0.0.1:{}-10.0.2.17:50000", third.ports()[0].1);
        assert!(first.contains(&forward), "{first}");
        assert_eq!(
            third.arguments(),
            [
                "-netdev",
                &plug("net0", 2),
                "-device",
                "virtio-net-pci,netdev=net0,romfile=,mac=52:54:00:12:34:58",
            ]
        );
        assert!(lan.seat(3).is_err());
        assert!(Lan::new(folder.path(), 9, &[]).is_err());
    }
}
