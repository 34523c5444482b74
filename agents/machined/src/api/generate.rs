// SPDX-License-Identifier: MPL-2.0
//! GenerateConfiguration and GenerateClientConfiguration: what a node makes for those who ask.
//!
//! Owns: from a request to a new configuration, with the secrets of this cluster or new ones.
//! Never: stores or applies what it makes, or issues for somebody whom the gate refused.

use std::sync::Arc;
use std::time::Duration;

use api::machine;
use api::machine::machine_config::MachineType;
use api::rbac::Role;
use config::document::{CniConfig, Device, DhcpOptions, Document, NetworkConfig, Route};
use config::{ClientConfig, Configuration, GenerateOptions, SecretsBundle, Url, generate};
use pki::{Authority, UnixTime};
use tonic::Status;

use crate::configuration::Loaded;
use crate::node::Node;
use crate::resources::{MachineConfig, MachineKind};
use crate::{clock, lower};

/// How long the administrator's certificate lives that comes with a new configuration: a year.
const ADMIN_LIFETIME: Duration = Duration::from_secs(8_760 * 3_600);

/// Issues a client configuration with the CA's key of this node.
pub(super) fn client(
    node: &Node,
    request: &machine::GenerateClientConfigurationRequest,
) -> Result<machine::GenerateClientConfigurationResponse, Status> {
    let loaded = present(node)
        .ok_or_else(|| Status::failed_precondition("this node has no configuration"))?;
    refuse_workers(&loaded, "client configurations are made")?;
    let roles = roles(&request.roles)?;
    let lifetime = lifetime(request.crt_ttl)?;
    let machine = &loaded.machine;
    let authority = Authority::from_pem(&machine.ca_certificate, machine.ca_key.expose())
        .map_err(|error| Status::internal(format!("machine.ca: {error}")))?;
    let name = context_name(&cluster_name(&loaded), &roles);
    let now = UnixTime::from(clock::now().wall);
    let config = ClientConfig::for_cluster(&name, Vec::new(), &authority, &roles, lifetime, now)
        .map_err(|error| {
            Status::invalid_argument(format!("no certificate of that lifetime: {error}"))
        })?;
    let context = config
        .current()
        .ok_or_else(|| Status::internal("the new client configuration has no context"))?;
    node.journal.log(format_args!(
        "a client certificate was issued over the API: roles {}, {} s",
        roles.join(", "),
        lifetime.as_secs()
    ));
    Ok(machine::GenerateClientConfigurationResponse {
        messages: vec![machine::GenerateClientConfiguration {
            metadata: None,
            ca: context.ca.0.clone(),
            crt: context.crt.0.clone(),
            key: context.key.expose().to_vec(),
            talosconfig: config.to_yaml().into_bytes(),
        }],
    })
}

pub(super) fn present(node: &Node) -> Option<Arc<Loaded>> {
    let state = node.state();
    let found = state.store.get::<MachineConfig>(MachineConfig::ID);
    found.map(|configuration| Arc::clone(&configuration.0))
}

/// A worker has neither the keys nor the secrets.
fn refuse_workers(loaded: &Loaded, what: &str) -> Result<(), Status> {
    let machine = &loaded.machine;
    if machine.kind == MachineKind::Worker || machine.ca_key.is_empty() {
        return Err(Status::failed_precondition(format!(
            "{what} by control plane nodes only: a worker has no CA key"
        )));
    }
    Ok(())
}

/// The roles that are asked for; the administrator's when none are named.
fn roles(asked: &[String]) -> Result<Vec<&'static str>, Status> {
    if asked.is_empty() {
        return Ok(vec![Role::Admin.name()]);
    }
    let mut roles = Vec::new();
    for name in asked {
        let role = Role::parse(name)
            .ok_or_else(|| Status::invalid_argument(format!("roles: {name:?} is not a role")))?;
        if !roles.contains(&role.name()) {
            roles.push(role.name());
        }
    }
    Ok(roles)
}

fn lifetime(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    asked
        .and_then(clock::duration)
        .filter(|lifetime| lifetime.as_secs() > 0)
        .ok_or_else(|| Status::invalid_argument("crt_ttl: must be a second or more"))
}

