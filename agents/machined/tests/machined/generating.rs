// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the configurations that it makes for others.
//!
//! Owns: client configurations with the node's CA, machine configurations in both modes.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_config::MachineType;
use ::api::machine::machine_status_event::MachineStage;
use config::{ClientConfig, Configuration, SecretsBundle};
use pki::{Certificate, Identity};
use tonic::Code;

use crate::api::{apply, running};
use crate::clients::{as_admin, with_role};
use crate::front::through;
use crate::node::TestNode;
use crate::trust::authority;

fn asked(roles: &[&str], seconds: i64) -> machine::GenerateClientConfigurationRequest {
    machine::GenerateClientConfigurationRequest {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        crt_ttl: Some(prost_types::Duration { seconds, nanos: 0 }),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_048_pki_02_the_node_issues_a_client_that_its_door_lets_in() {
    let (mut node, mut client) = running().await;
    let door = node.open_door().await;
    let own = authority(&node.read("system/state/config.yaml"));

    let reply = client
        .generate_client_configuration(as_admin(asked(&["os:reader"], 3600)))
        .await
        .unwrap()
        .into_inner();

    let made = &reply.messages[0];
    let file = ClientConfig::load(&made.talosconfig).unwrap();
    assert_eq!(file.context, "reader@test");
    let context = file.current().unwrap();
    assert!(context.endpoints.is_empty() && context.nodes.is_empty());
    assert_eq!(context.ca.0, made.ca);
    assert_eq!(context.crt.0, made.crt);
    assert_eq!(context.key.expose(), made.key);
    assert_eq!(made.ca, own.certificate().to_pem());
    let identity = Identity::from_pem(&made.crt, &made.key).unwrap();
    let certificate = &identity.certificate;
    assert_eq!(certificate.organizations(), ["os:reader"]);
    assert!(certificate.is_only_for_clients());
    let lasts = certificate.not_before().until(certificate.not_after());
    assert!((3600..3700).contains(&lasts.as_secs()), "{lasts:?}");
    let mut reader = node
        .until("the reader comes in", async || {
            through(door, &own, &identity).await
        })
        .await;
    let reboot = reader
        .reboot(machine::RebootRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reboot.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "current_thread")]
async fn rbac_02_roles_default_to_the_administrators_and_wrong_wishes_are_refused() {
    let (_node, mut client) = running().await;

    let reply = client
        .generate_client_configuration(as_admin(asked(&[], 60)))
        .await
        .unwrap()
        .into_inner();
    let admin = Certificate::from_pem(&reply.messages[0].crt).unwrap();
    assert_eq!(admin.organizations(), ["os:admin"]);

    let mut without = asked(&["os:reader"], 1);
    without.crt_ttl = None;
    for wrong in [
        asked(&["os:king"], 60),
        asked(&["os:reader", ""], 60),
        asked(&["os:reader"], 0),
        asked(&["os:reader"], -60),
        asked(&["os:reader"], i64::MAX),
        without,
    ] {
        let refused = client
            .generate_client_configuration(as_admin(wrong.clone()))
            .await
            .unwrap_err();
        assert_eq!(
            refused.code(),
            Code::InvalidArgument,
            "{wrong:?} {refused:?}"
        );
    }
    for role in ["os:reader", "os:operator", "os:impersonator"] {
        let refused = client
            .generate_client_configuration(with_role(role, asked(&["os:admin"], 60)))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn in_maintenance_nobody_is_issued_a_client_certificate() {
    let node = TestNode::started("");
    node.until_maintenance().await;

    let refused = node
        .client()
        .await
        .generate_client_configuration(as_admin(asked(&[], 60)))
        .await
        .unwrap_err();

    assert_eq!(refused.code(), Code::Unimplemented);
}

fn wanted(kind: MachineType) -> machine::GenerateConfigurationRequest {
    machine::GenerateConfigurationRequest {
        config_version: "v1alpha1".to_owned(),
        cluster_config: Some(machine::ClusterConfig {
            name: "lab".to_owned(),
            control_plane: Some(machine::ControlPlaneConfig {
                endpoint: "https://10.5.0.9:6443".to_owned(),
            }),
            cluster_network: Some(machine::ClusterNetworkConfig {
                dns_domain: "lab.local".to_owned(),
                cni_config: Some(machine::CniConfig {
                    name: "none".to_owned(),
                    urls: Vec::new(),
                }),
            }),
            allow_scheduling_on_control_planes: true,
        }),
        machine_config: Some(machine::MachineConfig {
            r#type: kind.into(),
            install_config: Some(machine::InstallConfig {
                install_disk: "/dev/vdx".to_owned(),
                install_image: "registry.example/installer:1".to_owned(),
            }),
            network_config: Some(machine::NetworkConfig {
                hostname: "made".to_owned(),
                interfaces: vec![machine::NetworkDeviceConfig {
                    interface: "eth0".to_owned(),
                    cidr: "10.5.0.7/24".to_owned(),
                    mtu: 1400,
                    routes: vec![machine::RouteConfig {
                        network: "0.0.0.0/0".to_owned(),
                        gateway: "10.5.0.1".to_owned(),
                        metric: 512,
                    }],
                    ..Default::default()
                }],
            }),
            kubernetes_version: "1.29.1".to_owned(),
        }),
        override_time: None,
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_023_what_a_node_makes_in_maintenance_is_what_it_then_takes() {
    let mut node = TestNode::started("");
    node.until_maintenance().await;
    let door = node.open_door().await;
    let mut client = node.client().await;

    // Any peer may ask in maintenance, as the documents have it.
    let reply = client
        .generate_configuration(tonic::Request::new(wanted(MachineType::TypeControlPlane)))
        .await
        .unwrap()
        .into_inner();

    let made = &reply.messages[0];
    let text = String::from_utf8(made.data[0].clone()).unwrap();
    let configuration = Configuration::load(text.as_bytes()).unwrap();
    let document = configuration.document().unwrap();
    let machine = document.machine.clone().unwrap();
    let cluster = document.cluster.clone().unwrap();
    let install = machine.install.unwrap();
    assert_eq!(machine.kind, "controlplane");
    assert_eq!(install.disk, "/dev/vdx");
    assert_eq!(install.image, "registry.example/installer:1");
    assert!(machine.kubelet.unwrap().image.ends_with(":v1.29.1"));
    let network = machine.network.unwrap();
    assert_eq!(network.hostname, "made");
    assert_eq!(network.interfaces[0].addresses, ["10.5.0.7/24"]);
    assert_eq!(network.interfaces[0].mtu, 1400);
    assert_eq!(network.interfaces[0].routes[0].metric, 512);
    assert_eq!(cluster.cluster_name, "lab");
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
    let cluster_network = cluster.network.unwrap();
    assert_eq!(cluster_network.dns_domain, "lab.local");
    assert_eq!(cluster_network.cni.unwrap().name, "none");
    let file = ClientConfig::load(&made.talosconfig).unwrap();
    assert_eq!(file.context, "lab");
    let context = file.current().unwrap();
    assert_eq!(context.endpoints, ["10.5.0.9"]);

    client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();
    node.until_stage(MachineStage::Running).await;
    let own = authority(&text);
    let admin = Identity::from_pem(&context.crt.0, context.key.expose()).unwrap();
    node.until("the administrator comes in", async || {
        through(door, &own, &admin).await
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_running_node_makes_configurations_of_its_own_cluster() {
    let (node, mut client) = running().await;
    let stored = node.read("system/state/config.yaml");
    let stored = Configuration::load(stored.as_bytes()).unwrap();
    let own = SecretsBundle::from_controlplane(stored.document().unwrap()).unwrap();

    for (kind, name) in [
        (MachineType::TypeControlPlane, "controlplane"),
        (MachineType::TypeInit, "init"),
        (MachineType::TypeWorker, "worker"),
    ] {
        let reply = client
            .generate_configuration(as_admin(wanted(kind)))
            .await
            .unwrap()
            .into_inner();
        let made = Configuration::load(&reply.messages[0].data[0]).unwrap();
        let machine = made.document().unwrap().machine.clone().unwrap();
        assert_eq!(machine.kind, name);
        assert_eq!(machine.token, own.trustdinfo.token);
        let ca = machine.ca.unwrap();
        assert_eq!(ca.crt, own.certs.os.crt);
        assert_eq!(ca.key.is_empty(), name == "worker");
    }

    let refused = client
        .generate_configuration(with_role("os:operator", wanted(MachineType::TypeInit)))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "current_thread")]
async fn what_no_node_would_take_is_not_made() {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;
    let good = || wanted(MachineType::TypeControlPlane);
    let mut wrong = vec![machine::GenerateConfigurationRequest::default(), good()];
    wrong[1].config_version = "v1beta1".to_owned();
    let mut with = |change: fn(&mut machine::MachineConfig, &mut machine::ClusterConfig)| {
        let mut request = good();
        let mut machine = request.machine_config.take().unwrap();
        let mut cluster = request.cluster_config.take().unwrap();
        change(&mut machine, &mut cluster);
        request.machine_config = Some(machine);
        request.cluster_config = Some(cluster);
        wrong.push(request);
    };
    with(|_, cluster| cluster.name.clear());
    with(|_, cluster| cluster.control_plane = None);
    with(|_, cluster| cluster.control_plane.as_mut().unwrap().endpoint = "a b".to_owned());
    with(|machine, _| machine.kubernetes_version = "new".to_owned());
    with(|machine, _| machine.r#type = MachineType::TypeUnknown.into());
    with(|machine, _| machine.r#type = 77);
    with(|machine, _| {
        let network = machine.network_config.as_mut().unwrap();
        network.interfaces[0].cidr = "10.5.0.7/99".to_owned();
    });
    let mut late = good();
    late.override_time = Some(prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    });
    wrong.push(late);

    for request in wrong {
        let refused = client
            .generate_configuration(tonic::Request::new(request.clone()))
            .await;
        let code = refused.map(|_| ()).map_err(|status| status.code());
        assert_eq!(code, Err(Code::InvalidArgument), "{request:?}");
    }
}
