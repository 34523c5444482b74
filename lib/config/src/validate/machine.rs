// SPDX-License-Identifier: MPL-2.0
//! Rules about the `machine` section, without its links.
//!
//! Owns: one row per rule.
//! Never: checks that a device or file exists.

use super::{Mode, Rule, Situation, doubles, items, only};
use crate::document::{
    EncryptionConfig, EncryptionKey, InstallDiskSelector, MachineFile, NetworkKubeSpan,
};
use crate::error::{Fault, Path};
use crate::network::{is_dns_name, is_filter};
use crate::quantity::DiskSize;
use crate::spec::{FileOperation, MachineType};
use crate::url::Url;
use crate::value::Value;
use pki::Names;

/// Keys of the kubelet's configuration that the system sets itself.
const KUBELET_KEYS: &[&str] = &[
    "apiVersion",
    "authentication",
    "authorization",
    "cgroupRoot",
    "kind",
    "kubeletCgroups",
    "port",
    "protectKernelDefaults",
    "resolvConf",
    "rotateCertificates",
    "systemCgroups",
    "staticPodPath",
    "seccompDefault",
];

/// Roles of the machine API that pods may be given.
const ROLES: &[&str] = &[
    "os:admin",
    "os:operator",
    "os:reader",
    "os:etcd:backup",
    "os:impersonator",
];

/// Smallest packet that IPv6 permits (RFC 8200 §5).
const KUBESPAN_MTU_MIN: u32 = 1280;

