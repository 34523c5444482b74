// SPDX-License-Identifier: MPL-2.0
//! How much memory each log may take.
//!
//! Owns: the sizes of rings and their sum.
//! Never: grows a ring: what does not fit pushes out the oldest lines of the same log.

use proto::log::{APPEND_MAX, CONTROLLERS, KERNEL, LINE_MAX, SYSLOG};
use proto::supervisor::SERVICES_MAX;

/// The most bytes one log is given in one turn. A page: small enough that sixty-four flooding
/// services have their turn within milliseconds.
pub const TURN_MAX: usize = 4096;

/// The part of a ring that is never served, because the next append may be writing there when
/// logd is killed: an unfinished line, one turn, and the newlines that cutting adds.
pub const GAP: u64 = GAP_BYTES as u64;
const GAP_BYTES: usize = 3 * 4096;
const _: () = assert!(
    GAP_BYTES >= LINE_MAX + TURN_MAX + 16,
    "an append must fit the gap"
);
const _: () = assert!(APPEND_MAX <= TURN_MAX, "what is appended is one turn");

/// The most logs: every service that init can have, the kernel, programs that have no log of their
/// own, and the controllers of machined.
pub const LOGS_MAX: usize = SERVICES_MAX + 3;

/// A log whose size is its own.
struct Row {
    name: &'static str,
    capacity: u32,
}

/// Sizes in bytes. Pages of a ring are taken as it fills, so a quiet log costs nothing.
const ROWS: &[Row] = &[
    // A boot on a server with many devices is 150 KiB of kernel messages.
    Row {
        name: KERNEL,
        capacity: 256 * 1024,
    },
    // The boot sequence and every change of configuration, with their reasons.
    Row {
        name: "machined",
        capacity: 256 * 1024,
    },
    // A line for each resource that a controller writes: a boot is some hundred of them.
    Row {
        name: CONTROLLERS,
        capacity: 128 * 1024,
    },
    // One line for each refused client; somebody may be trying.
    Row {
        name: "apid",
        capacity: 128 * 1024,
    },
    // These say little: a link, a lease, a disk.
    Row {
        name: "netd",
        capacity: 64 * 1024,
    },
    Row {
        name: "udevd",
        capacity: 64 * 1024,
    },
    // Daemons of extensions; anybody may fill it, so it takes no room from others.
    Row {
        name: SYSLOG,
        capacity: 64 * 1024,
    },
    Row {
        name: "logd",
        capacity: 32 * 1024,
    },
];

/// Any other service, as long as there is room.
const ORDINARY: u32 = 128 * 1024;
/// Any other service when there is none: some hundred lines each.
pub const SMALLEST: u32 = 32 * 1024;
/// The largest ring there is; a file that says more is not one of ours.
pub const LARGEST: u32 = 256 * 1024;
/// Ordinary logs stop here; a node with 128 MiB has this to spare when everything floods. With
/// every service of the table at its smallest the sum is below 6 MiB.
const TOTAL_MAX: u64 = 4 * 1024 * 1024;

/// The size of a new log called `name` when all others have `taken` bytes.
#[must_use]
pub fn of(name: &str, taken: u64) -> u32 {
    match ROWS.iter().find(|row| row.name == name) {
        Some(row) => row.capacity,
        None if taken.saturating_add(u64::from(ORDINARY)) <= TOTAL_MAX => ORDINARY,
        None => SMALLEST,
    }
}

/// Whether `name` may be a log's: it becomes the name of a file.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{GAP, LARGEST, LOGS_MAX, ROWS, SMALLEST, is_name, of};

    #[test]
    fn all_logs_together_stay_below_six_mebibytes() {
        let mut taken: u64 = ROWS.iter().map(|row| u64::from(row.capacity)).sum();
        for _ in ROWS.len()..LOGS_MAX {
            taken += u64::from(of("ext-hello", taken));
        }

        assert!(taken <= 6 * 1024 * 1024, "{taken}");
    }

    #[test]
    fn every_ring_serves_more_than_half_of_itself() {
        for row in ROWS {
            assert!((SMALLEST..=LARGEST).contains(&row.capacity));
        }
        assert!(u64::from(SMALLEST) > 2 * GAP);
    }

    #[test]
    fn names_that_are_no_file_names_are_refused() {
        for bad in ["", ".", "..", ".x", "a/b", "a b", "ä", "a\0"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("ext-hello_1.2"));
    }
}
