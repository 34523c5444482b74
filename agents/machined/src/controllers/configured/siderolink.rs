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
            // The command line counts before there is a configuration, too.
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let extras = configuration.map_or(&[][..], |found| found.0.extras());
            let written = extras.iter().find_map(|extra| match extra {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_138_the_command_line_counts_before_there_is_a_configuration() {
        for (line, expected) in [
            ("siderolink.api=https://a.example?jointoken=x", 1),
            ("console=ttyS0", 0),
        ] {
            let mut bench = Bench::of(controller(&KernelArguments::parse(line)));

            bench.run();

            let found = bench.store.list::<SiderolinkConfig>();
            let found: Vec<_> = found.map(|found| found.spec.endpoint.clone()).collect();
            assert_eq!(found.len(), expected, "{found:?}");
            assert!(found.iter().all(|found| line.ends_with(found.as_str())));
        }
    }
}
