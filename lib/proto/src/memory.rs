// SPDX-License-Identifier: MPL-2.0
//! How much memory the door may have.
//!
//! Owns: the one rule that two programs must agree on: init, which sets the limit, and apid, which
//! keeps below it.
//! Never: asks how much there is.

const MIB: u64 = 1024 * 1024;

/// What a door may have that lets clients in.
pub const DOOR: u64 = 36 * MIB;
/// What it may have where it passes thousands of streams on to other nodes too.
pub const ROUTING_DOOR: u64 = 72 * MIB;
/// A machine with so much can spare it: control planes have some times as much. One that is sold with 512 MiB
/// has a little less, after the kernel took its own.
const ROOMY: u64 = 384 * MIB;

/// How many bytes apid may have on a machine with `total` bytes (sysinfo(2), `totalram`).
#[must_use]
pub const fn door_max(total: u64) -> u64 {
    if total >= ROOMY { ROUTING_DOOR } else { DOOR }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_512_mib_are_roomy_and_those_of_256_are_not() {
        assert_eq!(door_max(256 * MIB), DOOR);
        assert_eq!(door_max(470 * MIB), ROUTING_DOOR);
        assert_eq!(door_max(u64::MAX), ROUTING_DOOR);
    }
}
