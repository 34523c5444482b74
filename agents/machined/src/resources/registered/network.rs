// SPDX-License-Identifier: MPL-2.0
//! The network: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "LinkRefreshes.net.talos.dev" in "network", Public,
        ["linkrefresh", "lr", "lrs"], [];
    "NfTablesChains.net.talos.dev" in "network", Public,
        ["chain", "chains", "nftableschain", "ntc", "ntcs"],
        ["Type" = "{.type}", "Hook" = "{.hook}", "Priority" = "{.priority}",
         "Policy" = "{.policy}"];
    "ProbeSpecs.net.talos.dev" in "network", Public,
        ["probespec", "ps"], [];
    "ProbeStatuses.net.talos.dev" in "network", Public,
        ["probe", "probes", "probestatus", "ps"],
        ["Success" = "{.success}"];
}
