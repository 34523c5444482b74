// SPDX-License-Identifier: MPL-2.0
//! The certificate of trustd, on control planes.
//!
//! Owns: its issue, and its renewal at half its life and whenever its names change.
//! Never: issues one where there is no key of the CA, or on a worker.

use pki::{Authority, Leaf, Names, Secret, UnixTime};
use resource::{Body, Controller, Desired, Failure, Input, Output};

use super::renewed::Renewed;
use crate::resources::{CertSan, MachineConfig, TrustdCertificate};

/// What a certificate was issued for. A new one is due when it differs.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    fqdn: String,
    names: Names,
    ca: Vec<u8>,
    ca_key: Secret,
}

impl Wish {
    fn of(configuration: &MachineConfig, sans: &CertSan) -> Option<Self> {
        let machine = &configuration.0.machine;
        if !machine.kind.is_control_plane() || machine.ca_key.is_empty() || machine.token.is_empty()
        {
            return None;
        }
        let mut names = Names {
            dns: sans.dns_names.clone(),
            addresses: sans.addresses.clone(),
        };
        // Nodes come by the name of the cluster, which is not one of this node's.
        match machine.endpoint_host.parse() {
            Ok(address) if !names.addresses.contains(&address) => names.addresses.push(address),
            Err(_) if machine.endpoint_host.is_empty() => {}
            Err(_) if !names.dns.contains(&machine.endpoint_host) => {
                names.dns.push(machine.endpoint_host.clone());
            }
            Ok(_) | Err(_) => {}
        }
        Some(Self {
            fqdn: sans.fqdn.clone(),
            names,
            ca: machine.ca_certificate.clone(),
            ca_key: machine.ca_key.clone(),
        })
    }
}

pub(super) fn controller() -> Controller {
    let mut issued = Renewed::new();
    Controller {
        name: "secrets.TrustdController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<CertSan>().only("api"),
        ],
        outputs: vec![Output::of::<TrustdCertificate>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let sans = view.get::<CertSan>("api");
            let (Some(configuration), Some(sans)) = (configuration, sans) else {
                return Ok(());
            };
            let Some(wish) = Wish::of(configuration, sans) else {
                return Ok(());
            };
            let certificate = issued.certificate(wish, (view.now(), desired), issue)?;
            desired.put(TrustdCertificate::ID, certificate);
            Ok(())
        })),
    }
}

fn issue(wish: &Wish, now: UnixTime) -> Result<TrustdCertificate, Failure> {
    let authority = Authority::from_pem(&wish.ca, wish.ca_key.expose())?;
    let identity = authority.issue(&Leaf::api_server(&wish.fqdn, wish.names.clone()), now)?;
    Ok(TrustdCertificate {
        ca_pem: wish.ca.clone(),
        server_pem: identity.certificate.to_pem(),
        server_key_pem: identity.key.to_pem()?,
        not_before: identity.certificate.not_before(),
        not_after: identity.certificate.not_after(),
    })
}
