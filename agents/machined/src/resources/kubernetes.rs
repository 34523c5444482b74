// SPDX-License-Identifier: MPL-2.0
//! Resources of Kubernetes on every kind of node.
//!
//! Owns: what the configuration wishes of them.
//! Never: talks to Kubernetes.

use serde_yaml_ng::Value;

use super::Prefix;
use super::field::{record, spec};

record! {
    /// Where a server of the API of Kubernetes is.
    KubePrismEndpoint {
        1 "host" host: String, keep, "Its host.";
        2 "port" port: u32, keep, "Its port.";
    }
}

spec! {
    /// The local balancer before the API of Kubernetes. Its id is `k8s-loadbalancer-config`.
    KubePrismConfig,
    "KubePrismConfigs.kubernetes.talos.dev" in "k8s",
    ["kubeprismconfig", "kpc", "kpcs"],
    ["Host" = "{.host}", "Port" = "{.port}", "Endpoints" = "{.endpoints}"],
    Public,
    {
        1 "host" host: String, keep, "Where it listens.";
        2 "port" port: i64, keep, "On which port.";
        3 "endpoints" endpoints: Vec<KubePrismEndpoint>, keep, "Where it leads to.";
    }
}

spec! {
    /// Servers of the API of Kubernetes. Its id is `k8s-cluster`.
    KubePrismEndpoints,
    "KubePrismEndpoints.kubernetes.talos.dev" in "k8s",
    ["kubeprismendpoint", "kpe", "kpes"],
    ["Hosts" = "{.endpoints[*].host}", "Ports" = "{.endpoints[*].port}"],
    Public,
    {
        1 "endpoints" endpoints: Vec<KubePrismEndpoint>, keep, "Where they are.";
    }
}

spec! {
    /// Which address the kubelet registers. Its id is `kubelet`.
    NodeIpConfig,
    "NodeIPConfigs.kubernetes.talos.dev" in "k8s",
    ["nodeipconfig", "nipc", "nipcs"],
    [],
    Public,
    {
        1 "validSubnets" valid_subnets: Vec<String>, omit, "Networks to choose from.";
        2 "excludeSubnets" exclude_subnets: Vec<String>, keep, "Networks that do not count.";
    }
}

spec! {
    /// A label of the Kubernetes node. Its id is its name.
    NodeLabelSpec,
    "NodeLabelSpecs.k8s.talos.dev" in "k8s",
    ["nodelabelspec", "nls"],
    ["Value" = "{.value}"],
    Sensitive,
    {
        1 "key" key: String, keep, "Its name.";
        2 "value" value: String, keep, "Its value.";
    }
}

spec! {
    /// A taint of the Kubernetes node. Its id is its name.
    NodeTaintSpec,
    "NodeTaintSpecs.k8s.talos.dev" in "k8s",
    ["nodetaintspec", "nts"],
    ["Effect" = "{.effect}", "Value" = "{.value}"],
    Sensitive,
    {
        1 "key" key: String, keep, "Its name.";
        2 "effect" effect: String, keep, "What it does to pods.";
        3 "value" value: String, keep, "Its value.";
    }
}

spec! {
    /// What Kubernetes calls the node. Its id is `nodename`.
    Nodename,
    "Nodenames.kubernetes.talos.dev" in "k8s",
    ["nodename"],
    ["Nodename" = "{.nodename}"],
    Public,
    {
        1 "nodename" nodename: String, keep, "The name.";
        2 "hostnameVersion" hostname_version: String, keep, "The version of the host name that it comes from.";
        3 "skipNodeRegistration" skip_registration: bool, keep, "Whether the kubelet does not register.";
    }
}

spec! {
    /// Which addresses of the node count. Its id is `no-k8s` or `only-k8s`.
    NodeAddressFilter,
    "NodeAddressFilters.net.talos.dev" in "network",
    ["nodeaddressfilter", "naf", "nafs"],
    ["Include Subnets" = "{.includeSubnets}", "Exclude Subnets" = "{.excludeSubnets}"],
    Public,
    {
        1 "includeSubnets" include: Vec<Prefix>, keep, "Only those in one of these; none is all.";
        2 "excludeSubnets" exclude: Vec<Prefix>, keep, "None of these.";
    }
}

spec! {
    /// A seccomp profile for the kubelet. Its id is its name.
    SeccompProfile,
    "SeccompProfiles.cri.talos.dev" in "cri",
    ["seccompprofile", "sp", "sps"],
    [],
    Public,
    {
        1 "name" name: String, keep, "Its file.";
        2 "value" value: Value, keep, "The profile.";
    }
}
