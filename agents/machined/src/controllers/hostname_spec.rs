// SPDX-License-Identifier: MPL-2.0
//! Gives the kernel its host name.
//!
//! Owns: `/proc/sys/kernel/{hostname,domainname}` and `HostnameStatus`.
//! Never: takes a name away: without a wish the kernel keeps what it has.

use resource::{Body, Controller, Desired, Failure, Input, Output};

use crate::places::Places;
use crate::resources::{HostnameSpec, HostnameStatus};

pub(super) fn controller(places: &Places) -> Controller {
    let places = places.clone();
    Controller {
        name: "network.HostnameSpecController",
        inputs: vec![
            Input::of::<HostnameSpec>()
                .only(HostnameStatus::ID)
                .strong(),
        ],
        outputs: vec![Output::of::<HostnameStatus>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let Some(spec) = view.get::<HostnameSpec>(HostnameStatus::ID) else {
                return Ok(());
            };
            // An empty domain is written as the kernel has it at its start.
            let domain = match spec.domainname.as_str() {
                "" => "(none)",
                domain => domain,
            };
            for (file, value) in [("hostname", spec.hostname.as_str()), ("domainname", domain)] {
                let path = places.at("/proc/sys/kernel").join(file);
                std::fs::write(&path, value)
                    .map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
            }
            let status = HostnameStatus {
                hostname: spec.hostname.clone(),
                domainname: spec.domainname.clone(),
            };
            desired.put(HostnameStatus::ID, status);
            Ok(())
        })),
    }
}
