// SPDX-License-Identifier: MPL-2.0
//! Compares our types with those of the documents, as `tests/data/types.txt` has them.
//!
//! Owns: reading that file.
//! Never: is part of the program.

use std::collections::BTreeMap;

use prost::Message as _;
use resource::{Encoded, Kind, ResourceSpec, Sensitivity};

use super::Namespace;
use super::field::{Declared, Record};
use super::{
    AcquireConfigSpec, AcquireConfigStatus, AddressSpec, AdjtimeStatus, AdmissionControlConfig,
    AdmissionPlugin, ApiServerConfig, AuditPolicyConfig, BondSlave, BondSpec,
    BootstrapManifestsConfig, BridgeSlave, BridgeSpec, ClusterInfo, ControllerManagerConfig,
    CpuStats, CpuTimes, DeviceConfigSpec, DevicesStatus, Dhcp4, Dhcp6, DiscoveryConfig, Endpoint,
    EquinixMetal, EtcFileSpec, EtcFileStatus, EtcdConfig, EtcdRootSecrets, EtcdSpec, ExtraManifest,
    ExtraManifestsConfig, ExtraVolume, HardwareAddress, HetznerCloud, Identity,
    KernelParamDefaultSpec, KubePrismConfig, KubePrismEndpoint, KubePrismEndpoints, KubeSpanConfig,
    KubeletConfig, KubeletSecrets, KubeletSpec, KubernetesAccessConfig, KubernetesRootSecrets,
    LinkSpec, MachineConfig, MachineKind, MachineType, MaintenanceRootSecrets,
    MaintenanceServiceCertificate, MaintenanceServiceConfig, MaintenanceServiceRequest,
    MemoryModule, MemoryStats, MountStatus, NetworkStatus, NodeAddressFilter, NodeIp, NodeIpConfig,
    NodeLabelSpec, NodeTaintSpec, Nodename, OperatorSpec, OsRootSecrets, PlatformMetadata,
    PodResources, Processor, ResolverSpec, ResourceDefinition, RouteSpec, SchedulerConfig,
    SeccompProfile, SecurityState, SharedAddress, SiderolinkConfig, StaticPod, StpSpec,
    SystemInformation, TimeServerSpec, TimeServerStatus, TimeStatus, VlanSpec, WireguardPeer,
    WireguardSpec, meta, registered, samples, shown, wire,
};

const FILE: &str = include_str!("../../tests/data/types.txt");

/// Types of later releases than the documents'.
const LATER: &[&str] = &["LoadedKernelModules.runtime.talos.dev"];

/// A field: number, key, form, and whether it may be left out.
pub(super) type FieldLine = (u32, &'static str, &'static str, bool);
type Fields = Vec<FieldLine>;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Documented {
    namespace: &'static str,
    is_sensitive: bool,
    display: &'static str,
    aliases: Vec<&'static str>,
    columns: Vec<(&'static str, &'static str)>,
    /// What its YAML is, when it has no fields there.
    pub(super) yaml: Option<&'static str>,
    pub(super) fields: Fields,
}

pub(super) fn documented() -> BTreeMap<&'static str, Documented> {
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
            "yaml" => current.yaml = Some(rest),
            "alias" => current.aliases.push(rest),
            "column" => {
                let (path, head) = rest.split_once(' ').unwrap();
                current.columns.push((head, path));
            }
            "field" => {
                let number = words.next().unwrap().parse().unwrap();
                let key = words.next().unwrap();
                let form = words.next().unwrap();
                let may_omit = words.next() == Some("omit");
                current.fields.push((number, key, form, may_omit));
            }
            other => panic!("{other}"),
        }
    }
    all.insert(name, current);
    all.remove("");
    all
}

fn ours(kind: &Kind, fact: &Documented) -> Documented {
    Documented {
        namespace: kind.namespace,
        is_sensitive: kind.sensitivity == Sensitivity::Sensitive,
        display: fact.display,
        aliases: kind.aliases.to_vec(),
        columns: kind
            .columns
            .iter()
            .map(|column| (column.name, column.json_path))
            .collect(),
        yaml: fact.yaml,
        fields: fact.fields.clone(),
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
        assert_eq!(&&ours(kind, fact), fact, "{name}");
    }
    for kind in meta::all() {
        assert!(
            documented.contains_key(kind.name) || LATER.contains(&kind.name),
            "{} is in no document",
            kind.name
        );
    }
}

/// A form as our declarations say it: they know no widths of numbers, and enumerations and records
/// by no name.
fn form(documented: &str) -> String {
    if let Some(inner) = documented.strip_suffix('?') {
        return format!("{}?", form(inner));
    }
    let list = documented.strip_prefix("list<");
    if let Some(inner) = list.and_then(|rest| rest.strip_suffix('>')) {
        return format!("list<{}>", form(inner));
    }
    let ours = match documented
        .split_once(':')
        .map_or(documented, |(kind, _)| kind)
    {
        "uint8" | "uint16" | "uint32" | "uint64" | "number" => "unsigned",
        "int64" => "signed",
        "float64" => "float",
        "enum" | "flags" => "word",
        "struct" | "oci-mount" => "record",
        other => other,
    };
    ours.to_owned()
}

fn check_record<T: Record>(name: &str, documented: &BTreeMap<&'static str, Documented>) {
    let fact = &documented[name];
    assert_eq!(fact.yaml, None, "{name} has no fields in YAML");
    let fields = fact.fields.iter();
    let fields: Vec<Declared> = fields
        .map(|(number, key, documented, may_omit)| (*number, *key, form(documented), *may_omit))
        .collect();
    assert_eq!(T::declared(), fields, "{name}");
}

