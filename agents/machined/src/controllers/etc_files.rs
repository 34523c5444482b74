// SPDX-License-Identifier: MPL-2.0
//! What programs look up names with, and the node's own: which files there are to be.
//!
//! Owns: what is in `hosts`, `hostname` and `machine-id`.
//! Never: writes one; `files.EtcFileController` does. netd writes `resolv.conf`.

use std::fmt::Write as _;

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::base62;
use crate::resources::values::Octets;
use crate::resources::{EtcFileSpec, HostnameStatus, Identity, MachineConfig, NodeAddress};

/// Everybody reads them.
const MODE: u32 = 0o644;
/// How many bytes a machine's id has (machine-id(5)): the first of the identity's.
const MACHINE_ID_LEN: usize = 16;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.EtcFileController",
        inputs: vec![
            Input::of::<HostnameStatus>().only(HostnameStatus::ID),
            Input::of::<NodeAddress>().only("default"),
            Input::of::<Identity>().only("local"),
            Input::of::<MachineConfig>().only(MachineConfig::ID),
        ],
        outputs: vec![Output::of::<EtcFileSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let hostname = view.get::<HostnameStatus>(HostnameStatus::ID);
    let configuration = view.get::<MachineConfig>(MachineConfig::ID);
    let hosts = hosts(
        hostname,
        view.get::<NodeAddress>("default"),
        configuration.map_or(&[], |found| &found.0.machine.extra_hosts),
    );
    let named = hostname.map(|hostname| ("hostname", format!("{}\n", hostname.full())));
    let machine_id = view.get::<Identity>("local").and_then(machine_id);
    let machine_id = machine_id.map(|id| ("machine-id", id));
    let files = std::iter::once(("hosts", hosts));
    for (id, text) in files.chain(named).chain(machine_id) {
        let contents = Octets(text.into_bytes());
        desired.put(
            id,
            EtcFileSpec {
                contents,
                mode: MODE,
            },
        );
    }
    Ok(())
}

/// The id that programs know the machine by, without the end of a line, as the documents have it; none
/// when somebody wrote an identity of fewer bytes.
fn machine_id(identity: &Identity) -> Option<String> {
    let bytes = base62::decode(&identity.node_id)?;
    let first = bytes.first_chunk::<MACHINE_ID_LEN>()?;
    Some(first.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hosts(
    hostname: Option<&HostnameStatus>,
    address: Option<&NodeAddress>,
    extra: &[(String, Vec<String>)],
) -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    if let (Some(hostname), Some(NodeAddress(addresses))) = (hostname, address) {
        let full = hostname.full();
        let names = if full == hostname.hostname {
            full
        } else {
            format!("{full} {}", hostname.hostname)
        };
        for address in addresses {
            let _infallible = writeln!(text, "{} {names}", address.address);
        }
    }
    text.push_str("::1 localhost ip6-localhost ip6-loopback\n");
    text.push_str("ff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n");
    for (address, names) in extra {
        let _infallible = writeln!(text, "{address} {}", names.join(" "));
    }
    text
}

/// Writes a file in place: `/etc` may show this very inode through a bind mount.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;

    fn contents(bench: &Bench, id: &str) -> String {
        let spec = bench.store.get::<EtcFileSpec>(id).unwrap();
        String::from_utf8(spec.contents.0.clone()).unwrap()
    }

    #[test]
    fn the_node_finds_itself_by_name() {
        let mut bench = Bench::of(controller());
        let address = Prefix {
            address: "10.5.0.2".parse().unwrap(),
            length: 24,
        };
        bench.say("default", NodeAddress(vec![address]));
        bench.say(
            "hostname",
            HostnameStatus {
                hostname: "box".to_owned(),
                domainname: "lab.example".to_owned(),
            },
        );

        let ran = bench.run();

        assert!(ran.failures.is_empty());
        let hosts = contents(&bench, "hosts");
        assert!(
            hosts.contains("\n10.5.0.2 box.lab.example box\n"),
            "{hosts}"
        );
        assert_eq!(contents(&bench, "hostname"), "box.lab.example\n");
    }

    #[test]
    fn rsrc_018_the_machine_id_is_half_of_the_identity() {
        let mut bench = Bench::of(controller());
        bench.run();
        assert!(bench.store.get::<EtcFileSpec>("machine-id").is_none());

        let node_id = "sou7yy34ykX3n373Zw1DXKb8zD7UnyKT6HT3QDsGH6L".to_owned();
        bench.say("local", Identity { node_id });
        bench.run();

        assert_eq!(
            contents(&bench, "machine-id"),
            "be871ac0d0dd31fa4caca753b0f3f1b2"
        );
        let short = Identity {
            node_id: "abc123".to_owned(),
        };
        assert_eq!(machine_id(&short), None);
    }

    #[test]
    fn extra_entries_come_last() {
        let extra = [("1.2.3.4".to_owned(), vec!["a".to_owned(), "b".to_owned()])];

        let text = hosts(None, None, &extra);

        assert!(text.ends_with("\n1.2.3.4 a b\n"), "{text}");
    }
}
