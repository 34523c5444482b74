// SPDX-License-Identifier: MPL-2.0
//! What newer releases than v1.6 added to the format.
//!
//! Owns: the tables of their keys, shapes and kinds of documents, with the release each came with.
//! Never: lists what is read here; a row goes when its key or kind is given a meaning.

/// A key of a section that is named as its struct is.
struct Key {
    section: &'static str,
    key: &'static str,
    since: &'static str,
}

const fn key_row(section: &'static str, key: &'static str, since: &'static str) -> Key {
    Key {
        section,
        key,
        since,
    }
}

const KEYS: &[Key] = &[
    key_row("ApiServerConfig", "authorizationConfig", "1.9"),
    key_row("Bridge", "vlan", "1.8"),
    key_row("ClusterConfig", "acceptedCAs", "1.7"),
    key_row("Device", "bridgePort", "1.9"),
    key_row("EncryptionKey", "lockToState", "1.11"),
    key_row("EncryptionKeyTpm", "checkSecurebootStatusOnEnroll", "1.10"),
    key_row("EncryptionKeyTpm", "options", "1.12"),
    key_row("FeaturesConfig", "hostDNS", "1.7"),
    key_row("FeaturesConfig", "imageCache", "1.9"),
    key_row("FeaturesConfig", "nodeAddressSortAlgorithm", "1.9"),
    key_row("FlannelCniConfig", "kubeNetworkPoliciesEnabled", "1.13"),
    key_row("InstallConfig", "grubUseUKICmdline", "1.12"),
    key_row("MachineConfig", "baseRuntimeSpecOverrides", "1.9"),
    key_row("MachineConfig", "nodeAnnotations", "1.8"),
    key_row("SideroLinkConfig", "uniqueToken", "1.10"),
];

/// The release from which an argument of `extraArgs` may be a list.
pub(crate) const ARGUMENT_LISTS: &str = "1.13";

/// A kind of document, and the release it came with.
const KINDS: &[(&str, &str)] = &[
    ("BlackholeRouteConfig", "1.13"),
    ("BondConfig", "1.12"),
    ("BridgeConfig", "1.12"),
    ("DHCPv4Config", "1.12"),
    ("DHCPv6Config", "1.12"),
    ("DummyLinkConfig", "1.12"),
    ("EnvironmentConfig", "1.13"),
    ("EthernetConfig", "1.10"),
    ("ExistingVolumeConfig", "1.11"),
    ("ExternalVolumeConfig", "1.13"),
    ("HCloudVIPConfig", "1.12"),
    ("HostnameConfig", "1.12"),
    ("KubeSpanConfig", "1.13"),
    ("KubeSpanEndpoints", "1.8"),
    ("Layer2VIPConfig", "1.12"),
    ("LinkAliasConfig", "1.12"),
    ("LinkConfig", "1.12"),
    ("OOMConfig", "1.12"),
    ("PCIDriverRebindConfig", "1.10"),
    ("RawVolumeConfig", "1.11"),
    ("RegistryAuthConfig", "1.12"),
    ("RegistryMirrorConfig", "1.12"),
    ("RegistryTLSConfig", "1.12"),
    ("ResolverConfig", "1.12"),
    ("RoutingRuleConfig", "1.13"),
    ("StaticHostConfig", "1.12"),
    ("SwapVolumeConfig", "1.11"),
    ("TCPProbeConfig", "1.13"),
    ("TimeSyncConfig", "1.12"),
    ("TrustedRootsConfig", "1.8"),
    ("UserVolumeConfig", "1.10"),
    ("VLANConfig", "1.12"),
    ("VRFConfig", "1.13"),
    ("VolumeConfig", "1.8"),
    ("WatchdogTimerConfig", "1.7"),
    ("WireguardConfig", "1.12"),
    ("ZswapConfig", "1.11"),
];

/// The release that a key of a section came with, if it is one of newer releases.
pub(crate) fn key(section: &str, key: &str) -> Option<&'static str> {
    KEYS.iter()
        .find(|row| row.section == section && row.key == key)
        .map(|row| row.since)
}

/// The name of a kind of document of newer releases, and the release it came with.
pub(crate) fn kind(name: &str) -> Option<(&'static str, &'static str)> {
    KINDS.iter().find(|(kind, _)| *kind == name).copied()
}

#[cfg(test)]
mod tests {
    use super::{KEYS, KINDS};
    use crate::Extra;

    #[test]
    fn nothing_that_is_read_is_called_newer_and_no_row_is_there_twice() {
        assert!(KINDS.is_sorted());
        assert!(KINDS.iter().all(|(kind, _)| Extra::kind_of(kind).is_none()));
        assert!(KEYS.is_sorted_by_key(|row| (row.section, row.key)));
    }
}
