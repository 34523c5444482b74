// SPDX-License-Identifier: MPL-2.0
//! The page of the command line, row by row.
//!
//! Owns: every command and flag of the page that exists here, and where we differ.
//! Never: lets a difference be that `docs/cli.md` does not name.

use clap::{Arg, Command};

use crate::tree;

/// A flag: long, short, default; the last two may be empty.
type Flag = (&'static str, &'static str, &'static str);

/// Commands with their flags.
const PAGE: &[(&str, &[Flag])] = &[
    (
        "apply-config",
        &[
            ("cert-fingerprint", "", ""),
            ("config-patch", "p", ""),
            ("dry-run", "", ""),
            ("file", "f", ""),
            ("insecure", "i", ""),
            ("mode", "m", "auto"),
            ("timeout", "", "1m0s"),
        ],
    ),
    (
        "bootstrap",
        &[
            ("recover-from", "", ""),
            ("recover-skip-hash-check", "", ""),
        ],
    ),
    ("completion", &[]),
    (
        "config add",
        &[("ca", "", ""), ("crt", "", ""), ("key", "", "")],
    ),
    ("config context", &[]),
    ("config contexts", &[]),
    ("config endpoint", &[]),
    ("config info", &[("output", "o", "text")]),
    ("config merge", &[]),
    (
        "config new",
        &[("crt-ttl", "", "87600h0m0s"), ("roles", "", "[os:admin]")],
    ),
    ("config node", &[]),
    (
        "config remove",
        &[("dry-run", "", ""), ("noconfirm", "y", "")],
    ),
    ("config", &[]),
    ("containers", &[("kubernetes", "k", "")]),
    ("copy", &[]),
    ("dashboard", &[("update-interval", "d", "3s")]),
    ("disks", &[("insecure", "i", "")]),
    ("dmesg", &[("follow", "f", ""), ("tail", "", "")]),
    (
        "edit",
        &[
            ("dry-run", "", ""),
            ("mode", "m", "auto"),
            ("namespace", "", ""),
            ("timeout", "", "1m0s"),
        ],
    ),
    ("etcd alarm disarm", &[]),
    ("etcd alarm list", &[]),
    ("etcd alarm", &[]),
    ("etcd defrag", &[]),
    ("etcd forfeit-leadership", &[]),
    ("etcd leave", &[]),
    ("etcd members", &[]),
    ("etcd remove-member", &[]),
    ("etcd snapshot", &[]),
    ("etcd status", &[]),
    ("etcd", &[]),
    (
        "events",
        &[
            ("actor-id", "", ""),
            ("duration", "", ""),
            ("since", "", ""),
            ("tail", "", ""),
        ],
    ),
    (
        "gen ca",
        &[
            ("hours", "", "87600"),
            ("organization", "", ""),
            ("rsa", "", ""),
        ],
    ),
    (
        "gen config",
        &[
            ("additional-sans", "", ""),
            ("config-patch", "", ""),
            ("config-patch-control-plane", "", ""),
            ("config-patch-worker", "", ""),
            ("dns-domain", "", "cluster.local"),
            ("install-disk", "", "/dev/sda"),
            ("install-image", "", "ghcr.io/siderolabs/installer:latest"),
            ("kubernetes-version", "", "1.29.0"),
            ("output", "o", ""),
            ("output-types", "t", "[controlplane,worker,talosconfig]"),
            ("persist", "p", "true"),
            ("registry-mirror", "", ""),
            ("talos-version", "", ""),
            ("version", "", "v1alpha1"),
            ("with-cluster-discovery", "", "true"),
            ("with-docs", "", "true"),
            ("with-examples", "", "true"),
            ("with-kubespan", "", ""),
            ("with-secrets", "", ""),
        ],
    ),
    (
        "gen crt",
        &[
            ("ca", "", ""),
            ("csr", "", ""),
            ("hours", "", "24"),
            ("name", "", ""),
        ],
    ),
    (
        "gen csr",
        &[("ip", "", ""), ("key", "", ""), ("roles", "", "[os:admin]")],
    ),
    ("gen key", &[("name", "", "")]),
    ("gen keypair", &[("ip", "", ""), ("organization", "", "")]),
    (
        "gen secrets",
        &[
            ("from-controlplane-config", "", ""),
            ("from-kubernetes-pki", "p", ""),
            ("kubernetes-bootstrap-token", "t", ""),
            ("output-file", "o", "secrets.yaml"),
            ("talos-version", "", ""),
        ],
    ),
    ("gen", &[("force", "f", "")]),
    (
        "get",
        &[
            ("insecure", "i", ""),
            ("namespace", "", ""),
            ("output", "o", "table"),
            ("watch", "w", ""),
        ],
    ),
    (
        "health",
        &[
            ("control-plane-nodes", "", ""),
            ("init-node", "", ""),
            ("k8s-endpoint", "", ""),
            ("run-e2e", "", ""),
            ("server", "", "true"),
            ("wait-timeout", "", "20m0s"),
            ("worker-nodes", "", ""),
        ],
    ),
    ("image default", &[]),
    ("image list", &[]),
    ("image pull", &[]),
    ("image", &[("namespace", "", "cri")]),
    (
        "inject serviceaccount",
        &[("file", "f", ""), ("roles", "r", "[os:reader]")],
    ),
    ("inject", &[]),
    ("inspect dependencies", &[("with-resources", "", "")]),
    ("inspect", &[]),
    (
        "kubeconfig",
        &[
            ("force", "f", ""),
            ("force-context-name", "", ""),
            ("merge", "m", "true"),
        ],
    ),
    (
        "list",
        &[
            ("depth", "d", "1"),
            ("humanize", "H", ""),
            ("long", "l", ""),
            ("recurse", "r", ""),
            ("type", "t", ""),
        ],
    ),
    (
        "logs",
        &[
            ("follow", "f", ""),
            ("kubernetes", "k", ""),
            ("tail", "", "-1"),
        ],
    ),
    ("machineconfig gen", &[]),
    (
        "machineconfig patch",
        &[("output", "o", ""), ("patch", "p", "")],
    ),
    ("machineconfig", &[]),
    ("memory", &[("verbose", "v", "")]),
    ("meta delete", &[]),
    ("meta write", &[]),
    ("meta", &[("insecure", "i", "")]),
    ("mounts", &[]),
    (
        "netstat",
        &[
            ("all", "a", ""),
            ("extend", "x", ""),
            ("ipv4", "4", ""),
            ("ipv6", "6", ""),
            ("listening", "l", ""),
            ("pods", "k", ""),
            ("programs", "p", ""),
            ("raw", "w", ""),
            ("tcp", "t", ""),
            ("timers", "o", ""),
            ("udp", "u", ""),
            ("udplite", "U", ""),
            ("verbose", "v", ""),
        ],
    ),
    (
        "patch",
        &[
            ("dry-run", "", ""),
            ("mode", "m", "auto"),
            ("namespace", "", ""),
            ("patch", "p", ""),
            ("patch-file", "", ""),
            ("timeout", "", "1m0s"),
        ],
    ),
    (
        "pcap",
        &[
            ("bpf-filter", "", ""),
            ("duration", "", ""),
            ("interface", "i", "eth0"),
            ("output", "o", ""),
            ("promiscuous", "", ""),
        ],
    ),
    ("processes", &[("sort", "s", "rss"), ("watch", "w", "")]),
    ("read", &[]),
    (
        "reboot",
        &[
            ("debug", "", ""),
            ("mode", "m", "default"),
            ("timeout", "", "30m0s"),
            ("wait", "", "true"),
        ],
    ),
    (
        "reset",
        &[
            ("debug", "", ""),
            ("graceful", "", "true"),
            ("insecure", "", ""),
            ("reboot", "", ""),
            ("system-labels-to-wipe", "", ""),
            ("timeout", "", "30m0s"),
            ("user-disks-to-wipe", "", ""),
            ("wait", "", "true"),
            ("wipe-mode", "", "all"),
        ],
    ),
    ("restart", &[("kubernetes", "k", "")]),
    ("rollback", &[]),
    ("service", &[]),
    (
        "shutdown",
        &[
            ("debug", "", ""),
            ("force", "", ""),
            ("timeout", "", "30m0s"),
            ("wait", "", "true"),
        ],
    ),
    ("stats", &[("kubernetes", "k", "")]),
    (
        "support",
        &[
            ("num-workers", "w", "1"),
            ("output", "O", ""),
            ("verbose", "v", ""),
        ],
    ),
    ("time", &[("check", "c", "")]),
    (
        "upgrade",
        &[
            ("debug", "", ""),
            ("force", "f", ""),
            ("image", "i", "ghcr.io/siderolabs/installer:v1.6.0-alpha.2"),
            ("insecure", "", ""),
            ("preserve", "p", ""),
            ("reboot-mode", "m", "default"),
            ("stage", "s", ""),
            ("timeout", "", "30m0s"),
            ("wait", "", "true"),
        ],
    ),
    (
        "usage",
        &[
            ("all", "a", ""),
            ("depth", "d", ""),
            ("humanize", "H", ""),
            ("threshold", "t", ""),
        ],
    ),
    (
        "validate",
        &[("config", "c", ""), ("mode", "m", ""), ("strict", "", "")],
    ),
    (
        "version",
        &[("client", "", ""), ("insecure", "i", ""), ("short", "", "")],
    ),
];

/// Where a default, a short form or a flag is another one. Each has a row in `docs/cli.md`.
const DIFFERENT: &[(&str, &str)] = &[
    ("gen config", "install-image"),
    ("gen config", "kubernetes-version"),
    ("list", "depth"),
    ("upgrade", "image"),
];

fn find<'c>(root: &'c Command, path: &str) -> Option<&'c Command> {
    path.split(' ')
        .try_fold(root, |command, name| command.find_subcommand(name))
}

