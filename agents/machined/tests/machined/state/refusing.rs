// SPDX-License-Identifier: MPL-2.0
//! Who may, and what makes no sense.
//!
//! Owns: refusals, maintenance mode, and the way through the door.
//! Never: reads the fields of a status.

use ::api::cosi::resource::label_term::Operation;
use ::api::cosi::resource::meta::ResourceDefinitionSpec;
use ::api::cosi::resource::state_client::StateClient;
use ::api::cosi::resource::{
    CreateRequest, DestroyRequest, EventType, IdQuery, LabelQuery, LabelTerm, ListOptions,
    UpdateRequest, WatchOptions,
};
use prost::Message as _;
use tonic::Code;

use super::{
    HOSTNAMES, MC, RD, SERVICES, STORED, all, get, id, list, next, read, to, told, watch, yaml,
};
use crate::api::running;
use crate::clients::{as_admin, with_role};
use crate::front::enter;
use crate::node::TestNode;
use crate::trust::{admin, authority, with_roles};

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
async fn res_10_no_role_but_that_of_administrators_reads_any_sensitive_type() {
    let (node, _client) = running().await;
    let mut state = node.state().await;
    let definitions = all(&mut state, as_admin(list("meta", RD))).await.unwrap();

    let mut sensitive = 0;
    for definition in definitions {
        let spec = &definition.spec.unwrap().proto_spec[..];
        let spec = ResourceDefinitionSpec::decode(spec).unwrap();
        let (namespace, kind) = (spec.default_namespace.as_str(), spec.resource_type.as_str());
        let is_sensitive = spec.sensitivity != 0;
        sensitive += i32::from(is_sensitive);
        for role in ["os:admin", "os:operator", "os:reader", "os:etcd:backup"] {
            let get = state.get(with_role(role, get(namespace, kind, "absent")));
            let get = get.await.map(|_| ()).unwrap_err().code();
            let listed = all(&mut state, with_role(role, list(namespace, kind))).await;
            let options = WatchOptions::default();
            let request = with_role(role, watch(namespace, kind, None, options));
            let watched = state.watch(request).await.map(|_| ());
            // The last of the roles opens other methods only.
            let is_open = role == "os:admin" || (!is_sensitive && role != "os:etcd:backup");
            let expected = (!is_open).then_some(Code::PermissionDenied);
            assert_eq!(listed.err().map(|s| s.code()), expected, "{role} {kind}");
            assert_eq!(watched.err().map(|s| s.code()), expected, "{role} {kind}");
            assert_eq!(get, expected.unwrap_or(Code::NotFound), "{role} {kind}");
        }
    }
    assert_eq!(sensitive, 24);
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
    for role in ["os:reader", "os:admin"] {
        let created = state.create(with_role(role, CreateRequest::default()));
        let created = created.await.map(|_| ());
        let updated = state.update(with_role(role, UpdateRequest::default()));
        let updated = updated.await.map(|_| ());
        let destroyed = state.destroy(with_role(role, DestroyRequest::default()));
        for answer in [created, updated, destroyed.await.map(|_| ())] {
            let refused = answer.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied);
            assert_eq!(refused.message(), "write access is not allowed");
        }
    }
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
    ] {
        let refused = read(&mut state, namespace, kind, id).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().len() < 1000);
    }
    let too_long = "x".repeat(100_000);
    let refused = read(&mut state, "config", MC, &too_long).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    let without_value = LabelQuery {
        terms: vec![LabelTerm {
            key: "a".to_owned(),
            op: Operation::Equal.into(),
            ..LabelTerm::default()
        }],
    };
    let pattern = |regexp: &str| IdQuery {
        regexp: regexp.to_owned(),
    };
    let mut labelled = list("network", HOSTNAMES);
    labelled.options = Some(ListOptions {
        label_query: vec![without_value.clone()],
        id_query: None,
    });
    let refused = all(&mut state, as_admin(labelled)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
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
                ..bootstrap.clone()
            },
            Code::InvalidArgument,
        ),
        (
            None,
            WatchOptions {
                start_from_bookmark: Some(vec![0; 16]),
                ..bootstrap
            },
            Code::InvalidArgument,
        ),
        (
            None,
            WatchOptions {
                start_from_bookmark: Some(vec![0; 16]),
                tail_events: 3,
                ..WatchOptions::default()
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
                label_query: vec![without_value],
                ..WatchOptions::default()
            },
            Code::InvalidArgument,
        ),
        (
            None,
            WatchOptions {
                id_query: Some(pattern("(")),
                ..WatchOptions::default()
            },
            Code::InvalidArgument,
        ),
        (
            Some("hostname"),
            WatchOptions {
                id_query: Some(pattern(".*")),
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
    // Nobody is there.
    assert_eq!(elsewhere.unwrap_err().code(), Code::Unavailable);
}
