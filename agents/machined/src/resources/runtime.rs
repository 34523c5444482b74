// SPDX-License-Identifier: MPL-2.0
//! Resources of the running machine.
//!
//! Owns: services, extensions, kernel modules and parameters and the state of the machine as resources.
//! Never: talks to init or the kernel.

/// A service that runs; any other is no resource. Its id is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Whether its last check was good; `None` when nobody checks it, or not yet.
    pub healthy: Option<bool>,
}

super::kind!(
    Service,
    "Services.v1alpha1.talos.dev" in "runtime",
    ["svc", "service"],
    [
        "Running" = "{.running}",
        "Healthy" = "{.healthy}",
        "Health Unknown" = "{.unknown}"
    ],
    Public,
    super::wire::service
);

/// A service that does not run, though it should. Its id is its name; clients see it in `MachineStatus`,
/// if it is the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DownService;

super::kind!(
    DownService,
    "DownServices.runtime.ichor.dev" in "runtime",
    [],
    [],
    Public
);

/// A system extension of the image. Its id is the file of its layer without `.sqsh`, or, without a
/// layer, its place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtensionStatus {
    /// The file of its layer; the schematic has none.
    pub image: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version, in whatever form its makers have.
    pub version: String,
    /// Who made it.
    pub author: Option<String>,
    /// What it is for; may have lines.
    pub description: Option<String>,
    /// Which versions of the system it is for: `>= v1.0.0`.
    pub compatible_talos: Option<String>,
}

super::kind!(
    ExtensionStatus,
    "ExtensionStatuses.runtime.talos.dev" in "runtime",
    ["extensions", "extensionstatus", "es"],
    [
        "Name" = "{.metadata.name}",
        "Version" = "{.metadata.version}"
    ],
    Public,
    super::wire::extension_status
);

/// A kernel module that is to be loaded. Its id is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KernelModuleSpec {
    /// The name, as the configuration has it.
    pub name: String,
    /// `name=value` each.
    pub parameters: Vec<String>,
}

super::kind!(
    KernelModuleSpec,
    "KernelModuleSpecs.runtime.talos.dev" in "runtime",
    ["modules", "kernelmodulespec", "kms"],
    [],
    Public,
    super::wire::kernel_module_spec
);

/// A kernel module that is loaded. Its id is its name, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadedKernelModule {
    /// Its memory, in bytes.
    pub size: i64,
    /// How many users it has; -1 when the kernel does not say.
    pub reference_count: i64,
    /// The names of the modules that use it.
    pub dependencies: Vec<String>,
    /// `Live`, `Loading` or `Unloading`.
    pub state: String,
    /// Where it is in memory; zeros for those who may not know.
    pub address: String,
}

// The documents give it the alias `modules`, too, which was that of the specs before.
super::kind!(
    LoadedKernelModule,
    "LoadedKernelModules.runtime.talos.dev" in "runtime",
    ["module", "loadedkernelmodule", "lkm", "lkms"],
    [],
    Public,
    super::wire::loaded_kernel_module
);

/// A kernel parameter as it should be. Its id is `proc.sys.` and the parameter's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KernelParamSpec {
    /// The value.
    pub value: String,
    /// Whether a kernel without it is fine.
    pub ignore_errors: bool,
}

super::kind!(
    KernelParamSpec,
    "KernelParamSpecs.runtime.talos.dev" in "runtime",
    ["kernelparamspec", "kps"],
    [],
    Public,
    super::wire::kernel_param_spec
);

/// A kernel parameter as it is. Its id is that of its spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KernelParamStatus {
    /// What it is now.
    pub current: String,
    /// What it was before we wrote it.
    pub default: String,
    /// Whether this kernel does not have it.
    pub unsupported: bool,
}

super::kind!(
    KernelParamStatus,
    "KernelParamStatuses.runtime.talos.dev" in "runtime",
    ["sysctls", "kernelparameters", "kernelparams", "kernelparamstatus", "kps"],
    [
        "Current" = "{.current}",
        "Default" = "{.default}",
        "Unsupported" = "{.unsupported}"
    ],
    Public,
    super::wire::kernel_param_status
);

