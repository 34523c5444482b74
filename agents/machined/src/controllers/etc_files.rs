// SPDX-License-Identifier: MPL-2.0
//! The files that programs read to know the node's name: `hosts` and `hostname`.
//!
//! Owns: those two in `/system/etc`; `/etc` shows them.
//! Never: writes `resolv.conf`; netd does.

use std::fmt::Write as _;
use std::path::Path;

use resource::{Body, Controller, Desired, Failure, Input};

use crate::places::Places;
use crate::resources::{HostnameStatus, MachineConfig, NodeAddress};

pub(super) fn controller(places: &Places) -> Controller {
    let folder = places.etc();
    Controller {
        name: "network.EtcFileController",
        inputs: vec![
            Input::of::<HostnameStatus>().only(HostnameStatus::ID),
            Input::of::<NodeAddress>().only("default"),
            Input::of::<MachineConfig>().only(MachineConfig::ID),
        ],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _desired: &mut Desired| {
            let hostname = view.get::<HostnameStatus>(HostnameStatus::ID);
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let hosts = hosts(
                hostname,
                view.get::<NodeAddress>("default"),
                configuration.map_or(&[], |found| &found.0.machine.extra_hosts),
            );
            write(&folder, "hosts", &hosts)?;
            if let Some(hostname) = hostname {
                write(&folder, "hostname", &format!("{}\n", hostname.full()))?;
            }
            Ok(())
        })),
    }
}

/// The text of hosts(5).
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
fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;
    use crate::testing::Folder;

    #[test]
    fn the_node_finds_itself_by_name() {
        let folder = Folder::new();
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
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
        let etc = Places::under(folder.path()).etc();
        let hosts = std::fs::read_to_string(etc.join("hosts")).unwrap();
        assert!(
            hosts.contains("\n10.5.0.2 box.lab.example box\n"),
            "{hosts}"
        );
        let hostname = std::fs::read_to_string(etc.join("hostname")).unwrap();
        assert_eq!(hostname, "box.lab.example\n");
    }

    #[test]
    fn extra_entries_come_last() {
        let extra = [("1.2.3.4".to_owned(), vec!["a".to_owned(), "b".to_owned()])];

        let text = hosts(None, None, &extra);

        assert!(text.ends_with("\n1.2.3.4 a b\n"), "{text}");
    }
}
