// SPDX-License-Identifier: MPL-2.0
//! Several machines on one network, without a network of the host.
//!
//! The first machine's QEMU is the switch: it has the user-mode network with DHCP, and a socket of the
//! file system for each other machine, all of them ports of one hub.
//!
//! Owns: which machine sits where, and the local ports that lead to each.
//! Never: lets a packet out to the host but through the user-mode network.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::qemu::free_port;
use crate::wait;

/// How long the first machine's QEMU may take to offer its sockets.
const SOCKETS: Duration = Duration::from_secs(30);
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
        let folder = folder.to_owned();
        Ok(Self {
            inside: Arc::new(Inside { folder, forwards }),
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

    fn socket(&self, number: usize) -> PathBuf {
        self.inside.folder.join(format!("port{number}"))
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

    /// Waits until there is a network to join.
    ///
    /// # Errors
    /// The first machine does not offer a socket.
    pub fn ready(&self) -> Result<()> {
        if self.number == 0 {
            return Ok(());
        }
        let socket = self.lan.socket(self.number);
        wait::until(SOCKETS, || {
            ensure!(socket.exists(), "machine 0 offers no {}", socket.display());
            Ok(())
        })
        .context("no network to join")
    }

    /// QEMU's arguments for the network card and, at the first machine, for the network.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut backends = Vec::new();
        if self.number == 0 {
            let mut user = "user,id=dhcp".to_owned();
            for (seat, ports) in self.lan.inside.forwards.iter().enumerate() {
                for (port, local) in ports {
                    let to = address(seat);
                    let _ = write!(user, ",hostfwd=tcp:127.0.0.1:{local}-{to}:{port}");
                }
            }
            backends.push(user);
            backends.push("hubport,id=hub-dhcp,hubid=0,netdev=dhcp".to_owned());
            for number in 1..self.lan.inside.forwards.len() {
                backends.push(self.stream(number, "on"));
                backends.push(format!(
                    "hubport,id=hub{number},hubid=0,netdev=port{number}"
                ));
            }
            backends.push("hubport,id=net0,hubid=0".to_owned());
        } else {
            backends.push(self.stream(self.number, "off").replace("id=port", "id=net"));
        }
        let card = if self.number == 0 {
            "net0".to_owned()
        } else {
            format!("net{}", self.number)
        };
        let mut arguments: Vec<String> = backends
            .into_iter()
            .flat_map(|backend| ["-netdev".to_owned(), backend])
            .collect();
        // Each its own hardware address: by it the DHCP server knows them.
        arguments.push("-device".to_owned());
        arguments.push(format!(
            "virtio-net-pci,netdev={card},romfile=,mac=52:54:00:12:34:{:02x}",
            self.number.saturating_add(0x56)
        ));
        arguments
    }

    fn stream(&self, number: usize, server: &str) -> String {
        let path = self.lan.socket(number);
        format!(
            "stream,id=port{number},server={server},addr.type=unix,addr.path={}",
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
    fn the_first_machine_is_the_switch_and_the_others_join_it() {
        let lan = Lan::new(Path::new("/lan"), 3, &[50000]).unwrap();

        let first = lan.seat(0).unwrap().arguments().join(" ");
        let third = lan.seat(2).unwrap();

        for number in 1..3 {
            let port = format!(
                "stream,id=port{number},server=on,addr.type=unix,addr.path=/lan/port{number}"
            );
            assert!(first.contains(&port), "{first}");
        }
        let forward = format!("127.0.0.1:{}-10.0.2.17:50000", third.ports()[0].1);
        assert!(first.contains(&forward), "{first}");
        assert_eq!(
            third.arguments(),
            [
                "-netdev",
                "stream,id=net2,server=off,addr.type=unix,addr.path=/lan/port2",
                "-device",
                "virtio-net-pci,netdev=net2,romfile=,mac=52:54:00:12:34:58",
            ]
        );
        assert!(lan.seat(3).is_err());
        assert!(Lan::new(Path::new("/lan"), 9, &[]).is_err());
    }
}
