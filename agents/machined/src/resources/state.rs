// SPDX-License-Identifier: MPL-2.0
//! Resources of what the node has got to.
//!
//! Owns: readiness, security and the platform, in a line each.
//! Never: computes one.

use std::net::IpAddr;

use super::field::{signal, spec};
use super::values::HardwareAddr;

spec! {
    /// The address of the first network device. Its id is `first`.
    HardwareAddress,
    "HardwareAddresses.net.talos.dev" in "network",
    ["hardwareaddress", "ha", "has"],
    [],
    Public,
    {
        1 "name" name: String, keep, "The device.";
        2 "hardwareAddr" address: HardwareAddr, keep, "Its address.";
    }
}

spec! {
    /// What of the network is ready. Its id is `status`.
    NetworkStatus,
    "NetworkStatuses.net.talos.dev" in "network",
    ["netstatus", "netstatuses", "networkstatus", "ns"],
    ["Address" = "{.addressReady}", "Connectivity" = "{.connectivityReady}",
     "Hostname" = "{.hostnameReady}", "Etc" = "{.etcFilesReady}"],
    Public,
    {
        1 "addressReady" address_ready: bool, keep, "The node has an address.";
        2 "connectivityReady" connectivity_ready: bool, keep, "It has a way to others.";
        3 "hostnameReady" hostname_ready: bool, keep, "It has a name.";
        4 "etcFilesReady" etc_files_ready: bool, keep, "What programs look up names with is written.";
    }
}

spec! {
    /// Whether devices have their nodes. Its id is `devices`.
    DevicesStatus,
    "DevicesStatuses.runtime.talos.dev" in "runtime",
    ["devicesstatus", "ds"],
    ["Ready" = "{.ready}"],
    Public,
    {
        1 "ready" ready: bool, keep, "Whether they have.";
    }
}

spec! {
    /// How the machine was started. Its id is `securitystate`.
    SecurityState,
    "SecurityStates.talos.dev" in "runtime",
    ["securitystate", "ss"],
    ["SecureBoot" = "{.secureBoot}", "UKISigningKeyFingerprint" = "{.ukiSigningKeyFingerprint}",
     "PCRSigningKeyFingerprint" = "{.pcrSigningKeyFingerprint}"],
    Public,
    {
        1 "secureBoot" secure_boot: bool, keep, "Whether the firmware checked what it started.";
        2 "ukiSigningKeyFingerprint" uki_signing_key: String, omit, "Who signed the kernel.";
        3 "pcrSigningKeyFingerprint" pcr_signing_key: String, omit, "Who signed what the TPM measures.";
    }
}

spec! {
    /// Where the machine runs. Its id is `platformmetadata`.
    PlatformMetadata,
    "PlatformMetadatas.talos.dev" in "runtime",
    ["platformmetadata", "pm", "pms"],
    ["Platform" = "{.platform}", "Type" = "{.instanceType}", "Region" = "{.region}",
     "Zone" = "{.zone}"],
    Public,
    {
        1 "platform" platform: String, omit, "The kind of place: `metal`.";
        2 "hostname" hostname: String, omit, "What the place calls it.";
        3 "region" region: String, omit, "Where the place is.";
        4 "zone" zone: String, omit, "Where in it.";
        5 "instanceType" instance_type: String, omit, "The kind of machine.";
        6 "instanceId" instance_id: String, omit, "Which one.";
        7 "providerId" provider_id: String, omit, "Which one, for Kubernetes.";
        8 "spot" spot: bool, omit, "Whether it may be taken away.";
    }
}

spec! {
    /// Where a node without a configuration is reached. Its id is `maintenance`.
    MaintenanceServiceConfig,
    "MaintenanceServiceConfigs.runtime.talos.dev" in "runtime",
    ["maintenanceserviceconfig", "msc", "mscs"],
    [],
    Public,
    {
        1 "listenAddress" listen_address: String, keep, "Where it listens.";
        2 "reachableAddresses" reachable_addresses: Vec<IpAddr>, keep, "Where others find it.";
    }
}

signal! {
    /// A configuration is waited for from whoever comes. Its id is `maintenance`.
    MaintenanceServiceRequest,
    "MaintenanceServiceRequests.runtime.talos.dev" in "runtime",
    ["maintenanceservicerequest", "msr", "msrs"]
}

signal! {
    /// The node looks for its configuration, or has. Its id is `machine-config`.
    AcquireConfigSpec,
    "AcquireConfigSpecs.v1alpha1.talos.dev" in "runtime",
    ["acquireconfigspec", "acs"]
}

signal! {
    /// The node has its configuration. Its id is `machine-config`.
    AcquireConfigStatus,
    "AcquireConfigStatuses.v1alpha1.talos.dev" in "runtime",
    ["acquireconfigstatus", "acs"]
}

impl AcquireConfigSpec {
    /// Its only id, and that of the status.
    pub(crate) const ID: &'static str = "machine-config";
}

impl MaintenanceServiceRequest {
    /// The only id of everything about maintenance mode.
    pub(crate) const ID: &'static str = "maintenance";
}

spec! {
    /// A kernel parameter as it is without a configuration. Its id is `proc.sys.` and its name.
    KernelParamDefaultSpec,
    "KernelParamDefaultSpecs.runtime.talos.dev" in "runtime",
    ["kernelparamdefaultspec", "kpds"],
    [],
    Public,
    {
        1 "value" value: String, keep, "The value.";
        2 "ignoreErrors" ignore_errors: bool, keep, "Whether a kernel without it is fine.";
    }
}
