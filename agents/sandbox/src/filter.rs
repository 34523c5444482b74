// SPDX-License-Identifier: MPL-2.0
//! Which system calls no agent needs, and which filter a service has.
//!
//! Owns: the table of denied calls, a reason beside each.
//! Never: stands alone: capabilities deny most of these too; this also keeps an agent's mistakes
//! away from kernel code that it has no business in.

use proto::service::{Seccomp, ServiceSpec};
use sys::io::Errno;
use sys::seccomp::numbers as call;
use sys::seccomp::{Filter, Test, Verdict};
use sys::thread::CapabilitySet;

use crate::profile;

/// Flags of clone(2) that make namespaces: all `CLONE_NEW*` but `CLONE_NEWTIME`, whose bit is part
/// of the exit signal there.
pub(crate) const NEW_NAMESPACES: u32 = 0x7e02_0000;

/// What agents are denied. They get EPERM.
const DENIED: &[u32] = &[
    // New code in the kernel, from memory, or taken out again: nobody here does either.
    call::__NR_init_module,
    call::__NR_delete_module,
    // Another kernel, or none: init brings the machine down.
    call::__NR_kexec_load,
    call::__NR_kexec_file_load,
    call::__NR_reboot,
    // Other processes' memory and registers.
    call::__NR_ptrace,
    call::__NR_process_vm_readv,
    call::__NR_process_vm_writev,
    call::__NR_process_madvise,
    call::__NR_pidfd_getfd,
    call::__NR_kcmp,
    // Programs in the kernel.
    call::__NR_bpf,
    call::__NR_perf_event_open,
    // What is mounted, and where the root is: the sandbox has made that final.
    call::__NR_mount,
    call::__NR_umount2,
    call::__NR_pivot_root,
    call::__NR_chroot,
    call::__NR_fsopen,
    call::__NR_fspick,
    call::__NR_fsconfig,
    call::__NR_fsmount,
    call::__NR_move_mount,
    call::__NR_open_tree,
    call::__NR_mount_setattr,
    // New namespaces open kernel code that only root reaches otherwise.
    call::__NR_unshare,
    call::__NR_setns,
    // Kernel key rings: nothing here uses them.
    call::__NR_add_key,
    call::__NR_request_key,
    call::__NR_keyctl,
    // Asynchronous calls that a filter does not see.
    call::__NR_io_uring_setup,
    call::__NR_io_uring_enter,
    call::__NR_io_uring_register,
    // Page faults handled by a program make kernel races easy to win.
    call::__NR_userfaultfd,
    // Files by number, around every path permission.
    call::__NR_open_by_handle_at,
    // Swap, quotas, accounting: the machine's, not an agent's.
    call::__NR_swapon,
    call::__NR_swapoff,
    call::__NR_quotactl,
    call::__NR_quotactl_fd,
    call::__NR_acct,
    // Other personalities switch protections off.
    call::__NR_personality,
    // Moving pages of others.
    call::__NR_move_pages,
    call::__NR_migrate_pages,
    // Never implemented in Linux, or long gone.
    call::__NR_nfsservctl,
    call::__NR_lookup_dcookie,
    // Hanging up the console.
    call::__NR_vhangup,
    // Raw ports, local descriptor tables and old module calls exist on x86 only.
    #[cfg(target_arch = "x86_64")]
    call::__NR_iopl,
    #[cfg(target_arch = "x86_64")]
    call::__NR_ioperm,
    #[cfg(target_arch = "x86_64")]
    call::__NR_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    call::__NR_create_module,
    #[cfg(target_arch = "x86_64")]
    call::__NR_uselib,
];

/// What agents are denied unless a capability of theirs is about nothing else.
const DENIED_WITHOUT: &[(u32, CapabilitySet)] = &[
    // New code in the kernel, from a file: udevd alone loads modules.
    (call::__NR_finit_module, CapabilitySet::SYS_MODULE),
];

/// The filter of agents with these capabilities.
fn agent(capabilities: u64) -> Filter {
    let mut filter = Filter::new(Verdict::Allow, u32::MAX, Verdict::Allow);
    for number in DENIED {
        filter.set(*number, Verdict::Refuse);
    }
    for (number, capability) in DENIED_WITHOUT {
        if !CapabilitySet::from_bits_retain(capabilities).contains(*capability) {
            filter.set(*number, Verdict::Refuse);
        }
    }
    filter.set(call::__NR_clone, Verdict::If(Test::Without(NEW_NAMESPACES)));
    // Its flags are in memory, which a filter cannot read. C libraries then use clone.
    filter.set(call::__NR_clone3, Verdict::Unknown);
    filter
}

/// Installs the service's filter.
pub(crate) fn install(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    match spec.seccomp {
        Seccomp::Agent => agent(spec.capabilities).install(),
        Seccomp::Container => profile::of(spec).install(),
        Seccomp::Unconfined => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sys::seccomp::numbers as call;
    use sys::thread::CapabilitySet;

    use super::{DENIED, Verdict, agent};

    #[test]
    fn what_agents_are_denied_fails() {
        let filter = agent(u64::MAX);
        for number in DENIED {
            assert_eq!(filter.get(*number), Verdict::Refuse, "{number}");
        }
        assert!(filter.fits());
    }

    #[test]
    fn xtn_07_only_who_has_the_capability_gets_to_the_call() {
        let everything_else = CapabilitySet::all().difference(CapabilitySet::SYS_MODULE);
        let verdict =
            |capabilities: CapabilitySet| agent(capabilities.bits()).get(call::__NR_finit_module);

        assert_eq!(verdict(everything_else), Verdict::Refuse);
        assert_eq!(verdict(CapabilitySet::SYS_MODULE), Verdict::Allow);
    }
}
