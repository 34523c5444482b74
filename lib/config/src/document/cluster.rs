// SPDX-License-Identifier: MPL-2.0
//! The `cluster` section: what all nodes of a cluster share.
//!
//! Owns: its keys, in the order they are written.
//! Never: says what an absent key means; `Spec` does.

use super::machine::{CertificateAndKey, KeyOnly};
use crate::arguments::Arguments;
use crate::quantity::GoDuration;
use crate::scalar::SecretText;
use crate::schema::document;
use crate::value::Value;
use std::collections::BTreeMap;

document! {
    /// Everything about the cluster.
    pub struct ClusterConfig {
        "id" id: String, omit, "Who the cluster is, for discovery.";
        "secret" secret: SecretText, omit, "What members share, for discovery.";
        "controlPlane" control_plane: Option<ControlPlaneConfig>, keep, "Where the control plane is.";
        "clusterName" cluster_name: String, omit, "Its name.";
        "network" network: Option<ClusterNetworkConfig>, omit, "Pod and service networks.";
        "token" token: SecretText, omit, "The token with which kubelets join.";
        "aescbcEncryptionSecret" aescbc_encryption_secret: SecretText, omit, "Key of secrets in etcd (old way).";
        "secretboxEncryptionSecret" secretbox_encryption_secret: SecretText, omit, "Key of secrets in etcd.";
        "ca" ca: Option<CertificateAndKey>, omit, "The authority of Kubernetes.";
        "aggregatorCA" aggregator_ca: Option<CertificateAndKey>, omit, "The authority of the aggregation layer.";
        "serviceAccount" service_account: Option<KeyOnly>, omit, "The key that signs service account tokens.";
        "apiServer" api_server: Option<ApiServerConfig>, omit, "kube-apiserver.";
        "controllerManager" controller_manager: Option<ControllerManagerConfig>, omit, "kube-controller-manager.";
        "proxy" proxy: Option<ProxyConfig>, omit, "kube-proxy.";
        "scheduler" scheduler: Option<SchedulerConfig>, omit, "kube-scheduler.";
        "discovery" discovery: Option<ClusterDiscoveryConfig>, omit, "How members find each other.";
        "etcd" etcd: Option<EtcdConfig>, omit, "etcd.";
        "coreDNS" core_dns: Option<CoreDns>, omit, "The name service.";
        "externalCloudProvider" external_cloud_provider: Option<ExternalCloudProviderConfig>, omit, "A cloud provider outside of Kubernetes.";
        "extraManifests" extra_manifests: Option<Vec<String>>, omit, "URLs of manifests to apply.";
        "extraManifestHeaders" extra_manifest_headers: BTreeMap<String, String>, omit, "HTTP headers for getting them.";
        "inlineManifests" inline_manifests: Option<Vec<ClusterInlineManifest>>, omit, "Manifests to apply.";
        "adminKubeconfig" admin_kubeconfig: Option<AdminKubeconfigConfig>, omit, "The kubeconfig of the administrator.";
        "allowSchedulingOnMasters" allow_scheduling_on_masters: Option<bool>, omit, "Pods on control plane nodes (old spelling).";
        "allowSchedulingOnControlPlanes" allow_scheduling_on_control_planes: Option<bool>, omit, "Pods on control plane nodes.";
    }

    /// Where the control plane is.
    pub struct ControlPlaneConfig {
        "endpoint" endpoint: Option<String>, keep, "Its URL for everybody.";
        "localAPIServerPort" local_api_server_port: i64, omit, "The port of kube-apiserver on its node.";
    }

    /// Pod and service networks.
    pub struct ClusterNetworkConfig {
        "cni" cni: Option<CniConfig>, omit, "What makes the pod network.";
        "dnsDomain" dns_domain: String, keep, "The domain of services.";
        "podSubnets" pod_subnets: Vec<String>, keep, "Networks of pods.";
        "serviceSubnets" service_subnets: Vec<String>, keep, "Networks of services.";
    }

    /// What makes the pod network.
    pub struct CniConfig {
        "name" name: String, omit, "`flannel`, `custom` or `none`.";
        "urls" urls: Vec<String>, omit, "Manifests, when custom.";
        "flannel" flannel: Option<FlannelCniConfig>, omit, "flannel.";
    }

    /// flannel.
    pub struct FlannelCniConfig {
        "extraArgs" extra_args: Vec<String>, omit, "More command line arguments.";
    }

    /// kube-apiserver.
    pub struct ApiServerConfig {
        "image" image: String, omit, "Its image.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
        "extraVolumes" extra_volumes: Vec<VolumeMountConfig>, omit, "More mounts.";
        "env" env: BTreeMap<String, String>, omit, "Environment variables.";
        "certSANs" cert_sans: Vec<String>, omit, "More names and addresses for its certificate.";
        "disablePodSecurityPolicy" disable_pod_security_policy: Option<bool>, omit, "No pod security policies.";
        "admissionControl" admission_control: Vec<AdmissionPluginConfig>, omit, "Admission plugins.";
        "auditPolicy" audit_policy: Value, omit, "The audit policy.";
        "resources" resources: Option<ResourcesConfig>, omit, "What it may use.";
    }

    /// An admission plugin.
    pub struct AdmissionPluginConfig {
        "name" name: String, keep, "Its name.";
        "configuration" configuration: Value, keep, "Its configuration.";
    }

    /// What a pod may use.
    pub struct ResourcesConfig {
        "requests" requests: Value, omit, "At least.";
        "limits" limits: Value, omit, "At most.";
    }

    /// A folder of the node in a pod.
    pub struct VolumeMountConfig {
        "hostPath" host_path: String, keep, "Where it is on the node.";
        "mountPath" mount_path: String, keep, "Where it is in the pod.";
        "readonly" read_only: bool, omit, "Not writable.";
    }

    /// kube-controller-manager.
    pub struct ControllerManagerConfig {
        "image" image: String, omit, "Its image.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
        "extraVolumes" extra_volumes: Vec<VolumeMountConfig>, omit, "More mounts.";
        "env" env: BTreeMap<String, String>, omit, "Environment variables.";
        "resources" resources: Option<ResourcesConfig>, omit, "What it may use.";
    }

    /// kube-proxy.
    pub struct ProxyConfig {
        "disabled" disabled: Option<bool>, omit, "Do not run it.";
        "image" image: String, omit, "Its image.";
        "mode" mode: String, omit, "How it forwards.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
    }

    /// kube-scheduler.
    pub struct SchedulerConfig {
        "image" image: String, omit, "Its image.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
        "extraVolumes" extra_volumes: Vec<VolumeMountConfig>, omit, "More mounts.";
        "env" env: BTreeMap<String, String>, omit, "Environment variables.";
        "resources" resources: Option<ResourcesConfig>, omit, "What it may use.";
        "config" config: Value, omit, "Its configuration file.";
    }

    /// How members find each other.
    pub struct ClusterDiscoveryConfig {
        "enabled" enabled: Option<bool>, omit, "Whether they do.";
        "registries" registries: DiscoveryRegistriesConfig, keep, "By what means.";
    }

    /// By what means members find each other.
    pub struct DiscoveryRegistriesConfig {
        "kubernetes" kubernetes: RegistryKubernetesConfig, keep, "Annotations of nodes.";
        "service" service: RegistryServiceConfig, keep, "A service in the network.";
    }

    /// Discovery by annotations of nodes.
    pub struct RegistryKubernetesConfig {
        "disabled" disabled: Option<bool>, omit, "Do not use it.";
    }

    /// Discovery by a service in the network.
    pub struct RegistryServiceConfig {
        "disabled" disabled: Option<bool>, omit, "Do not use it.";
        "endpoint" endpoint: String, omit, "Its URL.";
    }

    /// etcd.
    pub struct EtcdConfig {
        "image" image: String, omit, "Its image.";
        "ca" ca: Option<CertificateAndKey>, keep, "Its authority.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
        "subnet" subnet: String, omit, "Network of its address (old spelling).";
        "advertisedSubnets" advertised_subnets: Vec<String>, omit, "Networks of the address it tells others.";
        "listenSubnets" listen_subnets: Vec<String>, omit, "Networks of the addresses it listens on.";
    }

    /// The name service.
    pub struct CoreDns {
        "disabled" disabled: Option<bool>, omit, "Do not run it.";
        "image" image: String, omit, "Its image.";
    }

    /// A cloud provider outside of Kubernetes.
    pub struct ExternalCloudProviderConfig {
        "enabled" enabled: Option<bool>, omit, "Whether there is one.";
        "manifests" manifests: Vec<String>, omit, "URLs of its manifests.";
    }

    /// A manifest to apply.
    pub struct ClusterInlineManifest {
        "name" name: String, keep, "Its name.";
        "contents" contents: String, keep, "The manifest.";
    }

    /// The kubeconfig of the administrator.
    pub struct AdminKubeconfigConfig {
        "certLifetime" cert_lifetime: GoDuration, omit, "How long its certificate is valid.";
    }
}
