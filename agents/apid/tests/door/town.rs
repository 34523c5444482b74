// SPDX-License-Identifier: MPL-2.0
//! Several nodes with one machine CA.
//!
//! Node n is called `node-n` and `10.0.0.(n + 1)`; a table says on which port of this machine it is.
//!
//! Owns: the nodes, and who finds whom.
//! Never: lets a client say a port.

use std::net::SocketAddr;

use pki::{Authority, Identity, Leaf};
use proto::door::Mode;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::double::Told;
use crate::house::{House, LARGE, Table, now, pem, tell_as};

pub(crate) struct Town {
    pub(crate) houses: Vec<House>,
    pub(crate) table: Table,
}

impl Town {
    /// `count` control planes.
    pub(crate) async fn of(count: usize) -> Self {
        let mut town = Self {
            houses: Vec::new(),
            table: Table::default(),
        };
        let authority = Authority::machine(now()).unwrap();
        for number in 1..=count {
            let told = told(&authority, number);
            town.build(&authority, told, number).await;
        }
        town
    }

    /// One node more, as it was told.
    pub(crate) async fn build(&mut self, authority: &Authority, told: Told, number: usize) {
        let (certificate, key) = authority.to_pem().unwrap();
        let own = Authority::from_pem(&certificate, key.expose()).unwrap();
        let house = House::built(own, told, self.table.clone(), LARGE).await;
        house.tell(&house.told);
        house.lit().await;
        self.put(&format!("node-{number}"), house.address);
        self.put(&format!("10.0.0.{}", number + 1), house.address);
        self.houses.push(house);
    }

    pub(crate) fn put(&self, name: &str, address: SocketAddr) {
        self.table.lock().unwrap().insert(name.to_owned(), address);
    }

    /// Where the double of a node says that it is.
    pub(crate) fn folder(&self, index: usize) -> String {
        self.houses[index].folder.to_str().unwrap().to_owned()
    }
}

/// What machined of node `number` would tell.
pub(crate) fn told(authority: &Authority, number: usize) -> Told {
    let names = [format!("node-{number}"), format!("10.0.0.{}", number + 1)];
    tell_as(authority, Mode::Running, &[&names[0], &names[1]])
}

/// What a node would show to others that has only these roles.
pub(crate) fn route_with(authority: &Authority, roles: &[&str]) -> (String, String) {
    let leaf = Leaf::client(roles, crate::house::DAY);
    let identity: Identity = authority.issue(&leaf, now()).unwrap();
    pem(&identity)
}

/// A line to `to` that can be cut.
pub(crate) async fn line(to: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let line = tokio::spawn(async move {
        let (mut here, _) = listener.accept().await.unwrap();
        let mut there = TcpStream::connect(to).await.unwrap();
        let _ended = copy_bidirectional(&mut here, &mut there).await;
    });
    (address, line)
}
