// SPDX-License-Identifier: MPL-2.0
//! The certificate of trustd, on control planes.
//!
//! Owns: its issue, and its renewal at half its life and whenever its names change.
//! Never: issues one where there is no key of the CA, or on a worker.

use std::time::Duration;

use pki::{Authority, Leaf, Names, Secret, UnixTime};
use resource::{Body, Controller, Desired, Failure, Input, Output};

use crate::resources::{CertSan, MachineConfig, MachineKind, TrustdCertificate};

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
        let is_control_plane = match machine.kind {
            MachineKind::Init | MachineKind::ControlPlane => true,
            MachineKind::Worker | MachineKind::Unknown => false,
        };
        if !is_control_plane || machine.ca_key.is_empty() || machine.token.is_empty() {
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
    let mut issued: Option<(Wish, TrustdCertificate)> = None;
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
            let now = UnixTime::from(view.now().wall);
            let kept = issued
                .take()
                .filter(|(known, certificate)| *known == wish && due_at(certificate, now) > now);
            let (wish, certificate) = match kept {
                Some(kept) => kept,
                None => {
                    let certificate = issue(&wish, now)?;
                    (wish, certificate)
                }
            };
            let pause = now.until(due_at(&certificate, now));
            // A clock that was set shows only when looked at, so look once an hour.
            let pause = pause.min(Duration::from_secs(3600));
            desired.wake_at(view.now().monotonic.saturating_add(pause));
            desired.put(TrustdCertificate::ID, certificate.clone());
            issued = Some((wish, certificate));
            Ok(())
        })),
    }
}

fn due_at(certificate: &TrustdCertificate, now: UnixTime) -> UnixTime {
    pki::renew_at(certificate.not_before, certificate.not_after, now)
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
