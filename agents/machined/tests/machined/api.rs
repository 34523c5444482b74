// SPDX-License-Identifier: MPL-2.0
//! What machined promises over its API, with stand-ins for the other agents.
//!
//! Owns: each method, each refusal, the way from maintenance to running.
//! Never: looks inside machined.

use std::time::Duration;

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use prost::Message as _;
use proto::service::{Exit, State};
use tonic::Code;

use crate::clients::{Client, as_admin, events, stages, with_role};
use crate::configurations::configuration;
use crate::node::{TestNode, status};
use crate::stand_ins::FLOOD_LINE;

pub(crate) fn apply(data: &str, mode: Mode) -> tonic::Request<machine::ApplyConfigurationRequest> {
    as_admin(machine::ApplyConfigurationRequest {
        data: data.as_bytes().to_vec(),
        mode: mode.into(),
        ..Default::default()
    })
}

/// A node that runs, with the client that configured it.
pub(crate) async fn running() -> (TestNode, Client) {
    run(TestNode::new("")).await
}

/// Starts machined and gives it a configuration.
pub(crate) async fn run(mut node: TestNode) -> (TestNode, Client) {
    node.start();
    node.until_maintenance().await;
    run_on(node).await
}

/// Gives a node that waits for one a configuration.
pub(crate) async fn run_on(node: TestNode) -> (TestNode, Client) {
    let mut client = node.client().await;
    client
        .apply_configuration(apply(&configuration("box.lab.example"), Mode::Auto))
        .await
        .unwrap();
    node.until_stage(MachineStage::Running).await;
    (node, client)
}

