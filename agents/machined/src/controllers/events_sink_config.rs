// SPDX-License-Identifier: MPL-2.0
//! Where events go.
//!
//! Owns: the kernel argument and, before it, the document `EventSinkConfig`.
//! Never: opens a connection.

use resource::{Body, Controller, Input, Output};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{EventSinkConfig, MachineConfig};
use crate::shipping::Authority;

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let argument = arguments.event_sink();
    let argument = argument.filter(|text| Authority::parse(text).is_some());
    let argument = argument.map(str::to_owned);
    Controller {
        name: "runtime.EventsSinkConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<EventSinkConfig>()],
        body: Body::Acting(Box::new(move |view, desired| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let written = configuration.and_then(|loaded| loaded.0.machine.event_sink.clone());
            if let Some(endpoint) = written.or_else(|| argument.clone()) {
                desired.put(EventSinkConfig::ID, EventSinkConfig(endpoint));
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
    fn rsrc_111_the_kernel_argument_names_the_sink_and_a_wrong_one_none() {
        for (line, sink) in [
            ("talos.events.sink=10.0.0.9:3247", Some("10.0.0.9:3247")),
            ("talos.events.sink=10.0.0.9", None),
            ("talos.events.sink=", None),
            ("", None),
        ] {
            let mut bench = Bench::of(controller(&KernelArguments::parse(line)));
            bench.run();
            let found = bench.store.get::<EventSinkConfig>(EventSinkConfig::ID);
            assert_eq!(found.map(|found| found.0.as_str()), sink, "{line}");
        }
    }
}
