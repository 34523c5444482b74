// SPDX-License-Identifier: MPL-2.0
//! Resources of Kubernetes on every kind of node.
//!
//! Owns: what the configuration wishes of them.
//! Never: talks to Kubernetes.

use std::collections::BTreeMap;
use std::net::IpAddr;

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

record! {
    /// A range of users or groups, inside and outside of a container.
    IdMapping {
        1 "containerid" inside: u32, keep, "The first one inside.";
        2 "hostid" outside: u32, keep, "The first one outside.";
        3 "size" size: u32, keep, "How many.";
    }
}

record! {
    /// A mount in the kubelet's container.
    Mount {
        1 "destination" destination: String, keep, "Where it appears.";
        2 "type" kind: String, omit, "The kind of file system.";
        3 "source" source: String, omit, "What is mounted.";
        4 "options" options: Vec<String>, omit, "How.";
        5 "uidmappings" users: Vec<IdMapping>, omit, "Users.";
        6 "gidmappings" groups: Vec<IdMapping>, omit, "Groups.";
    }
}

spec! {
    /// The kubelet. Its id is `kubelet`.
    KubeletConfig,
    "KubeletConfigs.kubernetes.talos.dev" in "k8s",
    ["kubeletconfig", "kc", "kcs"],
    [],
    Public,
    {
        1 "image" image: String, keep, "The image it runs from.";
        2 "clusterDNS" cluster_dns: Vec<String>, keep, "Addresses of the cluster's name service.";
        3 "clusterDomain" cluster_domain: String, keep, "The domain of its services.";
        4 "extraArgs" extra_args: BTreeMap<String, String>, omit, "More arguments.";
        5 "extraMounts" extra_mounts: Vec<Mount>, omit, "More mounts.";
        6 "extraConfig" extra_config: Value, omit, "More of its configuration file.";
        7 "cloudProviderExternal" cloud_provider_external: bool, keep, "Whether a cloud's program says who the node is.";
        8 "defaultRuntimeSeccompEnabled" seccomp_default: bool, keep, "Whether pods have the runtime's filter.";
        9 "skipNodeRegistration" skip_registration: bool, keep, "Whether it does not register.";
        10 "staticPodListURL" static_pods: String, keep, "Where static pods are asked for; empty while nothing serves them.";
        11 "disableManifestsDirectory" without_folder: bool, keep, "Whether it reads no static pods from a folder.";
        12 "enableFSQuotaMonitoring" with_quotas: bool, keep, "Whether quotas count what pods store.";
        13 "credentialProviderConfig" credentials: Value, omit, "How it gets at images.";
    }
}

spec! {
    /// How the kubelet is to run on this node. Its id is `kubelet`.
    KubeletSpec,
    "KubeletSpecs.kubernetes.talos.dev" in "k8s",
    ["kubeletspec", "ks"],
    [],
    Public,
    {
        1 "image" image: String, keep, "The image it runs from.";
        2 "args" args: Vec<String>, omit, "Its arguments.";
        3 "extraMounts" extra_mounts: Vec<Mount>, omit, "More mounts.";
        4 "expectedNodename" nodename: String, omit, "What Kubernetes is to call the node.";
        5 "config" config: Value, keep, "Its configuration file.";
        6 "credentialProviderConfig" credentials: Value, omit, "How it gets at images.";
    }
}

spec! {
    /// Where the API of Kubernetes is. Its id says who knows it: `controlplane` is the configuration.
    Endpoint,
    "Endpoints.kubernetes.talos.dev" in "controlplane",
    ["endpoint"],
    ["Addresses" = "{.addresses}"],
    Public,
    {
        1 "addresses" addresses: Vec<IpAddr>, keep, "The addresses.";
    }
}

impl Endpoint {
    /// The id of those that the configuration names.
    pub(crate) const CONTROL_PLANE: &'static str = "controlplane";
}

/// The addresses of a host that was looked up. Its id is the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostAddresses(pub Vec<IpAddr>);

super::kind!(
    HostAddresses,
    "HostAddresses.kubernetes.ichor.dev" in "k8s",
    [],
    [],
    Public
);

spec! {
    /// The addresses that the kubelet registers: at most one of each kind. Its id is `kubelet`.
    NodeIp,
    "NodeIPs.kubernetes.talos.dev" in "k8s",
    ["nodeip", "nip", "nips"],
    [],
    Public,
    {
        1 "addresses" addresses: Vec<IpAddr>, keep, "The addresses.";
    }
}

spec! {
    /// A pod that the kubelet of this node is to run. Its id is its namespace and its name.
    StaticPod,
    "StaticPods.kubernetes.talos.dev" in "k8s",
    ["staticpod", "sp", "sps"],
    [],
    Public,
    {
        1 "-" pod: Value, keep, "The pod, as Kubernetes writes it: in YAML it is the whole spec.";
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::Record as _;
    use super::*;

    #[test]
    fn rsrc_052_a_static_pod_is_itself_in_yaml_and_a_field_in_protobuf() {
        let pod = serde_yaml_ng::from_str("kind: Pod").unwrap();

        let encoded = StaticPod { pod }.encoded().unwrap();

        assert_eq!(encoded.yaml, "kind: Pod\n");
        // pod = 1, fields = 1, key = 1, value = 2, string_value = 3.
        assert_eq!(
            encoded.proto,
            b"\x0a\x0f\x0a\x0d\x0a\x04kind\x12\x05\x1a\x03Pod"
        );
    }
}
