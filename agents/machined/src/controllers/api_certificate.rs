// SPDX-License-Identifier: MPL-2.0
//! The certificate of the API: from the configuration's CA, or that of maintenance mode. A node that
//! has no key of the CA gets its certificate from another node.
//!
//! Owns: its issue, its renewal at half its life and whenever its names change, and what is to be
//! asked for elsewhere.
//! Never: uses a CA's key for anything else, or keeps a certificate of the other mode.

use pki::{Authority, Certificate, Leaf, Names, Secret, UnixTime};
use resource::{Body, Controller, Desired, Failure, Input, Output};
use tokio::sync::watch;

use super::renewed::Renewed;
use crate::configuration::Machine;
use crate::resources::{
    ApiCertificate, CertSan, JoinCertificate, MachineConfig, MaintenanceServiceCertificate,
    MaintenanceServiceRequest,
};
use crate::trust::Wish as Join;

/// What a certificate was issued for. A new one is due when it differs.
#[derive(Debug, Clone, PartialEq)]
struct Wish {
    sans: CertSan,
    /// CA certificate and key.
    authority: (Vec<u8>, Secret),
    client_ca: Vec<u8>,
    /// Whether this node passes calls on to others.
    routes: bool,
}

pub(super) fn controller(join: watch::Sender<Option<Join>>) -> Controller {
    let mut issued = Renewed::new();
    Controller {
        name: "secrets.APIController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<MaintenanceServiceCertificate>(),
            Input::of::<CertSan>().only("api"),
            Input::of::<JoinCertificate>().only(JoinCertificate::ID),
        ],
        outputs: vec![Output::of::<ApiCertificate>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let Some(sans) = view.get::<CertSan>("api") else {
                return Ok(());
            };
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let wanted = configuration.and_then(|found| Join::of(&found.0.machine, sans));
            join.send_if_modified(|present| {
                let differs = *present != wanted;
                present.clone_from(&wanted);
                differs
            });
            if let (Some(_), Some(configuration)) = (wanted, configuration) {
                let machine = &configuration.0.machine;
                // Until it is there the door stays closed.
                let joined = view.get::<JoinCertificate>(JoinCertificate::ID);
                if let Some(joined) = joined.filter(|j| j.ca_pem == machine.ca_certificate) {
                    desired.put(
                        ApiCertificate::ID,
                        from_elsewhere(joined, client_ca(machine))?,
                    );
                }
                return Ok(());
            }
            let Some(configuration) = configuration else {
                // Until it is there the door stays closed.
                let id = MaintenanceServiceRequest::ID;
                if let Some(made) = view.get::<MaintenanceServiceCertificate>(id) {
                    desired.put(ApiCertificate::ID, of_maintenance(made)?);
                }
                return Ok(());
            };
            let machine = &configuration.0.machine;
            let wish = Wish {
                sans: sans.clone(),
                authority: (machine.ca_certificate.clone(), machine.ca_key.clone()),
                client_ca: client_ca(machine),
                routes: machine.kind.is_control_plane(),
            };
            let certificate = issued.certificate(wish, (view.now(), desired), issue)?;
            desired.put(ApiCertificate::ID, certificate);
            Ok(())
        })),
    }
}

/// The CAs of clients: the machine's and the accepted ones.
fn client_ca(machine: &Machine) -> Vec<u8> {
    let mut client_ca = machine.ca_certificate.clone();
    // What the operator wrote may lack its last line end.
    client_ca.push(b'\n');
    client_ca.extend_from_slice(&machine.accepted_cas);
    client_ca
}

/// What another node signed. Who has it asks for the next one in time.
fn from_elsewhere(joined: &JoinCertificate, client_ca: Vec<u8>) -> Result<ApiCertificate, Failure> {
    let certificate = Certificate::from_pem(&joined.certificate_pem)?;
    Ok(ApiCertificate {
        client_ca_pem: client_ca,
        server_pem: joined.certificate_pem.clone(),
        server_key_pem: joined.key_pem.clone(),
        client_pem: Vec::new(),
        client_key_pem: Secret::new(Vec::new()),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    })
}

