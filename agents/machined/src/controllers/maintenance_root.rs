// SPDX-License-Identifier: MPL-2.0
//! The authority of a node without a configuration.
//!
//! Owns: `MaintenanceRootSecrets`, for as long as a configuration is waited for: a node that has its
//! own authority needs none.
//! Never: keeps it anywhere.

use pki::{Authority, UnixTime};
use resource::{Body, Controller, Desired, Failure, Input, Output};

use super::renewed::{Lives, Renewed};
use crate::resources::values::Pair;
use crate::resources::{MaintenanceRootSecrets, MaintenanceServiceRequest};

/// An authority and its life.
#[derive(Debug, Clone)]
struct Root {
    secrets: MaintenanceRootSecrets,
    life: (UnixTime, UnixTime),
}

impl Lives for Root {
    fn life(&self) -> (UnixTime, UnixTime) {
        self.life
    }
}

pub(super) fn controller() -> Controller {
    let mut made = Renewed::new();
    Controller {
        name: "secrets.MaintenanceRootController",
        inputs: vec![Input::of::<MaintenanceServiceRequest>()],
        outputs: vec![Output::of::<MaintenanceRootSecrets>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let id = MaintenanceServiceRequest::ID;
            if view.get::<MaintenanceServiceRequest>(id).is_none() {
                made = Renewed::new();
                return Ok(());
            }
            let root = made.certificate((), (view.now(), desired), make)?;
            desired.put(id, root.secrets);
            Ok(())
        })),
    }
}

fn make((): &(), now: UnixTime) -> Result<Root, Failure> {
    let authority = Authority::maintenance(now)?;
    let certificate = authority.certificate();
    let ca = Pair {
        certificate: certificate.to_pem(),
        key: authority.key().to_pem()?,
    };
    Ok(Root {
        life: (certificate.not_before(), certificate.not_after()),
        secrets: MaintenanceRootSecrets { ca: Some(ca) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_134_there_is_an_authority_while_a_configuration_is_waited_for() {
        let id = MaintenanceServiceRequest::ID;
        let mut bench = Bench::of(controller());
        bench.run();
        assert!(bench.store.get::<MaintenanceRootSecrets>(id).is_none());

        bench.say(id, MaintenanceServiceRequest);
        bench.run();
        let made = bench.store.get::<MaintenanceRootSecrets>(id).unwrap();
        let ca = made.ca.clone().unwrap();
        assert!(Authority::from_pem(&ca.certificate, ca.key.expose()).is_ok());

        let kind = <MaintenanceServiceRequest as resource::ResourceSpec>::KIND;
        let gone = bench
            .store
            .tear_down("test", kind.namespace, kind, id, bench.now.wall);
        assert_eq!(gone, Ok(true));
        bench.run();
        assert!(bench.store.get::<MaintenanceRootSecrets>(id).is_none());
    }
}
