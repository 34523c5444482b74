// SPDX-License-Identifier: MPL-2.0
//! What machined promises of its resources.
//!
//! Owns: reading, listing, watching, and who may.
//! Never: looks inside machined.

use ::api::cosi::resource::meta::{NamespaceSpec, ResourceDefinitionSpec};
use ::api::cosi::resource::state_client::StateClient;
use ::api::cosi::resource::{
    CreateRequest, DestroyRequest, Event, EventType, GetRequest, IdQuery, LabelQuery, LabelTerm,
    ListOptions, ListRequest, Resource, UpdateRequest, WatchOptions, WatchRequest, WatchResponse,
};
use ::api::machine::apply_configuration_request::Mode;
use ::api::resource::config::{MachineConfigSpec, MachineTypeSpec};
use prost::Message as _;
use tonic::{Code, Request, Status, Streaming};

use crate::api::{apply, running};
use crate::front::enter;
use crate::node::{DEADLINE, TestNode, Transport, as_admin, with_role};
use crate::trust::{admin, authority, with_roles};

const MC: &str = "MachineConfigs.config.talos.dev";
const RD: &str = "ResourceDefinitions.meta.cosi.dev";
const HOSTNAMES: &str = "HostnameStatuses.net.talos.dev";
const SERVICES: &str = "Services.v1alpha1.talos.dev";
const STORED: &str = "system/state/config.yaml";

type State = StateClient<Transport>;

fn get(namespace: &str, kind: &str, id: &str) -> GetRequest {
    GetRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.to_owned(),
        options: None,
    }
}

fn list(namespace: &str, kind: &str) -> ListRequest {
    ListRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        options: None,
    }
}

fn watch(namespace: &str, kind: &str, id: Option<&str>, options: WatchOptions) -> WatchRequest {
    WatchRequest {
        namespace: namespace.to_owned(),
        r#type: kind.to_owned(),
        id: id.map(str::to_owned),
        options: Some(options),
        api_version: 1,
    }
}

async fn read(
    state: &mut State,
    namespace: &str,
    kind: &str,
    id: &str,
) -> Result<Resource, Status> {
    let reply = state.get(as_admin(get(namespace, kind, id))).await?;
    Ok(reply.into_inner().resource.unwrap())
}

async fn all(state: &mut State, request: Request<ListRequest>) -> Result<Vec<Resource>, Status> {
    let mut stream = state.list(request).await?.into_inner();
    let mut found = Vec::new();
    while let Some(message) = stream.message().await? {
        found.push(message.resource.unwrap());
    }
    Ok(found)
}

fn id(resource: &Resource) -> &str {
    &resource.metadata.as_ref().unwrap().id
}

fn yaml(resource: &Resource) -> &str {
    &resource.spec.as_ref().unwrap().yaml_spec
}

async fn next(stream: &mut Streaming<WatchResponse>) -> Vec<Event> {
    let said = tokio::time::timeout(DEADLINE, stream.message()).await;
    said.unwrap().unwrap().unwrap().event
}

/// A call with metadata that names nodes.
fn to<T>(key: &'static str, names: &[&str], message: T) -> Request<T> {
    let mut request = Request::new(message);
    for name in names {
        request.metadata_mut().append(key, name.parse().unwrap());
    }
    request
}

/// What an event is and what it is about.
fn told(event: &Event) -> (EventType, String) {
    let about = event.resource.as_ref();
    (
        event.event_type(),
        about.map(|r| id(r).to_owned()).unwrap_or_default(),
    )
}

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
            "config",
            "meta",
            "network",
            "network-config",
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

