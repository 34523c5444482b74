// SPDX-License-Identifier: MPL-2.0
//! Resources about resources: which types and namespaces clients are shown.
//!
//! Owns: those lists. What is in none is for machined alone, and clients are told that it is not
//! there. A type whose system is not built is there and has no resources.
//! Never: lists a type that cannot be encoded; a test compares.

use std::sync::Arc;
use std::time::SystemTime;

use resource::{AnySpec, Kind, ResourceSpec, Store, StoreError};

use super::{
    AcquireConfigSpec, AcquireConfigStatus, AddressSpec, AddressStatus, AdjtimeStatus,
    AdmissionControlConfig, ApiCertificate, ApiServerConfig, AuditPolicyConfig,
    BootstrapManifestsConfig, CertSan, ClusterInfo, ControllerManagerConfig, CpuStats,
    DeviceConfigSpec, DevicesStatus, DiscoveryConfig, Endpoint, EtcFileSpec, EtcFileStatus,
    EtcdConfig, EtcdRootSecrets, EtcdSpec, EventSinkConfig, ExtensionStatus, ExtraManifestsConfig,
    HardwareAddress, HostnameSpec, HostnameStatus, Identity, KernelModuleSpec,
    KernelParamDefaultSpec, KernelParamSpec, KernelParamStatus, KmsgLogConfig, KubePrismConfig,
    KubePrismEndpoints, KubeSpanConfig, KubeletConfig, KubeletSecrets, KubeletSpec,
    KubernetesAccessConfig, KubernetesRootSecrets, LinkSpec, LinkStatus, LoadedKernelModule,
    MachineConfig, MachineStatus, MachineType, MaintenanceRootSecrets,
    MaintenanceServiceCertificate, MaintenanceServiceConfig, MaintenanceServiceRequest,
    MemoryModule, MemoryStats, MetaKey, MetaLoaded, MountStatus, NETWORK_CONFIG, NetworkStatus,
    NodeAddress, NodeAddressFilter, NodeIp, NodeIpConfig, NodeLabelSpec, NodeTaintSpec, Nodename,
    OperatorSpec, OsRootSecrets, PlatformMetadata, Processor, ResolverSpec, ResolverStatus,
    RouteSpec, RouteStatus, SchedulerConfig, SeccompProfile, SecurityState, Service,
    SiderolinkConfig, StaticPod, SystemInformation, TimeServerSpec, TimeServerStatus, TimeStatus,
    TrustdCertificate, UniqueMachineToken, registered, wire,
};

/// Who writes them.
pub(crate) const OWNER: &str = "meta";

/// A type of resource. Its id is the type's name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceDefinition(pub &'static Kind);

super::kind!(
    ResourceDefinition,
    "ResourceDefinitions.meta.cosi.dev" in "meta",
    ["api-resources", "resourcedefinition", "rd", "rds"],
    ["Aliases" = "{.aliases[:]}"],
    Public,
    wire::definition
);

/// A namespace, with what it is for. Its id is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace(pub &'static str);

super::kind!(
    Namespace,
    "Namespaces.meta.cosi.dev" in "meta",
    ["ns", "namespace"],
    [],
    Public,
    wire::namespace
);

