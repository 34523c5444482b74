// SPDX-License-Identifier: MPL-2.0
//! The `machine` section: what is about one node.
//!
//! Owns: its keys, in the order they are written.
//! Never: says what an absent key means; `Spec` does.

use super::network::NetworkConfig;
use crate::arguments::Arguments;
use crate::quantity::{DiskSize, GoDuration};
use crate::scalar::{Base64Bytes, FileMode, SecretText};
use crate::schema::document;
use crate::value::Value;
use pki::Secret;
use std::collections::BTreeMap;

document! {
    /// Everything about one node.
    pub struct MachineConfig {
        "type" kind: String, keep, "The role: `controlplane`, `worker` or `init`.";
        "token" token: SecretText, keep, "The token with which nodes join.";
        "ca" ca: Option<CertificateAndKey>, omit, "The authority of the machine API; workers have no key.";
        "acceptedCAs" accepted_cas: Vec<CertificateOnly>, omit, "More authorities whose clients are let in (v1.7 and newer).";
        "certSANs" cert_sans: Vec<String>, keep, "More names and addresses for the node's certificate.";
        "controlPlane" control_plane: Option<MachineControlPlaneConfig>, omit, "What of the control plane runs here.";
        "kubelet" kubelet: Option<KubeletConfig>, omit, "The kubelet.";
        "pods" pods: Vec<Value>, omit, "Static pods, as Kubernetes writes them.";
        "network" network: Option<NetworkConfig>, omit, "Host name, links, addresses, name servers.";
        "disks" disks: Vec<MachineDisk>, omit, "Disks to partition and mount besides the system's.";
        "install" install: Option<InstallConfig>, omit, "Where and what to install.";
        "files" files: Vec<MachineFile>, omit, "Files to write.";
        "env" env: BTreeMap<String, String>, omit, "Environment variables of the services.";
        "time" time: Option<TimeConfig>, omit, "Where the time comes from.";
        "sysctls" sysctls: BTreeMap<String, String>, omit, "Kernel parameters.";
        "sysfs" sysfs: BTreeMap<String, String>, omit, "Values to write below /sys.";
        "registries" registries: Option<RegistriesConfig>, omit, "Image registries: mirrors and credentials.";
        "systemDiskEncryption" system_disk_encryption: Option<SystemDiskEncryptionConfig>, omit, "Encryption of the system's partitions.";
        "features" features: Option<FeaturesConfig>, omit, "Switches.";
        "udev" udev: Option<UdevConfig>, omit, "Rules for devices.";
        "logging" logging: Option<LoggingConfig>, omit, "Where logs are shipped to.";
        "kernel" kernel: Option<KernelConfig>, omit, "Kernel modules.";
        "seccompProfiles" seccomp_profiles: Option<Vec<MachineSeccompProfile>>, omit, "Seccomp profiles for the kubelet.";
        "nodeLabels" node_labels: BTreeMap<String, String>, omit, "Labels of the Kubernetes node.";
        "nodeTaints" node_taints: BTreeMap<String, String>, omit, "Taints of the Kubernetes node.";
    }

    /// A certificate and its private key, each PEM in base64.
    pub struct CertificateAndKey {
        "crt" crt: Base64Bytes, keep, "The certificate, PEM.";
        "key" key: Secret, keep, "The private key, PEM; empty where a node must not have it.";
    }

    /// A certificate alone, PEM in base64.
    pub struct CertificateOnly {
        "crt" crt: Base64Bytes, keep, "The certificate, PEM.";
    }

    /// A private key alone, PEM in base64.
    pub struct KeyOnly {
        "key" key: Secret, keep, "The private key, PEM.";
    }

    /// What of the control plane runs on this node.
    pub struct MachineControlPlaneConfig {
        "controllerManager" controller_manager: Option<MachineControllerManagerConfig>, omit, "The controller manager.";
        "scheduler" scheduler: Option<MachineSchedulerConfig>, omit, "The scheduler.";
    }

    /// The controller manager of this node.
    pub struct MachineControllerManagerConfig {
        "disabled" disabled: Option<bool>, omit, "Do not run it here.";
    }

    /// The scheduler of this node.
    pub struct MachineSchedulerConfig {
        "disabled" disabled: Option<bool>, omit, "Do not run it here.";
    }

    /// The kubelet.
    pub struct KubeletConfig {
        "image" image: String, omit, "The image it runs from.";
        "clusterDNS" cluster_dns: Vec<String>, omit, "Addresses of the cluster's name service.";
        "extraArgs" extra_args: Arguments, omit, "More command line arguments.";
        "extraMounts" extra_mounts: Vec<ExtraMount>, omit, "More mounts in its container.";
        "extraConfig" extra_config: Value, omit, "More of its configuration file.";
        "credentialProviderConfig" credential_provider_config: Value, omit, "Configuration of the credential providers.";
        "defaultRuntimeSeccompProfileEnabled" default_runtime_seccomp_profile_enabled: Option<bool>, omit, "Use the runtime's seccomp profile by default.";
        "registerWithFQDN" register_with_fqdn: Option<bool>, omit, "Register under the full name.";
        "nodeIP" node_ip: Option<KubeletNodeIpConfig>, omit, "Which address to register.";
        "skipNodeRegistration" skip_node_registration: Option<bool>, omit, "Do not register.";
        "disableManifestsDirectory" disable_manifests_directory: Option<bool>, omit, "Do not read static pods from a folder.";
    }

    /// Which address the kubelet registers.
    pub struct KubeletNodeIpConfig {
        "validSubnets" valid_subnets: Vec<String>, omit, "Networks to choose from; `!` excludes one.";
    }

    /// A mount in a container, in the terms of the OCI runtime specification.
    pub struct ExtraMount {
        "destination" destination: String, keep, "Where it appears.";
        "type" kind: String, omit, "The kind of file system.";
        "source" source: String, omit, "What is mounted.";
        "options" options: Vec<String>, omit, "Mount options.";
        "uidMappings" uid_mappings: Vec<LinuxIdMapping>, omit, "Users inside and outside.";
        "gidMappings" gid_mappings: Vec<LinuxIdMapping>, omit, "Groups inside and outside.";
    }

    /// A range of user or group numbers inside and outside of a container.
    pub struct LinuxIdMapping {
        "containerID" container_id: u32, keep, "First number inside.";
        "hostID" host_id: u32, keep, "First number outside.";
        "size" size: u32, keep, "How many.";
    }

    /// A disk to partition.
    pub struct MachineDisk {
        "device" device: String, omit, "The device.";
        "partitions" partitions: Vec<DiskPartition>, omit, "Its partitions, in order.";
    }

    /// A partition to make and mount.
    pub struct DiskPartition {
        "size" size: DiskSize, omit, "How large; only the last may take the rest.";
        "mountpoint" mountpoint: String, omit, "Where it is mounted.";
    }

    /// Where and what to install.
    pub struct InstallConfig {
        "disk" disk: String, omit, "The disk to install to.";
        "diskSelector" disk_selector: Option<InstallDiskSelector>, omit, "How to find the disk.";
        "extraKernelArgs" extra_kernel_args: Vec<String>, omit, "More kernel arguments.";
        "image" image: String, omit, "The installer image.";
        "extensions" extensions: Vec<InstallExtensionConfig>, omit, "System extensions (old way).";
        "bootloader" bootloader: Option<bool>, omit, "Whether to install a boot loader.";
        "wipe" wipe: Option<bool>, keep, "Whether to wipe the disk first.";
        "legacyBIOSSupport" legacy_bios_support: Option<bool>, omit, "Mark the partition for old firmware.";
    }

    /// How to find the disk to install to.
    pub struct InstallDiskSelector {
        "size" size: String, omit, "A size with `>=`, `<=`, `>`, `<` or `==` before it.";
        "name" name: String, omit, "Name.";
        "model" model: String, omit, "Model.";
        "serial" serial: String, omit, "Serial number.";
        "modalias" modalias: String, omit, "Module alias.";
        "uuid" uuid: String, omit, "UUID.";
        "wwid" wwid: String, omit, "World wide identifier.";
        "type" kind: String, omit, "`ssd`, `hdd`, `nvme` or `sd`.";
        "busPath" bus_path: String, omit, "Path on the bus.";
    }

    /// A system extension.
    pub struct InstallExtensionConfig {
        "image" image: String, keep, "Its image.";
    }

    /// A file to write.
    pub struct MachineFile {
        "content" content: String, keep, "What is in it.";
        "permissions" permissions: FileMode, keep, "Permission bits.";
        "path" path: String, keep, "Where it is.";
        "op" op: String, keep, "`create`, `append` or `overwrite`.";
    }

    /// Where the time comes from.
    pub struct TimeConfig {
        "disabled" disabled: Option<bool>, omit, "Do not set the clock.";
        "servers" servers: Vec<String>, omit, "Time servers.";
        "bootTimeout" boot_timeout: GoDuration, omit, "How long boot waits for the time.";
    }

    /// Image registries.
    pub struct RegistriesConfig {
        "mirrors" mirrors: BTreeMap<String, RegistryMirrorConfig>, omit, "Other places to pull from, by registry.";
        "config" config: BTreeMap<String, RegistryConfig>, omit, "TLS and credentials, by registry.";
    }

    /// Other places to pull the images of a registry from.
    pub struct RegistryMirrorConfig {
        "endpoints" endpoints: Vec<String>, keep, "URLs, in order.";
        "overridePath" override_path: Option<bool>, omit, "Take the path of the URL as it is.";
    }

    /// How to speak to a registry.
    pub struct RegistryConfig {
        "tls" tls: Option<RegistryTlsConfig>, omit, "TLS.";
        "auth" auth: Option<RegistryAuthConfig>, omit, "Credentials.";
    }

    /// TLS towards a registry.
    pub struct RegistryTlsConfig {
        "clientIdentity" client_identity: Option<CertificateAndKey>, omit, "Our certificate.";
        "ca" ca: Base64Bytes, omit, "More authorities to trust, PEM.";
        "insecureSkipVerify" insecure_skip_verify: Option<bool>, omit, "Trust anybody.";
    }

    /// Credentials for a registry.
    pub struct RegistryAuthConfig {
        "username" username: String, omit, "User.";
        "password" password: SecretText, omit, "Password.";
        "auth" auth: SecretText, omit, "User and password in base64.";
        "identityToken" identity_token: SecretText, omit, "Token.";
    }

    /// Encryption of the system's partitions.
    pub struct SystemDiskEncryptionConfig {
        "state" state: Option<EncryptionConfig>, omit, "STATE.";
        "ephemeral" ephemeral: Option<EncryptionConfig>, omit, "EPHEMERAL.";
    }

    /// How a partition is encrypted.
    pub struct EncryptionConfig {
        "provider" provider: String, keep, "The format.";
        "keys" keys: Vec<EncryptionKey>, keep, "The keys, one per slot.";
        "cipher" cipher: String, omit, "The cipher.";
        "keySize" key_size: u32, omit, "Key size in bits.";
        "blockSize" block_size: DiskBlockSize, omit, "Block size in bytes.";
        "options" options: Vec<String>, omit, "Options of the mapping.";
    }

    /// One key of an encrypted partition.
    pub struct EncryptionKey {
        "static" static_key: Option<EncryptionKeyStatic>, omit, "A pass phrase from here.";
        "nodeID" node_id: Option<EncryptionKeyNodeId>, omit, "Derived from the node and the partition.";
        "kms" kms: Option<EncryptionKeyKms>, omit, "Sealed by a service in the network.";
        "slot" slot: i64, keep, "The slot.";
        "tpm" tpm: Option<EncryptionKeyTpm>, omit, "Sealed by the TPM.";
    }

    /// A pass phrase.
    pub struct EncryptionKeyStatic {
        "passphrase" passphrase: SecretText, omit, "The pass phrase.";
    }

    /// A key derived from the node and the partition.
    pub struct EncryptionKeyNodeId {}

    /// A key sealed by a service in the network.
    pub struct EncryptionKeyKms {
        "endpoint" endpoint: String, keep, "Its URL.";
    }

    /// A key sealed by the TPM.
    pub struct EncryptionKeyTpm {}

    /// Switches.
    pub struct FeaturesConfig {
        "rbac" rbac: Option<bool>, omit, "Roles in client certificates.";
        "stableHostname" stable_hostname: Option<bool>, omit, "A default host name that stays.";
        "kubernetesTalosAPIAccess" kubernetes_talos_api_access: Option<KubernetesTalosApiAccessConfig>, omit, "The machine API for pods.";
        "apidCheckExtKeyUsage" apid_check_ext_key_usage: Option<bool>, omit, "Refuse certificates that are not for clients.";
        "diskQuotaSupport" disk_quota_support: Option<bool>, omit, "Quotas on EPHEMERAL.";
        "kubePrism" kube_prism: Option<KubePrism>, omit, "The local balancer in front of the API servers.";
    }

    /// The machine API for pods.
    pub struct KubernetesTalosApiAccessConfig {
        "enabled" enabled: Option<bool>, omit, "Whether it is there.";
        "allowedRoles" allowed_roles: Vec<String>, omit, "Roles that pods may have.";
        "allowedKubernetesNamespaces" allowed_kubernetes_namespaces: Vec<String>, omit, "Where such pods may be.";
    }

    /// The local balancer in front of the API servers.
    pub struct KubePrism {
        "enabled" enabled: Option<bool>, omit, "Whether it runs.";
        "port" port: i64, omit, "The port on the loopback.";
    }

    /// Rules for devices.
    pub struct UdevConfig {
        "rules" rules: Vec<String>, omit, "The rules.";
    }

    /// Where logs are shipped to.
    pub struct LoggingConfig {
        "destinations" destinations: Vec<LoggingDestination>, keep, "The receivers.";
    }

    /// A receiver of logs.
    pub struct LoggingDestination {
        "endpoint" endpoint: Option<String>, keep, "Its URL, tcp or udp.";
        "format" format: String, keep, "`json_lines`.";
        "extraTags" extra_tags: BTreeMap<String, String>, omit, "Fields that every message has besides (v1.7 and newer).";
    }

    /// Kernel modules.
    pub struct KernelConfig {
        "modules" modules: Vec<KernelModuleConfig>, omit, "The modules to load.";
    }

    /// A kernel module.
    pub struct KernelModuleConfig {
        "name" name: String, keep, "Its name.";
        "parameters" parameters: Vec<String>, omit, "Its parameters.";
    }

    /// A seccomp profile for the kubelet.
    pub struct MachineSeccompProfile {
        "name" name: String, keep, "Its file name.";
        "value" value: Value, keep, "The profile.";
    }
}

/// The block size of an encrypted partition, in bytes.
pub type DiskBlockSize = i64;
