// SPDX-License-Identifier: MPL-2.0
//! The controllers: one file each, and one table.
//!
//! Owns: who is in the engine.
//! Never: holds logic of a controller.

mod address_event;
mod api_certificate;
mod cert_sans;
mod etc_files;
mod events_sink_config;
mod hostname_config;
mod hostname_merge;
mod hostname_spec;
mod kernel_module_config;
mod kernel_module_spec;
mod kernel_param_config;
mod kernel_param_spec;
mod kmsg_log_config;
mod log_delivery;
mod machine_type;
mod metrics;
mod node_address;
mod resolvers;

pub(crate) use kernel_param_config::KSPP_SYSCTLS;

use std::net::SocketAddr;

use resource::{Engine, Output, RegisterError};
use tokio::sync::watch;

use crate::kernel_arguments::KernelArguments;
use crate::kernel_modules::Wanted;
use crate::news::{init, network};
use crate::places::Places;
use crate::resources::{
    self, AddressStatus, ExtensionStatus, LeaseStatus, LinkStatus, LoadedKernelModule,
    MachineConfig, MachineStatus, Namespace, ResourceDefinition, RouteStatus, Service,
};
use crate::{kernel_modules, layers, node, shipping};

/// Who writes the configuration that was accepted.
pub(crate) const CONFIGURATION: &str = "config.AcquireController";

/// Puts every source and every controller into the engine.
///
/// # Errors
/// Two of them write the same: a mistake in this table.
pub(crate) fn register(
    engine: &mut Engine,
    places: &Places,
    arguments: &KernelArguments,
    modules: &watch::Sender<Vec<Wanted>>,
    shipping: &shipping::Wanted,
    metrics: &watch::Sender<Option<SocketAddr>>,
    announced: &watch::Sender<api::machine::AddressEvent>,
) -> Result<(), RegisterError> {
    engine.register_source(
        resources::META,
        vec![
            Output::of::<ResourceDefinition>(),
            Output::of::<Namespace>(),
        ],
    )?;
    let sources = [
        (CONFIGURATION, Output::of::<MachineConfig>()),
        (node::RUNTIME, Output::of::<MachineStatus>()),
        (init::OWNER, Output::of::<Service>()),
        (layers::OWNER, Output::of::<ExtensionStatus>()),
        (kernel_modules::OWNER, Output::of::<LoadedKernelModule>()),
        (network::LINKS, Output::of::<LinkStatus>()),
        (network::ADDRESSES, Output::of::<AddressStatus>()),
        (network::ROUTES, Output::of::<RouteStatus>()),
        (network::LEASES, Output::of::<LeaseStatus>()),
    ];
    for (name, output) in sources {
        engine.register_source(name, vec![output])?;
    }
    let controllers = [
        machine_type::controller(),
        node_address::controller(),
        resolvers::controller(),
        hostname_config::controller(arguments, places),
        hostname_merge::controller(),
        hostname_spec::controller(places),
        etc_files::controller(places),
        kernel_module_config::controller(),
        kernel_module_spec::controller(modules.clone()),
        kernel_param_config::controller(arguments),
        kernel_param_spec::controller(places),
        kmsg_log_config::controller(arguments),
        events_sink_config::controller(arguments),
        log_delivery::controller(shipping),
        metrics::controller(metrics.clone()),
        address_event::controller(announced.clone()),
        cert_sans::controller(),
        api_certificate::controller(),
    ];
    for controller in controllers {
        engine.register(controller)?;
    }
    Ok(())
}

/// Runs one controller over resources that a test puts there.
#[cfg(test)]
pub(crate) mod bench {
    use std::sync::Arc;

    use resource::{AnySpec, Controller, Engine, Now, Store};

    /// An engine with one controller in it.
    #[derive(Debug)]
    pub(crate) struct Bench {
        pub(crate) store: Store,
        engine: Engine,
        pub(crate) now: Now,
    }

    impl Bench {
        pub(crate) fn of(controller: Controller) -> Self {
            let mut engine = Engine::new();
            engine.register(controller).unwrap();
            Self {
                store: Store::new(),
                engine,
                now: crate::clock::now(),
            }
        }

        pub(crate) fn say(&mut self, id: &str, spec: impl AnySpec) {
            let namespace = spec.kind().namespace;
            self.say_within(namespace, id, spec);
        }

        pub(crate) fn say_within(&mut self, namespace: &'static str, id: &str, spec: impl AnySpec) {
            self.store
                .put("test", namespace, id, Arc::new(spec), self.now.wall)
                .unwrap();
        }

        pub(crate) fn run(&mut self) -> resource::Ran {
            self.engine.run(&mut self.store, self.now)
        }
    }
}
