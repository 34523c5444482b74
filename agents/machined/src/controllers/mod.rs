// SPDX-License-Identifier: MPL-2.0
//! The controllers: one file each, and one table.
//!
//! Owns: who is in the engine, and who comes first there.
//! Never: holds logic of a controller.

mod address_event;
mod api_certificate;
mod arguments;
mod cert_sans;
mod configured;
mod devices_status;
mod etc_file;
mod etc_files;
mod etcd_spec;
mod events_sink_config;
mod hardware_address;
mod hostname_config;
mod hostname_merge;
mod hostname_spec;
mod kernel_module_config;
mod kernel_module_spec;
mod kernel_param_config;
mod kernel_param_defaults;
mod kernel_param_file;
mod kernel_param_spec;
mod kmsg_log_config;
mod kubelet_secrets;
mod kubelet_spec;
mod kubernetes_cert_sans;
mod layered;
mod log_delivery;
mod machine_status;
pub(crate) mod machine_status_event;
mod machine_type;
mod maintenance_certificate;
mod maintenance_config;
mod maintenance_root;
mod metrics;
mod network_status;
mod node_address;
mod node_identity;
mod node_ips;
mod platform;
mod renewed;
mod resolvers;
mod root_etcd;
mod root_kubernetes;
mod root_os;
mod roots;
mod security_state;
mod static_endpoint;
mod system_information;
mod time_server_config;
mod time_server_merge;
mod time_server_spec;
mod time_sync;
mod trustd_certificate;
mod unique_machine_token;
mod wishes;

pub(crate) use kernel_param_defaults::KSPP_SYSCTLS;

use std::net::SocketAddr;

use config::document::ClusterConfig;
use resource::{Engine, Output, RegisterError, View};
use tokio::sync::watch;

use crate::kernel_arguments::KernelArguments;
use crate::kernel_modules::Wanted;
use crate::news::{init, network};
use crate::places::Places;
use crate::resources::{
    self, AcquireConfigSpec, AcquireConfigStatus, AddressStatus, AdjtimeStatus, CpuStats,
    DownService, ExtensionStatus, HostAddresses, JoinCertificate, LeaseStatus, LinkStatus,
    LoadedKernelModule, MachineConfig, MachineStage, MaintenanceServiceRequest, MemoryStats,
    MetaKey, MetaLoaded, MountStatus, Namespace, ResourceDefinition, RouteStatus, Service,
};
use crate::trust::{Wish, join};
use crate::{
    acquire, adjtime, endpoint, kernel_modules, layers, meta, mounted, perf, sequence, shipping,
};

/// Who writes the configuration that was accepted.
pub(crate) const CONFIGURATION: &str = "config.AcquireController";

/// How names end that the documents call controllers. Other sources of news have other names: tasks of the
/// boot sequence, and parts of machined. Clients can tell them by that alone: the graph has no more than names.
const CONTROLLER: &str = "Controller";

/// Says whether an owner of resources is what the documents call a controller.
pub(crate) fn is_controller(owner: &str) -> bool {
    owner.ends_with(CONTROLLER)
}

/// Where controllers say what parts of machined that are none are to do.
#[derive(Debug)]
pub(crate) struct Outlets<'a> {
    /// The kernel modules that are wanted.
    pub modules: &'a watch::Sender<Vec<Wanted>>,
    /// The certificate that another node is to sign.
    pub join: &'a watch::Sender<Option<Wish>>,
    /// Where logs and events go.
    pub shipping: &'a shipping::Wanted,
    /// Where metrics are.
    pub metrics: &'a watch::Sender<Option<SocketAddr>>,
    /// The node's name and addresses.
    pub announced: &'a watch::Sender<api::machine::AddressEvent>,
    /// The machine as a whole.
    pub status: &'a watch::Sender<Option<api::machine::MachineStatusEvent>>,
    /// The host that leads to the control plane.
    pub endpoint: &'a watch::Sender<Option<String>>,
}

