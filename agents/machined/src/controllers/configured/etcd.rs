// SPDX-License-Identifier: MPL-2.0
//! etcd, as it is wished.
//!
//! Owns: `EtcdConfig`.
//! Never: chooses an address.

use resource::{Controller, Desired, Failure, View};

use super::written::{shared_addresses, split_subnets};
use super::{control_plane, machine, of_configuration};
use crate::resources::EtcdConfig;

/// The etcd that the release brings when the configuration names no image.
const IMAGE: &str = "gcr.io/etcd-development/etcd:v3.5.11";

pub(super) fn controller() -> Controller {
    of_configuration::<EtcdConfig>("etcd.ConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(machine), Some(cluster)) = (machine(view), control_plane(view)) else {
        return Ok(());
    };
    let written = cluster.etcd.clone().unwrap_or_default();
    let mut advertised = written.advertised_subnets;
    // The old spelling has one network.
    if advertised.is_empty() && !written.subnet.is_empty() {
        advertised.push(written.subnet);
    }
    // Who says where it is found, and not where it listens, has it listen there.
    let listen = match written.listen_subnets.is_empty() {
        true => &advertised,
        false => &written.listen_subnets,
    };
    let (listen_valid, listen_exclude) = split_subnets(listen);
    let (advertise_valid, mut advertise_exclude) = split_subnets(&advertised);
    advertise_exclude.extend(shared_addresses(machine));
    let config = EtcdConfig {
        advertise_valid,
        advertise_exclude,
        listen_valid,
        listen_exclude,
        image: match written.image.as_str() {
            "" => default_image(),
            image => image.to_owned(),
        },
        extra_args: written.extra_args.0,
    };
    desired.put("etcd", config);
    Ok(())
}

/// Its maker has a name of its own for each architecture but the first.
fn default_image() -> String {
    match std::env::consts::ARCH {
        "aarch64" => format!("{IMAGE}-arm64"),
        _ => IMAGE.to_owned(),
    }
}