#[tokio::test(flavor = "current_thread")]
async fn a_watch_is_ready_first_then_tells_what_is_there_then_what_changes() {
    let (node, mut client) = running().await;
    let mut state = node.state().await;
    let options = WatchOptions {
        bootstrap_contents: true,
        aggregated: true,
        ..WatchOptions::default()
    };
    let request = with_role("os:reader", watch("network", HOSTNAMES, None, options));
    let mut stream = state.watch(request).await.unwrap().into_inner();

    assert!(next(&mut stream).await.is_empty());
    let first: Vec<_> = next(&mut stream).await.iter().map(told).collect();
    assert_eq!(
        first,
        [
            (EventType::Created, "hostname".to_owned()),
            (EventType::Bootstrapped, String::new())
        ]
    );
    let other = node.read(STORED).replace("box.lab.example", "other");
    client
        .apply_configuration(apply(&other, Mode::Auto))
        .await
        .unwrap();
    let event = next(&mut stream).await.remove(0);
    assert_eq!(told(&event), (EventType::Updated, "hostname".to_owned()));
    assert!(yaml(&event.resource.unwrap()).contains("hostname: other\n"));
    assert!(yaml(&event.old.unwrap()).contains("hostname: box\n"));

    // What was before is told to who asks for it, as far as it is kept.
    let options = WatchOptions {
        tail_events: 1,
        ..WatchOptions::default()
    };
    let request = as_admin(watch("network", HOSTNAMES, None, options));
    let mut tail = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut tail).await.is_empty());
    assert_eq!(told(&next(&mut tail).await[0]).0, EventType::Updated);
    // One that is not there is told as gone.
    let request = as_admin(watch(
        "network",
        HOSTNAMES,
        Some("x"),
        WatchOptions::default(),
    ));
    let mut absent = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut absent).await.is_empty());
    let gone = next(&mut absent).await.remove(0);
    assert_eq!(told(&gone), (EventType::Destroyed, "x".to_owned()));
    let gone = gone.resource.unwrap();
    assert_eq!(
        (gone.metadata.unwrap().version.as_str(), gone.spec),
        ("undefined", None)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn sensitive_types_are_for_administrators_and_nobody_writes() {
    let (node, _client) = running().await;
    let mut state = node.state().await;
    let before = node.read(STORED);

    for role in [
        "os:reader",
        "os:operator",
        "os:etcd:backup",
        "os:impersonator",
        "none",
    ] {
        let request = with_role(role, get("config", MC, "v1alpha1"));
        let refused = state.get(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::PermissionDenied, "not authorized")
        );
        let refused = all(&mut state, with_role(role, list("config", MC)))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let options = WatchOptions::default();
        let request = with_role(role, watch("config", MC, None, options));
        assert_eq!(
            state.watch(request).await.unwrap_err().code(),
            Code::PermissionDenied
        );
    }
    state
        .get(with_role(
            "os:reader",
            get("network", HOSTNAMES, "hostname"),
        ))
        .await
        .unwrap();
    let resource = read(&mut state, "config", MC, "v1alpha1").await.unwrap();
    let created = state
        .create(as_admin(CreateRequest {
            resource: Some(resource.clone()),
            options: None,
        }))
        .await
        .map(|_| ());
    let updated = state
        .update(as_admin(UpdateRequest {
            new_resource: Some(resource),
            options: None,
        }))
        .await
        .map(|_| ());
    let destroyed = state
        .destroy(as_admin(DestroyRequest {
            namespace: "config".to_owned(),
            r#type: MC.to_owned(),
            id: "v1alpha1".to_owned(),
            options: None,
        }))
        .await
        .map(|_| ());
    for answer in [created, updated, destroyed] {
        let refused = answer.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert_eq!(refused.message(), "write access is not allowed");
    }
    assert_eq!(node.read(STORED), before);
}

#[tokio::test(flavor = "current_thread")]
async fn in_maintenance_mode_everybody_reads_what_is_no_secret() {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut state = node.state().await;

    let services = all(
        &mut state,
        with_role("os:reader", list("runtime", SERVICES)),
    )
    .await;
    assert!(
        services
            .unwrap()
            .iter()
            .any(|service| id(service) == "apid")
    );
    let refused = all(&mut state, with_role("os:reader", list("config", MC))).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let written = state.destroy(as_admin(DestroyRequest::default())).await;
    assert_eq!(written.unwrap_err().code(), Code::Unimplemented);
    // Who may look, like a node reached over an authenticated tunnel, finds none.
    let none = read(&mut state, "config", MC, "v1alpha1")
        .await
        .unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
}

