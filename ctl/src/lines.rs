// SPDX-License-Identifier: MPL-2.0
//! Lines that are read, and lines that are refused.
//!
//! Owns: the spellings that people and scripts have.
//! Never: says what a line does.

use crate::args::Line;
use crate::tree;

#[test]
fn the_tree_of_commands_is_sound_and_each_has_help_with_an_example() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            after.contains("ichorctl"),
            "{} has no example",
            command.get_name()
        );
        command.get_subcommands().for_each(walk);
    }
    walk(&tree::shown());
}

fn parse(line: &str) -> Result<Line, tree::Answer> {
    tree::parse(std::iter::once("ichorctl").chain(line.split_whitespace()))
}

#[test]
fn lists_are_split_at_commas_and_flags_may_stand_anywhere() {
    let line = parse("-n a,b --nodes d services -e c").unwrap();
    assert_eq!(line.globals.nodes, ["a", "b", "d"]);
    assert_eq!(line.globals.endpoints, ["c"]);
}

/// What people and scripts write.
const READ: &[&str] = &[
    "services",
    "service",
    "service apid",
    "service apid restart",
    "config endpoints a b",
    "config endpoint a",
    "config nodes a",
    "apply -f x",
    "apply -m interactive",
    "apply -f x --confirm 2m",
    "apply --confirm now",
    "apply -f x --confirm 1m --insecure",
    "apply -f x -m try --timeout 5m --insecure",
    "apply machineconfig -f x -p @a -p {}",
    "mc patch x --patch a -p b -o c",
    "machineconfig gen a b -t worker",
    "validate -c x -m cloud --strict",
    "inject serviceaccount -r os:reader,os:admin -f -",
    "apply-config -i -n a -f x -m no-reboot --dry-run",
    "logs machined --tail -1",
    "netstat",
    "netstat -axpok46wtuUv",
    "netstat -al",
    "ss",
    "g rd",
    "p",
    "m",
    "config use-context a",
    "config get-contexts",
    "netstat -l kube-system/x",
    "list",
    "ls -lH /",
    "l /etc -r -d 0 -t f,d -t L -t l",
    "read /proc/modules",
    "usage",
    "du -aH -d 1 -t -1024 /a /b",
    "copy /etc -",
    "cp /etc .",
    "events --tail -1",
    "reboot --wait=false",
    "reboot --wait",
    "reboot --wait=0 --debug=T",
    "upgrade --preserve=true -f=false --force",
    "reboot -m powercycle --timeout 1h0m0s",
    "get rd",
    "get mc v1alpha1 -o yaml --namespace config",
    "get links -w -o json -i -n a",
    "get mc -o jsonpath={.spec}",
    "get mc -o jsonpath={.a[?(@.b)]}",
    "edit machineconfig -m no-reboot --dry-run",
    "edit mc --confirm now",
    "patch mc --confirm now",
    "edit mc v1alpha1 --mode try --timeout 2m --confirm 1m",
    "patch mc -p {} --patch @a -m staged --namespace config",
    "patch machineconfig --patch-file a",
    "gen config a b -t controlplane --persist=false --force",
    "gen secrets --output-file x",
    "version --client --short",
    "completion zsh",
    "man pages",
    "containers -k",
    "c",
    "disks -i -n a",
    "meta write 0xa x",
    "meta -i write 10 -x",
    "meta delete 255 --insecure",
    "health",
    "health --server=false --control-plane-nodes a,b --init-node c --worker-nodes d,e",
    "health --wait-timeout 5m --k8s-endpoint https://a:6443 --run-e2e",
    "kubeconfig",
    "kubeconfig a -f -m",
    "kubeconfig . --merge=false --force-context-name x",
    "pcap",
    "pcap -i eth1 --promiscuous --duration 10s -o -",
    "pcap -o a.pcap",
    "restart -k kube-system/a",
    "stats --kubernetes",
    "time -c pool.ntp.org",
    "extension new a --service",
    "extensions validate a b --arch arm64",
    "extension pack a -o b.sqsh",
    "image list --namespace system",
    "images --namespace cri ls",
    "image l -n a",
    "image pull a --namespace system",
    "image extend a --extension b:1=c --system-extension-image d --schematic 0 -o e",
];

#[test]
fn old_spellings_are_accepted() {
    for line in READ {
        if let Err(error) = parse(line) {
            panic!("{line}: {error:?}");
        }
    }
}

/// What nobody means.
const REFUSED: &[&str] = &[
    "",
    "nonsense",
    "service apid explode",
    "apply-config -f x -m sometimes",
    "apply-config -f x --confirm",
    "apply-config -f x --confirm 0s",
    "apply-config -f x --confirm soon",
    "apply-config -f x --cert-fingerprint y",
    "reboot --timeout soon",
    "reboot -m warm",
    "gen config a",
    "apply pods -f x",
    "mc patch x",
    "validate -c x",
    "validate -c x -m moon",
    "inject serviceaccount",
    "gen config a b --version v2",
    "gen config a b --registry-mirror x",
    "config add a --crt x",
    "processes -s name",
    "completion powershell",
    "man",
    "get",
    "get rd -o wide",
    "get rd -o jsonpath",
    "get rd -o jsonpath={.a[?(@.b=~1)]}",
    "edit",
    "edit mc -m interactive",
    "edit mc --confirm soon",
    "patch mc --confirm 0s",
    "patch mc -m sometimes",
    "logs",
    "list -t x",
    "list -d deep",
    "list a b",
    "read",
    "read a b",
    "usage -t big",
    "copy",
    "copy /etc",
    "disks vda",
    "meta",
    "meta write 0xa",
    "meta write 0 x",
    "meta write 256 x",
    "meta write 0xyz x",
    "meta delete a",
    "pcap --duration soon",
    "pcap --bpf-filter tcp",
    "health now",
    "health --wait-timeout soon",
    "kubeconfig a b",
    "kubeconfig -m false b",
    "kubeconfig --force-context-name=",
    "pcap eth0",
    "restart",
    "time --check",
    "time pool.ntp.org",
    "extension",
    "extension validate",
    "extension pack a",
    "extension validate a --arch riscv64",
    "image extend a",
    "image",
    "image pull",
    "image list --namespace k8s.io",
];

#[test]
fn what_makes_no_sense_is_refused() {
    for line in REFUSED {
        assert!(parse(line).is_err(), "{line}");
    }
}
