// SPDX-License-Identifier: MPL-2.0
//! What apid is told: how to open the door, whole, whenever it changes.
//!
//! Owns: the form of what is told over `/run/ichor/machined.sock`, and computing it from resources.
//! Never: gives away a CA's key.

use pki::Secret;
use proto::door::{Door, KeyUsage, MAX_MESSAGE, Mode, NAMES_MAX, Rbac, Reply, Request};
use proto::{EncodeError, Greeting, paths};
use resource::Store;
use tokio::sync::watch;

use crate::node::Node;
use crate::resources::{ApiCertificate, HostnameStatus, MachineConfig, NodeAddress};
use crate::telling::{Answer, Asked, Topic};

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

    /// Whether nobody comes in.
    pub(crate) fn is_closed(&self) -> bool {
        self.mode == Mode::Closed
    }
}

impl Topic for Opening {
    const NAME: &'static str = "door";
    const USER: u32 = paths::UID_APID;
    const MESSAGE_MAX: usize = MAX_MESSAGE;

    fn of(node: &Node) -> watch::Receiver<Self> {
        node.door.subscribe()
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
