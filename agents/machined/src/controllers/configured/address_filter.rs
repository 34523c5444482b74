// SPDX-License-Identifier: MPL-2.0
//! Which addresses of the node belong to Kubernetes.
//!
//! Owns: `NodeAddressFilter`: `no-k8s` and `only-k8s`.
//! Never: filters.

use config::Cidr;
use resource::{Controller, Desired, Failure, View};

use super::of_configuration;
use crate::controllers::cluster;
use crate::controllers::roots::{pod_subnets, service_subnets};
use crate::resources::{NodeAddressFilter, Prefix};

pub(super) fn controller() -> Controller {
    of_configuration::<NodeAddressFilter>("k8s.AddressFilterController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = cluster(view) else {
        return Ok(());
    };
    let subnets = pod_subnets(cluster)
        .into_iter()
        .chain(service_subnets(cluster));
    let subnets: Vec<Prefix> = subnets
        .filter_map(|subnet| Cidr::parse(&subnet))
        .map(|subnet| Prefix {
            address: subnet.address,
            length: subnet.prefix,
        })
        .collect();
    let others = NodeAddressFilter {
        include: Vec::new(),
        exclude: subnets.clone(),
    };
    let own = NodeAddressFilter {
        include: subnets,
        exclude: Vec::new(),
    };
    desired.put("no-k8s", others);
    desired.put("only-k8s", own);
    Ok(())
}