/// `admin@cluster`; with several roles the cluster's name alone.
fn context_name(cluster: &str, roles: &[&str]) -> String {
    match roles {
        [role] => format!("{}@{cluster}", role.trim_start_matches("os:")),
        _ => cluster.to_owned(),
    }
}

fn cluster_name(loaded: &Loaded) -> String {
    document(loaded)
        .and_then(|document| document.cluster)
        .map(|cluster| cluster.cluster_name)
        .unwrap_or_default()
}

pub(super) fn document(loaded: &Loaded) -> Option<Document> {
    let configuration = Configuration::load(loaded.source()).ok()?;
    configuration.document().cloned()
}

/// Makes the configuration of one machine, and its administrator's.
pub(super) fn machine(
    node: &Node,
    request: &machine::GenerateConfigurationRequest,
) -> Result<machine::GenerateConfigurationResponse, Status> {
    if request.config_version != "v1alpha1" {
        return Err(Status::invalid_argument(format!(
            "config_version: {:?} is not supported, v1alpha1 is",
            request.config_version
        )));
    }
    let now = match &request.override_time {
        Some(time) => UnixTime(time.seconds),
        None => UnixTime::from(clock::now().wall),
    };
    let secrets = secrets(node, now)?;
    let wanted = request.machine_config.clone().unwrap_or_default();
    let cluster = request.cluster_config.clone().unwrap_or_default();
    let endpoint = cluster.control_plane.as_ref();
    let endpoint = endpoint.map_or("", |plane| plane.endpoint.as_str());
    let generated = generate(
        &cluster.name,
        endpoint,
        &secrets,
        &options(&wanted, &cluster),
    )
    .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut document = match wanted.r#type() {
        MachineType::TypeInit | MachineType::TypeControlPlane => generated.controlplane,
        MachineType::TypeWorker => generated.worker,
        MachineType::TypeUnknown => {
            return Err(Status::invalid_argument(
                "machine_config.type: init, controlplane or worker is needed",
            ));
        }
    };
    fill(&mut document, &wanted, &cluster);
    check(node, &document)?;
    let client = administrator(&cluster.name, &document, &secrets, now)
        .map_err(|error| Status::invalid_argument(format!("no client certificate: {error}")))?;
    Ok(machine::GenerateConfigurationResponse {
        messages: vec![machine::GenerateConfiguration {
            metadata: None,
            data: vec![document.to_yaml().into_bytes()],
            talosconfig: client.to_yaml().into_bytes(),
        }],
    })
}

/// The secrets of this node's cluster, or new ones in maintenance.
fn secrets(node: &Node, now: UnixTime) -> Result<SecretsBundle, Status> {
    let Some(loaded) = present(node) else {
        return SecretsBundle::generate(now)
            .map_err(|error| Status::invalid_argument(format!("no new secrets: {error}")));
    };
    refuse_workers(&loaded, "configurations are made")?;
    document(&loaded)
        .ok_or_else(|| Status::internal("the present configuration has no main document"))
        .and_then(|document| {
            SecretsBundle::from_controlplane(&document).map_err(|error| {
                Status::failed_precondition(format!(
                    "the present configuration does not have all secrets: {error}"
                ))
            })
        })
}

fn options(wanted: &machine::MachineConfig, cluster: &machine::ClusterConfig) -> GenerateOptions {
    let defaults = GenerateOptions::default();
    let or = |text: &str, default: String| match text {
        "" => default,
        text => text.to_owned(),
    };
    let install = wanted.install_config.clone().unwrap_or_default();
    let network = cluster.cluster_network.clone().unwrap_or_default();
    GenerateOptions {
        dns_domain: or(&network.dns_domain, defaults.dns_domain),
        install_disk: or(&install.install_disk, defaults.install_disk),
        install_image: install.install_image,
        kubernetes_version: or(&wanted.kubernetes_version, defaults.kubernetes_version),
        allow_scheduling_on_control_planes: cluster
            .allow_scheduling_on_control_planes
            .then_some(true),
        ..GenerateOptions::default()
    }
}

