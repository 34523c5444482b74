// SPDX-License-Identifier: MPL-2.0
//! The running machine and its parts: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "AcquireConfigSpecs.v1alpha1.talos.dev" in "runtime", Public,
        ["acquireconfigspec", "acs"], [];
    "AcquireConfigStatuses.v1alpha1.talos.dev" in "runtime", Public,
        ["acquireconfigstatus", "acs"], [];
    "AdjtimeStatuses.v1alpha1.talos.dev" in "runtime", Public,
        ["adjtimestatus", "as"],
        ["Offset" = "{.offset}", "EstError" = "{.estError}", "MaxError" = "{.maxError}",
         "Status" = "{.status}", "Sync" = "{.syncStatus}"];
    "CPUStats.perf.talos.dev" in "perf", Public,
        ["cpustat", "cpus"],
        ["User" = "{.cpuTotal.user}", "System" = "{.cpuTotal.system}"];
    "DevicesStatuses.runtime.talos.dev" in "runtime", Public,
        ["devicesstatus", "ds"],
        ["Ready" = "{.ready}"];
    "EtcFileSpecs.files.talos.dev" in "files", Public,
        ["etcfilespec", "efs"], [];
    "EtcFileStatuses.files.talos.dev" in "files", Public,
        ["etcfilestatus", "efs"], [];
    "EventSinkConfigs.runtime.talos.dev" in "runtime", Public,
        ["eventsinkconfig", "esc", "escs"], [];
    "KernelParamDefaultSpecs.runtime.talos.dev" in "runtime", Public,
        ["kernelparamdefaultspec", "kpds"], [];
    "KmsgLogConfigs.runtime.talos.dev" in "runtime", Public,
        ["kmsglogconfig", "klc", "klcs"], [];
    "MachineResetSignals.runtime.talos.dev" in "runtime", Public,
        ["machineresetsignal", "mrs"], [];
    "MaintenanceServiceConfigs.runtime.talos.dev" in "runtime", Public,
        ["maintenanceserviceconfig", "msc", "mscs"], [];
    "MaintenanceServiceRequests.runtime.talos.dev" in "runtime", Public,
        ["maintenanceservicerequest", "msr", "msrs"], [];
    "MemoryModules.hardware.talos.dev" in "hardware", Public,
        ["memorymodules", "ram", "memorymodule", "mm", "mms"],
        ["Manufacturer" = "{.manufacturer}", "Model" = "{.productName}", "SizeMiB" = "{.sizeMiB}"];
    "MemoryStats.perf.talos.dev" in "perf", Public,
        ["memorystat", "ms"],
        ["Used" = "{.used}", "Total" = "{.total}"];
    "MetaKeys.runtime.talos.dev" in "runtime", Public,
        ["meta", "metakey", "mk", "mks"],
        ["Value" = "{.value}"];
    "MetaLoads.runtime.talos.dev" in "runtime", Public,
        ["metaload", "ml", "mls"],
        ["Done" = "{.done}"];
    "MountStatuses.runtime.talos.dev" in "runtime", Public,
        ["mounts", "mountstatus", "ms"],
        ["Source" = "{.source}", "Target" = "{.target}", "Filesystem Type" = "{.filesystemType}"];
    "PlatformMetadatas.talos.dev" in "runtime", Public,
        ["platformmetadata", "pm", "pms"],
        ["Platform" = "{.platform}", "Type" = "{.instanceType}", "Region" = "{.region}",
         "Zone" = "{.zone}"];
    "Processors.hardware.talos.dev" in "hardware", Public,
        ["cpus", "cpu", "processor"],
        ["Manufacturer" = "{.manufacturer}", "Model" = "{.productName}",
         "Cores" = "{.coreCount}", "Threads" = "{.threadCount}"];
    "SecurityStates.talos.dev" in "runtime", Public,
        ["securitystate", "ss"],
        ["SecureBoot" = "{.secureBoot}",
         "UKISigningKeyFingerprint" = "{.ukiSigningKeyFingerprint}",
         "PCRSigningKeyFingerprint" = "{.pcrSigningKeyFingerprint}"];
    "SystemInformations.hardware.talos.dev" in "hardware", Public,
        ["systeminformation", "systeminformation", "si", "sis"],
        ["Manufacturer" = "{.manufacturer}", "ProductName" = "{.productName}",
         "Version" = "{.version}", "SerialNumber" = "{.serialnumber}", "UUID" = "{.uuid}",
         "WakeUpType" = "{.wakeUpType}", "SKUNumber" = "{.skuNumber}"];
    "TimeStatuses.v1alpha1.talos.dev" in "runtime", Public,
        ["timestatus", "ts"],
        ["Synced" = "{.synced}"];
    "UniqueMachineTokens.runtime.talos.dev" in "runtime", Public,
        ["uniquemachinetoken", "umt", "umts"],
        ["Token" = "{.token}"];
}
