// SPDX-License-Identifier: MPL-2.0
//! How the machine was started: whether the firmware checked what it started.
//!
//! Owns: `SecurityState`, read once.
//! Never: takes a firmware that cannot be asked for one that checks.

use resource::{Body, Controller, Desired, Output};

use crate::files;
use crate::places::Places;
use crate::resources::SecurityState;

/// The variable that says so, of the global vendor (UEFI §3.3).
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

pub(super) fn controller(places: &Places) -> Controller {
    let variable = places.at(SECURE_BOOT);
    Controller {
        name: "runtime.SecurityStateController",
        inputs: Vec::new(),
        outputs: vec![Output::of::<SecurityState>()],
        body: Body::Acting(Box::new(move |_view, desired: &mut Desired| {
            // Four bytes of attributes, then the value.
            let found = files::read_bytes(&variable, 5).unwrap_or_default();
            let state = SecurityState {
                secure_boot: found.get(4) == Some(&1),
                ..SecurityState::default()
            };
            desired.put("securitystate", state);
            Ok(())
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::Folder;

    #[test]
    fn rsrc_123_only_firmware_that_says_so_checks() {
        for (variable, expected) in [
            (None, false),
            (Some(&[6, 0, 0, 0, 1][..]), true),
            (Some(&[6, 0, 0, 0, 0]), false),
            (Some(&[6, 0]), false),
            (Some(&[1; 100]), false),
        ] {
            let folder = Folder::new();
            let places = Places::under(folder.path());
            if let Some(bytes) = variable {
                let path = places.at(SECURE_BOOT);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            let mut bench = Bench::of(controller(&places));
            bench.run();
            let state = bench.store.get::<SecurityState>("securitystate").unwrap();
            assert_eq!(state.secure_boot, expected, "{variable:?}");
        }
    }
}
