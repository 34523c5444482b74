// SPDX-License-Identifier: MPL-2.0
//! The kernel parameters of a node that nobody configured.
//!
//! Owns: the list of them.
//! Never: sets one.

use resource::{Body, Controller, Desired, Failure, Output, View};

use crate::kernel_arguments::KernelArguments;
use crate::resources::KernelParamDefaultSpec;

/// What the Kernel Self Protection Project recommends.
pub(crate) const KSPP_SYSCTLS: &[(&str, &str)] = &[
    ("kernel.kptr_restrict", "1"),
    ("kernel.dmesg_restrict", "1"),
    ("kernel.perf_event_paranoid", "3"),
    ("kernel.yama.ptrace_scope", "1"),
    ("user.max_user_namespaces", "0"),
    ("kernel.unprivileged_bpf_disabled", "1"),
    ("net.core.bpf_jit_harden", "2"),
];

/// What a node needs besides.
const DEFAULTS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.default.forwarding", "1"),
    ("net.ipv6.conf.default.accept_ra", "2"),
    ("net.ipv4.tcp_keepalive_time", "600"),
    ("net.ipv4.tcp_keepalive_intvl", "60"),
    ("kernel.panic", "10"),
    ("kernel.pid_max", "262144"),
    ("vm.overcommit_memory", "1"),
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.aio-max-nr", "1048576"),
];

/// What only a machine with a kernel of its own can have.
const OUTSIDE_CONTAINERS: &[(&str, &str)] = &[
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
];

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    Controller {
        name: "runtime.KernelParamDefaultsController",
        inputs: Vec::new(),
        outputs: vec![Output::of::<KernelParamDefaultSpec>()],
        body: Body::Pure(if arguments.in_container() {
            in_container
        } else {
            on_machine
        }),
    }
}

fn in_container(_: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    put_all(desired, &[]);
    Ok(())
}

fn on_machine(_: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    put_all(desired, OUTSIDE_CONTAINERS);
    Ok(())
}

fn put_all(desired: &mut Desired, more: &[(&str, &str)]) {
    for (name, value) in KSPP_SYSCTLS.iter().chain(DEFAULTS).chain(more) {
        let spec = KernelParamDefaultSpec {
            value: (*value).to_owned(),
            // A kernel may be built without the feature that the parameter is of.
            ignore_errors: true,
        };
        desired.put(format!("proc.sys.{name}"), spec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn bridges_are_left_alone_in_containers() {
        for (line, count) in [("talos.platform=container", 0), ("", 2)] {
            let mut bench = Bench::of(controller(&KernelArguments::parse(line)));
            bench.run();
            let all = bench.store.list::<KernelParamDefaultSpec>();
            let bridges = all.filter(|spec| spec.metadata.id.contains(".bridge."));
            assert_eq!(bridges.count(), count);
        }
    }
}
