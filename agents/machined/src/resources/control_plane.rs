// SPDX-License-Identifier: MPL-2.0
//! Resources of the control plane of Kubernetes.
//!
//! Owns: what the configuration wishes of its parts.
//! Never: starts one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_yaml_ng::Value;

use super::field::{record, spec};

record! {
    /// A folder of the node in a pod.
    ExtraVolume {
        1 "name" name: String, keep, "Its name.";
        2 "hostPath" host_path: String, keep, "Where it is on the node.";
        3 "mountPath" mount_path: String, keep, "Where it is in the pod.";
        4 "readonly" read_only: bool, keep, "Whether it cannot be written.";
    }
}

record! {
    /// What a pod may use.
    PodResources {
        1 "requests" requests: BTreeMap<String, String>, keep, "At least.";
        2 "limits" limits: BTreeMap<String, String>, keep, "At most.";
    }
}

spec! {
    /// kube-apiserver. Its id is `kube-apiserver`.
    ApiServerConfig,
    "APIServerConfigs.kubernetes.talos.dev" in "controlplane",
    ["apiserverconfig", "apisc", "apiscs"],
    [],
    Public,
    {
        1 "image" image: String, keep, "Its image.";
        2 "cloudProvider" cloud_provider: String, keep, "`external` when there is one.";
        3 "controlPlaneEndpoint" endpoint: String, keep, "Where everybody finds it.";
        4 "etcdServers" etcd_servers: Vec<String>, keep, "Where it finds etcd.";
        5 "localPort" local_port: i64, keep, "Its port on the node.";
        6 "serviceCIDR" service_subnets: Vec<String>, keep, "Networks of services.";
        7 "extraArgs" extra_args: BTreeMap<String, String>, keep, "More arguments.";
        8 "extraVolumes" extra_volumes: Vec<ExtraVolume>, keep, "More folders.";
        9 "environmentVariables" environment: BTreeMap<String, String>, keep, "Environment variables.";
        10 "podSecurityPolicyEnabled" pod_security_policy: bool, keep, "Whether pod security policies count.";
        11 "advertisedAddress" advertised_address: String, keep, "What it calls itself.";
        12 "resources" resources: PodResources, keep, "What it may use.";
    }
}

spec! {
    /// kube-controller-manager. Its id is `kube-controller-manager`.
    ControllerManagerConfig,
    "ControllerManagerConfigs.kubernetes.talos.dev" in "controlplane",
    ["controllermanagerconfig", "cmc", "cmcs"],
    [],
    Public,
    {
        1 "enabled" enabled: bool, keep, "Whether it runs here.";
        2 "image" image: String, keep, "Its image.";
        3 "cloudProvider" cloud_provider: String, keep, "`external` when there is one.";
        4 "podCIDRs" pod_subnets: Vec<String>, keep, "Networks of pods.";
        5 "serviceCIDRs" service_subnets: Vec<String>, keep, "Networks of services.";
        6 "extraArgs" extra_args: BTreeMap<String, String>, keep, "More arguments.";
        7 "extraVolumes" extra_volumes: Vec<ExtraVolume>, keep, "More folders.";
        8 "environmentVariables" environment: BTreeMap<String, String>, keep, "Environment variables.";
        9 "resources" resources: PodResources, keep, "What it may use.";
    }
}

spec! {
    /// kube-scheduler. Its id is `kube-scheduler`.
    SchedulerConfig,
    "SchedulerConfigs.kubernetes.talos.dev" in "controlplane",
    ["schedulerconfig", "sc", "scs"],
    [],
    Public,
    {
        1 "enabled" enabled: bool, keep, "Whether it runs here.";
        2 "image" image: String, keep, "Its image.";
        3 "extraArgs" extra_args: BTreeMap<String, String>, keep, "More arguments.";
        4 "extraVolumes" extra_volumes: Vec<ExtraVolume>, keep, "More folders.";
        5 "environmentVariables" environment: BTreeMap<String, String>, keep, "Environment variables.";
        6 "resources" resources: PodResources, keep, "What it may use.";
        7 "config" config: Value, keep, "Its configuration file.";
    }
}

record! {
    /// A plugin that decides about requests.
    AdmissionPlugin {
        1 "name" name: String, keep, "Its name.";
        2 "configuration" configuration: Value, keep, "Its configuration.";
    }
}

spec! {
    /// What decides about requests to kube-apiserver. Its id is `admission-control`.
    AdmissionControlConfig,
    "AdmissionControlConfigs.kubernetes.talos.dev" in "controlplane",
    ["admissioncontrolconfig", "acc", "accs"],
    [],
    Public,
    {
        1 "config" plugins: Vec<AdmissionPlugin>, keep, "The plugins.";
    }
}

