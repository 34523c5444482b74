// SPDX-License-Identifier: MPL-2.0
//! What the kubelet joins with.
//!
//! Owns: `KubeletSecrets`, from the configuration.
//! Never: has the key of an authority: a kubelet needs none.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::cluster;
use super::roots::{bootstrap_token, endpoint};
use crate::resources::values::Pair;
use crate::resources::{KubeletSecrets, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "secrets.KubeletController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KubeletSecrets>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(cluster) = cluster(view) {
        let (bootstrap_token_id, bootstrap_token_secret) = bootstrap_token(cluster);
        let secrets = KubeletSecrets {
            endpoint: endpoint(cluster),
            ca: cluster.ca.as_ref().map(|ca| Pair {
                certificate: ca.crt.0.clone(),
                ..Pair::default()
            }),
            bootstrap_token_id,
            bootstrap_token_secret,
        };
        desired.put("kubelet", secrets);
    }
    Ok(())
}
