// SPDX-License-Identifier: MPL-2.0
//! Where the kernel's log goes.
//!
//! Owns: the kernel argument and the documents `KmsgLogConfig` as one resource.
//! Never: opens a connection.

use config::Url;
use resource::{Body, Controller, Input, Output};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{KmsgLogConfig, MachineConfig};
use crate::shipping::Endpoint;

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let argument = arguments.kernel_log_receiver().and_then(Url::parse);
    let argument = argument.filter(|url| Endpoint::of(url).is_some());
    Controller {
        name: "runtime.KmsgLogConfigController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KmsgLogConfig>()],
        body: Body::Acting(Box::new(move |view, desired| {
            let mut urls: Vec<Url> = argument.iter().cloned().collect();
            if let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) {
                for url in &configuration.0.machine.kernel_logs {
                    // The same receiver twice would get every line twice.
                    if !urls.contains(url) {
                        urls.push(url.clone());
                    }
                }
            }
            if !urls.is_empty() {
                desired.put(KmsgLogConfig::ID, KmsgLogConfig(urls));
            }
            Ok(())
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    fn urls(line: &str) -> Vec<String> {
        let mut bench = Bench::of(controller(&KernelArguments::parse(line)));
        bench.run();
        let found = bench.store.get::<KmsgLogConfig>(KmsgLogConfig::ID);
        let urls = found.map(|found| found.0.clone()).unwrap_or_default();
        urls.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn log_05_the_kernel_argument_is_a_receiver_and_a_wrong_one_is_none() {
        let host = "talos.logging.kernel=tcp://host:5044/";

        assert_eq!(urls(host), ["tcp://host:5044/"]);
        for wrong in ["", "talos.logging.kernel=", "talos.logging.kernel=host:1"] {
            assert_eq!(urls(wrong), Vec::<String>::new(), "{wrong}");
        }
    }
}
