// SPDX-License-Identifier: MPL-2.0
//! Seccomp profiles for the kubelet.
//!
//! Owns: `SeccompProfile`: `machine.seccompProfiles`, one by one.
//! Never: writes one to a file.

use resource::{Controller, Desired, Failure, View};

use super::written::free;
use super::{machine, of_configuration};
use crate::resources::SeccompProfile;

pub(super) fn controller() -> Controller {
    of_configuration::<SeccompProfile>("cri.SeccompProfileController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let machine = machine(view).into_iter();
    for written in machine.flat_map(|found| found.seccomp_profiles.iter().flatten()) {
        let profile = SeccompProfile {
            name: written.name.clone(),
            value: free(&written.value),
        };
        desired.put(written.name.clone(), profile);
    }
    Ok(())
}
