// SPDX-License-Identifier: MPL-2.0
//! Who the service is and what it may do: user, groups, and all five capability sets.
//!
//! Owns: giving up privileges, for good.
//! Never: leaves a capability in a set that exec could bring back.

use proto::container::{GROUPS_MAX, Users};
use proto::service::{Seccomp, ServiceSpec};
use sys::io::Errno;
use sys::process::{Gid, Uid};
use sys::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
    clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// The number that setresuid(2) takes as "leave it": as a user it would mean "stay root".
const UNCHANGED: u32 = u32::MAX;

/// Removes from the bounding set what the service does not keep, and stops the kernel from
/// changing capabilities when the user changes.
pub(crate) fn keep_bounding(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    clear_ambient_capability_set()?;
    let kept = kept(spec)?;
    for capability in all() {
        if !kept.contains(capability) {
            match remove_capability_from_bounding_set(capability) {
                // This kernel has fewer.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)
}

/// The node's number for a user or group.
pub(crate) const fn on_the_node(users: Users, id: u32) -> u32 {
    match users {
        Users::Node => id,
        Users::Own { first } => first.saturating_add(id),
    }
}

/// From now on files that are made belong to root as these users have it. What else root may do on
/// the node is kept.
pub(crate) fn make_files_for(users: Users) -> Result<(), Errno> {
    match users {
        Users::Node => Ok(()),
        Users::Own { first } => {
            set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
            sys::owner::make_files_of(first, first)
        }
    }
}

/// Becomes the service's user with no groups but those of its description.
pub(crate) fn become_user(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    if spec.uid == UNCHANGED || spec.gid == UNCHANGED {
        return Err(Errno::INVAL);
    }
    let (uid, gid) = (Uid::from_raw(spec.uid), Gid::from_raw(spec.gid));
    let mut groups = [Gid::ROOT; GROUPS_MAX];
    let described = spec.container.iter().flat_map(|it| &it.groups);
    let mut count = 0_usize;
    for (group, described) in groups.iter_mut().zip(described) {
        if *described == UNCHANGED {
            return Err(Errno::INVAL);
        }
        *group = Gid::from_raw(*described);
        count = count.saturating_add(1);
    }
    set_thread_groups(groups.get(..count).unwrap_or_default())?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// Leaves the kept capabilities, and only them, in every set. In a container whose programs do not
/// keep them as other users they are root's: inheritable and ambient stay empty.
pub(crate) fn keep_capabilities(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    let kept = kept(spec)?;
    let ambient = match &spec.container {
        Some(container) if !container.ambient => CapabilitySet::empty(),
        Some(_) | None => kept,
    };
    // SETPCAP is needed until the secure bits are set.
    let meanwhile = kept | CapabilitySet::SETPCAP;
    set_sets(meanwhile, ambient)?;
    for capability in all() {
        if ambient.contains(capability) {
            configure_capability_in_ambient_set(capability, true)?;
        }
    }
    let (bits, no_new_privileges) = match (&spec.container, spec.seccomp) {
        // What administers the machine, or is a machine of its own, starts programs that have
        // users and privileges of their own; the bounding set still holds.
        (Some(container), _) => (CapabilitiesSecureBits::empty(), container.no_new_privileges),
        (None, Seccomp::Unconfined) => (CapabilitiesSecureBits::empty(), false),
        (None, Seccomp::Agent | Seccomp::Container) => (locked(), true),
    };
    set_capabilities_secure_bits(bits)?;
    if no_new_privileges {
        set_no_new_privs(true)?;
    }
    set_sets(kept, ambient)
}

/// Sets effective and permitted to one set and inheritable to another.
fn set_sets(effective: CapabilitySet, inheritable: CapabilitySet) -> Result<(), Errno> {
    let sets = CapabilitySets {
        effective,
        permitted: effective,
        inheritable,
    };
    set_capabilities(None, sets)
}

/// User 0 is nobody special, capabilities do not follow users, and nothing can be raised again.
fn locked() -> CapabilitiesSecureBits {
    CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
}

/// What the service keeps. A container is described with all that there may be: what this kernel
/// or the node's own host does not give to anybody is not missed.
fn kept(spec: &ServiceSpec<'_>) -> Result<CapabilitySet, Errno> {
    let described = CapabilitySet::from_bits_retain(spec.capabilities);
    match spec.container {
        None => Ok(described),
        Some(_) => Ok(described & capabilities(None)?.permitted),
    }
}

/// Every capability that there may be, one by one.
fn all() -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1_u64.wrapping_shl(bit)))
}
