// SPDX-License-Identifier: MPL-2.0
//! What kube-apiserver writes down of requests, as it is wished.
//!
//! Owns: `AuditPolicyConfig`, and the policy of nodes that name none.
//! Never: writes anything down.

use resource::{Controller, Desired, Failure, View};
use serde_yaml_ng::Value;

use super::written::free;
use super::{control_plane, of_configuration};
use crate::resources::AuditPolicyConfig;

/// Who asked for what and when, without what was in it.
const DEFAULT: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n";

pub(super) fn controller() -> Controller {
    of_configuration::<AuditPolicyConfig>("k8s.ControlPlaneAuditPolicyController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let written = cluster
        .api_server
        .as_ref()
        .map(|server| &server.audit_policy);
    let policy: Value = match written.filter(|policy| !policy.is_empty()) {
        Some(policy) => free(policy),
        None => serde_yaml_ng::from_str(DEFAULT)?,
    };
    desired.put("audit-policy", AuditPolicyConfig { policy });
    Ok(())
}
