// SPDX-License-Identifier: MPL-2.0
//! Compares our types with those of the documents, as `tests/data/types.txt` has them.
//!
//! Owns: reading that file.
//! Never: is part of the program.

use std::collections::BTreeMap;

use resource::{Kind, ResourceSpec, Sensitivity};

use super::field::Record;
use super::{
    AddressSpec, AdjtimeStatus, AdmissionControlConfig, AdmissionPlugin, ApiServerConfig,
    AuditPolicyConfig, BondSlave, BondSpec, BridgeSlave, BridgeSpec, ClusterInfo,
    ControllerManagerConfig, CpuStats, CpuTimes, DevicesStatus, Dhcp4, Dhcp6, DiscoveryConfig,
    EtcFileSpec, EtcFileStatus, EtcdConfig, EtcdRootSecrets, ExtraManifest, ExtraManifestsConfig,
    ExtraVolume, HardwareAddress, Identity, KernelParamDefaultSpec, KubePrismConfig,
    KubePrismEndpoint, KubePrismEndpoints, KubeSpanConfig, KubeletConfig, KubeletSecrets,
    KubernetesAccessConfig, KubernetesRootSecrets, LinkSpec, MaintenanceRootSecrets,
    MaintenanceServiceCertificate, MaintenanceServiceConfig, MemoryModule, MemoryStats,
    MountStatus, NetworkStatus, NodeAddressFilter, NodeIp, NodeIpConfig, NodeLabelSpec,
    NodeTaintSpec, Nodename, OperatorSpec, OsRootSecrets, PlatformMetadata, PodResources,
    Processor, ResolverSpec, RouteSpec, SchedulerConfig, SeccompProfile, SecurityState,
    SiderolinkConfig, StaticPod, StpSpec, SystemInformation, TimeServerSpec, TimeServerStatus,
    TimeStatus, VlanSpec, WireguardPeer, WireguardSpec, meta, shown, wire,
};

const FILE: &str = include_str!("../../tests/data/types.txt");

/// Types of later releases than the documents'.
const LATER: &[&str] = &["LoadedKernelModules.runtime.talos.dev"];

type Fields = Vec<(u32, &'static str, bool)>;

#[derive(Debug, Default, PartialEq)]
struct Documented {
    namespace: &'static str,
    is_sensitive: bool,
    display: &'static str,
    aliases: Vec<&'static str>,
    columns: Vec<(&'static str, &'static str)>,
    fields: Fields,
}

fn documented() -> BTreeMap<&'static str, Documented> {
    let mut all: BTreeMap<&str, Documented> = BTreeMap::new();
    let mut current = Documented::default();
    let mut name = "";
    for line in FILE.lines().filter(|line| !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap();
        let mut words = rest.split(' ');
        match word {
            "type" | "record" => {
                all.insert(name, std::mem::take(&mut current));
                name = words.next().unwrap();
                current.namespace = words.next().unwrap_or_default();
                current.is_sensitive = words.next() == Some("sensitive");
                current.display = words.next().unwrap_or_default();
            }
            "alias" => current.aliases.push(rest),
            "column" => {
                let (path, head) = rest.split_once(' ').unwrap();
                current.columns.push((head, path));
            }
            "field" => {
                let number = words.next().unwrap().parse().unwrap();
                let key = words.next().unwrap();
                current
                    .fields
                    .push((number, key, words.next() == Some("omit")));
            }
            other => panic!("{other}"),
        }
    }
    all.insert(name, current);
    all.remove("");
    all
}

fn ours(kind: &Kind, display: &'static str, fields: Fields) -> Documented {
    Documented {
        namespace: kind.namespace,
        is_sensitive: kind.sensitivity == Sensitivity::Sensitive,
        display,
        aliases: kind.aliases.to_vec(),
        columns: kind
            .columns
            .iter()
            .map(|column| (column.name, column.json_path))
            .collect(),
        fields,
    }
}

