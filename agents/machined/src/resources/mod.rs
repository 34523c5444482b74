// SPDX-License-Identifier: MPL-2.0
//! The types of resources that machined has.
//!
//! Owns: their names, namespaces, aliases, columns, sensitivity, fields, and which are shown.
//! Never: computes one; `controllers` do.

#[cfg(test)]
mod both_forms;
mod cluster;
mod config;
mod control_plane;
#[cfg(test)]
mod documented;
pub(crate) mod field;
mod files;
mod hardware;
mod kubernetes;
mod links;
mod meta;
mod network;
mod perf;
mod protobuf;
mod registered;
mod roots;
mod runtime;
#[cfg(test)]
mod samples;
mod secrets;
mod state;
mod time;
pub(crate) mod values;
mod wire;
mod wishes;

pub(crate) use cluster::{
    ClusterInfo, DiscoveryConfig, Identity, KubeSpanConfig, KubernetesAccessConfig,
    SiderolinkConfig,
};
pub(crate) use config::{MachineConfig, MachineKind, MachineType};
pub(crate) use control_plane::{
    AdmissionControlConfig, AdmissionPlugin, ApiServerConfig, AuditPolicyConfig,
    BootstrapManifestsConfig, ControllerManagerConfig, EtcdConfig, EtcdSpec, ExtraManifest,
    ExtraManifestsConfig, ExtraVolume, PodResources, SchedulerConfig,
};
pub(crate) use files::{EtcFileSpec, EtcFileStatus, MountStatus};
pub(crate) use hardware::{MemoryModule, Processor, SystemInformation};
pub(crate) use kubernetes::{
    Endpoint, HostAddresses, IdMapping, KubePrismConfig, KubePrismEndpoint, KubePrismEndpoints,
    KubeletConfig, KubeletSpec, Mount, NodeAddressFilter, NodeIp, NodeIpConfig, NodeLabelSpec,
    NodeTaintSpec, Nodename, SeccompProfile, StaticPod,
};
pub(crate) use links::{
    BondSlave, BondSpec, BridgeSlave, BridgeSpec, LinkSpec, StpSpec, VlanSpec, WireguardPeer,
    WireguardSpec,
};
#[cfg(test)]
pub(crate) use meta::all as all_types;
pub(crate) use meta::{Namespace, OWNER as META, ResourceDefinition, announce, namespace, shown};
pub(crate) use network::{
    AddressStatus, HostnameSpec, HostnameStatus, Layer, LeaseStatus, LinkStatus, NodeAddress,
    Prefix, ResolverStatus, RouteStatus, route_id,
};
pub(crate) use perf::{CpuStats, CpuTimes, LATEST, MemoryStats};
pub(crate) use roots::{
    EtcdRootSecrets, KubeletSecrets, KubernetesRootSecrets, MaintenanceRootSecrets,
    MaintenanceServiceCertificate, OsRootSecrets,
};
pub(crate) use runtime::{
    DownService, EventSinkConfig, ExtensionStatus, KernelModuleSpec, KernelParamSpec,
    KernelParamStatus, KmsgLogConfig, LoadedKernelModule, MachineStage, MachineStatus, MetaKey,
    MetaLoaded, Service, UniqueMachineToken, UnmetCondition,
};
pub(crate) use secrets::{ApiCertificate, CertSan, JoinCertificate, TrustdCertificate};
pub(crate) use state::{
    AcquireConfigSpec, AcquireConfigStatus, DevicesStatus, HardwareAddress, KernelParamDefaultSpec,
    MaintenanceServiceConfig, MaintenanceServiceRequest, NetworkStatus, PlatformMetadata,
    SecurityState,
};
pub(crate) use time::{AdjtimeStatus, TIME_SERVERS, TimeServerSpec, TimeServerStatus, TimeStatus};
pub(crate) use wire::words;
pub(crate) use wishes::{
    AddressSpec, DeviceConfigSpec, Dhcp4, Dhcp6, EquinixMetal, HetznerCloud, OperatorSpec,
    ResolverSpec, RouteSpec, SharedAddress,
};

/// The namespace of specs before they are merged.
pub(crate) const NETWORK_CONFIG: &str = "network-config";

/// Writes the facts of a type beside its fields, and how it is encoded when clients are shown it.
macro_rules! kind {
    ($type:ty, $name:literal in $namespace:literal, [$($alias:literal),*],
     [$($column:literal = $path:literal),*], $sensitivity:ident $(, $encode:path)?) => {
        impl resource::ResourceSpec for $type {
            const KIND: &'static resource::Kind = &resource::Kind {
                name: $name,
                namespace: $namespace,
                aliases: &[$($alias),*],
                columns: &[$(resource::Column { name: $column, json_path: $path }),*],
                sensitivity: resource::Sensitivity::$sensitivity,
            };
            $(
                fn encode(&self) -> Option<resource::Encoded> {
                    $encode(self)
                }
            )?
        }
    };
}
pub(crate) use kind;
