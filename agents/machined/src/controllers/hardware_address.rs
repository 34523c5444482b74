// SPDX-License-Identifier: MPL-2.0
//! The address of the first network device: what tells the machine from others on a network.
//!
//! Owns: `HardwareAddress`.
//! Never: takes a device that was made by a program.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::values::HardwareAddr;
use crate::resources::{HardwareAddress, LinkStatus};

/// `ARPHRD_ETHER`.
const ETHERNET: u16 = 1;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.HardwareAddrController",
        inputs: vec![Input::of::<LinkStatus>()],
        outputs: vec![Output::of::<HardwareAddress>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    // By name: the numbers of the kernel change with the order in which devices were found.
    let first = view.list::<LinkStatus>().find(|link| {
        let link = link.spec;
        link.arp_type == ETHERNET && link.kind.is_empty() && !link.hardware_address.is_empty()
    });
    if let Some(first) = first {
        let address = HardwareAddress {
            name: first.metadata.id.clone(),
            address: HardwareAddr(first.spec.hardware_address.clone()),
        };
        desired.put("first", address);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::controllers::wishes::given;

    #[test]
    fn rsrc_068_the_first_physical_device_counts() {
        let link = |arp_type, kind: &str, last| LinkStatus {
            index: 1,
            arp_type,
            hardware_address: vec![2, 0, 0, 0, 0, last],
            kind: kind.to_owned(),
            ..given::link(1)
        };
        let mut bench = Bench::of(controller());
        bench.say("br0", link(1, "bridge", 1));
        bench.say("lo", link(772, "", 0));
        bench.run();
        assert!(bench.store.get::<HardwareAddress>("first").is_none());

        bench.say("eth1", link(1, "", 3));
        bench.say("eth0", link(1, "", 2));
        bench.run();

        let first = bench.store.get::<HardwareAddress>("first").unwrap();
        assert_eq!(
            (first.name.as_str(), first.address.0.last()),
            ("eth0", Some(&2))
        );
    }
}
