// SPDX-License-Identifier: MPL-2.0
//! Trust between nodes: what trustd is told on a control plane, and how a node without the CA's key
//! gets its certificate.
//!
//! Owns: the form of what is told over `/run/ichor/trust.sock`, and computing it from resources.
//! Never: tells anybody but trustd and root.

pub(crate) mod ask;
pub(crate) mod join;
pub(crate) mod keep;

use pki::{Names, Secret};
use proto::trust::{self, MAX_MESSAGE, Reply, Request};
use proto::{EncodeError, Greeting, paths};
use resource::Store;
use tokio::sync::watch;

use crate::configuration::Machine;
use crate::node::Node;
use crate::resources::{CertSan, MachineConfig, TrustdCertificate};
use crate::telling::{Answer, Asked, Topic};

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
}

impl Topic for Trust {
    const NAME: &'static str = "trust";
    const USER: u32 = paths::UID_TRUSTD;
    const MESSAGE_MAX: usize = MAX_MESSAGE;

    fn of(node: &Node) -> watch::Receiver<Self> {
        node.trust.subscribe()
    }

    fn asked(bytes: &[u8]) -> Option<Asked> {
        match Request::decode(bytes).ok()? {
            Request::Hello(greeting) => Some(Asked::Hello(greeting)),
            Request::Subscribe(()) => Some(Asked::Subscribe),
        }
    }

    fn answer(answer: Answer, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        match answer {
            Answer::Welcome => Reply::Welcome(Greeting::OURS),
            Answer::Refused(refusal) => Reply::Refused(refusal),
        }
        .encode(buffer)
    }

    fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let text = |bytes| str::from_utf8(bytes).map_err(|_| EncodeError);
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
