// SPDX-License-Identifier: MPL-2.0
//! Kubernetes: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "ConfigStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["configstatus", "cs"],
        ["Ready" = "{.ready}", "Secrets Version" = "{.version}"];
    "KubePrismStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["kubeprismstatus", "kps"],
        ["HOST" = "{.host}", "HEALTHY" = "{.healthy}"];
    "KubeletLifecycles.kubernetes.talos.dev" in "k8s", Public,
        ["kubeletlifecycle", "kl", "kls"], [];
    "ManifestStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["manifeststatus", "ms"], [];
    "Manifests.kubernetes.talos.dev" in "controlplane", Public,
        ["manifest"], [];
    "NodeCordonedSpecs.k8s.talos.dev" in "k8s", Sensitive,
        ["nodecordonedspec", "ncs"], [];
    "NodeStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["nodestatus", "ns"],
        ["Ready" = "{.nodeReady}", "Unschedulable" = "{.unschedulable}"];
    "SecretStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["secretstatus", "ss"],
        ["Ready" = "{.ready}", "Secrets Version" = "{.version}"];
    "StaticPodServerStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["staticpodserverstatus", "spss"], [];
    "StaticPodStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["podstatus", "staticpodstatus", "sps"],
        ["Ready" = r#"{.conditions[?(@.type=="Ready")].status}"#];
}