pub(super) const RULES: &[Rule] = &[
    Rule::error(Fault::Rule("must not be false"), |s| {
        only(s.document.persist == Some(false), "persist")
    }),
    Rule::error(Fault::BadValue("controlplane, worker or init"), |s| {
        only(s.kind == MachineType::Unknown, "machine.type")
    }),
    Rule::warning(Fault::Deprecated("write worker instead"), |s| {
        only(
            matches!(s.machine.kind.as_str(), "" | "join"),
            "machine.type",
        )
    }),
    Rule::error(Fault::BadValue("addresses and DNS names"), |s| {
        items(
            &s.machine.cert_sans,
            &Path::new("machine.certSANs"),
            |name| Names::parse([name.as_str()]).is_err(),
        )
    }),
    Rule::error(Fault::Missing, |s| {
        only(
            needs_install(s) && s.machine.install.is_none(),
            "machine.install",
        )
    }),
    Rule::error(Fault::Rule("either disk or diskSelector is needed"), |s| {
        let has_disk = s
            .machine
            .install
            .as_ref()
            .is_none_or(|install| !install.disk.is_empty() || install.disk_selector.is_some());
        only(needs_install(s) && !has_disk, "machine.install")
    }),
    Rule::error(
        Fault::BadValue("a size, with >=, <=, >, < or == before it or not"),
        |s| {
            let size = disk_selector(s).map_or("", |selector| &selector.size);
            only(
                !size.is_empty() && !is_size_match(size),
                "machine.install.diskSelector.size",
            )
        },
    ),
    Rule::error(Fault::BadValue("ssd, hdd, nvme or sd"), |s| {
        let kind = disk_selector(s).map_or("", |selector| &selector.kind);
        let known = ["", "ssd", "hdd", "nvme", "sd"];
        only(
            !known.iter().any(|known| kind.eq_ignore_ascii_case(known)),
            "machine.install.diskSelector.type",
        )
    }),
    Rule::error(Fault::Rule("the extension is there twice"), |s| {
        let path = Path::new("machine.install.extensions");
        s.machine.install.as_ref().map_or(Vec::new(), |install| {
            doubles(&install.extensions, &path, |extension| {
                extension.image.clone()
            })
        })
    }),
    Rule::warning(
        Fault::Deprecated("put extensions into the installer image instead"),
        |s| {
            let used = s
                .machine
                .install
                .as_ref()
                .is_some_and(|i| !i.extensions.is_empty());
            only(used, "machine.install.extensions")
        },
    ),
    Rule::error(
        Fault::Rule("only the last partition may be without size"),
        open_partitions,
    ),
    Rule::error(Fault::Rule("needs at least one key"), |s| {
        encrypted(s, |config, path| {
            if config.keys.is_empty() {
                vec![path.key("keys")]
            } else {
                Vec::new()
            }
        })
    }),
    Rule::error(Fault::Rule("the slot is there twice"), |s| {
        encrypted(s, |config, path| {
            doubles(&config.keys, &path.key("keys"), |key| key.slot)
        })
    }),
    Rule::error(
        Fault::Rule("must have one of static, nodeID, kms, tpm"),
        |s| {
            encrypted(s, |config, path| {
                items(&config.keys, &path.key("keys"), |key| ways(key) != 1)
            })
        },
    ),
    Rule::error(
        Fault::BadValue("networks, with ! before those to leave out"),
        |s| {
            let kubelet = s.machine.kubelet.as_ref();
            let subnets = kubelet
                .and_then(|k| k.node_ip.as_ref())
                .map(|ip| &ip.valid_subnets);
            subnets.map_or(Vec::new(), |subnets| {
                let path = Path::new("machine.kubelet.nodeIP.validSubnets");
                items(subnets, &path, |text| !is_filter(text))
            })
        },
    ),
    Rule::error(Fault::Rule("the system sets this itself"), |s| {
        let Some(Value::Map(map)) = s.machine.kubelet.as_ref().map(|k| &k.extra_config) else {
            return Vec::new();
        };
        let path = Path::new("machine.kubelet.extraConfig");
        let set = map
            .keys()
            .filter(|key| KUBELET_KEYS.contains(&key.as_str()));
        set.map(|key| path.key(key)).collect()
    }),
    Rule::error(Fault::BadValue("create, append or overwrite"), |s| {
        let path = Path::new("machine.files");
        let is_unknown = |file: &MachineFile| FileOperation::parse(&file.op).is_none();
        let found = items(&s.machine.files, &path, is_unknown).into_iter();
        found.map(|file| file.key("op")).collect()
    }),
    Rule::error(Fault::BadValue("a Kubernetes label"), |s| {
        let path = Path::new("machine.nodeLabels");
        let bad = |(key, value): &(&String, &String)| !is_label_key(key) || !is_label_value(value);
        s.machine
            .node_labels
            .iter()
            .filter(bad)
            .map(|(key, _)| path.key(key))
            .collect()
    }),
    Rule::error(Fault::BadValue("a taint, value:Effect"), |s| {
        let path = Path::new("machine.nodeTaints");
        let bad = |(key, value): &(&String, &String)| !is_label_key(key) || !is_taint(value);
        s.machine
            .node_taints
            .iter()
            .filter(bad)
            .map(|(key, _)| path.key(key))
            .collect()
    }),
    Rule::error(Fault::BadValue("a tcp:// or udp:// URL with a port"), |s| {
        let path = Path::new("machine.logging.destinations");
        s.machine.logging.as_ref().map_or(Vec::new(), |logging| {
            items(&logging.destinations, &path, |to| {
                let url = to.endpoint.as_deref().and_then(Url::parse);
                !url.is_some_and(|url| {
                    matches!(url.scheme.as_str(), "tcp" | "udp") && url.port.is_some()
                })
            })
        })
    }),
    Rule::error(Fault::Rule("the format must be json_lines"), |s| {
        let path = Path::new("machine.logging.destinations");
        s.machine.logging.as_ref().map_or(Vec::new(), |logging| {
            items(&logging.destinations, &path, |to| to.format != "json_lines")
        })
    }),
    Rule::error(
        Fault::Rule("needs features.rbac and a control plane node"),
        |s| {
            let features = s.machine.features.as_ref();
            let access = features.and_then(|f| f.kubernetes_talos_api_access.as_ref());
            let is_on = access.is_some_and(|access| access.enabled == Some(true));
            let may = features.is_some_and(|f| f.rbac == Some(true)) && s.kind.is_control_plane();
            only(
                is_on && !may,
                "machine.features.kubernetesTalosAPIAccess.enabled",
            )
        },
    ),
    Rule::error(Fault::BadValue("a role of the machine API"), |s| {
        let features = s.machine.features.as_ref();
        let access = features.and_then(|f| f.kubernetes_talos_api_access.as_ref());
        access.map_or(Vec::new(), |access| {
            let path = Path::new("machine.features.kubernetesTalosAPIAccess.allowedRoles");
            items(&access.allowed_roles, &path, |role| {
                !ROLES.contains(&role.as_str())
            })
        })
    }),
    Rule::error(Fault::BadValue("a host name"), |s| {
        let name = s
            .machine
            .network
            .as_ref()
            .map_or("", |network| &network.hostname);
        only(
            !name.is_empty() && !is_dns_name(name),
            "machine.network.hostname",
        )
    }),
    Rule::error(Fault::BadValue("an address"), |s| {
        s.machine.network.as_ref().map_or(Vec::new(), |network| {
            let path = Path::new("machine.network.nameservers");
            items(&network.nameservers, &path, |text| {
                text.parse::<core::net::IpAddr>().is_err()
            })
        })
    }),
    Rule::error(Fault::BadValue("an address and its names"), |s| {
        s.machine.network.as_ref().map_or(Vec::new(), |network| {
            let path = Path::new("machine.network.extraHostEntries");
            items(&network.extra_host_entries, &path, |host| {
                host.ip.parse::<core::net::IpAddr>().is_err()
                    || !host.aliases.iter().all(|alias| is_dns_name(alias))
            })
        })
    }),
    Rule::error(Fault::BadValue("at least 1280"), |s| {
        let mtu = kubespan(s).and_then(|span| span.mtu);
        only(
            mtu.is_some_and(|mtu| mtu < KUBESPAN_MTU_MIN),
            "machine.network.kubespan.mtu",
        )
    }),
    Rule::error(
        Fault::Rule("needs cluster.discovery, cluster.id and cluster.secret"),
        |s| {
            let discovery = s
                .cluster
                .discovery
                .as_ref()
                .is_some_and(|d| d.enabled == Some(true));
            let known = !s.cluster.id.is_empty() && !s.cluster.secret.is_empty();
            only(
                kubespan(s).is_some() && !(discovery && known),
                "machine.network.kubespan.enabled",
            )
        },
    ),
    Rule::error(
        Fault::BadValue("networks, with ! before those to leave out"),
        |s| {
            let filters = kubespan(s).and_then(|span| span.filters.as_ref());
            filters.map_or(Vec::new(), |filters| {
                let path = Path::new("machine.network.kubespan.filters.endpoints");
                items(&filters.endpoints, &path, |text| !is_filter(text))
            })
        },
    ),
];

