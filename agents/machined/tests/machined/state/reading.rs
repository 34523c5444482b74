// SPDX-License-Identifier: MPL-2.0
//! What is read and listed.
//!
//! Owns: the configuration, what there is, and statuses.
//! Never: waits for a change that nobody made.

use ::api::cosi::resource::meta::{NamespaceSpec, ResourceDefinitionSpec};
use ::api::cosi::resource::{EventType, WatchOptions};
use ::api::machine::apply_configuration_request::Mode;
use ::api::resource::config::{MachineConfigSpec, MachineTypeSpec};
use prost::Message as _;

use super::{HOSTNAMES, MC, RD, SERVICES, STORED, all, id, list, next, read, told, watch, yaml};
use crate::api::{apply, run_on, running};
use crate::clients::{as_admin, with_role};
use crate::node::TestNode;

#[tokio::test(flavor = "current_thread")]
async fn res_11_the_configuration_is_read_byte_for_byte_and_its_version_counts_changes() {
    let (node, mut client) = running().await;
    let mut state = node.state().await;
    let stored = node.read(STORED);
    let first = read(&mut state, "config", MC, "v1alpha1").await.unwrap();
    let commented = format!(
        "# by hand\n{}\n# the end",
        stored.replacen("type:", "type:  ", 1)
    );

    client
        .apply_configuration(apply(&commented, Mode::Auto))
        .await
        .unwrap();
    let second = read(&mut state, "config", MC, "v1alpha1").await.unwrap();

    assert_eq!(yaml(&first), stored);
    assert_eq!(yaml(&second), commented);
    let proto = MachineConfigSpec::decode(&second.spec.unwrap().proto_spec[..]).unwrap();
    assert_eq!(proto.yaml_marshalled, commented.as_bytes());
    let (first, second) = (first.metadata.unwrap(), second.metadata.unwrap());
    let version = |text: &str| text.parse::<u64>().unwrap();
    assert_eq!(version(&second.version), version(&first.version) + 1);
    assert_eq!(second.created, first.created);
    assert!(second.updated.unwrap().seconds >= second.created.unwrap().seconds);
    assert_eq!(
        (second.namespace.as_str(), second.r#type.as_str()),
        ("config", MC)
    );
    assert_eq!(
        (second.phase.as_str(), second.id.as_str()),
        ("running", "v1alpha1")
    );
    let kind = read(
        &mut state,
        "config",
        "MachineTypes.config.talos.dev",
        "machine-type",
    )
    .await;
    let kind = kind.unwrap();
    assert_eq!(yaml(&kind), "controlplane\n");
    let proto = MachineTypeSpec::decode(&kind.spec.unwrap().proto_spec[..]).unwrap();
    assert_eq!(proto.machine_type, 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_on_trial_is_shown_while_it_is_in_force() {
    let (node, mut client) = running().await;
    let mut state = node.state().await;
    let stored = node.read(STORED);
    let other = stored.replace("box.lab.example", "tried");
    let options = WatchOptions::default();
    let request = as_admin(watch("config", MC, Some("v1alpha1"), options));
    let mut stream = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    assert_eq!(told(&next(&mut stream).await[0]).0, EventType::Created);

    let mut tried = apply(&other, Mode::Try);
    tried.get_mut().try_mode_timeout = Some(prost_types::Duration {
        seconds: 1,
        nanos: 0,
    });
    client.apply_configuration(tried).await.unwrap();

    let in_force = next(&mut stream).await.remove(0);
    assert_eq!(in_force.event_type(), EventType::Updated);
    assert_eq!(yaml(in_force.resource.as_ref().unwrap()), other);
    assert_eq!(yaml(in_force.old.as_ref().unwrap()), stored);
    let back = next(&mut stream).await.remove(0);
    assert_eq!(yaml(back.resource.as_ref().unwrap()), stored);
}

#[tokio::test(flavor = "current_thread")]
async fn res_05_definitions_and_namespaces_tell_clients_what_there_is() {
    let (node, _client) = running().await;
    let mut state = node.state().await;

    let definitions = all(&mut state, with_role("os:reader", list("meta", RD)))
        .await
        .unwrap();
    let namespaces = list("meta", "Namespaces.meta.cosi.dev");
    let namespaces = all(&mut state, with_role("os:reader", namespaces))
        .await
        .unwrap();

    let names: Vec<&str> = namespaces.iter().map(id).collect();
    assert_eq!(
        names,
        [
            "cluster",
            "cluster-raw",
            "config",
            "controlplane",
            "cri",
            "etcd",
            "files",
            "hardware",
            "k8s",
            "kubespan",
            "meta",
            "network",
            "network-config",
            "perf",
            "runtime",
            "secrets"
        ]
    );
    let purpose = &namespaces[0].spec.as_ref().unwrap().proto_spec[..];
    assert!(
        !NamespaceSpec::decode(purpose)
            .unwrap()
            .description
            .is_empty()
    );
    let mut meant: Vec<String> = Vec::new();
    for resource in &definitions {
        let spec = &resource.spec.as_ref().unwrap().proto_spec[..];
        let spec = ResourceDefinitionSpec::decode(spec).unwrap();
        assert_eq!(spec.resource_type.to_lowercase(), id(resource));
        assert!(names.contains(&spec.default_namespace.as_str()), "{spec:?}");
        if spec.all_aliases.iter().any(|alias| alias == "mc") {
            meant.push(spec.resource_type.clone());
        }
        // Every type that is listed can be read.
        let read = list(&spec.default_namespace, &spec.resource_type);
        for resource in all(&mut state, as_admin(read)).await.unwrap() {
            assert!(!resource.spec.unwrap().yaml_spec.is_empty(), "{spec:?}");
        }
    }
    assert_eq!(meant, [MC]);
    // The two of the store, the 111 of the documents, and one of a later release.
    assert_eq!(definitions.len(), 114);
}

#[tokio::test(flavor = "current_thread")]
async fn net_03_net_13_what_the_network_is_to_be_is_shown_before_and_after_merging() {
    let (node, _client) = running().await;
    let mut state = node.state().await;

    for (namespace, kind, id, says) in [
        ("network-config", "LinkSpecs", "default/eth0", "up: true\n"),
        ("network", "LinkSpecs", "lo", "layer: default\n"),
        (
            "network-config",
            "AddressSpecs",
            "default/lo/127.0.0.1/8",
            "scope: host\n",
        ),
        ("network", "AddressSpecs", "lo/::1/128", "family: inet6\n"),
        (
            "network-config",
            "OperatorSpecs",
            "default/dhcp4/eth0",
            "requireUp: true\n",
        ),
        (
            "network",
            "OperatorSpecs",
            "dhcp4/eth0",
            "dhcp4:\n  routeMetric: 1024\nlayer: default\n",
        ),
        (
            "network-config",
            "ResolverSpecs",
            "default/resolvers",
            "- 1.1.1.1\n",
        ),
        ("network", "ResolverSpecs", "resolvers", "dnsServers:\n- "),
        (
            "network",
            "NodeAddresses",
            "routed-no-k8s",
            "- 10.5.0.2/24\n",
        ),
    ] {
        let kind = format!("{kind}.net.talos.dev");
        let found = node
            .until(&kind, async || {
                read(&mut state, namespace, &kind, id).await.ok()
            })
            .await;
        assert!(yaml(&found).contains(says), "{id}: {}", yaml(&found));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rsrc_004_rsrc_134_rsrc_135_what_a_node_has_while_it_waits_and_keeps_when_it_runs() {
    const ROOT: (&str, &str) = ("secrets", "MaintenanceRootSecrets.secrets.talos.dev");
    const SERVER: (&str, &str) = (
        "secrets",
        "MaintenanceServiceCertificates.secrets.talos.dev",
    );
    const REQUEST: (&str, &str) = ("runtime", "MaintenanceServiceRequests.runtime.talos.dev");
    const ACQUIRED: (&str, &str) = ("runtime", "AcquireConfigStatuses.v1alpha1.talos.dev");
    let mut node = TestNode::new("");
    node.start();
    node.until_maintenance().await;
    let mut state = node.state().await;
    for (namespace, kind) in [ROOT, SERVER, REQUEST] {
        let found = node.until(kind, async || {
            read(&mut state, namespace, kind, "maintenance").await.ok()
        });
        found.await;
    }
    let identity = ("cluster", "Identities.cluster.talos.dev");
    let before = node
        .until("an identity", async || {
            read(&mut state, identity.0, identity.1, "local").await.ok()
        })
        .await;
    let early = read(&mut state, ACQUIRED.0, ACQUIRED.1, "machine-config").await;
    assert_eq!(early.unwrap_err().code(), tonic::Code::NotFound);

    let (node, _client) = run_on(node).await;
    let mut state = node.state().await;

    let acquired = read(&mut state, ACQUIRED.0, ACQUIRED.1, "machine-config").await;
    assert_eq!(yaml(&acquired.unwrap()), "{}\n");
    for (namespace, kind) in [ROOT, SERVER, REQUEST] {
        node.until(kind, async || {
            let gone = read(&mut state, namespace, kind, "maintenance").await;
            gone.err()
                .filter(|status| status.code() == tonic::Code::NotFound)
        })
        .await;
    }
    let after = read(&mut state, identity.0, identity.1, "local")
        .await
        .unwrap();
    assert_eq!(yaml(&after), yaml(&before));
    let kubelet = "KubeletConfigs.kubernetes.talos.dev";
    let kubelet = read(&mut state, "k8s", kubelet, "kubelet").await.unwrap();
    assert!(yaml(&kubelet).contains("staticPodListURL: ''\n"));
    let clock = "AdjtimeStatuses.v1alpha1.talos.dev";
    let clock = read(&mut state, "runtime", clock, "node").await.unwrap();
    assert!(yaml(&clock).contains("state: TIME_"), "{}", yaml(&clock));
}

#[tokio::test(flavor = "current_thread")]
async fn res_07_statuses_of_the_node_are_listed_with_the_fields_of_the_documents() {
    let (node, _client) = running().await;
    let mut state = node.state().await;

    for (namespace, kind, id, says) in [
        (
            "network",
            HOSTNAMES,
            "hostname",
            "hostname: box\ndomainname: lab.example\n",
        ),
        (
            "network",
            "LinkStatuses.net.talos.dev",
            "eth0",
            "hardwareAddr: 52:54:00:01:02:03\n",
        ),
        (
            "network",
            "AddressStatuses.net.talos.dev",
            "eth0/10.5.0.2/24",
            "address: 10.5.0.2/24\n",
        ),
        (
            "network",
            "NodeAddresses.net.talos.dev",
            "default",
            "- 10.5.0.2/24\n",
        ),
        (
            "network-config",
            "HostnameSpecs.net.talos.dev",
            "configuration/hostname",
            "layer: configuration\n",
        ),
        ("runtime", SERVICES, "apid", "running: true\n"),
        (
            "runtime",
            "KernelParamStatuses.runtime.talos.dev",
            "proc.sys.kernel.panic",
            "current: '77'\ndefault: '0'\nunsupported: false\n",
        ),
        (
            "runtime",
            "MachineStatuses.runtime.talos.dev",
            "machine",
            "stage: running\n",
        ),
        (
            "secrets",
            "CertSANs.secrets.talos.dev",
            "api",
            "- api.example\n",
        ),
        (
            "secrets",
            "CertSANs.secrets.talos.dev",
            "k8s",
            "- kubernetes.default.svc.cluster.local\n",
        ),
        (
            "etcd",
            "EtcdSpecs.etcd.talos.dev",
            "etcd",
            "name: box\nadvertisedAddresses:\n- 10.5.0.2\n",
        ),
        (
            "k8s",
            "KubeletSpecs.kubernetes.talos.dev",
            "kubelet",
            "- --node-ip=10.5.0.2\n",
        ),
        (
            "controlplane",
            "BootstrapManifestsConfigs.kubernetes.talos.dev",
            "manifests",
            "string: https://127.0.0.1:7445\nclusterDomain: cluster.local\n",
        ),
        (
            "secrets",
            "OSRootSecrets.secrets.talos.dev",
            "os",
            "certSANDNSNames:\n- api.example\n",
        ),
        (
            "secrets",
            "ApiCertificates.secrets.talos.dev",
            "api",
            "key: ''\nclient:\n  crt: LS0t",
        ),
        (
            "network",
            "HardwareAddresses.net.talos.dev",
            "first",
            "name: eth0\nhardwareAddr: 52:54:00:01:02:03\n",
        ),
        (
            "network",
            "NetworkStatuses.net.talos.dev",
            "status",
            "addressReady: true\nconnectivityReady: false\nhostnameReady: true\netcFilesReady: true\n",
        ),
        (
            "network",
            "TimeServerStatuses.net.talos.dev",
            "timeservers",
            "timeServers:\n- ",
        ),
        (
            "runtime",
            "TimeStatuses.v1alpha1.talos.dev",
            "node",
            "synced: false\n",
        ),
        (
            "files",
            "EtcFileStatuses.files.talos.dev",
            "hosts",
            "specVersion: '",
        ),
        (
            "runtime",
            "KernelParamDefaultSpecs.runtime.talos.dev",
            "proc.sys.kernel.panic",
            "value: '10'\n",
        ),
    ] {
        let found = node
            .until(kind, async || {
                read(&mut state, namespace, kind, id).await.ok()
            })
            .await;
        assert!(yaml(&found).contains(says), "{kind}: {}", yaml(&found));
        let metadata = found.metadata.unwrap();
        assert!(metadata.owner.contains("Controller"), "{metadata:?}");
    }
}
