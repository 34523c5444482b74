// SPDX-License-Identifier: MPL-2.0
//! From the text of a configuration to what machined acts on.
//!
//! Owns: what a configuration needs so that this node can act on it.
//! Never: stores or applies one.

use std::fmt;
use std::net::SocketAddr;

use config::document::{Document, Extra, MachineConfig as Written};
use config::{Circumstances, Configuration, ContainerSpec, LogDestination, Mode, Url};
use pki::{Authority, Certificate, Secret};

use crate::configuration::{Content, ExtensionService, Loaded, Machine};
use crate::registries;
use crate::resources::MachineKind;

/// How many CAs clients may come from besides the machine's own: apid takes sixteen in all, and a
/// rotation needs one.
const ACCEPTED_MAX: usize = 15;
/// How long they may be together: they travel to apid in one message with the server's chain.
const ACCEPTED_LEN_MAX: usize = 24 * 1024;

/// Why a configuration is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is wrong; each line says where.
    Wrong(Vec<String>),
    /// It is right, and this node cannot do it yet.
    NotYet(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(problems) => write!(f, "{}", problems.join("\n")),
            Self::NotYet(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refusal {}

/// Reads, checks and lowers a configuration for a machine in a mode (`metal`, `cloud`,
/// `container`).
///
/// # Errors
/// It is not taken, as a whole.
pub(crate) fn load(source: &[u8], mode: &str) -> Result<Loaded, Refusal> {
    let configuration = Configuration::load(source).map_err(|error| {
        let problems = error.problems.iter();
        Refusal::Wrong(problems.map(ToString::to_string).collect())
    })?;
    let document = configuration.document().ok_or(Refusal::NotYet(
        "a configuration without a main document is not supported yet",
    ))?;
    let warnings = validate(&configuration, mode)?;
    let mut machine = machine(document)?;
    machine.extension_services = extension_services(&configuration);
    machine.containers = containers(&configuration);
    machine.kernel_logs = kernel_logs(&configuration);
    machine.event_sink = event_sink(&configuration);
    machine.metrics = metrics(&configuration);
    let unsupported = configuration.unsupported();
    Ok(Loaded::new(configuration, machine, unsupported, warnings))
}

fn containers(configuration: &Configuration) -> Vec<ContainerSpec> {
    let all = configuration.extras().iter();
    all.filter_map(|extra| match extra {
        // Validation refused what means nothing.
        Extra::ContainerConfig(written) => ContainerSpec::from_document(written),
        Extra::ExtensionServiceConfig(_)
        | Extra::SideroLinkConfig(_)
        | Extra::EventSinkConfig(_)
        | Extra::KmsgLogConfig(_)
        | Extra::MetricsConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => None,
    })
    .collect()
}

fn kernel_logs(configuration: &Configuration) -> Vec<Url> {
    let all = configuration.extras().iter();
    all.filter_map(|extra| match extra {
        Extra::KmsgLogConfig(written) => Url::parse(&written.url),
        Extra::ContainerConfig(_)
        | Extra::ExtensionServiceConfig(_)
        | Extra::SideroLinkConfig(_)
        | Extra::EventSinkConfig(_)
        | Extra::MetricsConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => None,
    })
    .collect()
}

fn event_sink(configuration: &Configuration) -> Option<String> {
    let all = configuration.extras().iter();
    let mut sinks = all.filter_map(|extra| match extra {
        Extra::EventSinkConfig(written) => Some(written.endpoint.clone()),
        Extra::ContainerConfig(_)
        | Extra::ExtensionServiceConfig(_)
        | Extra::SideroLinkConfig(_)
        | Extra::KmsgLogConfig(_)
        | Extra::MetricsConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => None,
    });
    sinks.next()
}

fn metrics(configuration: &Configuration) -> Option<SocketAddr> {
    let all = configuration.extras().iter();
    let mut addresses = all.filter_map(|extra| match extra {
        Extra::MetricsConfig(written) => written.address(),
        Extra::ContainerConfig(_)
        | Extra::ExtensionServiceConfig(_)
        | Extra::SideroLinkConfig(_)
        | Extra::EventSinkConfig(_)
        | Extra::KmsgLogConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => None,
    });
    addresses.next()
}

fn extension_services(configuration: &Configuration) -> Vec<ExtensionService> {
    let all = configuration.extras().iter();
    all.filter_map(|extra| match extra {
        Extra::ExtensionServiceConfig(written) => Some(ExtensionService {
            name: written.name.clone(),
            files: (written.config_files.iter())
                .map(|file| (file.mount_path.clone(), Content::new(&file.content)))
                .collect(),
            environment: written.environment.clone(),
        }),
        Extra::ContainerConfig(_)
        | Extra::SideroLinkConfig(_)
        | Extra::EventSinkConfig(_)
        | Extra::KmsgLogConfig(_)
        | Extra::MetricsConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => None,
    })
    .collect()
}

fn machine(document: &Document) -> Result<Machine, Refusal> {
    let wrong = |text: &str| Err(Refusal::Wrong(vec![text.to_owned()]));
    let Some(written) = &document.machine else {
        return wrong("machine: missing");
    };
    let kind = match written.kind.as_str() {
        "init" => MachineKind::Init,
        "controlplane" => MachineKind::ControlPlane,
        "worker" | "join" => MachineKind::Worker,
        "" => return wrong("machine.type: missing"),
        _ => return wrong("machine.type: controlplane, worker or init is needed"),
    };
    let Some(ca) = &written.ca else {
        return wrong("machine.ca: missing: nobody could reach the node");
    };
    if ca.crt.0.is_empty() {
        return wrong("machine.ca.crt: missing: nobody could reach the node");
    }
    let endpoint_host = endpoint_host(document);
    if ca.key.is_empty() {
        // Its certificate comes from trustd on the control planes: without one of these the API
        // would close for good.
        let missing = match kind {
            MachineKind::Worker if written.token.is_empty() => Some("machine.token: missing"),
            MachineKind::Worker if endpoint_host.is_empty() => {
                Some("cluster.controlPlane.endpoint: missing")
            }
            MachineKind::Worker => None,
            MachineKind::Init | MachineKind::ControlPlane | MachineKind::Unknown => {
                Some("machine.ca.key: missing")
            }
        };
        if let Some(missing) = missing {
            return wrong(&format!("{missing}: nobody could reach the node"));
        }
    } else if let Err(error) = Authority::from_pem(&ca.crt.0, ca.key.expose()) {
        return Err(Refusal::Wrong(vec![format!("machine.ca: {error}")]));
    }
    usable("machine.ca.crt", &ca.crt.0)?;
    let accepted_cas = accepted_cas(written)?;
    let mut machine = lowered(kind, written, ca.crt.0.clone(), ca.key.clone());
    machine.accepted_cas = accepted_cas;
    machine.endpoint_host = endpoint_host;
    Ok(machine)
}

/// The host of `cluster.controlPlane.endpoint`, without the brackets of an IPv6 address.
fn endpoint_host(document: &Document) -> String {
    let cluster = document.cluster.as_ref();
    let endpoint = cluster
        .and_then(|cluster| cluster.control_plane.as_ref())
        .and_then(|control_plane| control_plane.endpoint.as_deref())
        .unwrap_or_default();
    let uri = endpoint.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

/// Reads `machine.acceptedCAs`: one that apid could not use would close the door for everybody.
fn accepted_cas(written: &Written) -> Result<Vec<u8>, Refusal> {
    let mut all = Vec::new();
    for (index, accepted) in written.accepted_cas.iter().enumerate() {
        let path = format!("machine.acceptedCAs[{index}].crt");
        all.extend(usable(&path, &accepted.crt.0)?.to_pem());
    }
    if written.accepted_cas.len() > ACCEPTED_MAX || all.len() > ACCEPTED_LEN_MAX {
        return Err(Refusal::Wrong(vec![format!(
            "machine.acceptedCAs: at most {ACCEPTED_MAX} certificates of {ACCEPTED_LEN_MAX} bytes \
             together are taken"
        )]));
    }
    Ok(all)
}

/// Reads a CA's certificate as apid will.
fn usable(path: &str, pem: &[u8]) -> Result<Certificate, Refusal> {
    let wrong = |reason: &dyn fmt::Display| Refusal::Wrong(vec![format!("{path}: {reason}")]);
    let certificate = Certificate::from_pem(pem).map_err(|error| wrong(&error))?;
    if !certificate.is_authority() {
        return Err(wrong(&pki::Error::NotAnAuthority));
    }
    let der = rustls_pki_types::CertificateDer::from(certificate.der());
    rustls::RootCertStore::empty()
        .add(der)
        .map_err(|error| wrong(&error))?;
    Ok(certificate)
}

fn lowered(kind: MachineKind, written: &Written, ca: Vec<u8>, ca_key: Secret) -> Machine {
    let features = written.features.as_ref();
    let network = written.network.as_ref();
    Machine {
        kind,
        hostname: network.map_or_else(String::new, |network| network.hostname.clone()),
        extra_hosts: network.map_or_else(Vec::new, |network| {
            let entries = network.extra_host_entries.iter();
            entries
                .map(|entry| (entry.ip.clone(), entry.aliases.clone()))
                .collect()
        }),
        sysctls: written.sysctls.clone(),
        sysfs: written.sysfs.clone(),
        modules: (written.kernel.iter())
            .flat_map(|kernel| &kernel.modules)
            .map(|module| (module.name.clone(), module.parameters.clone()))
            .collect(),
        cert_sans: written.cert_sans.clone(),
        ca_certificate: ca,
        accepted_cas: Vec::new(),
        ca_key,
        token: Secret::new(written.token.expose().as_bytes().to_vec()),
        endpoint_host: String::new(),
        rbac: features.and_then(|f| f.rbac).unwrap_or(false),
        check_key_usage: features
            .and_then(|f| f.apid_check_ext_key_usage)
            .unwrap_or(false),
        stable_hostname: features.and_then(|f| f.stable_hostname).unwrap_or(false),
        time_disabled: (written.time.as_ref())
            .and_then(|time| time.disabled)
            .unwrap_or(false),
        extension_services: Vec::new(),
        containers: Vec::new(),
        log_destinations: (written.logging.iter())
            .flat_map(|logging| &logging.destinations)
            .filter_map(LogDestination::from_document)
            .collect(),
        kernel_logs: Vec::new(),
        event_sink: None,
        metrics: None,
        registries: registries::written(written.registries.as_ref()),
    }
}

/// Checks what it means; returns what could be better.
///
/// # Errors
/// It is wrong.
pub(crate) fn validate(configuration: &Configuration, mode: &str) -> Result<Vec<String>, Refusal> {
    let circumstances = Circumstances {
        mode: Mode::parse(mode).unwrap_or_default(),
        // There are no disks to install on yet.
        installed: true,
    };
    let report = configuration.validate(circumstances);
    let texts = |problems: &[config::Problem]| -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    };
    if report.errors.is_empty() {
        Ok(texts(&report.warnings))
    } else {
        Err(Refusal::Wrong(texts(&report.errors)))
    }
}
