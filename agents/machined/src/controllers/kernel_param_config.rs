// SPDX-License-Identifier: MPL-2.0
//! Which kernel parameters are to have which value.
//!
//! Owns: hardening, the defaults, and the operator's `machine.sysctls` over them.
//! Never: writes one.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{KernelParamSpec, MachineConfig};

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
        name: "runtime.KernelParamConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KernelParamSpec>()],
        body: Body::Pure(if arguments.in_container() {
            in_container
        } else {
            on_machine
        }),
    }
}

fn in_container(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    put_all(view, desired, &[])
}

fn on_machine(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    put_all(view, desired, OUTSIDE_CONTAINERS)
}

fn put_all(view: &View<'_>, desired: &mut Desired, more: &[(&str, &str)]) -> Result<(), Failure> {
    for (name, value) in KSPP_SYSCTLS.iter().chain(DEFAULTS).chain(more) {
        let spec = KernelParamSpec {
            value: (*value).to_owned(),
            // A kernel may be built without the feature that the parameter is of.
            ignore_errors: true,
        };
        desired.put(format!("proc.sys.{name}"), spec);
    }
    if let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) {
        for (name, value) in &configuration.0.machine.sysctls {
            let spec = KernelParamSpec {
                value: value.clone(),
                ignore_errors: false,
            };
            desired.put(format!("proc.sys.{name}"), spec);
        }
    }
    Ok(())
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
            let all = bench.store.list::<KernelParamSpec>();
            let bridges = all.filter(|spec| spec.metadata.id.contains(".bridge."));
            assert_eq!(bridges.count(), count);
        }
    }
}
