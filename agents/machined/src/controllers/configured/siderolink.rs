// SPDX-License-Identifier: MPL-2.0
//! Which management service the node connects to.
//!
//! Owns: `SiderolinkConfig`: the kernel's command line wins over the document.
//! Never: connects.

use config::Extra;
use resource::{Body, Controller, Desired, Input, Output};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{MachineConfig, SiderolinkConfig};

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let argument = arguments.last("siderolink.api").map(str::to_owned);
    Controller {
        name: "siderolink.ConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<SiderolinkConfig>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) else {
                return Ok(());
            };
            let written = configuration
                .0
                .extras()
                .iter()
                .find_map(|extra| match extra {
                    Extra::SideroLinkConfig(written) => Some(written.api_url.clone()),
                    Extra::ContainerConfig(_)
                    | Extra::ExtensionServiceConfig(_)
                    | Extra::EventSinkConfig(_)
                    | Extra::KmsgLogConfig(_)
                    | Extra::MetricsConfig(_)
                    | Extra::NetworkDefaultActionConfig(_)
                    | Extra::NetworkRuleConfig(_) => None,
                });
            if let Some(endpoint) = argument.clone().or(written) {
                desired.put("siderolink", SiderolinkConfig { endpoint });
            }
            Ok(())
        })),
    }
}
