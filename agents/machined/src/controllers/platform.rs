// SPDX-License-Identifier: MPL-2.0
//! Where the machine runs.
//!
//! Owns: `PlatformMetadata`: what the kernel's command line says.
//! Never: asks a cloud; no service of one is built.

use resource::{Body, Controller, Desired, Output};

use crate::kernel_arguments::KernelArguments;
use crate::resources::PlatformMetadata;

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let metadata = PlatformMetadata {
        platform: arguments.platform().to_owned(),
        ..PlatformMetadata::default()
    };
    Controller {
        name: "network.PlatformConfigController",
        inputs: Vec::new(),
        outputs: vec![Output::of::<PlatformMetadata>()],
        body: Body::Acting(Box::new(move |_view, desired: &mut Desired| {
            desired.put("platformmetadata", metadata.clone());
            Ok(())
        })),
    }
}