/// Writes what the generator has no option for.
fn fill(
    document: &mut Document,
    wanted: &machine::MachineConfig,
    cluster: &machine::ClusterConfig,
) {
    if let Some(machine) = &mut document.machine {
        if wanted.r#type() == MachineType::TypeInit {
            "init".clone_into(&mut machine.kind);
        }
        if let Some(asked) = &wanted.network_config {
            let network = machine.network.get_or_insert_with(NetworkConfig::default);
            network.hostname.clone_from(&asked.hostname);
            network.interfaces = asked.interfaces.iter().map(device).collect();
        }
    }
    let network = cluster.cluster_network.as_ref();
    if let Some(cni) = network.and_then(|network| network.cni_config.as_ref())
        && let Some(written) = &mut document.cluster
    {
        let network = written.network.get_or_insert_default();
        network.cni = Some(CniConfig {
            name: cni.name.clone(),
            urls: cni.urls.clone(),
            ..CniConfig::default()
        });
    }
}

fn device(asked: &machine::NetworkDeviceConfig) -> Device {
    let address = Some(asked.cidr.clone()).filter(|address| !address.is_empty());
    let routes = asked.routes.iter().map(|route| Route {
        network: route.network.clone(),
        gateway: route.gateway.clone(),
        metric: route.metric,
        ..Route::default()
    });
    Device {
        interface: asked.interface.clone(),
        addresses: address.into_iter().collect(),
        mtu: i64::from(asked.mtu),
        dhcp: asked.dhcp.then_some(true),
        ignore: asked.ignore.then_some(true),
        dhcp_options: asked.dhcp_options.as_ref().map(|options| DhcpOptions {
            route_metric: options.route_metric,
            ..DhcpOptions::default()
        }),
        routes: routes.collect(),
        ..Device::default()
    }
}

/// What a node would refuse is not handed out.
fn check(node: &Node, document: &Document) -> Result<(), Status> {
    let text = document.to_yaml();
    let refused = |text: String| Err(Status::invalid_argument(text));
    let configuration = match Configuration::load(text.as_bytes()) {
        Ok(configuration) => configuration,
        Err(error) => return refused(error.to_string()),
    };
    match lower::validate(&configuration, node.arguments.mode()) {
        Ok(_warnings) => Ok(()),
        Err(refusal) => refused(refusal.to_string()),
    }
}

fn administrator(
    name: &str,
    document: &Document,
    secrets: &SecretsBundle,
    now: UnixTime,
) -> Result<ClientConfig, pki::Error> {
    let cluster = document.cluster.as_ref();
    let endpoint = cluster
        .and_then(|cluster| cluster.control_plane.as_ref())
        .and_then(|plane| plane.endpoint.as_deref())
        .and_then(Url::parse);
    let endpoints = endpoint.map(|url| url.host).into_iter().collect();
    let authority = secrets.machine_authority()?;
    let roles = [Role::Admin.name()];
    ClientConfig::for_cluster(name, endpoints, &authority, &roles, ADMIN_LIFETIME, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_default_to_the_administrators_and_unknown_ones_are_refused() {
        let asked = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            roles(&names).map_err(|status| status.code())
        };

        assert_eq!(asked(&[]), Ok(vec!["os:admin"]));
        assert_eq!(
            asked(&["os:reader", "os:etcd:backup", "os:reader"]),
            Ok(vec!["os:reader", "os:etcd:backup"])
        );
        for wrong in ["", "os:king", "admin", "OS:ADMIN", "os:admin "] {
            assert_eq!(
                asked(&["os:reader", wrong]),
                Err(tonic::Code::InvalidArgument)
            );
        }
    }

    #[test]
    fn a_lifetime_is_a_second_or_more() {
        for (seconds, nanos, taken) in [
            (1, 0, Some(1)),
            (86_400, 5, Some(86_400)),
            (0, 0, None),
            (0, 999_999_999, None),
            (-1, 0, None),
            (-5, 0, None),
            (i64::MIN, 0, None),
        ] {
            let asked = prost_types::Duration { seconds, nanos };
            let read = lifetime(Some(asked)).ok();
            assert_eq!(read.map(|read| read.as_secs()), taken, "{seconds} {nanos}");
        }
        assert!(lifetime(None).is_err());
    }

    #[test]
    fn one_role_names_the_context() {
        assert_eq!(context_name("c", &["os:reader"]), "reader@c");
        assert_eq!(context_name("c", &["os:etcd:backup"]), "etcd:backup@c");
        assert_eq!(context_name("c", &["os:reader", "os:operator"]), "c");
    }
}