fn disk_selector<'a>(s: &Situation<'a>) -> Option<&'a InstallDiskSelector> {
    s.machine.install.as_ref()?.disk_selector.as_ref()
}

fn is_size_match(text: &str) -> bool {
    let mut operators = [">=", "<=", "==", ">", "<"].iter();
    let size = operators.find_map(|operator| text.trim().strip_prefix(operator));
    DiskSize::parse(size.unwrap_or(text).trim_start()).is_some()
}

fn needs_install(s: &Situation<'_>) -> bool {
    s.circumstances.mode == Mode::Metal && !s.circumstances.installed
}

fn kubespan<'a>(s: &Situation<'a>) -> Option<&'a NetworkKubeSpan> {
    let span = s.machine.network.as_ref()?.kubespan.as_ref()?;
    (span.enabled == Some(true)).then_some(span)
}

fn open_partitions(s: &Situation<'_>) -> Vec<Path> {
    let mut broken = Vec::new();
    for (disk, path) in s.machine.disks.iter().zip(0..).map(|(disk, index)| {
        (
            disk,
            Path::new("machine.disks").index(index).key("partitions"),
        )
    }) {
        let last = disk.partitions.len().saturating_sub(1);
        let all = disk.partitions.iter().enumerate();
        let open = all.filter(|(index, partition)| *index < last && partition.size.0 == 0);
        broken.extend(open.map(|(index, _)| path.index(index)));
    }
    broken
}

fn encrypted(
    s: &Situation<'_>,
    broken: impl Fn(&EncryptionConfig, &Path) -> Vec<Path>,
) -> Vec<Path> {
    let Some(encryption) = &s.machine.system_disk_encryption else {
        return Vec::new();
    };
    let path = Path::new("machine.systemDiskEncryption");
    let partitions = [
        ("state", &encryption.state),
        ("ephemeral", &encryption.ephemeral),
    ];
    let mut all = Vec::new();
    for (name, config) in partitions {
        if let Some(config) = config {
            all.extend(broken(config, &path.key(name)));
        }
    }
    all
}

/// How many ways to get a key are named.
fn ways(key: &EncryptionKey) -> usize {
    let named = [
        key.static_key.is_some(),
        key.node_id.is_some(),
        key.kms.is_some(),
        key.tpm.is_some(),
    ];
    named.into_iter().filter(|is_named| *is_named).count()
}

/// A qualified name of Kubernetes: an optional DNS name and `/`, then up to 63 letters.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let lower = |text: &str| {
        text.len() <= 253
            && text.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
    };
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(lower)
}

fn is_label_value(value: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && edge(value.chars().next())
        && edge(value.chars().next_back())
}

fn is_taint(text: &str) -> bool {
    let (value, effect) = text.split_once(':').unwrap_or(("", text));
    is_label_value(value) && matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute")
}
