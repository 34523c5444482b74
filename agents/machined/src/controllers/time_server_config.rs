// SPDX-License-Identifier: MPL-2.0
//! Who wishes which time servers.
//!
//! Owns: the candidates of every layer, and the default.
//! Never: decides between them.

use resource::{Body, Controller, Desired, Input, Output};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{
    Layer, LeaseStatus, MachineConfig, NETWORK_CONFIG, TIME_SERVERS, TimeServerSpec,
};

/// What a node asks that nobody told otherwise.
const DEFAULT: &str = "pool.ntp.org";

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let cmdline = servers_of(arguments.last("ip").unwrap_or_default());
    Controller {
        name: "network.TimeServerConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LeaseStatus>(),
        ],
        outputs: vec![Output::of::<TimeServerSpec>().within(NETWORK_CONFIG)],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let document = configuration.and_then(|found| found.0.document());
            let time = document.and_then(|found| found.machine.as_ref()?.time.as_ref());
            for lease in view.list::<LeaseStatus>() {
                let LeaseStatus { link_name, ntp, .. } = lease.spec;
                if lease.spec.bound && !ntp.is_empty() {
                    let spec = TimeServerSpec {
                        servers: ntp.iter().map(ToString::to_string).collect(),
                        layer: Layer::Operator,
                    };
                    let id = format!("dhcp4/{link_name}/{TIME_SERVERS}");
                    desired.put_within(NETWORK_CONFIG, id, spec);
                }
            }
            for (layer, servers) in [
                (Layer::Default, vec![DEFAULT.to_owned()]),
                (Layer::Cmdline, cmdline.clone()),
                (
                    Layer::Configuration,
                    time.map_or_else(Vec::new, |time| time.servers.clone()),
                ),
            ] {
                if !servers.is_empty() {
                    let id = format!("{}/{TIME_SERVERS}", layer.name());
                    desired.put_within(NETWORK_CONFIG, id, TimeServerSpec { servers, layer });
                }
            }
            Ok(())
        })),
    }
}

/// The last field of `ip=` names a time server
/// (Documentation/admin-guide/nfs/nfsroot.rst of the kernel).
fn servers_of(argument: &str) -> Vec<String> {
    /// client, server, gateway, netmask, hostname, device, autoconf, two name servers before it.
    const FIELD: usize = 9;
    let server = argument.split(':').nth(FIELD).unwrap_or_default();
    if server.is_empty() {
        Vec::new()
    } else {
        vec![server.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    #[test]
    fn rsrc_097_every_layer_says_its_own() {
        let line = "ip=10.0.0.2:::255.0.0.0:box:eth0:off:1.1.1.1:8.8.8.8:10.0.0.9";
        let arguments = KernelArguments::parse(line);
        let mut bench = Bench::of(controller(&arguments));
        let configured =
            configuration("machine:\n", "machine:\n    time: {servers: [a.example]}\n");
        bench.say(MachineConfig::ID, configured);
        let lease = LeaseStatus {
            link_name: "eth0".to_owned(),
            bound: true,
            attempts: 0,
            dns: Vec::new(),
            ntp: vec!["10.0.2.2".parse().unwrap()],
            hostname: String::new(),
            domain: String::new(),
        };
        bench.say("dhcp4/eth0", lease);

        bench.run();

        let all = bench.store.list_any(
            NETWORK_CONFIG,
            <TimeServerSpec as resource::ResourceSpec>::KIND,
        );
        let all: Vec<_> = all
            .map(|found| {
                let spec = found.spec::<TimeServerSpec>().unwrap();
                (found.metadata.id.as_str(), spec.servers.join(","))
            })
            .collect();
        assert_eq!(
            all,
            [
                ("cmdline/timeservers", "10.0.0.9".to_owned()),
                ("configuration/timeservers", "a.example".to_owned()),
                ("default/timeservers", DEFAULT.to_owned()),
                ("dhcp4/eth0/timeservers", "10.0.2.2".to_owned()),
            ]
        );
    }
}
