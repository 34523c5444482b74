// SPDX-License-Identifier: MPL-2.0
//! Rules about the options of bonds.
//!
//! Owns: one row per rule, in the terms of the kernel's bonding driver.
//! Never: sets an option.

use super::links::links;
use super::{Rule, Situation};
use crate::document::Bond;
use crate::error::{Fault, Path};

const MODES: &[&str] = &[
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
];
const LACP: &str = "802.3ad";

pub(super) const RULES: &[Rule] = &[
    Rule::error(Fault::BadValue("a bonding mode"), |s| {
        bonds(s, "mode", |b| !known(&b.mode, MODES))
    }),
    Rule::error(
        Fault::BadValue("layer2, layer3+4, layer2+3, encap2+3, encap3+4 or vlan+srcmac"),
        |s| {
            bonds(s, "xmitHashPolicy", |b| {
                const POLICIES: &[&str] = &[
                    "layer2",
                    "layer3+4",
                    "layer2+3",
                    "encap2+3",
                    "encap3+4",
                    "vlan+srcmac",
                ];
                !known(&b.xmit_hash_policy, POLICIES)
            })
        },
    ),
    Rule::error(Fault::BadValue("slow or fast"), |s| {
        bonds(s, "lacpRate", |b| !known(&b.lacp_rate, &["slow", "fast"]))
    }),
    Rule::error(
        Fault::BadValue("none, active, backup, all, filter or filter_active, filter_backup"),
        |s| {
            bonds(s, "arpValidate", |b| {
                const WAYS: &[&str] = &[
                    "none",
                    "active",
                    "backup",
                    "all",
                    "filter",
                    "filter_active",
                    "filter_backup",
                ];
                !known(&b.arp_validate, WAYS)
            })
        },
    ),
    Rule::error(Fault::BadValue("any or all"), |s| {
        bonds(s, "arpAllTargets", |b| {
            !known(&b.arp_all_targets, &["any", "all"])
        })
    }),
    Rule::error(Fault::BadValue("always, better or failure"), |s| {
        bonds(s, "primaryReselect", |b| {
            !known(&b.primary_reselect, &["always", "better", "failure"])
        })
    }),
    Rule::error(Fault::BadValue("none, active or follow"), |s| {
        bonds(s, "failOverMac", |b| {
            !known(&b.fail_over_mac, &["none", "active", "follow"])
        })
    }),
    Rule::error(Fault::BadValue("stable, bandwidth or count"), |s| {
        bonds(s, "adSelect", |b| {
            !known(&b.ad_select, &["stable", "bandwidth", "count"])
        })
    }),
    Rule::error(Fault::Rule("must be a multiple of miimon"), |s| {
        bonds(s, "updelay", |b| !fits(b.updelay, b.miimon))
    }),
    Rule::error(Fault::Rule("must be a multiple of miimon"), |s| {
        bonds(s, "downdelay", |b| !fits(b.downdelay, b.miimon))
    }),
    Rule::error(Fault::Rule("is not supported"), |s| {
        bonds(s, "arpIPTarget", |b| !b.arp_ip_target.is_empty())
    }),
    Rule::error(Fault::Rule("is not supported"), |s| {
        bonds(s, "adActorSystem", |b| !b.ad_actor_system.is_empty())
    }),
    Rule::error(Fault::Rule("only with mode 802.3ad"), |s| {
        bonds(s, "lacpRate", |b| !b.lacp_rate.is_empty() && b.mode != LACP)
    }),
    Rule::error(Fault::Rule("only with mode 802.3ad"), |s| {
        bonds(s, "adActorSysPrio", |b| {
            b.ad_actor_sys_prio != 0 && b.mode != LACP
        })
    }),
    Rule::error(Fault::Rule("only with mode 802.3ad"), |s| {
        bonds(s, "adUserPortKey", |b| {
            b.ad_user_port_key != 0 && b.mode != LACP
        })
    }),
    Rule::error(
        Fault::Rule("not with modes 802.3ad, balance-alb and balance-tlb"),
        |s| {
            bonds(s, "arpValidate", |b| {
                !b.arp_validate.is_empty() && balances(b)
            })
        },
    ),
    Rule::error(
        Fault::Rule("not with modes 802.3ad, balance-alb and balance-tlb"),
        |s| bonds(s, "arpInterval", |b| b.arp_interval != 0 && balances(b)),
    ),
    Rule::error(
        Fault::Rule("only with modes active-backup, balance-alb and balance-tlb"),
        |s| {
            const WITH_PRIMARY: &[&str] = &["active-backup", "balance-alb", "balance-tlb"];
            bonds(s, "primary", |b| {
                !b.primary.is_empty() && !known(&b.mode, WITH_PRIMARY)
            })
        },
    ),
    Rule::error(Fault::Rule("only with mode balance-rr"), |s| {
        bonds(s, "packetsPerSlave", |b| {
            b.packets_per_slave > 1 && !known(&b.mode, &["balance-rr"])
        })
    }),
    Rule::error(
        Fault::Rule("only with modes balance-alb and balance-tlb"),
        |s| {
            bonds(s, "tlbDynamicLb", |b| {
                b.tlb_dynamic_lb > 0 && !matches!(b.mode.as_str(), "balance-alb" | "balance-tlb")
            })
        },
    ),
];

fn bonds(s: &Situation<'_>, key: &str, is_broken: impl Fn(&Bond) -> bool) -> Vec<Path> {
    let active = links(s)
        .into_iter()
        .filter(|(_, device)| device.ignore != Some(true));
    active
        .filter(|(_, device)| device.bond.as_ref().is_some_and(&is_broken))
        .map(|(path, _)| path.key("bond").key(key))
        .collect()
}

/// Nothing is the driver's default.
fn known(text: &str, names: &[&str]) -> bool {
    text.is_empty() || names.contains(&text)
}

fn fits(delay: u32, miimon: u32) -> bool {
    delay == 0 || delay.checked_rem(miimon) == Some(0)
}

fn balances(bond: &Bond) -> bool {
    matches!(bond.mode.as_str(), LACP | "balance-alb" | "balance-tlb")
}