fn flag<'c>(command: &'c Command, long: &str) -> Option<&'c Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(long))
}

/// How a flag differs from the page's.
fn difference(command: &Command, (long, short, default): &Flag) -> Option<String> {
    let Some(arg) = flag(command, long) else {
        return Some("there is none".to_owned());
    };
    let is_short = arg.get_short().map(String::from).unwrap_or_default();
    if is_short != *short {
        return Some(format!("its short form is {is_short:?}"));
    }
    let values = arg.get_default_values().iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str()).collect();
    let is_default = values.join(",");
    let wanted = default.trim_matches(['[', ']']).replace(' ', ",");
    // A switch that is off, and a list that is empty, are defaults that nobody writes.
    let is_off = wanted.is_empty() && matches!(is_default.as_str(), "false" | "0" | "");
    (is_default != wanted && !is_off).then(|| format!("its default is {is_default:?}"))
}

#[test]
fn every_flag_of_the_page_is_here_with_its_short_form_and_default() {
    let mut root = tree::shown();
    root.build();
    let described = include_str!("../../docs/cli.md");
    let mut wrong = Vec::new();
    for (path, flags) in PAGE {
        let Some(command) = find(&root, path) else {
            wrong.push(format!("{path}: there is no such command"));
            continue;
        };
        for flag in *flags {
            let is_known = DIFFERENT.contains(&(*path, flag.0));
            match difference(command, flag) {
                Some(how) if !is_known => wrong.push(format!("{path} --{}: {how}", flag.0)),
                None if is_known => wrong.push(format!("{path} --{}: no difference", flag.0)),
                Some(_) | None => {}
            }
        }
    }
    for (path, long) in DIFFERENT {
        if !described.contains(&format!("| `{path}` `--{long}` |")) {
            wrong.push(format!("{path} --{long}: docs/cli.md has no row"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Commands that the page does not have. Each has a row in `docs/cli.md`.
const OURS: &[&str] = &["extension", "image extend", "man", "run"];

/// Flags of ours that the page does not have; `*` is all of a command. Each has a row in
/// `docs/cli.md`.
const MORE: &[(&str, &str)] = &[
    ("apply-config", "confirm"),
    ("edit", "confirm"),
    ("machineconfig gen", "*"),
    ("patch", "confirm"),
];

fn paths(command: &Command, before: &str, found: &mut Vec<String>) {
    for inner in command.get_subcommands() {
        let path = format!("{before}{}", inner.get_name());
        if inner.get_name() == "help" || OURS.contains(&path.as_str()) {
            continue;
        }
        paths(inner, &format!("{path} "), found);
        found.push(path);
    }
}

#[test]
fn every_command_and_flag_that_is_here_is_on_the_page_or_said_to_be_ours() {
    let mut root = tree::shown();
    root.build();
    let described = include_str!("../../docs/cli.md");
    let mut commands = Vec::new();
    paths(&root, "", &mut commands);
    let mut wrong = Vec::new();
    for path in &commands {
        let Some((_, flags)) = PAGE.iter().find(|(known, _)| known == path) else {
            wrong.push(format!("{path}: not on the page"));
            continue;
        };
        for arg in find(&root, path)
            .into_iter()
            .flat_map(Command::get_arguments)
        {
            let Some(long) = arg.get_long() else {
                continue;
            };
            let is_known = flags.iter().any(|(known, ..)| *known == long)
                || MORE.contains(&(path.as_str(), long))
                || MORE.contains(&(path.as_str(), "*"));
            let is_everywhere = EVERYWHERE.iter().any(|(known, _)| *known == long);
            if !(is_known || is_everywhere || arg.is_global_set() || long == "help") {
                wrong.push(format!("{path} --{long}: not on the page"));
            }
        }
    }
    for (path, long) in MORE {
        if !described.contains(&format!("| `{path}` `--{long}` |")) {
            wrong.push(format!("{path} --{long}: docs/cli.md has no row"));
        }
    }
    for path in OURS {
        if !described.contains(&format!("`{path}`")) {
            wrong.push(format!("{path}: docs/cli.md has no row"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Flags that every command has on the page, before and after the command.
const EVERYWHERE: &[(&str, &str)] = &[
    ("cluster", ""),
    ("context", ""),
    ("endpoints", "e"),
    ("nodes", "n"),
    ("talosconfig", ""),
];

#[test]
fn cmd_001_the_flags_of_every_command_are_those_of_the_page() {
    let mut root = tree::shown();
    root.build();
    for (path, _) in PAGE {
        let command = find(&root, path).unwrap();
        for (long, short) in EVERYWHERE {
            let arg = flag(command, long).unwrap_or_else(|| panic!("{path} --{long}"));
            let is_short = arg.get_short().map(String::from).unwrap_or_default();
            assert_eq!(is_short, *short, "{path} --{long}");
        }
    }
}
