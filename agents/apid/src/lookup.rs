// SPDX-License-Identifier: MPL-2.0
//! Where another node is.
//!
//! libc does it as it is configured (`/etc/hosts`, then the name servers of `/etc/resolv.conf`), in
//! a thread: its caller waits.
//!
//! Owns: the port of other nodes, and how many names are looked up at one time.
//! Never: takes a port from a client, or keeps an answer.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::ServerName;
use tokio::sync::Semaphore;

use crate::limits;
use crate::target::Host;

/// How other nodes are found.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// By the resolver of the system, at the port of the API.
    System,
    /// By a table of names and addresses as clients give them: several nodes on one machine, for
    /// tests.
    Table(Arc<Mutex<BTreeMap<String, SocketAddr>>>),
}

/// Finds the addresses of `host`; `threads` are the places for lookups. The error says what failed.
pub(crate) async fn find(
    lookup: &Lookup,
    host: &Host,
    threads: &Arc<Semaphore>,
) -> Result<Vec<SocketAddr>, String> {
    if let Lookup::Table(table) = lookup {
        let table = table.lock().unwrap_or_else(PoisonError::into_inner);
        let found = table.get(&host.name).copied();
        return found
            .map(|address| vec![address])
            .ok_or_else(|| "no address is known for this name".to_owned());
    }
    match &host.server {
        ServerName::IpAddress(address) => {
            let address = std::net::IpAddr::from(*address);
            Ok(vec![SocketAddr::new(address, api::wire::APID_PORT)])
        }
        ServerName::DnsName(name) => ask(name.as_ref().to_owned(), threads).await,
        // The library may come to know more kinds of names; none is made of what clients send.
        _ => Err("it is neither a name nor an address".to_owned()),
    }
}

async fn ask(name: String, threads: &Arc<Semaphore>) -> Result<Vec<SocketAddr>, String> {
    let Ok(place) = Arc::clone(threads).acquire_owned().await else {
        return Err("lookups have ended".to_owned());
    };
    // It cannot be called off: the place is its own until it is done, also when nobody waits.
    let looked_up = tokio::task::spawn_blocking(move || {
        let found = (name.as_str(), api::wire::APID_PORT).to_socket_addrs();
        drop(place);
        found.map(|all| all.take(limits::ADDRESSES_MAX).collect::<Vec<_>>())
    });
    match looked_up.await {
        Ok(Ok(found)) if found.is_empty() => Err("no address is known for this name".to_owned()),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(format!("looking up its name: {error}")),
        Err(_) => Err("looking up its name broke off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    #[tokio::test]
    async fn an_address_needs_no_lookup_and_gets_the_port_of_the_api() {
        let none = Arc::new(Semaphore::new(0));
        for (name, expected) in [
            ("10.0.0.3", "10.0.0.3:50000"),
            ("[fd00::3]", "[fd00::3]:50000"),
            ("::ffff:10.0.0.3", "10.0.0.3:50000"),
        ] {
            let found = find(&Lookup::System, &host(name), &none).await.unwrap();

            assert_eq!(found, [expected.parse().unwrap()], "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_in_a_thread_and_the_place_comes_back() {
        let threads = Arc::new(Semaphore::new(1));
        for _ in 0..3 {
            // `localhost` is in every hosts file; what is under `.invalid` is nowhere (RFC 6761).
            let found = find(&Lookup::System, &host("localhost"), &threads).await;
            assert!(found.unwrap().iter().all(|a| a.ip().is_loopback()));
        }
        let unknown = find(&Lookup::System, &host("node-9.invalid"), &threads).await;

        assert!(unknown.unwrap_err().contains("looking up"));
    }
}
