// SPDX-License-Identifier: MPL-2.0
//! The `machine.network` section.
//!
//! Owns: its keys, in the order they are written.
//! Never: says what an absent key means; `Spec` does.

use crate::quantity::GoDuration;
use crate::scalar::SecretText;
use crate::schema::document;

document! {
    /// The network of a node.
    pub struct NetworkConfig {
        "hostname" hostname: String, omit, "The host name, with or without domain.";
        "interfaces" interfaces: Vec<Device>, omit, "The links.";
        "nameservers" nameservers: Vec<String>, omit, "Addresses of name servers.";
        "extraHostEntries" extra_host_entries: Vec<ExtraHost>, omit, "More lines of /etc/hosts.";
        "kubespan" kubespan: Option<NetworkKubeSpan>, omit, "The encrypted network between nodes.";
        "disableSearchDomain" disable_search_domain: Option<bool>, omit, "No search line in resolv.conf.";
    }

    /// One link.
    pub struct Device {
        "interface" interface: String, omit, "Its name.";
        "deviceSelector" device_selector: Option<NetworkDeviceSelector>, omit, "How to find it.";
        "addresses" addresses: Vec<String>, omit, "Addresses, with or without prefix length.";
        "cidr" cidr: String, omit, "One address (old spelling).";
        "routes" routes: Vec<Route>, omit, "Routes over it.";
        "bond" bond: Option<Bond>, omit, "It is a bond of others.";
        "bridge" bridge: Option<Bridge>, omit, "It is a bridge between others.";
        "vlans" vlans: Vec<Vlan>, omit, "VLANs on it.";
        "mtu" mtu: i64, omit, "Largest packet.";
        "dhcp" dhcp: Option<bool>, omit, "Ask for an address.";
        "ignore" ignore: Option<bool>, omit, "Leave it alone.";
        "dummy" dummy: Option<bool>, omit, "It is a link to nowhere.";
        "dhcpOptions" dhcp_options: Option<DhcpOptions>, omit, "How to ask for an address.";
        "wireguard" wireguard: Option<DeviceWireguardConfig>, omit, "It is a WireGuard tunnel.";
        "vip" vip: Option<DeviceVipConfig>, omit, "An address shared by control plane nodes.";
    }

    /// How to find a link.
    pub struct NetworkDeviceSelector {
        "busPath" bus_path: String, omit, "Path on the bus; `*` matches anything.";
        "hardwareAddr" hardware_addr: String, omit, "Hardware address; `*` matches anything.";
        "pciID" pci_id: String, omit, "PCI identifier.";
        "driver" driver: String, omit, "Kernel driver.";
    }

    /// A route.
    pub struct Route {
        "network" network: String, keep, "Where to; empty is everywhere.";
        "gateway" gateway: String, keep, "Over whom.";
        "source" source: String, omit, "Which of our addresses to use.";
        "metric" metric: u32, omit, "The smaller, the better.";
        "mtu" mtu: u32, omit, "Largest packet.";
    }

    /// A bond of several links.
    pub struct Bond {
        "interfaces" interfaces: Vec<String>, keep, "The members.";
        "deviceSelectors" device_selectors: Vec<NetworkDeviceSelector>, omit, "How to find the members.";
        "arpIPTarget" arp_ip_target: Vec<String>, omit, "Not supported.";
        "mode" mode: String, keep, "The mode.";
        "xmitHashPolicy" xmit_hash_policy: String, omit, "What is hashed to choose a member.";
        "lacpRate" lacp_rate: String, omit, "How often LACP speaks.";
        "adActorSystem" ad_actor_system: String, omit, "Not supported.";
        "arpValidate" arp_validate: String, omit, "Which ARP answers are checked.";
        "arpAllTargets" arp_all_targets: String, omit, "Whether all ARP targets must answer.";
        "primary" primary: String, omit, "The preferred member.";
        "primaryReselect" primary_reselect: String, omit, "When the preferred member takes over again.";
        "failOverMac" fail_over_mac: String, omit, "Which hardware address is used.";
        "adSelect" ad_select: String, omit, "How aggregators are chosen.";
        "miimon" miimon: u32, omit, "Milliseconds between link checks.";
        "updelay" updelay: u32, omit, "Milliseconds until a member counts as up.";
        "downdelay" downdelay: u32, omit, "Milliseconds until a member counts as down.";
        "arpInterval" arp_interval: u32, omit, "Milliseconds between ARP checks.";
        "resendIgmp" resend_igmp: u32, omit, "IGMP reports after a change.";
        "minLinks" min_links: u32, omit, "Members that must be up.";
        "lpInterval" lp_interval: u32, omit, "Seconds between learning packets.";
        "packetsPerSlave" packets_per_slave: u32, omit, "Packets before the next member.";
        "numPeerNotif" num_peer_notif: u8, omit, "Notifications after a change.";
        "tlbDynamicLb" tlb_dynamic_lb: u8, omit, "Shuffle flows by load.";
        "allSlavesActive" all_slaves_active: u8, omit, "Keep packets of inactive members.";
        "useCarrier" use_carrier: Option<bool>, omit, "Ask the driver for the carrier.";
        "adActorSysPrio" ad_actor_sys_prio: u16, omit, "System priority of LACP.";
        "adUserPortKey" ad_user_port_key: u16, omit, "Port key of LACP.";
        "peerNotifyDelay" peer_notify_delay: u32, omit, "Milliseconds between notifications.";
    }

    /// A bridge between links.
    pub struct Bridge {
        "interfaces" interfaces: Vec<String>, keep, "The members.";
        "stp" stp: Option<Stp>, omit, "The spanning tree protocol.";
    }

    /// The spanning tree protocol.
    pub struct Stp {
        "enabled" enabled: Option<bool>, omit, "Whether it runs.";
    }

    /// A VLAN on a link.
    pub struct Vlan {
        "addresses" addresses: Vec<String>, omit, "Addresses, with or without prefix length.";
        "cidr" cidr: String, omit, "One address (old spelling).";
        "routes" routes: Vec<Route>, keep, "Routes over it.";
        "dhcp" dhcp: Option<bool>, omit, "Ask for an address.";
        "vlanId" vlan_id: u16, keep, "Its number.";
        "mtu" mtu: u32, omit, "Largest packet.";
        "vip" vip: Option<DeviceVipConfig>, omit, "An address shared by control plane nodes.";
        "dhcpOptions" dhcp_options: Option<DhcpOptions>, omit, "How to ask for an address.";
    }

    /// How to ask for an address.
    pub struct DhcpOptions {
        "routeMetric" route_metric: u32, keep, "Metric of the routes it brings; 0 takes 1024.";
        "ipv4" ipv4: Option<bool>, omit, "Ask for IPv4; yes when absent.";
        "ipv6" ipv6: Option<bool>, omit, "Ask for IPv6; no when absent.";
        "duidv6" duidv6: String, omit, "Who we are, in DHCPv6.";
    }

    /// A WireGuard tunnel.
    pub struct DeviceWireguardConfig {
        "privateKey" private_key: SecretText, omit, "Our key, base64.";
        "listenPort" listen_port: i64, omit, "Our port.";
        "firewallMark" firewall_mark: i64, omit, "Mark of its packets.";
        "peers" peers: Vec<DeviceWireguardPeer>, omit, "The others.";
    }

    /// The other end of a WireGuard tunnel.
    pub struct DeviceWireguardPeer {
        "publicKey" public_key: String, omit, "Its key, base64.";
        "endpoint" endpoint: String, omit, "Its address and port.";
        "persistentKeepaliveInterval" persistent_keepalive_interval: GoDuration, omit, "How often to say something.";
        "allowedIPs" allowed_ips: Vec<String>, omit, "Networks behind it.";
    }

    /// An address shared by control plane nodes.
    pub struct DeviceVipConfig {
        "ip" ip: String, omit, "The address.";
        "equinixMetal" equinix_metal: Option<VipEquinixMetalConfig>, omit, "How to claim it at Equinix Metal.";
        "hcloud" hcloud: Option<VipHCloudConfig>, omit, "How to claim it at Hetzner Cloud.";
    }

    /// How to claim an address at Equinix Metal.
    pub struct VipEquinixMetalConfig {
        "apiToken" api_token: SecretText, keep, "The token of its API.";
    }

    /// How to claim an address at Hetzner Cloud.
    pub struct VipHCloudConfig {
        "apiToken" api_token: SecretText, keep, "The token of its API.";
    }

    /// More lines of /etc/hosts.
    pub struct ExtraHost {
        "ip" ip: String, keep, "The address.";
        "aliases" aliases: Vec<String>, keep, "Its names.";
    }

    /// The encrypted network between nodes.
    pub struct NetworkKubeSpan {
        "enabled" enabled: Option<bool>, omit, "Whether it runs.";
        "advertiseKubernetesNetworks" advertise_kubernetes_networks: Option<bool>, omit, "Send pod traffic over it too.";
        "allowDownPeerBypass" allow_down_peer_bypass: Option<bool>, omit, "Go around it when a peer is down.";
        "harvestExtraEndpoints" harvest_extra_endpoints: Option<bool>, omit, "Tell others where peers were seen.";
        "mtu" mtu: Option<u32>, omit, "Largest packet.";
        "filters" filters: Option<KubeSpanFilters>, omit, "Which addresses are offered.";
    }

    /// Which addresses the encrypted network offers.
    pub struct KubeSpanFilters {
        "endpoints" endpoints: Vec<String>, omit, "Networks; `!` excludes one.";
    }
}

impl Device {
    /// Writes what is about this link, as it stands in a document.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        crate::configuration::print(self)
    }
}
