// SPDX-License-Identifier: MPL-2.0
//! The running machine and its parts: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "MachineResetSignals.runtime.talos.dev" in "runtime", Public,
        ["machineresetsignal", "mrs"], [];
}
