// SPDX-License-Identifier: MPL-2.0
//! What the configuration says of each link, with selectors in place of names resolved.
//!
//! Owns: `DeviceConfigSpec`.
//! Never: makes wishes of it; the controllers beside it do.

use pki::Secret;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::named;
use crate::resources::values::Written;
use crate::resources::{DeviceConfigSpec, LinkStatus, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.DeviceConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LinkStatus>(),
        ],
        outputs: vec![Output::of::<DeviceConfigSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    for named in named::all(view) {
        let mut device = named.device.clone();
        device.interface.clone_from(&named.name);
        let (index, matched) = named.place;
        let matched = matched.map_or_else(String::new, |matched| format!("/{matched:03}"));
        let id = format!("{}/{index:03}{matched}", named.name);
        let device = Written(Secret::new(device.to_yaml().into_bytes()));
        desired.put(id, DeviceConfigSpec { device });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use resource::ResourceSpec as _;

    use super::super::given::{link, network};
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn what_is_written_of_a_link_is_shown_by_the_name_that_it_has() {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));
        bench.say("eth1", link(3));
        bench.say(
            MachineConfig::ID,
            network(
                "interfaces:\n  - {interface: eth7, ignore: true}\n  \
                 - {deviceSelector: {hardwareAddr: '52:54:*'}, mtu: 1400, \
                 vip: {ip: 10.0.0.9, hcloud: {apiToken: word}}}",
            ),
        );

        bench.run();

        let all = bench.store.list::<DeviceConfigSpec>();
        let ids: Vec<_> = all.map(|found| found.metadata.id.clone()).collect();
        assert_eq!(ids, ["eth0/001/000", "eth1/001/001", "eth7/000"]);
        let found = bench.store.get::<DeviceConfigSpec>("eth1/001/001").unwrap();
        assert!(!format!("{found:?}").contains("word"), "{found:?}");
        let encoded = found.encode().unwrap();
        assert_eq!(
            encoded.yaml,
            "device:\n  interface: eth1\n  deviceSelector:\n    hardwareAddr: 52:54:*\n  \
             mtu: 1400\n  vip:\n    ip: 10.0.0.9\n    \
             hcloud:\n      apiToken: word\n"
        );
        let text = String::from_utf8_lossy(&encoded.proto).into_owned();
        assert!(text.contains("interface: eth1\n"), "{text}");
    }
}
