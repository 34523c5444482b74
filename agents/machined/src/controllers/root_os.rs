// SPDX-License-Identifier: MPL-2.0
//! What the machine API is trusted by.
//!
//! Owns: `OsRootSecrets`, from the configuration.
//! Never: makes a key.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::roots::{pair, text};
use crate::resources::{MachineConfig, OsRootSecrets};

pub(super) fn controller() -> Controller {
    Controller {
        name: "secrets.RootOSController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<OsRootSecrets>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID);
    let document = configuration.and_then(|found| found.0.document());
    let Some(machine) = document.and_then(|document| document.machine.as_ref()) else {
        return Ok(());
    };
    let mut secrets = OsRootSecrets {
        ca: machine.ca.as_ref().map(pair),
        token: text(&machine.token),
        ..OsRootSecrets::default()
    };
    for name in &machine.cert_sans {
        match name.parse() {
            Ok(address) => secrets.addresses.push(address),
            Err(_) => secrets.dns_names.push(name.clone()),
        }
    }
    desired.put("os", secrets);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    #[test]
    fn rsrc_136_names_and_addresses_for_the_certificate_are_told_apart() {
        let mut bench = Bench::of(controller());
        bench.run();
        assert!(bench.store.get::<OsRootSecrets>("os").is_none());

        let configured = configuration("certSANs: []", "certSANs: [a.example, 10.0.0.7]");
        let token = configured.0.document().unwrap();
        let token = token.machine.as_ref().unwrap().token.expose().to_owned();
        bench.say(MachineConfig::ID, configured);
        bench.run();

        let secrets = bench.store.get::<OsRootSecrets>("os").unwrap();
        assert_eq!(secrets.dns_names, ["a.example"]);
        assert_eq!(secrets.addresses.len(), 1);
        assert_eq!(secrets.token.expose(), token.as_bytes());
        assert!(!secrets.ca.as_ref().unwrap().key.is_empty());
    }
}