/// Puts every source and every controller into the engine.
///
/// # Errors
/// Two of them write the same: a mistake in this table.
pub(crate) fn register(
    engine: &mut Engine,
    places: &Places,
    arguments: &KernelArguments,
    outlets: &Outlets<'_>,
) -> Result<(), RegisterError> {
    engine.register_source(
        resources::META,
        vec![
            Output::of::<ResourceDefinition>(),
            Output::of::<Namespace>(),
        ],
    )?;
    let outputs = vec![Output::of::<MetaKey>(), Output::of::<MetaLoaded>()];
    engine.register_source(meta::OWNER, outputs)?;
    let outputs = vec![
        Output::of::<MachineConfig>(),
        Output::of::<AcquireConfigStatus>(),
        Output::of::<MaintenanceServiceRequest>(),
    ];
    engine.register_source(CONFIGURATION, outputs)?;
    let sources = [
        (acquire::TASK, Output::of::<AcquireConfigSpec>()),
        (sequence::OWNER, Output::of::<MachineStage>()),
        (adjtime::OWNER, Output::of::<AdjtimeStatus>()),
        (join::OWNER, Output::of::<JoinCertificate>()),
        (layers::OWNER, Output::of::<ExtensionStatus>()),
        (kernel_modules::OWNER, Output::of::<LoadedKernelModule>()),
        (network::LINKS, Output::of::<LinkStatus>()),
        (network::ADDRESSES, Output::of::<AddressStatus>()),
        (network::ROUTES, Output::of::<RouteStatus>()),
        (network::LEASES, Output::of::<LeaseStatus>()),
        (mounted::OWNER, Output::of::<MountStatus>()),
        (endpoint::OWNER, Output::of::<HostAddresses>()),
    ];
    for (name, output) in sources {
        engine.register_source(name, vec![output])?;
    }
    engine.register_source(
        init::OWNER,
        vec![Output::of::<Service>(), Output::of::<DownService>()],
    )?;
    engine.register_source(
        perf::OWNER,
        vec![Output::of::<CpuStats>(), Output::of::<MemoryStats>()],
    )?;
    let controllers = [
        // What opens the door, each after what it reads: a node that changes is reached first.
        machine_type::controller(),
        node_address::controller(),
        node_identity::controller(places),
        hostname_config::controller(arguments),
        hostname_merge::controller(),
        hostname_spec::controller(places),
        cert_sans::controller(),
        maintenance_root::controller(),
        maintenance_certificate::controller(),
        api_certificate::controller(outlets.join.clone()),
        // What a boot waits for.
        kernel_param_defaults::controller(arguments),
        kernel_param_config::controller(),
        kernel_param_spec::controller(places),
        resolvers::controller(),
        etc_files::controller(),
        etc_file::controller(places),
        kernel_module_config::controller(),
        kernel_module_spec::controller(outlets.modules.clone()),
        // All others.
        unique_machine_token::controller(),
        kmsg_log_config::controller(arguments),
        events_sink_config::controller(arguments),
        log_delivery::controller(outlets.shipping),
        metrics::controller(outlets.metrics.clone()),
        address_event::controller(outlets.announced.clone()),
        machine_status::controller(),
        machine_status_event::controller(outlets.status.clone()),
        static_endpoint::controller(outlets.endpoint.clone()),
        trustd_certificate::controller(),
        root_os::controller(),
        root_etcd::controller(),
        root_kubernetes::controller(),
        kubelet_secrets::controller(),
        system_information::controller(places),
        hardware_address::controller(),
        network_status::controller(),
        devices_status::controller(),
        security_state::controller(places),
        platform::controller(arguments),
        maintenance_config::controller(),
        node_ips::controller(),
        etcd_spec::controller(),
        kubelet_spec::controller(),
        time_server_config::controller(arguments),
        time_server_merge::controller(),
        time_server_spec::controller(),
        time_sync::controller(),
    ];
    for controller in controllers
        .into_iter()
        .chain(configured::controllers(arguments))
        .chain(wishes::controllers())
    {
        engine.register(controller)?;
    }
    Ok(())
}

/// What the configuration says of the cluster.
fn cluster<'a>(view: &View<'a>) -> Option<&'a ClusterConfig> {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID)?;
    configuration.0.document()?.cluster.as_ref()
}

/// Whether the configuration has the control plane here.
fn is_control_plane(view: &View<'_>) -> bool {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID);
    configuration.is_some_and(|found| found.0.machine.kind.is_control_plane())
}

/// Runs one controller over resources that a test puts there.
#[cfg(test)]
pub(crate) mod bench {
    use std::sync::Arc;

    use resource::{AnySpec, Controller, Engine, Now, ResourceSpec, Store};

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

        pub(crate) fn take_away<T: ResourceSpec>(&mut self, id: &str) {
            self.store
                .tear_down("test", T::KIND.namespace, T::KIND, id, self.now.wall)
                .unwrap();
        }

        /// Who has a finalizer on it.
        pub(crate) fn holders<T: ResourceSpec>(&self, id: &str) -> Vec<&'static str> {
            let found = self.store.get_any(T::KIND.namespace, T::KIND, id);
            let finalizers = found.map(|found| found.metadata.finalizers.iter().copied());
            finalizers.into_iter().flatten().collect()
        }

        pub(crate) fn run(&mut self) -> resource::Ran {
            self.engine.run(&mut self.store, self.now)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn res_12_all_controllers_are_named_so_and_no_other_source_is() {
        let mut engine = Engine::new();
        let outlets = Outlets {
            modules: &watch::Sender::default(),
            join: &watch::Sender::default(),
            shipping: &shipping::Wanted::default(),
            metrics: &watch::Sender::default(),
            announced: &watch::Sender::default(),
            status: &watch::Sender::default(),
            endpoint: &watch::Sender::default(),
        };
        let arguments = KernelArguments::parse("");
        register(
            &mut engine,
            &Places::under("/nowhere"),
            &arguments,
            &outlets,
        )
        .unwrap();

        let all = engine.dependencies();
        let others: BTreeSet<&str> = all
            .iter()
            .map(|edge| edge.controller)
            .filter(|name| !is_controller(name))
            .collect();
        let known = [
            acquire::TASK,
            endpoint::OWNER,
            join::OWNER,
            meta::OWNER,
            mounted::OWNER,
            resources::META,
            sequence::OWNER,
        ];
        assert_eq!(others, BTreeSet::from(known));
    }
}