/// Compares declared types and records; returns the names of the types.
macro_rules! check {
    ($documented:expr, specs: [$($spec:ty),* $(,)?], records: [$($record:ty = $name:literal),* $(,)?]) => {{
        $( check_record::<$spec>(<$spec as ResourceSpec>::KIND.name, $documented); )*
        $( check_record::<$record>($name, $documented); )*
        vec![$( <$spec as ResourceSpec>::KIND.name, )* $( $name, )*]
    }};
}

#[test]
fn rsrc_fields_have_the_keys_and_the_numbers_of_the_documents() {
    assert!(!of_the_node().is_empty());
}

fn of_the_node() -> Vec<&'static str> {
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
        EtcdSpec,
        Endpoint,
        BootstrapManifestsConfig,
    ], records: [
        KubePrismEndpoint = "k8s.KubePrismEndpoint",
        ExtraVolume = "k8s.ExtraVolume",
        PodResources = "k8s.Resources",
        AdmissionPlugin = "k8s.AdmissionPluginSpec",
        ExtraManifest = "k8s.ExtraManifest",
        CpuTimes = "perf.CPUStat",
        wire::Certificates = "ApiCertificates.secrets.talos.dev",
        wire::TrustdCertificates = "TrustdCertificates.secrets.talos.dev",
        wire::Extension = "ExtensionStatuses.runtime.talos.dev",
        wire::ExtensionMetadata = "extensions.Metadata",
        wire::Compatibility = "extensions.Compatibility",
        wire::Constraint = "extensions.Constraint",
    ])
}

#[test]
fn rsrc_fields_of_wishes_and_of_the_node_itself_are_those_of_the_documents() {
    assert!(!wishes().is_empty());
}

fn wishes() -> Vec<&'static str> {
    let documented = documented();

    check!(&documented, specs: [
        Identity,
        AdjtimeStatus,
        MaintenanceRootSecrets,
        MaintenanceServiceCertificate,
        LinkSpec,
        DeviceConfigSpec,
        AddressSpec,
        RouteSpec,
        ResolverSpec,
        OperatorSpec,
        KubeletConfig,
        KubeletSpec,
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
        SharedAddress = "network.VIPOperatorSpec",
        EquinixMetal = "network.VIPEquinixMetalSpec",
        HetznerCloud = "network.VIPHCloudSpec",
    ])
}

/// Types without fields: that one is there is all it says.
const EMPTY: &[&Kind] = &[
    MaintenanceServiceRequest::KIND,
    AcquireConfigSpec::KIND,
    AcquireConfigStatus::KIND,
];

#[test]
fn rsrc_types_whose_yaml_has_no_fields_are_as_the_documents_say() {
    let documented = documented();
    let mut compared = Vec::new();
    let mut check = |name: &'static str, expected: &str, encoded: &Encoded, yaml: &str| {
        assert_eq!(documented[name].yaml, Some(expected), "{name}");
        assert_eq!(encoded.yaml, yaml, "{name}");
        compared.push(name);
    };

    let configuration = crate::testing::configuration("type:", "type:");
    let written = String::from_utf8(configuration.0.source().to_vec()).unwrap();
    let encoded = configuration.encode().unwrap();
    check(MachineConfig::KIND.name, "verbatim", &encoded, &written);
    let message = api::resource::config::MachineConfigSpec::decode(&encoded.proto[..]);
    assert_eq!(message.unwrap().yaml_marshalled, written.into_bytes());
    for (kind, word, number) in [
        (MachineKind::Unknown, "unknown", 0),
        (MachineKind::Init, "init", 1),
        (MachineKind::ControlPlane, "controlplane", 2),
        (MachineKind::Worker, "worker", 3),
    ] {
        let encoded = MachineType(kind).encode().unwrap();
        let yaml = format!("{word}\n");
        check(MachineType::KIND.name, "scalar", &encoded, &yaml);
        let message = api::resource::config::MachineTypeSpec::decode(&encoded.proto[..]);
        assert_eq!(message.unwrap().machine_type, number);
    }
    let empty = registered::ALL.iter().copied().flatten();
    let empty: Vec<&str> = empty.map(|kind| kind.name).collect();
    for (name, fact) in &documented {
        let is_other = fact.yaml.is_some() && !empty.contains(name);
        assert_eq!(is_other, compared.contains(name), "{name}");
    }
}

#[test]
fn rsrc_every_type_that_has_resources_is_compared_with_the_documents() {
    let mut compared = of_the_node();
    compared.extend(wishes());
    compared.extend(samples::compared());
    compared.extend(EMPTY.iter().map(|kind| kind.name));
    // Those of the test above, those of the library of the documents, and what they do not have.
    compared.extend([
        MachineConfig::KIND.name,
        MachineType::KIND.name,
        ResourceDefinition::KIND.name,
        Namespace::KIND.name,
    ]);
    compared.extend(LATER);
    let empty = registered::ALL.iter().copied().flatten();
    compared.extend(empty.map(|kind| kind.name));

    for kind in meta::all() {
        assert!(
            compared.contains(&kind.name),
            "{} is not compared",
            kind.name
        );
    }
    for kind in EMPTY {
        assert_eq!(documented()[kind.name].fields, [], "{}", kind.name);
    }
}
