// SPDX-License-Identifier: MPL-2.0
//! The configuration as meant: what agents must make true.
//!
//! Owns: defaults, and folding old spellings into new ones.
//! Never: reports problems; what does not parse was refused by validation and is left out here.

mod logging;

pub use logging::LogDestination;

use crate::document::{
    CertificateAndKey, ClusterConfig, Device, DhcpOptions, Document, FeaturesConfig, InstallConfig,
    MachineConfig, MachineFile, NetworkConfig, NetworkDeviceSelector, Route, Vlan,
};
use crate::network::Cidr;
use crate::scalar::{FileMode, SecretText};
use crate::url::Url;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

/// Metric of routes that name none.
const ROUTE_METRIC: u32 = 1024;

/// The role of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MachineType {
    /// A control plane node that starts a new cluster (old way).
    Init,
    /// A control plane node.
    ControlPlane,
    /// Any other node.
    Worker,
    /// Not known.
    #[default]
    Unknown,
}

impl MachineType {
    /// Reads a role; `join` and nothing are old ways to say worker.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "init" => Self::Init,
            "controlplane" => Self::ControlPlane,
            "worker" | "join" | "" => Self::Worker,
            _ => Self::Unknown,
        }
    }

    /// Whether the control plane runs here.
    #[must_use]
    pub fn is_control_plane(self) -> bool {
        matches!(self, Self::Init | Self::ControlPlane)
    }
}

impl fmt::Display for MachineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "init",
            Self::ControlPlane => "controlplane",
            Self::Worker => "worker",
            Self::Unknown => "unknown",
        })
    }
}

/// What a node must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spec {
    /// Its role.
    pub machine_type: MachineType,
    /// Whether it says more on the console.
    pub debug: bool,
    /// The token with which nodes join.
    pub token: SecretText,
    /// The authority of the machine API; without key on workers.
    pub authority: CertificateAndKey,
    /// More names and addresses for its certificate.
    pub cert_sans: Vec<String>,
    /// The host name, if it has a set one.
    pub hostname: Option<HostName>,
    /// Whether resolv.conf has a search line.
    pub search_domain: bool,
    /// The links.
    pub links: Vec<LinkSpec>,
    /// Addresses of name servers; empty leaves the defaults in place.
    pub name_servers: Vec<IpAddr>,
    /// More lines of /etc/hosts.
    pub extra_hosts: Vec<(IpAddr, Vec<String>)>,
    /// Where the time comes from.
    pub time: TimeSpec,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Values to write below /sys.
    pub sysfs: BTreeMap<String, String>,
    /// Files to write, in order.
    pub files: Vec<FileSpec>,
    /// Environment variables of the services.
    pub environment: BTreeMap<String, String>,
    /// Kernel modules to load, with their parameters.
    pub modules: Vec<(String, Vec<String>)>,
    /// Where logs are shipped to.
    pub log_destinations: Vec<LogDestination>,
    /// Where and what to install, as written.
    pub install: Option<InstallConfig>,
    /// Switches.
    pub features: FeaturesSpec,
    /// What all nodes share.
    pub cluster: ClusterSpec,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Where it is.
    pub path: String,
    /// What is in it.
    pub content: String,
    /// Its permission bits.
    pub permissions: FileMode,
    /// What happens to the file that may be there.
    pub operation: FileOperation,
}

/// What writing a file does to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOperation {
    /// It must not be there.
    Create,
    /// It gets more at its end.
    Append,
    /// It gets other content.
    Overwrite,
}

impl FileOperation {
    /// Reads an operation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "create" => Some(Self::Create),
            "append" => Some(Self::Append),
            "overwrite" => Some(Self::Overwrite),
            _ => None,
        }
    }
}

/// A host name with its domain apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// The first label.
    pub name: String,
    /// The rest; may be empty.
    pub domain: String,
}

impl HostName {
    /// Splits a name at its first dot.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (name, domain) = text.split_once('.').unwrap_or((text, ""));
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
        }
    }
}

/// One link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSpec {
    /// Its name; `None` when a selector finds it.
    pub name: Option<String>,
    /// How to find it.
    pub selector: Option<NetworkDeviceSelector>,
    /// Whether it is left alone.
    pub ignore: bool,
    /// Whether it is a link to nowhere.
    pub dummy: bool,
    /// Largest packet; `None` leaves it.
    pub mtu: Option<u32>,
    /// How to ask for an address; `None` does not ask.
    pub dhcp: Option<DhcpSpec>,
    /// Its addresses.
    pub addresses: Vec<Cidr>,
    /// Routes over it.
    pub routes: Vec<RouteSpec>,
    /// VLANs on it.
    pub vlans: Vec<VlanSpec>,
}