pub(crate) async fn collect(mut stream: tonic::Streaming<::api::common::Data>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(data) = stream.message().await.unwrap() {
        bytes.extend(data.bytes);
    }
    bytes
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_goes_from_maintenance_to_running_and_says_so_in_events() {
    let (node, mut client) = running().await;

    assert_eq!(
        stages(&mut client).await.unwrap(),
        [
            i32::from(MachineStage::Booting),
            i32::from(MachineStage::Maintenance),
            i32::from(MachineStage::Booting),
            i32::from(MachineStage::Running),
        ]
    );
    let phases: Vec<String> = events(&mut client, "PhaseEvent")
        .await
        .iter()
        .map(|value| machine::PhaseEvent::decode(&value[..]).unwrap())
        .filter(|event| event.action == 0)
        .map(|event| event.phase)
        .collect();
    assert_eq!(
        phases,
        [
            "systemRequirements",
            "earlyServices",
            "meta",
            "mountSystem",
            "config",
            "saveConfig",
            "memorySizeCheck",
            "startEverything"
        ]
    );
    let tasks: Vec<String> = events(&mut client, "TaskEvent")
        .await
        .iter()
        .map(|value| machine::TaskEvent::decode(&value[..]).unwrap().task)
        .collect();
    assert!(
        tasks.contains(&"runningMaintenance".to_owned()),
        "{tasks:?}"
    );
    let sequences: Vec<(String, i32)> = events(&mut client, "SequenceEvent")
        .await
        .iter()
        .map(|value| machine::SequenceEvent::decode(&value[..]).unwrap())
        .map(|event| (event.sequence, event.action))
        .collect();
    let told = |name: &str, action| (name.to_owned(), action);
    assert_eq!(
        sequences,
        [
            told("initialize", 1),
            told("initialize", 2),
            told("boot", 1),
            told("boot", 2)
        ]
    );
    // What the configuration asked for is so.
    assert_eq!(node.read("proc/sys/kernel/hostname"), "box");
    assert_eq!(node.read("proc/sys/kernel/domainname"), "lab.example");
    assert_eq!(node.read("proc/sys/kernel/panic"), "77");
    assert!(
        node.read("system/etc/hosts")
            .contains("10.5.0.2 box.lab.example box")
    );
    assert!(
        node.read("system/state/config.yaml")
            .contains("box.lab.example")
    );
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_024_rpc_028_rpc_030_rpc_047_the_node_says_what_it_is() {
    let (_node, mut client) = running().await;

    let version = client.version(as_admin(())).await.unwrap().into_inner();
    let version = &version.messages[0];
    assert!(version.metadata.is_none());
    assert!(version.version.as_ref().unwrap().tag.starts_with('v'));
    assert_eq!(version.platform.as_ref().unwrap().mode, "metal");
    assert!(version.features.as_ref().unwrap().rbac);
    let hostname = client.hostname(as_admin(())).await.unwrap().into_inner();
    assert_eq!(hostname.messages[0].hostname, "box.lab.example");
    let memory = client.memory(as_admin(())).await.unwrap().into_inner();
    assert!(memory.messages[0].meminfo.as_ref().unwrap().memtotal > 0);
    let load = client.load_avg(as_admin(())).await.unwrap().into_inner();
    assert!((load.messages[0].load5 - 0.2).abs() < 0.001);
    let stat = client.system_stat(as_admin(())).await.unwrap().into_inner();
    assert_eq!(stat.messages[0].boot_time, 1_700_000_000);
    let processors = client.cpu_info(as_admin(())).await.unwrap().into_inner();
    assert_eq!(processors.messages[0].cpu_info[0].model_name, "Test CPU");
    let mounts = client.mounts(as_admin(())).await.unwrap().into_inner();
    assert_eq!(mounts.messages.len(), 1);
    let processes = client.processes(as_admin(())).await.unwrap().into_inner();
    assert_eq!(processes.messages.len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_039_svc_05_services_are_listed_with_state_history_and_health() {
    let (node, mut client) = running().await;
    let mut dead = status("netd", State::BackingOff, 0);
    dead.last_exit = Some(Exit::Signal(9));
    node.set_service(dead);

    let netd = node
        .until("netd waits", async || {
            let list = client
                .service_list(as_admin(()))
                .await
                .unwrap()
                .into_inner();
            let services = &list.messages[0].services;
            assert_eq!(services.len(), 5);
            let netd = services
                .iter()
                .find(|service| service.id == "netd")
                .unwrap();
            (netd.state == "Waiting").then(|| netd.clone())
        })
        .await;

    let lines = netd.events.unwrap().events;
    let last = lines.last().unwrap();
    assert!(last.msg.contains("killed by signal 9"), "{}", last.msg);
    assert!(netd.health.unwrap().unknown);
    let wanted = [
        ("logd", false, true),
        ("machined", true, false),
        ("udevd", false, true),
    ];
    node.until("checks", async || {
        let list = client
            .service_list(as_admin(()))
            .await
            .unwrap()
            .into_inner();
        let services = &list.messages[0].services;
        wanted
            .iter()
            .all(|(id, unknown, healthy)| {
                let found = services.iter().find(|service| service.id == *id).unwrap();
                let health = found.health.as_ref().unwrap();
                (health.unknown, health.healthy) == (*unknown, *healthy)
            })
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_040_rpc_041_rpc_042_only_extension_services_are_the_operators() {
    let mut node = TestNode::new("");
    node.write(
        "usr/local/etc/containers/hello.yaml",
        "name: hello\ncontainer:\n  entrypoint: hello\nrestart: always\n",
    );
    node.write(
        "usr/local/etc/containers/bad.yaml",
        "name: bad\ncontainer:\n  entrypoint: x\n  user: me\nrestart: always\n",
    );
    node.start();
    node.until_maintenance().await;
    // They start in maintenance too.
    node.until("ext-hello starts", async || {
        let orders = node.init.lock().unwrap().orders.clone();
        orders.contains(&"start ext-hello".to_owned()).then_some(())
    })
    .await;
    let mut client = node.client().await;
    client
        .apply_configuration(apply(&configuration("box"), Mode::Auto))
        .await
        .unwrap();
    let refusals = events(&mut client, "ServiceStateEvent").await;
    let refused = refusals.iter().any(|value| {
        let event = machine::ServiceStateEvent::decode(&value[..]).unwrap();
        event
            .message
            .starts_with("bad.yaml: container.user: unknown; possible are entrypoint,")
    });
    assert!(refused);
    // It is in the list, with the reason.
    let list = client
        .service_list(as_admin(()))
        .await
        .unwrap()
        .into_inner();
    let services = &list.messages[0].services;
    let bad = services.iter().find(|service| service.id == "ext-bad");
    assert_eq!(bad.unwrap().state, "Failed");

    let stop = |id: &str| as_admin(machine::ServiceStopRequest { id: id.to_owned() });
    let answer = client.service_stop(stop("ext-hello")).await.unwrap();
    assert_eq!(
        answer.into_inner().messages[0].resp,
        "Service \"ext-hello\" stopped"
    );
    let core = client.service_stop(stop("apid")).await.unwrap_err();
    assert_eq!(core.code(), Code::FailedPrecondition);
    let absent = client.service_stop(stop("nothing")).await.unwrap_err();
    assert_eq!(absent.code(), Code::NotFound);
    let odd = client.service_stop(stop("ext-../../x")).await.unwrap_err();
    assert_eq!(odd.code(), Code::NotFound);
    let request = as_admin(machine::ServiceStartRequest {
        id: "ext-hello".to_owned(),
    });
    client.service_start(request).await.unwrap();
    let request = as_admin(machine::ServiceRestartRequest {
        id: "ext-hello".to_owned(),
    });
    client.service_restart(request).await.unwrap();
    let orders = node.init.lock().unwrap().orders.clone();
    assert_eq!(
        orders,
        [
            "define ext-hello",
            "start ext-hello",
            "stop ext-hello",
            "define ext-hello",
            "start ext-hello",
            "stop ext-hello",
            "define ext-hello",
            "start ext-hello"
        ]
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_that_names_something_long_is_short_and_cuts_no_connection() {
    let (_node, mut client) = running().await;
    let request = machine::ServiceStopRequest {
        id: "\n".repeat(60_000),
    };

    let refused = client.service_stop(as_admin(request)).await.unwrap_err();

    assert_eq!(refused.code(), Code::NotFound);
    let message = refused.message();
    assert!(message.starts_with("service \"\n\n"), "{message:?}");
    assert!(message.ends_with('\u{2026}') && message.len() < 8192);
    client.version(as_admin(())).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn logs_03_logs_are_read_from_their_tail_and_followed() {
    let (_node, mut client) = running().await;
    let request = |id: &str, tail_lines, follow| {
        as_admin(machine::LogsRequest {
            namespace: "system".to_owned(),
            id: id.to_owned(),
            tail_lines,
            follow,
            ..Default::default()
        })
    };

    let all = client.logs(request("machined", -1, false)).await.unwrap();
    assert_eq!(collect(all.into_inner()).await, b"one\ntwo\nthree\n");
    let two = client.logs(request("machined", 2, false)).await.unwrap();
    assert_eq!(collect(two.into_inner()).await, b"two\nthree\n");
    let none = client.logs(request("machined", 0, false)).await.unwrap();
    assert_eq!(collect(none.into_inner()).await, b"");
    let absent = client.logs(request("nothing", -1, false)).await;
    assert_eq!(absent.unwrap_err().code(), Code::NotFound);
    let mut elsewhere = request("x", -1, false);
    elsewhere.get_mut().namespace = "k8s.io".to_owned();
    let elsewhere = client.logs(elsewhere).await.unwrap_err();
    assert_eq!(elsewhere.code(), Code::Unimplemented);
    let mut followed = client
        .logs(request("machined", 1, true))
        .await
        .unwrap()
        .into_inner();
    let first = followed.message().await.unwrap().unwrap();
    assert_eq!(first.bytes, b"three\n");
    // It stays open: there is nothing more, and no end.
    let more = tokio::time::timeout(Duration::from_millis(50), followed.message()).await;
    assert!(more.is_err());
}

/// A service that floods its log kept `logs --tail 5` busy for ever.
#[tokio::test(flavor = "current_thread")]
async fn a_log_that_grows_faster_than_it_is_read_ends_where_it_ended_when_asked() {
    let (_node, mut client) = running().await;
    let request = as_admin(machine::LogsRequest {
        namespace: "system".to_owned(),
        id: "flood".to_owned(),
        tail_lines: 5,
        ..Default::default()
    });

    let lines = client.logs(request).await.unwrap();

    assert_eq!(collect(lines.into_inner()).await, FLOOD_LINE.repeat(5));
}

#[tokio::test(flavor = "current_thread")]
async fn dmesg_is_the_log_of_the_kernel() {
    let (_node, mut client) = running().await;

    let request = machine::DmesgRequest::default();
    let all = client.dmesg(as_admin(request)).await.unwrap();
    assert_eq!(collect(all.into_inner()).await, b"one\ntwo\nthree\n");
    let request = machine::DmesgRequest {
        tail: true,
        follow: false,
    };
    let new = client.dmesg(as_admin(request)).await.unwrap();

    assert_eq!(collect(new.into_inner()).await, b"");
}

/// The first event that happened: a stream begins with one that only says hello.
async fn second(mut stream: tonic::Streaming<machine::Event>) -> machine::Event {
    stream.message().await.unwrap().unwrap();
    stream.message().await.unwrap().unwrap()
}

/// `talosctl reboot` waits for the first event before it gives the order, and drops it.
#[tokio::test(flavor = "current_thread")]
async fn rpc_011_a_stream_of_events_begins_with_one_that_says_hello() {
    let (_node, mut client) = running().await;
    // Nothing has happened, and nothing will, that has this actor.
    let request = as_admin(machine::EventsRequest {
        with_actor_id: "me".to_owned(),
        ..Default::default()
    });

    let stream = client.events(request).await.unwrap();
    let hello = stream.into_inner().message().await.unwrap().unwrap();

    assert_eq!(hello.data, Some(prost_types::Any::default()));
    assert_eq!((hello.actor_id.as_str(), hello.id.len()), ("me", 20));
}

#[tokio::test(flavor = "current_thread")]
async fn events_are_read_from_where_the_client_wants() {
    let (_node, mut client) = running().await;
    let request = |tail_events, tail_id: &str, tail_seconds| {
        as_admin(machine::EventsRequest {
            tail_events,
            tail_id: tail_id.to_owned(),
            tail_seconds,
            with_actor_id: String::new(),
        })
    };

    let last = client.events(request(2, "", 0)).await.unwrap();
    let mut last = last.into_inner();
    let hello = last.message().await.unwrap().unwrap();
    let one = last.message().await.unwrap().unwrap();
    let two = last.message().await.unwrap().unwrap();
    assert_eq!(one.id.len(), 20);
    assert!(one.id < two.id);
    assert!(
        one.data
            .unwrap()
            .type_url
            .starts_with("talos/runtime/machine.")
    );
    for (id, next) in [(&hello.id, &one.id), (&one.id, &two.id)] {
        let after = client.events(request(0, id, 0)).await.unwrap();
        let after = second(after.into_inner()).await;
        assert_eq!(after.id, *next);
    }
    let recent = client.events(request(0, "", 3600)).await.unwrap();
    second(recent.into_inner()).await;
    let both = client.events(request(1, &two.id, 5)).await.unwrap_err();
    assert_eq!(both.code(), Code::InvalidArgument);
}

/// The methods of the machine service that are built; every other method of every service is not.
const BUILT: &[&str] = &[
    "ApplyConfiguration",
    "CPUInfo",
    "Containers",
    "ControllerRuntimeDependencies",
    "Copy",
    "DiskStats",
    "DiskUsage",
    "Disks",
    "Dmesg",
    "Events",
    "GenerateClientConfiguration",
    "GenerateConfiguration",
    "HealthCheck",
    "Hostname",
    "ImageList",
    "ImagePull",
    "Kubeconfig",
    "List",
    "LoadAvg",
    "Logs",
    "Memory",
    "MetaDelete",
    "MetaWrite",
    "Mounts",
    "Netstat",
    "NetworkDeviceStats",
    "PacketCapture",
    "Processes",
    "Read",
    "Reboot",
    "Restart",
    "ServiceList",
    "ServiceRestart",
    "ServiceStart",
    "ServiceStop",
    "Shutdown",
    "Stats",
    "SystemStat",
    "Time",
    "TimeCheck",
    "Version",
];

#[tokio::test(flavor = "current_thread")]
async fn every_method_that_is_not_built_answers_exactly_unimplemented() {
    let (node, _client) = running().await;
    let state = |method: &::api::methods::Method| method.service() == "cosi.resource.State";
    let built = |method: &::api::methods::Method| BUILT.contains(&method.name());

    // trustd has a door of its own; no role opens its service here.
    let ours = |method: &&::api::methods::Method| {
        method.service() != "securityapi.SecurityService" && !state(method)
    };

    let mut asked = 0;
    for method in ::api::methods::METHODS.iter().filter(ours) {
        if !built(method) {
            let status = node.status_of(method.path).await;
            assert_eq!(status.as_deref(), Some("12"), "{}", method.path);
            asked += 1;
        }
    }
    let all = ::api::methods::METHODS.iter().filter(ours).count();
    assert_eq!(asked + BUILT.len(), all);
    let unknown = node.status_of("/machine.MachineService/NoSuchMethod").await;
    assert_eq!(unknown.as_deref(), Some("12"));
}

#[tokio::test(flavor = "current_thread")]
async fn roles_are_asked_for_again_behind_apid() {
    let (_node, mut client) = running().await;

    let none = client.version(tonic::Request::new(())).await.unwrap_err();
    assert_eq!(none.code(), Code::PermissionDenied);
    assert_eq!(none.message(), "not authorized");
    let reader = client.version(with_role("os:reader", ())).await;
    assert!(reader.is_ok());
    let request = with_role("os:reader", machine::RebootRequest::default());
    let reboot = client.reboot(request).await.unwrap_err();
    assert_eq!(reboot.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "current_thread")]
async fn maintenance_mode_serves_only_what_it_must() {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;

    let version = client
        .version(with_role("os:reader", ()))
        .await
        .unwrap_err();
    assert_eq!(version.code(), Code::Unimplemented);
    let request = with_role("os:reader", machine::RebootRequest::default());
    let reboot = client.reboot(request).await.unwrap_err();
    assert_eq!(reboot.code(), Code::Unimplemented);
    let mut request = apply("version: v1alpha1\n", Mode::Auto);
    request.metadata_mut().clear();
    let wrong = client.apply_configuration(request).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
}
