// SPDX-License-Identifier: MPL-2.0
//! The partitions that are mounted, as resources.
//!
//! Owns: which partition is where, and reading the kernel's list of mounts.
//! Never: mounts anything.

use std::collections::BTreeMap;

use crate::node::Node;
use crate::proc::mounts::{self, Mounted};
use crate::resources::MountStatus;

/// Who writes them: the tasks that mount, which the documents do not call a controller.
pub(crate) const OWNER: &str = "v1alpha1.mountPartitions";

/// Labels of partitions, and where they are.
const PLACES: &[(&str, &str)] = &[
    ("STATE", "/system/state"),
    ("EPHEMERAL", "/var"),
    ("BOOT", "/boot"),
    ("EFI", "/boot/EFI"),
];

/// Says again which partitions are mounted.
pub(crate) fn publish(node: &Node) {
    node.replace(OWNER, statuses(&mounts::listed(&node.places)));
}

fn statuses(mounted: &[Mounted]) -> BTreeMap<String, MountStatus> {
    let found = PLACES.iter().filter_map(|(label, target)| {
        // The last one hides those before it.
        let mount = mounted.iter().rev().find(|mount| mount.target == *target)?;
        // Without a partition the same folder is in memory.
        if !mount.source.starts_with("/dev/") {
            return None;
        }
        let status = MountStatus {
            source: mount.source.clone(),
            target: mount.target.clone(),
            filesystem_type: mount.kind.clone(),
            options: mount.options.split(',').map(str::to_owned).collect(),
            encrypted: mount.source.starts_with("/dev/mapper/"),
            encryption_providers: Vec::new(),
        };
        Some(((*label).to_owned(), status))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsrc_121_partitions_are_shown_and_what_is_in_memory_is_not() {
        let mounted = mounts::parse(
            "/dev/loop0 / squashfs ro 0 0\n\
             tmpfs /system/state tmpfs rw 0 0\n\
             /dev/vda5 /system/state ext4 rw,nosuid,nodev 0 0\n\
             tmpfs /var tmpfs rw 0 0\n",
        );

        let found = statuses(&mounted);

        let [(label, state)] = &found.into_iter().collect::<Vec<_>>()[..] else {
            panic!("one partition");
        };
        assert_eq!(
            (label.as_str(), state.source.as_str()),
            ("STATE", "/dev/vda5")
        );
        assert_eq!(state.options, ["rw", "nosuid", "nodev"]);
        assert_eq!(
            (state.filesystem_type.as_str(), state.encrypted),
            ("ext4", false)
        );
    }
}
