// SPDX-License-Identifier: MPL-2.0
//! What the control group of a service counts.
//!
//! Owns: `memory.current` and `cpu.stat` (Documentation/admin-guide/cgroup-v2.rst).
//! Never: changes a limit; init sets them.

use std::path::Path;

use crate::places::Places;

/// Where init keeps the groups of services.
const SYSTEM: &str = "/sys/fs/cgroup/system";

/// What a service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    /// Memory now, in bytes; 0 in a kernel that does not count it.
    pub memory: u64,
    /// Processor time since it has its group, in nanoseconds.
    pub cpu_ns: u64,
}

/// Reads what a service uses; nothing when it has no group. `id` is a name that init gave.
pub(crate) fn used(places: &Places, id: &str) -> Option<Used> {
    let group = places.at(SYSTEM).join(id);
    let text = |file: &str| std::fs::read_to_string(Path::join(&group, file)).ok();
    let cpu = text("cpu.stat")?;
    let memory = text("memory.current");
    let memory = memory.and_then(|memory| memory.trim().parse().ok());
    Some(Used {
        memory: memory.unwrap_or(0),
        cpu_ns: usage(&cpu)?.saturating_mul(1000),
    })
}

/// The microseconds of `cpu.stat`.
fn usage(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_among_its_parts_and_nowhere_else() {
        let text = "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n";

        assert_eq!(usage(text), Some(1234));
        for text in ["", "usage_usec", "usage_usec x\n", "user_usec 7\n"] {
            assert_eq!(usage(text), None, "{text:?}");
        }
    }
}