/// The types whose resources the node makes.
const FILLED: &[&Kind] = &[
    ResourceDefinition::KIND,
    Namespace::KIND,
    MachineConfig::KIND,
    MachineType::KIND,
    AddressStatus::KIND,
    HostnameSpec::KIND,
    HostnameStatus::KIND,
    LinkStatus::KIND,
    NodeAddress::KIND,
    ResolverStatus::KIND,
    RouteStatus::KIND,
    ExtensionStatus::KIND,
    KernelModuleSpec::KIND,
    KernelParamSpec::KIND,
    KernelParamStatus::KIND,
    LoadedKernelModule::KIND,
    MachineStatus::KIND,
    MetaKey::KIND,
    MetaLoaded::KIND,
    EventSinkConfig::KIND,
    KmsgLogConfig::KIND,
    Service::KIND,
    UniqueMachineToken::KIND,
    CertSan::KIND,
    ApiCertificate::KIND,
    TrustdCertificate::KIND,
    Processor::KIND,
    MemoryModule::KIND,
    SystemInformation::KIND,
    OsRootSecrets::KIND,
    EtcdRootSecrets::KIND,
    KubernetesRootSecrets::KIND,
    KubeletSecrets::KIND,
    EtcFileSpec::KIND,
    EtcFileStatus::KIND,
    MountStatus::KIND,
    TimeServerSpec::KIND,
    TimeServerStatus::KIND,
    TimeStatus::KIND,
    HardwareAddress::KIND,
    NetworkStatus::KIND,
    DevicesStatus::KIND,
    SecurityState::KIND,
    PlatformMetadata::KIND,
    MaintenanceServiceConfig::KIND,
    KernelParamDefaultSpec::KIND,
    CpuStats::KIND,
    MemoryStats::KIND,
    ClusterInfo::KIND,
    DiscoveryConfig::KIND,
    KubeSpanConfig::KIND,
    KubernetesAccessConfig::KIND,
    SiderolinkConfig::KIND,
    KubePrismConfig::KIND,
    KubePrismEndpoints::KIND,
    NodeIpConfig::KIND,
    NodeLabelSpec::KIND,
    NodeTaintSpec::KIND,
    Nodename::KIND,
    NodeAddressFilter::KIND,
    SeccompProfile::KIND,
    ApiServerConfig::KIND,
    ControllerManagerConfig::KIND,
    SchedulerConfig::KIND,
    AdmissionControlConfig::KIND,
    AuditPolicyConfig::KIND,
    ExtraManifestsConfig::KIND,
    EtcdConfig::KIND,
    EtcdSpec::KIND,
    Endpoint::KIND,
    BootstrapManifestsConfig::KIND,
    Identity::KIND,
    AdjtimeStatus::KIND,
    MaintenanceServiceRequest::KIND,
    AcquireConfigSpec::KIND,
    AcquireConfigStatus::KIND,
    MaintenanceRootSecrets::KIND,
    MaintenanceServiceCertificate::KIND,
    LinkSpec::KIND,
    DeviceConfigSpec::KIND,
    AddressSpec::KIND,
    RouteSpec::KIND,
    ResolverSpec::KIND,
    OperatorSpec::KIND,
    KubeletConfig::KIND,
    KubeletSpec::KIND,
    NodeIp::KIND,
    StaticPod::KIND,
];

/// The namespaces that hold them.
const NAMESPACES: &[(&str, &str)] = &[
    ("cluster", "who is in the cluster"),
    ("cluster-raw", "the same as each source tells it"),
    ("config", "the configuration and what is read off it"),
    ("controlplane", "the control plane of Kubernetes"),
    ("cri", "how containers are confined"),
    ("etcd", "etcd: its settings and its state"),
    ("files", "files that are written below /etc"),
    ("hardware", "what the machine is made of"),
    ("k8s", "Kubernetes on every kind of node"),
    ("kubespan", "the encrypted network between nodes"),
    ("meta", "types of resources and namespaces"),
    ("network", "the network as it is"),
    (
        NETWORK_CONFIG,
        "wishes for the network, by where they come from",
    ),
    ("perf", "what processors and memory do"),
    ("runtime", "the running machine"),
    ("secrets", "keys, and what goes into certificates"),
];

/// Puts the definitions and namespaces into a store.
///
/// # Errors
/// Two of them have one name: a mistake in the tables.
pub(crate) fn announce(store: &mut Store, now: SystemTime) -> Result<(), StoreError> {
    let definitions = all().map(|kind| {
        let spec: Arc<dyn AnySpec> = Arc::new(ResourceDefinition(kind));
        (kind.definition_id(), spec)
    });
    let namespaces = NAMESPACES.iter().map(|(name, purpose)| {
        let spec: Arc<dyn AnySpec> = Arc::new(Namespace(purpose));
        ((*name).to_owned(), spec)
    });
    for (id, spec) in definitions.chain(namespaces) {
        store.create(OWNER, spec.kind().namespace, &id, spec, now)?;
    }
    Ok(())
}

/// Lists the types that clients are shown.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    let empty = registered::ALL.iter().copied().flatten();
    FILLED.iter().copied().chain(empty)
}

/// Finds a type that clients are shown by its full name.
pub(crate) fn shown(name: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.name == name)
}

/// Finds a namespace by its name.
pub(crate) fn namespace(name: &str) -> Option<&'static str> {
    let mut names = NAMESPACES.iter().map(|(name, _)| *name);
    names.find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn res_05_every_type_and_namespace_is_listed_once_and_belongs_together() {
        let mut store = Store::new();

        announce(&mut store, SystemTime::UNIX_EPOCH).unwrap();

        assert_eq!(store.list::<ResourceDefinition>().count(), all().count());
        for kind in all() {
            assert!(store.get::<Namespace>(kind.namespace).is_some(), "{kind:?}");
        }
        for listed in store.list::<ResourceDefinition>() {
            let resource = store.get_any("meta", ResourceDefinition::KIND, &listed.metadata.id);
            assert!(resource.unwrap().spec.encoded().is_some());
        }
    }
}
