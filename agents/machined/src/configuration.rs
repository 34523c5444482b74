// SPDX-License-Identifier: MPL-2.0
//! The machine configuration as machined uses it.
//!
//! Owns: what of the configuration machined acts on, beside the text that it was written as.
//! Never: changes the text that the operator wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use config::{Configuration, Document, Extra};
use pki::Secret;

use crate::resources::MachineKind;

/// What machined acts on.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// What it is in its cluster.
    pub kind: MachineKind,
    /// `machine.network.hostname`; empty for none.
    pub hostname: String,
    /// `machine.network.extraHostEntries`.
    pub extra_hosts: Vec<(String, Vec<String>)>,
    /// `machine.sysctls`.
    pub sysctls: BTreeMap<String, String>,
    /// `machine.sysfs`.
    pub sysfs: BTreeMap<String, String>,
    /// `machine.kernel.modules`: names, with the parameters of each.
    pub modules: Vec<(String, Vec<String>)>,
    /// `machine.certSANs`.
    pub cert_sans: Vec<String>,
    /// The certificate of `machine.ca`, PEM, and of the other accepted ones.
    pub ca_certificate: Vec<u8>,
    /// Certificates of the other CAs that clients may come from, PEM.
    pub accepted_cas: Vec<u8>,
    /// The key of `machine.ca`, PEM; empty on workers.
    pub ca_key: Secret,
    /// `machine.token`: what a node shows to be given a certificate.
    pub token: Secret,
    /// The host of `cluster.controlPlane.endpoint`; empty for none.
    pub endpoint_host: String,
    /// `machine.features.rbac`.
    pub rbac: bool,
    /// `machine.features.apidCheckExtKeyUsage`.
    pub check_key_usage: bool,
    /// `machine.features.stableHostname`.
    pub stable_hostname: bool,
    /// `machine.time.disabled`.
    pub time_disabled: bool,
    /// The documents `ExtensionServiceConfig`.
    pub extension_services: Vec<ExtensionService>,
    /// The documents `ContainerConfig`.
    pub containers: Vec<config::ContainerSpec>,
    /// `machine.logging.destinations`.
    pub log_destinations: Vec<config::LogDestination>,
    /// The URLs of the documents `KmsgLogConfig`.
    pub kernel_logs: Vec<config::Url>,
    /// The endpoint of the document `EventSinkConfig`.
    pub event_sink: Option<String>,
    /// Where the document `MetricsConfig` wants metrics to be.
    pub metrics: Option<SocketAddr>,
    /// `machine.registries`, as imaged reads it.
    pub registries: Content,
}

/// What an extension service is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ExtensionService {
    /// Its name, without prefix.
    pub name: String,
    /// Files of its container, by path.
    pub files: Vec<(String, Content)>,
    /// `NAME=value` each.
    pub environment: Vec<String>,
}

/// What is in a file, which may be a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Content(String);

impl Content {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(******)")
    }
}

/// A configuration that was accepted: what was written and what it means.
pub(crate) struct Loaded {
    written: Configuration,
    /// What it means to machined.
    pub machine: Machine,
    /// Keys that are accepted and not acted on yet.
    pub unsupported: Vec<String>,
    /// What validation would like to be better.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loaded(******)")
    }
}

impl Loaded {
    /// Makes one from its parts.
    #[must_use]
    pub(crate) fn new(
        written: Configuration,
        machine: Machine,
        unsupported: Vec<String>,
        warnings: Vec<String>,
    ) -> Self {
        Self {
            written,
            machine,
            unsupported,
            warnings,
        }
    }

    /// What was written, byte for byte.
    #[must_use]
    pub(crate) fn source(&self) -> &[u8] {
        self.written.source().as_bytes()
    }

    /// The main document, key by key. Everything that is accepted has one.
    #[must_use]
    pub(crate) fn document(&self) -> Option<&Document> {
        self.written.document()
    }

    /// The other documents.
    #[must_use]
    pub(crate) fn extras(&self) -> &[Extra] {
        self.written.extras()
    }
}
