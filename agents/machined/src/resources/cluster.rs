// SPDX-License-Identifier: MPL-2.0
//! Resources of the cluster that follow from the configuration.
//!
//! Owns: what the cluster is called, and how its members find each other.
//! Never: finds one.

use pki::Secret;

use super::field::spec;
use super::values::Octets;

spec! {
    /// The cluster. Its id is `current`.
    ClusterInfo,
    "Infos.cluster.talos.dev" in "cluster",
    ["info"],
    ["Cluster ID" = "{.clusterId}", "Cluster Name" = "{.clusterName}"],
    Public,
    {
        1 "clusterId" id: String, keep, "What tells it from all others.";
        2 "clusterName" name: String, keep, "What it is called.";
    }
}

spec! {
    /// What tells this node from all others. Its id is `local`.
    Identity,
    "Identities.cluster.talos.dev" in "cluster",
    ["identity"],
    ["ID" = "{.nodeId}"],
    Public,
    {
        1 "nodeId" node_id: String, keep, "32 random bytes, in base 62.";
    }
}

spec! {
    /// How members find each other. Its id is `cluster`.
    DiscoveryConfig,
    "DiscoveryConfigs.cluster.talos.dev" in "config",
    ["discoveryconfig", "dc", "dcs"],
    [],
    Sensitive,
    {
        1 "discoveryEnabled" enabled: bool, keep, "Whether they do.";
        2 "registryKubernetesEnabled" by_kubernetes: bool, keep, "By annotations of Kubernetes.";
        3 "registryServiceEnabled" by_service: bool, keep, "By a service in the network.";
        4 "serviceEndpoint" service_endpoint: String, keep, "Its host and port.";
        5 "serviceEndpointInsecure" service_is_insecure: bool, omit, "Whether it is reached without TLS.";
        6 "serviceEncryptionKey" encryption_key: Octets, keep, "What it may not read is encrypted with.";
        7 "serviceClusterID" cluster_id: String, keep, "What it calls the cluster.";
    }
}

spec! {
    /// The encrypted network between nodes. Its id is `kubespan`.
    KubeSpanConfig,
    "KubeSpanConfigs.kubespan.talos.dev" in "config",
    ["kubespanconfig", "ksc", "kscs"],
    [],
    Sensitive,
    {
        1 "enabled" enabled: bool, keep, "Whether it is wanted.";
        2 "clusterId" cluster_id: String, keep, "Whose network it is.";
        3 "sharedSecret" shared_secret: Secret, keep, "What its members share.";
        4 "forceRouting" force_routing: bool, keep, "Whether nothing goes around it.";
        5 "advertiseKubernetesNetworks" with_pods: bool, keep, "Whether traffic of pods goes through it.";
        6 "mtu" mtu: u32, omit, "The largest packet, in bytes.";
        7 "endpointFilters" endpoint_filters: Vec<String>, omit, "Networks of the addresses that are offered.";
        8 "harvestExtraEndpoints" harvest_endpoints: bool, keep, "Whether members tell where they saw others.";
    }
}

spec! {
    /// The machine API for pods. Its id is `config`.
    KubernetesAccessConfig,
    "KubernetesAccessConfigs.cluster.talos.dev" in "config",
    ["kubernetesaccessconfig", "kac", "kacs"],
    [],
    Public,
    {
        1 "enabled" enabled: bool, keep, "Whether it is wanted.";
        2 "allowedAPIRoles" roles: Vec<String>, keep, "Roles that pods may have.";
        3 "allowedKubernetesNamespaces" namespaces: Vec<String>, keep, "Where such pods may be.";
    }
}

spec! {
    /// The management service that the node connects to. Its id is `siderolink`.
    SiderolinkConfig,
    "SiderolinkConfigs.siderolink.talos.dev" in "config",
    ["siderolinkconfig", "sc", "scs"],
    ["API Endpoint" = "{.apiEndpoint}"],
    Sensitive,
    {
        1 "apiEndpoint" endpoint: String, keep, "Its URL.";
    }
}