/// A VLAN on a link.
#[derive(Debug, Clone, PartialEq)]
pub struct VlanSpec {
    /// Its number.
    pub id: u16,
    /// Largest packet; `None` leaves it.
    pub mtu: Option<u32>,
    /// How to ask for an address; `None` does not ask.
    pub dhcp: Option<DhcpSpec>,
    /// Its addresses.
    pub addresses: Vec<Cidr>,
    /// Routes over it.
    pub routes: Vec<RouteSpec>,
}

/// How to ask for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DhcpSpec {
    /// Ask for IPv4.
    pub ipv4: bool,
    /// Ask for IPv6.
    pub ipv6: bool,
    /// Metric of the routes that come with it.
    pub route_metric: u32,
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSpec {
    /// Where to; `None` is everywhere.
    pub destination: Option<Cidr>,
    /// Over whom; `None` is directly.
    pub gateway: Option<IpAddr>,
    /// Which of our addresses to use.
    pub source: Option<IpAddr>,
    /// The smaller, the better.
    pub metric: u32,
    /// Largest packet; `None` leaves it to the link.
    pub mtu: Option<u32>,
}

/// Where the time comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeSpec {
    /// Whether the clock is left alone.
    pub disabled: bool,
    /// Time servers.
    pub servers: Vec<String>,
    /// How long boot waits for the time; `None` is for ever.
    pub boot_timeout: Option<Duration>,
}

/// Switches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeaturesSpec {
    /// Roles in client certificates count.
    pub rbac: bool,
    /// A default host name that stays.
    pub stable_hostname: bool,
    /// Certificates that are not for clients are refused.
    pub apid_check_ext_key_usage: bool,
    /// Quotas on EPHEMERAL.
    pub disk_quota_support: bool,
    /// The port of the local balancer; `None` when it does not run.
    pub kube_prism_port: Option<u16>,
}

/// What all nodes of a cluster share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClusterSpec {
    /// Who it is, for discovery.
    pub id: String,
    /// What members share, for discovery.
    pub secret: SecretText,
    /// Its name; workers do not know it.
    pub name: String,
    /// Where the control plane is.
    pub endpoint: Option<Url>,
    /// The port of kube-apiserver on its node.
    pub local_api_server_port: u16,
    /// The token with which kubelets join.
    pub token: SecretText,
    /// The domain of services.
    pub dns_domain: String,
    /// Networks of pods.
    pub pod_subnets: Vec<String>,
    /// Networks of services.
    pub service_subnets: Vec<String>,
    /// Whether members discover each other.
    pub discovery: bool,
    /// Whether pods may run on control plane nodes.
    pub allow_scheduling_on_control_planes: bool,
}

impl Spec {
    /// Lowers a document to what it means.
    #[must_use]
    pub fn from_document(document: &Document) -> Self {
        let Some(machine) = &document.machine else {
            return Self::default();
        };
        let network = machine.network.clone().unwrap_or_default();
        let mut spec = Self {
            machine_type: MachineType::parse(&machine.kind),
            debug: document.debug == Some(true),
            token: machine.token.clone(),
            authority: machine.ca.clone().unwrap_or_default(),
            cert_sans: machine.cert_sans.clone(),
            time: time(machine),
            sysctls: machine.sysctls.clone(),
            sysfs: machine.sysfs.clone(),
            files: machine.files.iter().filter_map(file).collect(),
            environment: machine.env.clone(),
            install: machine.install.clone(),
            features: machine.features.as_ref().map(features).unwrap_or_default(),
            cluster: document.cluster.as_ref().map(cluster).unwrap_or_default(),
            ..Self::default()
        };
        spec.take_network(&network);
        if let Some(kernel) = &machine.kernel {
            spec.modules = kernel
                .modules
                .iter()
                .map(|m| (m.name.clone(), m.parameters.clone()))
                .collect();
        }
        if let Some(logging) = &machine.logging {
            let destinations = logging.destinations.iter();
            spec.log_destinations = destinations
                .filter_map(LogDestination::from_document)
                .collect();
        }
        spec
    }

    fn take_network(&mut self, network: &NetworkConfig) {
        if !network.hostname.is_empty() {
            self.hostname = Some(HostName::parse(&network.hostname));
        }
        self.search_domain = network.disable_search_domain != Some(true);
        self.links = network.interfaces.iter().map(link).collect();
        self.name_servers = network
            .nameservers
            .iter()
            .filter_map(|a| a.parse().ok())
            .collect();
        self.extra_hosts = network
            .extra_host_entries
            .iter()
            .filter_map(|host| Some((host.ip.parse().ok()?, host.aliases.clone())))
            .collect();
    }
}

/// `None` when nothing says what to do with it, which validation refuses.
fn file(file: &MachineFile) -> Option<FileSpec> {
    Some(FileSpec {
        path: file.path.clone(),
        content: file.content.clone(),
        permissions: file.permissions,
        operation: FileOperation::parse(&file.op)?,
    })
}