#[tokio::test(flavor = "current_thread")]
async fn what_makes_no_sense_is_refused_and_harms_nobody() {
    let (node, mut client) = running().await;
    let mut state = node.state().await;
    let long = "x".repeat(40_000);

    for (namespace, kind, id, code) in [
        ("", "", "", Code::PermissionDenied),
        ("config", "", "v1alpha1", Code::PermissionDenied),
        ("", MC, "v1alpha1", Code::PermissionDenied),
        ("config", MC, "", Code::NotFound),
        ("config", MC, "v1alpha2", Code::NotFound),
        ("config", MC, &long, Code::NotFound),
        ("config", &long, "v1alpha1", Code::PermissionDenied),
        (&long, MC, "v1alpha1", Code::PermissionDenied),
        ("config", "mc", "v1alpha1", Code::PermissionDenied),
        (
            "network",
            "DHCPLeases.net.ichor.dev",
            "dhcp4/eth0",
            Code::PermissionDenied,
        ),
        (
            "secrets",
            "ApiCertificates.secrets.talos.dev",
            "api",
            Code::PermissionDenied,
        ),
    ] {
        let refused = read(&mut state, namespace, kind, id).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().len() < 1000);
    }
    let too_long = "x".repeat(100_000);
    let refused = read(&mut state, "config", MC, &too_long).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    let label = LabelQuery {
        terms: vec![LabelTerm {
            key: "a".to_owned(),
            ..LabelTerm::default()
        }],
    };
    let mut labelled = list("network", HOSTNAMES);
    labelled.options = Some(ListOptions {
        label_query: vec![label.clone()],
        id_query: None,
    });
    let refused = all(&mut state, as_admin(labelled)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("label_query"), "{refused:?}");
    let bootstrap = WatchOptions {
        bootstrap_contents: true,
        ..WatchOptions::default()
    };
    for (id, options, code) in [
        (Some("hostname"), bootstrap.clone(), Code::Unimplemented),
        (
            None,
            WatchOptions {
                tail_events: 3,
                ..bootstrap
            },
            Code::InvalidArgument,
        ),
        (
            None,
            WatchOptions {
                tail_events: -1,
                ..WatchOptions::default()
            },
            Code::InvalidArgument,
        ),
        (
            None,
            WatchOptions {
                label_query: vec![label],
                ..WatchOptions::default()
            },
            Code::Unimplemented,
        ),
        (
            None,
            WatchOptions {
                id_query: Some(IdQuery {
                    regexp: ".*".to_owned(),
                }),
                ..WatchOptions::default()
            },
            Code::Unimplemented,
        ),
    ] {
        let request = as_admin(watch("network", HOSTNAMES, id, options));
        assert_eq!(state.watch(request).await.unwrap_err().code(), code);
    }
    client.version(as_admin(())).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn resources_are_read_through_the_door_one_node_at_a_time() {
    let (mut node, _client) = running().await;
    let door = node.open_door().await;
    let text = node.read(STORED);
    let own = authority(&text);
    let connect = async |identity: &pki::Identity| {
        let transport = node
            .until("the door opens", async || enter(door, &own, identity).await)
            .await;
        StateClient::with_origin(transport, "https://node".parse().unwrap())
    };
    let mut operator = connect(&admin(&own)).await;
    let mut reader = connect(&with_roles(&own, &["os:reader"])).await;

    let one = to("node", &["10.5.0.2"], get("config", MC, "v1alpha1"));
    let found = operator.get(one).await.unwrap().into_inner();
    assert_eq!(yaml(&found.resource.unwrap()), text);
    let listed = to("node", &["10.5.0.2"], list("meta", RD));
    assert!(all(&mut reader, listed).await.unwrap().len() > 10);
    let bootstrap = WatchOptions {
        bootstrap_contents: true,
        ..WatchOptions::default()
    };
    let watched = to(
        "node",
        &["10.5.0.2"],
        watch("runtime", SERVICES, None, bootstrap),
    );
    let mut stream = reader.watch(watched).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    assert_eq!(told(&next(&mut stream).await[0]).0, EventType::Created);

    // A role that a client writes itself does not count.
    let mut forged = to("node", &["10.5.0.2"], get("config", MC, "v1alpha1"));
    forged
        .metadata_mut()
        .insert("talos-role", "os:admin".parse().unwrap());
    let refused = reader.get(forged).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for (key, names) in [
        ("nodes", &["10.5.0.2"][..]),
        ("nodes", &["10.5.0.2", "10.5.0.3"]),
        ("node", &["10.5.0.2", "10.5.0.3"]),
    ] {
        let refused = operator
            .get(to(key, names, get("config", MC, "v1alpha1")))
            .await;
        assert_eq!(
            refused.unwrap_err().code(),
            Code::InvalidArgument,
            "{key} {names:?}"
        );
    }
    let elsewhere = operator
        .get(to("node", &["10.5.0.9"], get("config", MC, "v1alpha1")))
        .await;
    assert_eq!(elsewhere.unwrap_err().code(), Code::Unimplemented);
}
