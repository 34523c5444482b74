// SPDX-License-Identifier: MPL-2.0
//! Kubernetes: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "APIServerConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["apiserverconfig", "apisc", "apiscs"], [];
    "AdmissionControlConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["admissioncontrolconfig", "acc", "accs"], [];
    "AuditPolicyConfigs.kubernetes.talos.dev" in "controlplane", Sensitive,
        ["auditpolicyconfig", "apc", "apcs"], [];
    "BootstrapManifestsConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["bootstrapmanifestsconfig", "bmc", "bmcs"], [];
    "ConfigStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["configstatus", "cs"],
        ["Ready" = "{.ready}", "Secrets Version" = "{.version}"];
    "ControllerManagerConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["controllermanagerconfig", "cmc", "cmcs"], [];
    "Endpoints.kubernetes.talos.dev" in "controlplane", Public,
        ["endpoint"],
        ["Addresses" = "{.addresses}"];
    "ExtraManifestsConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["extramanifestsconfig", "emc", "emcs"], [];
    "KubePrismConfigs.kubernetes.talos.dev" in "k8s", Public,
        ["kubeprismconfig", "kpc", "kpcs"],
        ["Host" = "{.host}", "Port" = "{.port}", "Endpoints" = "{.endpoints}"];
    "KubePrismEndpoints.kubernetes.talos.dev" in "k8s", Public,
        ["kubeprismendpoint", "kpe", "kpes"],
        ["Hosts" = "{.endpoints[*].host}", "Ports" = "{.endpoints[*].port}"];
    "KubePrismStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["kubeprismstatus", "kps"],
        ["HOST" = "{.host}", "HEALTHY" = "{.healthy}"];
    "KubeletConfigs.kubernetes.talos.dev" in "k8s", Public,
        ["kubeletconfig", "kc", "kcs"], [];
    "KubeletLifecycles.kubernetes.talos.dev" in "k8s", Public,
        ["kubeletlifecycle", "kl", "kls"], [];
    "KubeletSpecs.kubernetes.talos.dev" in "k8s", Public,
        ["kubeletspec", "ks"], [];
    "ManifestStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["manifeststatus", "ms"], [];
    "Manifests.kubernetes.talos.dev" in "controlplane", Public,
        ["manifest"], [];
    "NodeCordonedSpecs.k8s.talos.dev" in "k8s", Sensitive,
        ["nodecordonedspec", "ncs"], [];
    "NodeIPConfigs.kubernetes.talos.dev" in "k8s", Public,
        ["nodeipconfig", "nipc", "nipcs"], [];
    "NodeIPs.kubernetes.talos.dev" in "k8s", Public,
        ["nodeip", "nip", "nips"], [];
    "NodeLabelSpecs.k8s.talos.dev" in "k8s", Sensitive,
        ["nodelabelspec", "nls"],
        ["Value" = "{.value}"];
    "NodeStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["nodestatus", "ns"],
        ["Ready" = "{.nodeReady}", "Unschedulable" = "{.unschedulable}"];
    "NodeTaintSpecs.k8s.talos.dev" in "k8s", Sensitive,
        ["nodetaintspec", "nts"],
        ["Effect" = "{.effect}", "Value" = "{.value}"];
    "Nodenames.kubernetes.talos.dev" in "k8s", Public,
        ["nodename"],
        ["Nodename" = "{.nodename}"];
    "SchedulerConfigs.kubernetes.talos.dev" in "controlplane", Public,
        ["schedulerconfig", "sc", "scs"], [];
    "SeccompProfiles.cri.talos.dev" in "cri", Public,
        ["seccompprofile", "sp", "sps"], [];
    "SecretStatuses.kubernetes.talos.dev" in "controlplane", Public,
        ["secretstatus", "ss"],
        ["Ready" = "{.ready}", "Secrets Version" = "{.version}"];
    "StaticPodServerStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["staticpodserverstatus", "spss"], [];
    "StaticPodStatuses.kubernetes.talos.dev" in "k8s", Public,
        ["podstatus", "staticpodstatus", "sps"],
        ["Ready" = r#"{.conditions[?(@.type=="Ready")].status}"#];
    "StaticPods.kubernetes.talos.dev" in "k8s", Public,
        ["staticpod", "sp", "sps"], [];
}
