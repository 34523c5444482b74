// SPDX-License-Identifier: MPL-2.0
//! Trust between nodes: what trustd is told on a control plane, and how a node without the CA's key
//! gets its certificate.
//!
//! Owns: the server on `/run/ichor/trust.sock`, and computing the trust from resources.
//! Never: tells anybody but trustd and root.

pub(crate) mod ask;
pub(crate) mod join;
pub(crate) mod keep;

use std::sync::Arc;

use pki::{Names, Secret};
use proto::trust::{self, MAX_MESSAGE, Reply, Request};
use proto::{Greeting, Refusal, paths};
use resource::Store;
use tokio::sync::Semaphore;

use crate::configuration::Machine;
use crate::node::Node;
use crate::resources::{CertSan, MachineConfig, TrustdCertificate};
use crate::seqpacket::{Connection, Listener};

/// More connections than trustd and its restarts ever have.
const CONNECTIONS_MAX: usize = 8;

/// A certificate that another node is to sign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    /// Whom to ask: a name or an address.
    pub endpoint_host: String,
    /// What to show there.
    pub token: Secret,
    /// The machine CA, PEM: who is asked must be of it, and so must the answer.
    pub ca: Vec<u8>,
    /// The name of this node.
    pub fqdn: String,
    /// Its names and addresses.
    pub names: Names,
}

impl Wish {
    /// What a node asks for; nothing where it has the CA's key.
    pub(crate) fn of(machine: &Machine, sans: &CertSan) -> Option<Self> {
        machine.ca_key.is_empty().then(|| Self {
            endpoint_host: machine.endpoint_host.clone(),
            token: machine.token.clone(),
            ca: machine.ca_certificate.clone(),
            fqdn: sans.fqdn.clone(),
            names: Names {
                dns: sans.dns_names.clone(),
                addresses: sans.addresses.clone(),
            },
        })
    }
}

/// What trustd is to sign with; all of it is empty where it is to sign nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trust {
    certificate: Vec<u8>,
    key: Secret,
    ca: Vec<u8>,
    ca_key: Secret,
    token: Secret,
}

impl Default for Trust {
    fn default() -> Self {
        let none = || Secret::new(Vec::new());
        Self {
            certificate: Vec::new(),
            key: none(),
            ca: Vec::new(),
            ca_key: none(),
            token: none(),
        }
    }
}

impl Trust {
    /// Whether there is any.
    pub(crate) fn is_there(&self) -> bool {
        !self.certificate.is_empty()
    }

    fn encode(&self, buffer: &mut [u8]) -> Result<usize, proto::EncodeError> {
        let text = |bytes| str::from_utf8(bytes).map_err(|_| proto::EncodeError);
        Reply::Trust(trust::Trust {
            certificate_pem: text(&self.certificate)?,
            key_pem: text(self.key.expose())?,
            ca_pem: text(&self.ca)?,
            ca_key_pem: text(self.ca_key.expose())?,
            token: text(self.token.expose())?,
        })
        .encode(buffer)
    }
}

/// Computes the trust.
pub(crate) fn told(store: &Store) -> Trust {
    let certificate = store.get::<TrustdCertificate>(TrustdCertificate::ID);
    let configuration = store.get::<MachineConfig>(MachineConfig::ID);
    let (Some(certificate), Some(configuration)) = (certificate, configuration) else {
        return Trust::default();
    };
    let machine = &configuration.0.machine;
    if certificate.ca_pem != machine.ca_certificate {
        // It is of the CA before: a better one is on its way.
        return Trust::default();
    }
    Trust {
        certificate: certificate.server_pem.clone(),
        key: certificate.server_key_pem.clone(),
        ca: machine.ca_certificate.clone(),
        ca_key: machine.ca_key.clone(),
        token: machine.token.clone(),
    }
}

/// Serves the trust for ever.
pub(crate) async fn serve(node: Arc<Node>, listener: Listener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                // No descriptors left, or the like: others must give some back first.
                node.journal.log(format_args!("trust: {error}"));
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            let _gone = answer(&connection, Reply::Refused(Refusal::Full)).await;
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

async fn answer(connection: &Connection, reply: Reply<'_>) -> std::io::Result<()> {
    let mut buffer = [0; 64];
    let len = reply
        .encode(&mut buffer)
        .map_err(|_| std::io::ErrorKind::InvalidInput)?;
    connection.send(buffer.get(..len).unwrap_or_default()).await
}

async fn talk(node: &Node, connection: &Connection) -> std::io::Result<()> {
    let uid = connection.peer_uid()?;
    if uid != paths::UID_ROOT && uid != paths::UID_TRUSTD {
        return answer(connection, Reply::Refused(Refusal::NotAllowed)).await;
    }
    // Requests are a few bytes long; a longer one is refused and ends the connection.
    let mut request = [0; 64];
    let mut greeted = false;
    loop {
        let bytes = match connection.receive(&mut request).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return answer(connection, Reply::Refused(Refusal::Malformed)).await;
            }
            Err(error) => return Err(error),
        };
        match Request::decode(bytes) {
            Err(_) => answer(connection, Reply::Refused(Refusal::Malformed)).await?,
            Ok(Request::Hello(greeting)) if greeting != Greeting::OURS => {
                return answer(connection, Reply::Refused(Refusal::Version)).await;
            }
            Ok(Request::Hello(_)) => {
                greeted = true;
                answer(connection, Reply::Welcome(Greeting::OURS)).await?;
            }
            Ok(Request::Subscribe(())) if !greeted => {
                answer(connection, Reply::Refused(Refusal::NotGreeted)).await?;
            }
            Ok(Request::Subscribe(())) => return tell(node, connection).await,
        }
    }
}

/// Tells the trust, again and again, until the peer hangs up.
async fn tell(node: &Node, connection: &Connection) -> std::io::Result<()> {
    let mut trust = node.trust.subscribe();
    let mut said = [0; 1];
    loop {
        {
            let now = trust.borrow_and_update().clone();
            // It is wiped when it was sent: the CA's key is in it.
            let mut buffer = zeroize::Zeroizing::new(vec![0; MAX_MESSAGE]);
            let len = now
                .encode(&mut buffer)
                .map_err(|_| std::io::ErrorKind::InvalidInput)?;
            connection
                .send(buffer.get(..len).unwrap_or_default())
                .await?;
        }
        tokio::select! {
            changed = trust.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            // A subscriber says no more: its end, or anything it says, ends this.
            _ended = connection.receive(&mut said) => return Ok(()),
        }
    }
}