#[test]
fn res_05_all_types_of_the_documents_are_known_with_their_facts() {
    let documented = documented();
    let types: Vec<_> = documented
        .iter()
        .filter(|(_, fact)| !fact.namespace.is_empty())
        .collect();
    assert_eq!(types.len(), 113);

    for (name, fact) in &types {
        let kind = shown(name).unwrap_or_else(|| panic!("{name} is not known"));
        assert_eq!(kind.display(), fact.display);
        let ours = ours(kind, fact.display, fact.fields.clone());
        assert_eq!(&&ours, fact, "{name}");
    }
    for kind in meta::all() {
        assert!(
            documented.contains_key(kind.name) || LATER.contains(&kind.name),
            "{} is in no document",
            kind.name
        );
    }
}

fn check_record<T: Record>(name: &str, documented: &BTreeMap<&'static str, Documented>) {
    assert_eq!(documented[name].fields, T::FIELDS, "{name}");
}

macro_rules! check {
    ($documented:expr, specs: [$($spec:ty),* $(,)?], records: [$($record:ty = $name:literal),* $(,)?]) => {
        $( check_record::<$spec>(<$spec as ResourceSpec>::KIND.name, $documented); )*
        $( check_record::<$record>($name, $documented); )*
    };
}

#[test]
fn rsrc_fields_have_the_keys_and_the_numbers_of_the_documents() {
    let documented = documented();

    check!(&documented, specs: [
        Processor,
        MemoryModule,
        SystemInformation,
        OsRootSecrets,
        EtcdRootSecrets,
        KubernetesRootSecrets,
        KubeletSecrets,
        EtcFileSpec,
        EtcFileStatus,
        MountStatus,
        TimeServerSpec,
        TimeServerStatus,
        TimeStatus,
        HardwareAddress,
        NetworkStatus,
        DevicesStatus,
        SecurityState,
        PlatformMetadata,
        MaintenanceServiceConfig,
        KernelParamDefaultSpec,
        CpuStats,
        MemoryStats,
        ClusterInfo,
        DiscoveryConfig,
        KubeSpanConfig,
        KubernetesAccessConfig,
        SiderolinkConfig,
        KubePrismConfig,
        KubePrismEndpoints,
        NodeIpConfig,
        NodeLabelSpec,
        NodeTaintSpec,
        Nodename,
        NodeAddressFilter,
        SeccompProfile,
        ApiServerConfig,
        ControllerManagerConfig,
        SchedulerConfig,
        AdmissionControlConfig,
        AuditPolicyConfig,
        ExtraManifestsConfig,
        EtcdConfig,
    ], records: [
        KubePrismEndpoint = "k8s.KubePrismEndpoint",
        ExtraVolume = "k8s.ExtraVolume",
        PodResources = "k8s.Resources",
        AdmissionPlugin = "k8s.AdmissionPluginSpec",
        ExtraManifest = "k8s.ExtraManifest",
        CpuTimes = "perf.CPUStat",
        wire::Certificates = "ApiCertificates.secrets.talos.dev",
    ]);
}

#[test]
fn rsrc_fields_of_wishes_and_of_the_node_itself_are_those_of_the_documents() {
    let documented = documented();

    check!(&documented, specs: [
        Identity,
        AdjtimeStatus,
        MaintenanceRootSecrets,
        MaintenanceServiceCertificate,
        LinkSpec,
        AddressSpec,
        RouteSpec,
        ResolverSpec,
        OperatorSpec,
        KubeletConfig,
        NodeIp,
        StaticPod,
    ], records: [
        BondSlave = "network.BondSlave",
        BondSpec = "network.BondMasterSpec",
        BridgeSlave = "network.BridgeSlave",
        BridgeSpec = "network.BridgeMasterSpec",
        StpSpec = "network.STPSpec",
        VlanSpec = "network.VLANSpec",
        WireguardSpec = "network.WireguardSpec",
        WireguardPeer = "network.WireguardPeer",
        Dhcp4 = "network.DHCP4OperatorSpec",
        Dhcp6 = "network.DHCP6OperatorSpec",
    ]);
}