spec! {
    /// What kube-apiserver writes down of requests. Its id is `audit-policy`.
    AuditPolicyConfig,
    "AuditPolicyConfigs.kubernetes.talos.dev" in "controlplane",
    ["auditpolicyconfig", "apc", "apcs"],
    [],
    Sensitive,
    {
        1 "config" policy: Value, keep, "The policy.";
    }
}

record! {
    /// A manifest besides those of the system.
    ExtraManifest {
        1 "name" name: String, keep, "Its name.";
        2 "url" url: String, keep, "Where it is.";
        3 "priority" priority: String, keep, "Two digits; the smaller comes first.";
        4 "extraHeaders" headers: BTreeMap<String, String>, keep, "HTTP headers for getting it.";
        5 "inlineManifest" text: String, keep, "The manifest itself.";
    }
}

spec! {
    /// Manifests besides those of the system. Its id is `extra-manifests`.
    ExtraManifestsConfig,
    "ExtraManifestsConfigs.kubernetes.talos.dev" in "controlplane",
    ["extramanifestsconfig", "emc", "emcs"],
    [],
    Public,
    {
        1 "extraManifests" manifests: Vec<ExtraManifest>, keep, "The manifests.";
    }
}

spec! {
    /// etcd. Its id is `etcd`.
    EtcdConfig,
    "EtcdConfigs.etcd.talos.dev" in "etcd",
    ["etcdconfig", "ec", "ecs"],
    ["Image" = "{.image}"],
    Public,
    {
        1 "advertiseValidSubnets" advertise_valid: Vec<String>, omit, "Networks of the address it tells others.";
        2 "advertiseExcludeSubnets" advertise_exclude: Vec<String>, keep, "Networks that do not count.";
        5 "listenValidSubnets" listen_valid: Vec<String>, omit, "Networks of the addresses it listens on.";
        6 "listenExcludeSubnets" listen_exclude: Vec<String>, keep, "Networks that do not count.";
        3 "image" image: String, keep, "Its image.";
        4 "extraArgs" extra_args: BTreeMap<String, String>, keep, "More arguments.";
    }
}

spec! {
    /// How etcd is to run on this node. Its id is `etcd`.
    EtcdSpec,
    "EtcdSpecs.etcd.talos.dev" in "etcd",
    ["etcdspec", "es"],
    ["Name" = "{.name}", "AdvertisedAddresses" = "{.advertisedAddresses}",
     "ListenPeerAddresses" = "{.listenPeerAddresses}",
     "ListenClientAddresses" = "{.listenClientAddresses}"],
    Public,
    {
        1 "name" name: String, keep, "Its name among the members.";
        2 "advertisedAddresses" advertised: Vec<IpAddr>, keep, "Where other members find it.";
        5 "listenPeerAddresses" listen_peer: Vec<IpAddr>, keep, "Where it listens to members.";
        6 "listenClientAddresses" listen_client: Vec<IpAddr>, keep, "Where it listens to clients.";
        3 "image" image: String, keep, "Its image.";
        4 "extraArgs" extra_args: BTreeMap<String, String>, keep, "More arguments.";
    }
}

spec! {
    /// What the manifests of the system say. Its id is `manifests`.
    BootstrapManifestsConfig,
    "BootstrapManifestsConfigs.kubernetes.talos.dev" in "controlplane",
    ["bootstrapmanifestsconfig", "bmc", "bmcs"],
    [],
    Public,
    {
        // The documents' own name of this key.
        1 "string" server: String, keep, "Where programs in pods of the host find the API of Kubernetes.";
        2 "clusterDomain" cluster_domain: String, keep, "The domain of services.";
        3 "podCIDRs" pod_subnets: Vec<String>, keep, "Networks of pods.";
        4 "proxyEnabled" with_proxy: bool, keep, "Whether kube-proxy runs.";
        5 "proxyImage" proxy_image: String, keep, "Its image.";
        6 "proxyArgs" proxy_args: Vec<String>, keep, "Its arguments.";
        7 "coreDNSEnabled" with_dns: bool, keep, "Whether CoreDNS runs.";
        8 "coreDNSImage" dns_image: String, keep, "Its image.";
        9 "dnsServiceIP" dns_address: String, keep, "Its IPv4 address.";
        10 "dnsServiceIPv6" dns_address_v6: String, keep, "Its IPv6 address.";
        11 "flannelEnabled" with_flannel: bool, keep, "Whether flannel makes the network of pods.";
        12 "flannelImage" flannel_image: String, keep, "Its image.";
        13 "flannelCNIImage" cni_image: String, keep, "What installs its plugins.";
        16 "flannelExtraArgs" flannel_args: Vec<String>, keep, "More arguments of flannel.";
        14 "podSecurityPolicyEnabled" pod_security_policy: bool, keep, "Whether pod security policies count.";
        15 "talosAPIServiceEnabled" with_api_service: bool, keep, "Whether pods may reach the API of nodes.";
    }
}
