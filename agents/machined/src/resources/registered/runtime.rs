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
    "MachineResetSignals.runtime.talos.dev" in "runtime", Public,
        ["machineresetsignal", "mrs"], [];
    "MaintenanceServiceRequests.runtime.talos.dev" in "runtime", Public,
        ["maintenanceservicerequest", "msr", "msrs"], [];
}
