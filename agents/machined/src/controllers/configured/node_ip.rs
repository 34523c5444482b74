// SPDX-License-Identifier: MPL-2.0
//! Which address the kubelet is to register.
//!
//! Owns: `NodeIpConfig`.
//! Never: chooses one.

use resource::{Controller, Desired, Failure, View};

use super::written::{shared_addresses, split_subnets};
use super::{machine, of_configuration};
use crate::controllers::cluster;
use crate::controllers::roots::{pod_subnets, service_subnets};
use crate::resources::NodeIpConfig;

pub(super) fn controller() -> Controller {
    of_configuration::<NodeIpConfig>("k8s.NodeIPConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(machine), Some(cluster)) = (machine(view), cluster(view)) else {
        return Ok(());
    };
    let kubelet = machine.kubelet.as_ref();
    let node_ip = kubelet.and_then(|kubelet| kubelet.node_ip.as_ref());
    let (mut valid_subnets, excluded) = node_ip.map_or_else(Default::default, |found| {
        split_subnets(&found.valid_subnets)
    });
    let services = service_subnets(cluster);
    if valid_subnets.is_empty() {
        // A node needs an address of each kind that its services have.
        let has = |mark| services.iter().any(|subnet| subnet.contains(mark));
        valid_subnets.extend(has('.').then(|| "0.0.0.0/0".to_owned()));
        valid_subnets.extend(has(':').then(|| "::/0".to_owned()));
    }
    let mut exclude_subnets = pod_subnets(cluster);
    exclude_subnets.extend(services);
    exclude_subnets.extend(excluded);
    exclude_subnets.extend(shared_addresses(machine));
    let config = NodeIpConfig {
        valid_subnets,
        exclude_subnets,
    };
    desired.put("kubelet", config);
    Ok(())
}