/// What a node without a configuration shows: nobody is known by a CA.
fn of_maintenance(made: &MaintenanceServiceCertificate) -> Result<ApiCertificate, Failure> {
    let server = made.server.clone().unwrap_or_default();
    let certificate = Certificate::from_pem(&server.certificate)?;
    Ok(ApiCertificate {
        client_ca_pem: Vec::new(),
        server_pem: server.certificate,
        server_key_pem: server.key,
        client_pem: Vec::new(),
        client_key_pem: Secret::new(Vec::new()),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    })
}

fn issue(wish: &Wish, now: UnixTime) -> Result<ApiCertificate, Failure> {
    let names = Names {
        dns: wish.sans.dns_names.clone(),
        addresses: wish.sans.addresses.clone(),
    };
    let (certificate, key) = &wish.authority;
    let authority = Authority::from_pem(certificate, key.expose())?;
    let fqdn = &wish.sans.fqdn;
    let server = authority.issue(&Leaf::api_server(fqdn, names), now)?;
    let client = match wish.routes {
        true => Some(authority.issue(&Leaf::api_client(fqdn), now)?),
        false => None,
    };
    let (client_pem, client_key_pem) = match client {
        Some(client) => (client.certificate.to_pem(), client.key.to_pem()?),
        None => (Vec::new(), Secret::new(Vec::new())),
    };
    Ok(ApiCertificate {
        client_ca_pem: wish.client_ca.clone(),
        server_pem: server.certificate.to_pem(),
        server_key_pem: server.key.to_pem()?,
        client_pem,
        client_key_pem,
        not_before: server.certificate.not_before(),
        not_after: server.certificate.not_after(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::time::SystemTime;

    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    fn configured() -> Bench {
        let mut bench = Bench::of(controller(watch::Sender::default()));
        bench.say("api", sans("box"));
        bench.say(MachineConfig::ID, configuration("type:", "type:"));
        bench
    }

    fn sans(name: &str) -> CertSan {
        CertSan {
            fqdn: name.to_owned(),
            addresses: vec!["10.0.0.5".parse().unwrap()],
            dns_names: vec![name.to_owned()],
        }
    }

    fn pem(bench: &Bench) -> Option<Vec<u8>> {
        let found = bench.store.get::<ApiCertificate>(ApiCertificate::ID);
        found.map(|certificate| certificate.server_pem.clone())
    }

    #[test]
    fn before_anything_is_known_there_is_no_certificate() {
        let mut bench = Bench::of(controller(watch::Sender::default()));
        bench.say("api", sans("box"));

        bench.run();

        assert_eq!(pem(&bench), None);
    }

    #[test]
    fn a_certificate_is_renewed_at_half_its_life_and_not_before() {
        let mut bench = configured();
        bench.run();
        let first = pem(&bench).unwrap();
        let found = bench
            .store
            .get::<ApiCertificate>(ApiCertificate::ID)
            .unwrap();
        let now = UnixTime::from(bench.now.wall);
        let half = now.until(pki::renew_at(found.not_before, found.not_after, now));
        assert!(half > Duration::from_secs(11 * 3600) && half <= Duration::from_secs(12 * 3600));

        let start = bench.now;
        let early = half - Duration::from_secs(60);
        bench.now.wall = start.wall + early;
        bench.now.monotonic = start.monotonic + early;
        bench.run();
        assert_eq!(pem(&bench).unwrap(), first);
        bench.now.wall = start.wall + half + Duration::from_secs(60);
        bench.now.monotonic = start.monotonic + half + Duration::from_secs(3700);
        bench.run();

        assert_ne!(pem(&bench).unwrap(), first);
    }

    #[test]
    fn a_clock_that_jumps_gives_a_certificate_that_agrees_with_it() {
        let mut bench = configured();
        bench.run();
        let first = pem(&bench).unwrap();

        bench.now.wall = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 365);
        bench.now.monotonic += Duration::from_secs(3600);
        bench.run();

        assert_ne!(pem(&bench).unwrap(), first);
    }

    #[test]
    fn a_certificate_is_new_when_its_names_are() {
        let mut bench = configured();
        bench.run();
        let first = pem(&bench).unwrap();
        bench.say("api", sans("other"));
        bench.run();

        let second = pem(&bench).unwrap();
        assert_ne!(second, first);
        let names = Certificate::from_pem(&second).unwrap();
        assert_eq!(names.dns_names(), ["other"]);
    }
}