/// What the machine does as a whole. As a resource its id is `machine`; clients see it in
/// `MachineStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MachineStage {
    /// It starts.
    Booting,
    /// It waits for a configuration.
    Maintenance,
    /// It does what it is for.
    Running,
    /// It goes down to start again.
    Rebooting,
    /// It goes down.
    ShuttingDown,
}

impl MachineStage {
    /// Its only id.
    pub(crate) const ID: &'static str = "machine";

    /// Whether anything is asked of a machine in this stage for it to be ready.
    pub(crate) const fn is_judged(self) -> bool {
        match self {
            Self::Booting | Self::Running => true,
            Self::Maintenance | Self::Rebooting | Self::ShuttingDown => false,
        }
    }
}

super::kind!(
    MachineStage,
    "MachineStages.runtime.ichor.dev" in "runtime",
    [],
    [],
    Public
);

/// Why a machine is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnmetCondition {
    /// What must be.
    pub name: String,
    /// Why it is not.
    pub reason: String,
}

/// The state of the machine. Its id is `machine`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MachineStatus {
    /// What it does.
    pub stage: MachineStage,
    /// What keeps it from being ready; nothing when it is.
    pub unmet: Vec<UnmetCondition>,
}

impl MachineStatus {
    /// Its only id.
    pub(crate) const ID: &'static str = "machine";
}

super::kind!(
    MachineStatus,
    "MachineStatuses.runtime.talos.dev" in "runtime",
    ["machinestatus", "ms"],
    ["Stage" = "{.stage}", "Ready" = "{.status.ready}"],
    Public,
    super::wire::machine_status
);

/// A value of META. Its id is its key: `0x0a`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MetaKey(pub String);

impl MetaKey {
    /// The key of the UUID that counts in place of the firmware's.
    pub(crate) const UUID: u8 = 0x0f;

    /// The id of a key.
    pub(crate) fn id(key: u8) -> String {
        format!("{key:#04x}")
    }
}

impl std::fmt::Debug for MetaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetaKey(******)")
    }
}

super::kind!(
    MetaKey,
    "MetaKeys.runtime.talos.dev" in "runtime",
    ["meta", "metakey", "mk", "mks"],
    ["Value" = "{.value}"],
    Public,
    super::wire::meta_key
);

/// META was loaded. Its id is `meta-loaded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaLoaded;

impl MetaLoaded {
    /// Its only id.
    pub(crate) const ID: &'static str = "meta-loaded";
}

super::kind!(
    MetaLoaded,
    "MetaLoads.runtime.talos.dev" in "runtime",
    ["metaload", "ml", "mls"],
    ["Done" = "{.done}"],
    Public,
    super::wire::meta_loaded
);

/// What tells this machine to the server of a management tunnel; empty when META has none. Its id is
/// `unique-machine-token`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UniqueMachineToken(pub String);

impl UniqueMachineToken {
    /// Its only id.
    pub(crate) const ID: &'static str = "unique-machine-token";
}

impl std::fmt::Debug for UniqueMachineToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UniqueMachineToken(******)")
    }
}

super::kind!(
    UniqueMachineToken,
    "UniqueMachineTokens.runtime.talos.dev" in "runtime",
    ["uniquemachinetoken", "umt", "umts"],
    ["Token" = "{.token}"],
    Public,
    super::wire::unique_machine_token
);

/// Where the kernel's log goes. Its id is `kmsg-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KmsgLogConfig(pub Vec<config::Url>);

impl KmsgLogConfig {
    /// Its only id.
    pub(crate) const ID: &'static str = "kmsg-log";
}

super::kind!(
    KmsgLogConfig,
    "KmsgLogConfigs.runtime.talos.dev" in "runtime",
    ["kmsglogconfig", "klc", "klcs"],
    [],
    Public,
    super::wire::kmsg_log_config
);

/// Where events go: a host and a port. Its id is `event-sink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventSinkConfig(pub String);

impl EventSinkConfig {
    /// Its only id.
    pub(crate) const ID: &'static str = "event-sink";
}

super::kind!(
    EventSinkConfig,
    "EventSinkConfigs.runtime.talos.dev" in "runtime",
    ["eventsinkconfig", "esc", "escs"],
    [],
    Public,
    super::wire::event_sink_config
);
