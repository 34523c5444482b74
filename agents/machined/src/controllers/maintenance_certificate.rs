// SPDX-License-Identifier: MPL-2.0
//! What a node without a configuration opens the door with.
//!
//! Owns: `MaintenanceServiceCertificate`: its issue, its renewal at half its life and whenever its
//! names change.
//! Never: says that anybody should trust it.

use pki::{Authority, Leaf, Names, UnixTime};
use resource::{Body, Controller, Desired, Failure, Input, Output};

use super::renewed::{Lives, Renewed};
use crate::resources::values::Pair;
use crate::resources::{
    CertSan, MaintenanceRootSecrets, MaintenanceServiceCertificate, MaintenanceServiceRequest,
};

/// What a certificate was issued for. A new one is due when it differs.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    sans: CertSan,
    ca: Pair,
}

/// A certificate and its life.
#[derive(Debug, Clone)]
struct Issued {
    certificate: MaintenanceServiceCertificate,
    life: (UnixTime, UnixTime),
}

impl Lives for Issued {
    fn life(&self) -> (UnixTime, UnixTime) {
        self.life
    }
}

pub(super) fn controller() -> Controller {
    let mut issued = Renewed::new();
    Controller {
        name: "secrets.MaintenanceController",
        inputs: vec![
            Input::of::<MaintenanceRootSecrets>(),
            Input::of::<CertSan>().only("maintenance"),
        ],
        outputs: vec![Output::of::<MaintenanceServiceCertificate>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let id = MaintenanceServiceRequest::ID;
            let root = view.get::<MaintenanceRootSecrets>(id);
            let ca = root.and_then(|root| root.ca.clone());
            let (Some(ca), Some(sans)) = (ca, view.get::<CertSan>(id)) else {
                return Ok(());
            };
            let sans = sans.clone();
            let made = issued.certificate(Wish { sans, ca }, (view.now(), desired), issue)?;
            desired.put(id, made.certificate);
            Ok(())
        })),
    }
}

fn issue(wish: &Wish, now: UnixTime) -> Result<Issued, Failure> {
    let authority = Authority::from_pem(&wish.ca.certificate, wish.ca.key.expose())?;
    let names = Names {
        dns: wish.sans.dns_names.clone(),
        addresses: wish.sans.addresses.clone(),
    };
    let server = authority.issue(&Leaf::maintenance(names), now)?;
    Ok(Issued {
        life: (
            server.certificate.not_before(),
            server.certificate.not_after(),
        ),
        certificate: MaintenanceServiceCertificate {
            ca: Some(Pair {
                certificate: wish.ca.certificate.clone(),
                ..Pair::default()
            }),
            server: Some(Pair {
                certificate: server.certificate.to_pem(),
                key: server.key.to_pem()?,
            }),
        },
    })
}

#[cfg(test)]
mod tests {
    use pki::Certificate;

    use super::*;
    use crate::controllers::bench::Bench;

    const ID: &str = MaintenanceServiceRequest::ID;

    fn sans(name: &str) -> CertSan {
        CertSan {
            fqdn: name.to_owned(),
            addresses: vec!["10.0.0.5".parse().unwrap()],
            dns_names: vec![name.to_owned()],
        }
    }

    fn server(bench: &Bench) -> Certificate {
        let made = bench.store.get::<MaintenanceServiceCertificate>(ID);
        let server = made.unwrap().server.clone().unwrap();
        Certificate::from_pem(&server.certificate).unwrap()
    }

    #[test]
    fn rsrc_135_it_is_issued_by_the_authority_for_the_names_that_the_node_has() {
        let mut bench = Bench::of(controller());
        bench.say(ID, sans("box"));
        bench.run();
        assert!(
            bench
                .store
                .get::<MaintenanceServiceCertificate>(ID)
                .is_none()
        );

        let authority = Authority::maintenance(UnixTime::from(bench.now.wall)).unwrap();
        let ca = Pair {
            certificate: authority.certificate().to_pem(),
            key: authority.key().to_pem().unwrap(),
        };
        bench.say(ID, MaintenanceRootSecrets { ca: Some(ca) });
        bench.run();
        let first = server(&bench);
        bench.say(ID, sans("other"));
        bench.run();

        assert_eq!(first.dns_names(), ["box"]);
        assert_eq!(server(&bench).dns_names(), ["other"]);
        let made = bench
            .store
            .get::<MaintenanceServiceCertificate>(ID)
            .unwrap();
        assert!(made.ca.clone().unwrap().key.is_empty());
    }
}
