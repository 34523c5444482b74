// SPDX-License-Identifier: MPL-2.0
//! Which system calls a container needs.
//!
//! The calls are those of the usual profile of container runtimes. What is not listed fails with
//! EPERM; what came after the newest call that this table was made with fails with ENOSYS, so that
//! a C library from tomorrow falls back on what it knows.
//!
//! Owns: the verdict on each call; the tables are in `calls`.
//! Never: grants anything: the kernel checks each call that passes as if there were no filter.

use proto::service::ServiceSpec;
use sys::seccomp::numbers as call;
use sys::seccomp::{Filter, Test, Verdict};
use sys::thread::CapabilitySet;

use crate::calls::{ALLOWED, NEWEST, WITH_CAPABILITY};
use crate::filter::NEW_NAMESPACES;

/// `AF_VSOCK`: the way to the hypervisor knows no network namespace.
const VIRTUAL_MACHINE_SOCKETS: u32 = 40;

/// Linux as it is, as a machine of 32 bits, with a version of 2.6, both, or only asked for
/// (personality(2)). Others switch protections of memory off.
const PERSONALITIES: &[u32] = &[0, 0x8, 0x2_0000, 0x2_0008, u32::MAX];

/// The profile for a container with these capabilities.
fn profile(capabilities: CapabilitySet) -> Filter {
    let mut filter = Filter::new(Verdict::Refuse, NEWEST, Verdict::Unknown);
    for number in ALLOWED.iter().copied().flatten() {
        filter.set(*number, Verdict::Allow);
    }
    filter.set(call::__NR_clone, Verdict::If(Test::Without(NEW_NAMESPACES)));
    // Its flags are in memory, which a filter cannot read. C libraries then use clone.
    filter.set(call::__NR_clone3, Verdict::Unknown);
    filter.set(
        call::__NR_socket,
        Verdict::If(Test::Not(VIRTUAL_MACHINE_SOCKETS)),
    );
    filter.set(
        call::__NR_personality,
        Verdict::If(Test::OneOf(PERSONALITIES)),
    );
    for (needed, numbers) in WITH_CAPABILITY {
        if capabilities.contains(*needed) {
            for number in *numbers {
                filter.set(*number, Verdict::Allow);
            }
        }
    }
    filter
}

/// The profile of a service.
pub(crate) fn of(spec: &ServiceSpec<'_>) -> Filter {
    profile(CapabilitySet::from_bits_retain(spec.capabilities))
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, CapabilitySet, NEWEST, Verdict, WITH_CAPABILITY, call, profile};

    #[test]
    fn a_call_is_in_one_group_only() {
        for (place, groups) in ALLOWED.iter().enumerate() {
            for (index, number) in groups.iter().enumerate() {
                let twice = groups[index + 1..].contains(number)
                    || ALLOWED[place + 1..]
                        .iter()
                        .any(|group| group.contains(number));
                assert!(!twice, "{number}");
                assert!(*number <= NEWEST, "{number}");
            }
        }
    }

    #[test]
    fn what_needs_a_capability_is_not_open_without_it() {
        let closed = profile(CapabilitySet::from_bits_retain(
            proto::container::USUAL_CAPABILITIES,
        ));
        let open = profile(CapabilitySet::from_bits_retain(u64::MAX));
        for (needed, numbers) in WITH_CAPABILITY {
            for number in *numbers {
                assert_eq!(open.get(*number), Verdict::Allow, "{number}");
                if *needed != CapabilitySet::SYS_CHROOT {
                    assert_ne!(closed.get(*number), Verdict::Allow, "{number}");
                }
            }
        }
        assert_eq!(closed.get(call::__NR_chroot), Verdict::Allow);
    }

    #[test]
    fn what_no_container_needs_is_refused_and_what_is_not_known_is_unknown() {
        let filter = profile(CapabilitySet::from_bits_retain(u64::MAX));
        for number in [
            call::__NR_kexec_load,
            call::__NR_kexec_file_load,
            call::__NR_add_key,
            call::__NR_keyctl,
            call::__NR_request_key,
            call::__NR_io_uring_setup,
            call::__NR_io_uring_enter,
            call::__NR_userfaultfd,
            call::__NR_swapon,
            call::__NR_move_pages,
            call::__NR_nfsservctl,
        ] {
            assert_eq!(filter.get(number), Verdict::Refuse, "{number}");
        }
        for number in [NEWEST + 1, 511, 512, 0x3fff_ffff] {
            assert_eq!(filter.get(number), Verdict::Unknown, "{number}");
        }
    }

    #[test]
    fn the_profile_fits_a_filter() {
        for bit in 0..=u64::BITS {
            let mask = 1_u64.checked_shl(bit).unwrap_or(u64::MAX);
            // A filter that does not fit is refused before the kernel is asked.
            let filter = profile(CapabilitySet::from_bits_retain(mask));
            assert!(filter.fits(), "{bit}");
        }
    }
}
