// SPDX-License-Identifier: MPL-2.0
//! What etcd is trusted by.
//!
//! Owns: `EtcdRootSecrets`, from the configuration of a control plane node.
//! Never: makes a key.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::roots::pair;
use super::{cluster, is_control_plane};
use crate::resources::{EtcdRootSecrets, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "secrets.RootEtcdController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<EtcdRootSecrets>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(cluster) = cluster(view).filter(|_| is_control_plane(view)) {
        let ca = cluster.etcd.as_ref().and_then(|etcd| etcd.ca.as_ref());
        desired.put("etcd", EtcdRootSecrets { ca: ca.map(pair) });
    }
    Ok(())
}
