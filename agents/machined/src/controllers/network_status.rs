// SPDX-License-Identifier: MPL-2.0
//! What of the network is ready.
//!
//! Owns: `NetworkStatus`.
//! Never: asks another machine: a way to others counts, not their answers.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{EtcFileStatus, HostnameStatus, NetworkStatus, NodeAddress, RouteStatus};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.StatusController",
        inputs: vec![
            Input::of::<NodeAddress>().only("current"),
            Input::of::<RouteStatus>(),
            Input::of::<HostnameStatus>().only(HostnameStatus::ID),
            Input::of::<EtcFileStatus>(),
        ],
        outputs: vec![Output::of::<NetworkStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let current = view.get::<NodeAddress>("current");
    let is_default = |route: &RouteStatus| route.destination.length == 0;
    let status = NetworkStatus {
        address_ready: current.is_some_and(|addresses| !addresses.0.is_empty()),
        connectivity_ready: view
            .list::<RouteStatus>()
            .any(|route| is_default(route.spec)),
        hostname_ready: view.get::<HostnameStatus>(HostnameStatus::ID).is_some(),
        etc_files_ready: view
            .list::<EtcFileStatus>()
            .any(|file| file.metadata.id == "hosts"),
    };
    desired.put("status", status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;

    #[test]
    fn rsrc_095_each_part_is_ready_by_itself() {
        let prefix = |text: &str, length| Prefix {
            address: text.parse().unwrap(),
            length,
        };
        let mut bench = Bench::of(controller());
        bench.run();
        let before = bench.store.get::<NetworkStatus>("status").unwrap();
        assert_eq!(*before, NetworkStatus::default());

        bench.say("current", NodeAddress(vec![prefix("10.5.0.2", 24)]));
        let route = RouteStatus {
            destination: prefix("0.0.0.0", 0),
            gateway: None,
            source: None,
            out_link_index: 2,
            out_link_name: "eth0".to_owned(),
            priority: 1024,
            table: 254,
            protocol: 16,
            scope: 0,
            flags: 0,
            mtu: 0,
        };
        bench.say("inet4//0.0.0.0/0/1024", route);
        bench.run();

        let status = bench.store.get::<NetworkStatus>("status").unwrap();
        assert!(status.address_ready && status.connectivity_ready);
        assert!(!status.hostname_ready && !status.etc_files_ready);
    }
}
