// SPDX-License-Identifier: MPL-2.0
//! Who may use which device node.
//!
//! devtmpfs makes every node for root alone (0600) unless the driver says otherwise, and nobody
//! on the node but root needs a device, so the table is short: it opens what is harmless and
//! closes what a driver opens too far.
//!
//! Owns: the table.
//! Never: touches a node.

/// Who a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The node below `/dev`; with a `*` at its end, all that begin so.
    pub node: &'static str,
    /// Its permissions.
    pub mode: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A node for everyone.
const fn open(node: &'static str) -> Rule {
    Rule {
        node,
        mode: 0o666,
        uid: 0,
        gid: 0,
    }
}

/// A node for root.
const fn closed(node: &'static str) -> Rule {
    Rule {
        node,
        mode: 0o600,
        uid: 0,
        gid: 0,
    }
}

/// The rules; the first that fits counts, and a node that none fits stays as the driver made it.
const RULES: &[Rule] = &[
    // Containers get these by bind mount and run as other users. Each checks its own caller.
    open("null"),
    open("zero"),
    open("full"),
    open("random"),
    open("urandom"),
    open("tty"),
    open("ptmx"),
    // A container may open a tunnel or a mount only with a capability in its own namespace.
    open("net/tun"),
    open("fuse"),
    // Virtual machines in containers; KVM gives a process nothing but its own guests.
    open("kvm"),
    // Rendering without a display is made to be shared; a card's own node is not.
    open("dri/renderD*"),
    // logd, which is not root, reads it with CAP_SYSLOG; writing stays with root.
    Rule {
        node: "kmsg",
        mode: 0o644,
        uid: 0,
        gid: 0,
    },
    // Whoever writes here, writes to the operator's screen or resets the machine.
    closed("console"),
    closed("watchdog*"),
    // Whoever reads here, reads other programs' memory or secrets.
    closed("mem"),
    closed("port"),
    closed("tpm*"),
    // A disk holds everyone's files; there is no group of disk users on a node.
    closed("sd*"),
    closed("vd*"),
    closed("nvme*"),
    closed("mmcblk*"),
    closed("dm-*"),
    closed("loop*"),
    closed("sr*"),
];

/// The rule for `node`, a path below `/dev`.
#[must_use]
pub fn find(node: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| match rule.node.strip_suffix('*') {
        Some(beginning) => node.starts_with(beginning),
        None => rule.node == node,
    })
}

#[cfg(test)]
mod tests {
    use super::{RULES, find};

    #[test]
    fn a_node_gets_the_rule_of_its_name() {
        assert_eq!(find("null").unwrap().mode, 0o666);
        assert_eq!(find("net/tun").unwrap().mode, 0o666);
        assert_eq!(find("kmsg").unwrap().mode, 0o644);
        assert_eq!(find("nvme0n1p3").unwrap().mode, 0o600);
        assert_eq!(find("dri/renderD128").unwrap().mode, 0o666);
    }

    #[test]
    fn a_node_without_a_rule_stays_as_its_driver_made_it() {
        for node in ["", "nullx", "dri/card0", "tty1", "ttyS0", "rtc0"] {
            assert_eq!(find(node), None, "{node}");
        }
    }

    #[test]
    fn no_disk_is_open_to_all() {
        for node in [
            "sda",
            "sda1",
            "vda",
            "nvme0",
            "mmcblk0boot0",
            "dm-0",
            "loop7",
            "sr0",
        ] {
            assert_eq!(find(node).unwrap().mode, 0o600, "{node}");
        }
    }

    #[test]
    fn every_rule_can_be_reached() {
        for rule in RULES {
            let node = rule.node.trim_end_matches('*');

            assert_eq!(find(node), Some(rule));
        }
    }
}