fn time(machine: &MachineConfig) -> TimeSpec {
    let time = machine.time.clone().unwrap_or_default();
    TimeSpec {
        disabled: time.disabled == Some(true),
        servers: if time.servers.is_empty() {
            vec!["pool.ntp.org".to_owned()]
        } else {
            time.servers
        },
        boot_timeout: time
            .boot_timeout
            .to_std()
            .filter(|timeout| !timeout.is_zero()),
    }
}

fn features(features: &FeaturesConfig) -> FeaturesSpec {
    let prism = features
        .kube_prism
        .as_ref()
        .filter(|prism| prism.enabled == Some(true));
    FeaturesSpec {
        rbac: features.rbac == Some(true),
        stable_hostname: features.stable_hostname == Some(true),
        apid_check_ext_key_usage: features.apid_check_ext_key_usage == Some(true),
        disk_quota_support: features.disk_quota_support == Some(true),
        kube_prism_port: prism.map(|prism| port(prism.port, 7445)),
    }
}

fn port(written: i64, default: u16) -> u16 {
    u16::try_from(written)
        .ok()
        .filter(|port| *port != 0)
        .unwrap_or(default)
}

fn link(device: &Device) -> LinkSpec {
    let name = Some(device.interface.clone()).filter(|name| !name.is_empty());
    LinkSpec {
        name,
        selector: device.device_selector.clone(),
        ignore: device.ignore == Some(true),
        dummy: device.dummy == Some(true),
        mtu: u32::try_from(device.mtu).ok().filter(|mtu| *mtu != 0),
        dhcp: dhcp(device.dhcp, device.dhcp_options.as_ref()),
        addresses: addresses(&device.addresses, &device.cidr),
        routes: device.routes.iter().map(route).collect(),
        vlans: device.vlans.iter().map(vlan).collect(),
    }
}

fn vlan(vlan: &Vlan) -> VlanSpec {
    VlanSpec {
        id: vlan.vlan_id,
        mtu: Some(vlan.mtu).filter(|mtu| *mtu != 0),
        dhcp: dhcp(vlan.dhcp, vlan.dhcp_options.as_ref()),
        addresses: addresses(&vlan.addresses, &vlan.cidr),
        routes: vlan.routes.iter().map(route).collect(),
    }
}

fn dhcp(wanted: Option<bool>, options: Option<&DhcpOptions>) -> Option<DhcpSpec> {
    if wanted != Some(true) {
        return None;
    }
    let written = options.map_or(0, |options| options.route_metric);
    Some(DhcpSpec {
        ipv4: options.and_then(|options| options.ipv4) != Some(false),
        ipv6: options.and_then(|options| options.ipv6) == Some(true),
        route_metric: if written == 0 { ROUTE_METRIC } else { written },
    })
}

fn addresses(written: &[String], old: &str) -> Vec<Cidr> {
    let all = written.iter().map(String::as_str).chain(Some(old));
    all.filter_map(Cidr::parse_or_address).collect()
}

fn route(route: &Route) -> RouteSpec {
    RouteSpec {
        destination: Cidr::parse(&route.network),
        gateway: route.gateway.parse().ok(),
        source: route.source.parse().ok(),
        metric: if route.metric == 0 {
            ROUTE_METRIC
        } else {
            route.metric
        },
        mtu: Some(route.mtu).filter(|mtu| *mtu != 0),
    }
}

fn cluster(cluster: &ClusterConfig) -> ClusterSpec {
    let network = cluster.network.clone().unwrap_or_default();
    let control_plane = cluster.control_plane.as_ref();
    let or = |written: Vec<String>, default: &str| {
        if written.is_empty() {
            vec![default.to_owned()]
        } else {
            written
        }
    };
    let scheduling = cluster
        .allow_scheduling_on_control_planes
        .or(cluster.allow_scheduling_on_masters);
    ClusterSpec {
        id: cluster.id.clone(),
        secret: cluster.secret.clone(),
        name: cluster.cluster_name.clone(),
        endpoint: control_plane
            .and_then(|c| c.endpoint.as_deref())
            .and_then(Url::parse),
        local_api_server_port: port(control_plane.map_or(0, |c| c.local_api_server_port), 6443),
        token: cluster.token.clone(),
        dns_domain: if network.dns_domain.is_empty() {
            "cluster.local".to_owned()
        } else {
            network.dns_domain
        },
        pod_subnets: or(network.pod_subnets, "10.244.0.0/16"),
        service_subnets: or(network.service_subnets, "10.96.0.0/12"),
        discovery: cluster
            .discovery
            .as_ref()
            .is_some_and(|d| d.enabled == Some(true)),
        allow_scheduling_on_control_planes: scheduling == Some(true),
    }
}
