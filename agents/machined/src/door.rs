// SPDX-License-Identifier: MPL-2.0
//! What apid is told: how to open the door, whole, whenever it changes.
//!
//! Owns: the server on `/run/ichor/machined.sock`, and computing the door from resources.
//! Never: gives away a CA's key.

use std::sync::Arc;

use pki::Secret;
use proto::door::{Door, KeyUsage, MAX_MESSAGE, Mode, NAMES_MAX, Rbac, Reply, Request};
use proto::{Greeting, Refusal, paths};
use resource::Store;
use tokio::sync::Semaphore;

use crate::node::Node;
use crate::resources::{ApiCertificate, HostnameStatus, MachineConfig, NodeAddress};
use crate::seqpacket::{Connection, Listener};

/// More connections than apid and its restarts ever have.
const CONNECTIONS_MAX: usize = 16;

/// How apid is to open the door.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opening {
    mode: Mode,
    certificate: Vec<u8>,
    key: Secret,
    client_ca: Vec<u8>,
    route_certificate: Vec<u8>,
    route_key: Secret,
    rbac: Rbac,
    key_usage: KeyUsage,
    names: Vec<String>,
}

impl Opening {
    /// Nobody comes in.
    #[must_use]
    pub(crate) fn closed() -> Self {
        Self {
            mode: Mode::Closed,
            certificate: Vec::new(),
            key: Secret::new(Vec::new()),
            client_ca: Vec::new(),
            route_certificate: Vec::new(),
            route_key: Secret::new(Vec::new()),
            rbac: Rbac::Enabled,
            key_usage: KeyUsage::Checked,
            names: Vec::new(),
        }
    }

    fn encode(&self, buffer: &mut [u8]) -> Result<usize, proto::EncodeError> {
        let text = |bytes| str::from_utf8(bytes).map_err(|_| proto::EncodeError);
        Reply::Door(Door {
            mode: self.mode,
            certificate_pem: text(&self.certificate)?,
            key_pem: text(self.key.expose())?,
            client_ca_pem: text(&self.client_ca)?,
            route_certificate_pem: text(&self.route_certificate)?,
            route_key_pem: text(self.route_key.expose())?,
            rbac: self.rbac,
            key_usage: self.key_usage,
            // More names than fit are of no use to anybody who calls.
            names: self
                .names
                .iter()
                .take(NAMES_MAX)
                .map(String::as_str)
                .collect(),
        })
        .encode(buffer)
    }
}

/// Computes the door.
#[must_use]
pub(crate) fn opening(store: &Store) -> Opening {
    let Some(certificate) = store.get::<ApiCertificate>(ApiCertificate::ID) else {
        return Opening::closed();
    };
    let configuration = store.get::<MachineConfig>(MachineConfig::ID);
    let maintenance = certificate.client_ca_pem.is_empty();
    if maintenance == configuration.is_some() {
        // The certificate is of the other mode: a better one is on its way.
        return Opening::closed();
    }
    let (rbac, key_usage) = configuration.map_or((true, true), |configuration| {
        let machine = &configuration.0.machine;
        (machine.rbac, machine.check_key_usage)
    });
    Opening {
        mode: if maintenance {
            Mode::Maintenance
        } else {
            Mode::Running
        },
        certificate: certificate.server_pem.clone(),
        key: certificate.server_key_pem.clone(),
        client_ca: certificate.client_ca_pem.clone(),
        route_certificate: certificate.client_pem.clone(),
        route_key: certificate.client_key_pem.clone(),
        rbac: if rbac { Rbac::Enabled } else { Rbac::Disabled },
        key_usage: if key_usage {
            KeyUsage::Checked
        } else {
            KeyUsage::Unchecked
        },
        names: names(store),
    }
}

fn names(store: &Store) -> Vec<String> {
    let mut names = vec![
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        "localhost".to_owned(),
    ];
    if let Some(hostname) = store.get::<HostnameStatus>(HostnameStatus::ID) {
        names.push(hostname.hostname.clone());
        names.push(hostname.full());
    }
    if let Some(NodeAddress(addresses)) = store.get::<NodeAddress>("current") {
        names.extend(addresses.iter().map(|prefix| prefix.address.to_string()));
    }
    names.sort();
    names.dedup();
    names
}

/// Serves the door for ever.
pub(crate) async fn serve(node: Arc<Node>, listener: Listener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                // No descriptors left, or the like: others must give some back first.
                node.journal.log(format_args!("door: {error}"));
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            let _gone = refuse(&connection, Refusal::Full).await;
            continue;
        };
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            // An error is the peer's: it went away in the middle.
            let _gone = talk(&node, &connection).await;
            drop(permit);
        });
    }
}

async fn refuse(connection: &Connection, refusal: Refusal) -> std::io::Result<()> {
    let mut buffer = [0; 64];
    let len = Reply::Refused(refusal)
        .encode(&mut buffer)
        .map_err(|_| std::io::ErrorKind::InvalidInput)?;
    connection.send(buffer.get(..len).unwrap_or_default()).await
}

async fn talk(node: &Node, connection: &Connection) -> std::io::Result<()> {
    let uid = connection.peer_uid()?;
    if uid != paths::UID_ROOT && uid != paths::UID_APID {
        return refuse(connection, Refusal::NotAllowed).await;
    }
    // Requests are a few bytes long; a longer one is refused and ends the connection.
    let mut request = [0; 64];
    let mut greeted = false;
    loop {
        let bytes = match connection.receive(&mut request).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return refuse(connection, Refusal::Malformed).await;
            }
            Err(error) => return Err(error),
        };
        match Request::decode(bytes) {
            Err(_) => refuse(connection, Refusal::Malformed).await?,
            Ok(Request::Hello(greeting)) if greeting != Greeting::OURS => {
                return refuse(connection, Refusal::Version).await;
            }
            Ok(Request::Hello(_)) => {
                greeted = true;
                let mut buffer = [0; 64];
                let len = Reply::Welcome(Greeting::OURS)
                    .encode(&mut buffer)
                    .map_err(|_| std::io::ErrorKind::InvalidInput)?;
                connection
                    .send(buffer.get(..len).unwrap_or_default())
                    .await?;
            }
            Ok(Request::Subscribe(())) if !greeted => {
                refuse(connection, Refusal::NotGreeted).await?;
            }
            Ok(Request::Subscribe(())) => return tell(node, connection).await,
        }
    }
}

/// Tells the door, again and again, until the peer hangs up.
async fn tell(node: &Node, connection: &Connection) -> std::io::Result<()> {
    let mut door = node.door.subscribe();
    let mut said = [0; 1];
    loop {
        {
            let opening = door.borrow_and_update().clone();
            let mut buffer = vec![0; MAX_MESSAGE];
            let len = opening
                .encode(&mut buffer)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?;
            connection
                .send(buffer.get(..len).unwrap_or_default())
                .await?;
        }
        tokio::select! {
            changed = door.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            // A subscriber says no more: its end, or anything it says, ends this.
            _ended = connection.receive(&mut said) => return Ok(()),
        }
    }
}
