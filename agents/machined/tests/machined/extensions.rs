// SPDX-License-Identifier: MPL-2.0
//! What machined promises of extension services.
//!
//! Owns: conditions, settings from outside of the image, orders of operators.
//! Never: runs a service; init's stand-in takes down what it is told.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use proto::service::State;

use crate::api::{apply, run};
use crate::clients::{Client, as_admin};
use crate::configurations::configuration;
use crate::dead_mount::DeadMount;
use crate::node::{TestNode, status};
use crate::trials::tried;

const FILE: &str = "usr/local/etc/containers/hello.yaml";
/// Where the file of its configuration is.
const LAID_OUT: &str = "system/overlays/extensions/hello/0";
const FIRST: [&str; 2] = ["define ext-hello", "start ext-hello"];
const AGAIN: [&str; 3] = ["stop ext-hello", "define ext-hello", "start ext-hello"];

/// A node, not started, with the extension service `hello`, whose description ends with `more`.
fn with_hello(container: &str, more: &str) -> TestNode {
    let node = TestNode::new("");
    node.write(
        FILE,
        &format!(
            "name: hello\ncontainer:\n  entrypoint: hello\n{container}restart: always\n{more}"
        ),
    );
    node
}

/// What the configuration gives to it: a variable and a file.
fn settings(content: &str) -> String {
    format!(
        "---\napiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: hello\nconfigFiles:\n  \
         - content: {content}\n    mountPath: /etc/hello.conf\nenvironment:\n  - A=b\n"
    )
}

fn orders(node: &TestNode) -> Vec<String> {
    node.init.lock().unwrap().orders.clone()
}

/// Waits until init has been given exactly these orders.
async fn until_ordered(node: &TestNode, expected: &[&str]) {
    let what = format!("the orders {expected:?}");
    node.until(&what, async || {
        let orders = orders(node);
        (orders == expected).then_some(())
    })
    .await;
}

/// The state of `ext-hello` and the last line of its history.
async fn hello(client: &mut Client) -> Option<(String, String)> {
    let list = client.service_list(as_admin(())).await.ok()?.into_inner();
    let services = &list.messages.first()?.services;
    let service = services.iter().find(|service| service.id == "ext-hello")?;
    let last = service.events.as_ref()?.events.last()?;
    Some((service.state.clone(), last.msg.clone()))
}

async fn until_hello(node: &TestNode, client: &mut Client, state: &str, message: &str) {
    let expected = (state.to_owned(), message.to_owned());
    node.until(message, async || {
        (hello(client).await? == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn ext_04_09_a_service_waits_for_its_conditions_and_says_for_which() {
    let node = with_hello(
        "  environmentFile: /var/env\n  environment: [B=own]\n",
        "depends:\n  - service: netd\n  - service: cri\n  - path: /run/there\n",
    );
    let (node, mut client) = run(node).await;
    let waits = "Waiting for service \"cri\" to be \"up\", file \"/run/there\" to exist, \
        file \"/var/env\" to exist";
    until_hello(&node, &mut client, "Waiting", waits).await;
    assert_eq!(orders(&node), Vec::<String>::new());

    node.write("run/there", "");
    let waits = "Waiting for service \"cri\" to be \"up\", file \"/var/env\" to exist";
    until_hello(&node, &mut client, "Waiting", waits).await;
    std::fs::create_dir(node.path("var")).unwrap();
    node.write("var/env", "# settings\nA=file\nB=file\n");
    until_hello(
        &node,
        &mut client,
        "Waiting",
        "Waiting for service \"cri\" to be \"up\"",
    )
    .await;
    node.set_service(status("cri", State::Running, 7));

    until_ordered(&node, &FIRST).await;
    let described = node.init.lock().unwrap().described.clone();
    assert_eq!(described.get("ext-hello").unwrap(), &["A=file", "B=own"]);
}

/// machined stood still, for everybody, when a service waited for a file of a server that was gone.
#[tokio::test(flavor = "current_thread")]
async fn ext_09_a_path_on_a_dead_mount_holds_nobody_but_its_service() {
    let node = with_hello("", "depends:\n  - path: /dead/file\n  - path: /run/there\n");
    node.write(
        "usr/local/etc/containers/other.yaml",
        "name: other\ncontainer:\n  entrypoint: other\nrestart: always\n",
    );
    let dead = DeadMount::at(&node.path("dead"));

    let (node, mut client) = run(node).await;

    let waits = "Waiting for file \"/dead/file\" to exist (its file system does not answer), \
        file \"/run/there\" to exist";
    until_hello(&node, &mut client, "Waiting", waits).await;
    until_ordered(&node, &["define ext-other", "start ext-other"]).await;
    // What hangs is told that its server is gone, and is looked at anew.
    drop(dead);
    std::fs::write(node.path("dead/file"), "").unwrap();
    node.write("run/there", "");
    let both = [
        "define ext-other",
        "start ext-other",
        "define ext-hello",
        "start ext-hello",
    ];
    until_ordered(&node, &both).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ext_04_an_environment_file_that_cannot_be_read_is_said_by_its_name() {
    let node = with_hello("  environmentFile: /run/env\n", "");
    node.write("run/env", &"A=b\n".repeat(20_000));

    let (node, mut client) = run(node).await;

    let reason = "/run/env: longer than 65536 bytes";
    until_hello(&node, &mut client, "Failed", reason).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ext_11_a_service_that_waits_can_be_stopped_and_started() {
    let node = with_hello("", "depends:\n  - path: /run/there\n");
    let (node, mut client) = run(node).await;
    let waits = "Waiting for file \"/run/there\" to exist";
    until_hello(&node, &mut client, "Waiting", waits).await;

    let stop = machine::ServiceStopRequest {
        id: "ext-hello".to_owned(),
    };
    client.service_stop(as_admin(stop)).await.unwrap();
    node.write("run/there", "");
    let (state, _) = hello(&mut client).await.unwrap();
    assert_eq!(state, "Initialized");
    let start = machine::ServiceStartRequest {
        id: "ext-hello".to_owned(),
    };
    client.service_start(as_admin(start)).await.unwrap();

    until_ordered(&node, &FIRST).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ext_12_13_14_a_configuration_for_a_service_is_waited_for_and_applied_live() {
    let mut node = with_hello("", "depends:\n  - configuration: true\n");
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;
    // Each has secrets of its own.
    let base = configuration("box");
    let first = apply(&base, Mode::Auto);
    client.apply_configuration(first).await.unwrap();
    node.until_stage(MachineStage::Running).await;
    let waits = "Waiting for extension service configuration \"hello\"";
    until_hello(&node, &mut client, "Waiting", waits).await;

    let with = |content: &str| apply(&(base.clone() + &settings(content)), Mode::NoReboot);
    client.apply_configuration(with("one")).await.unwrap();
    until_ordered(&node, &FIRST).await;
    let described = node.init.lock().unwrap().described.clone();
    assert_eq!(
        described.get("ext-hello").unwrap(),
        &["A=b", "/etc/hello.conf"]
    );
    assert_eq!(node.read(LAID_OUT), "one");

    client.apply_configuration(with("two")).await.unwrap();

    until_ordered(&node, &[&FIRST[..], &AGAIN].concat()).await;
    assert_eq!(node.read(LAID_OUT), "two");
}

/// It was stopped first, and stayed off.
#[tokio::test(flavor = "current_thread")]
async fn ext_14_a_changed_configuration_that_is_wrong_leaves_the_service_as_it_runs() {
    let (node, mut client) = run(with_hello("", "")).await;
    until_ordered(&node, &FIRST).await;
    let base = node.read("system/state/config.yaml");
    let with = |more: &str| apply(&(base.clone() + more), Mode::NoReboot);
    client
        .apply_configuration(with(&settings("one")))
        .await
        .unwrap();
    let mut expected = [&FIRST[..], &AGAIN].concat();
    until_ordered(&node, &expected).await;
    let mut many = settings("two").replace("environment:\n  - A=b\n", "");
    for number in 1..17 {
        many.push_str(&format!("  - content: x\n    mountPath: /m{number}\n"));
    }

    for (wrong, reason) in [
        (
            many,
            "container.mounts: has 17 entries, at most 16 are possible",
        ),
        (
            settings("three").replace("A=b", &format!("A={}", "b".repeat(8192))),
            "arguments, environment and mounts are longer than 8 KiB together",
        ),
    ] {
        client.apply_configuration(with(&wrong)).await.unwrap();

        let refused = "Its changed configuration is refused, it goes on as it was";
        let said = format!("{refused}: {reason}");
        until_hello(&node, &mut client, "Running", &said).await;
        assert_eq!(orders(&node), expected);
        assert_eq!(node.read(LAID_OUT), "one");
    }
    // An operator who starts it anew has what ran.
    let id = "ext-hello".to_owned();
    let restart = machine::ServiceRestartRequest { id };
    client.service_restart(as_admin(restart)).await.unwrap();
    expected.push("restart ext-hello");
    until_ordered(&node, &expected).await;

    client
        .apply_configuration(with(&settings("four")))
        .await
        .unwrap();
    expected.extend(AGAIN);
    until_ordered(&node, &expected).await;
    assert_eq!(node.read(LAID_OUT), "four");
}

/// They stayed in the service, while everything else went back.
#[tokio::test(flavor = "current_thread")]
async fn ext_14_settings_on_trial_leave_a_service_when_machined_dies() {
    let (mut node, mut client) = run(with_hello("", "")).await;
    let base = node.read("system/state/config.yaml");
    let stored = base.clone() + &settings("stored");
    let stored = apply(&stored, Mode::NoReboot);
    client.apply_configuration(stored).await.unwrap();
    let mut expected = [&FIRST[..], &AGAIN].concat();
    until_ordered(&node, &expected).await;
    let on_trial = tried(&(base + &settings("tried")), 3600);
    client.apply_configuration(on_trial).await.unwrap();
    expected.extend(AGAIN);
    until_ordered(&node, &expected).await;
    assert_eq!(node.read(LAID_OUT), "tried");
    drop(client);

    node.restart();

    expected.extend(AGAIN);
    until_ordered(&node, &expected).await;
    assert_eq!(node.read(LAID_OUT), "stored");
}

#[tokio::test(flavor = "current_thread")]
async fn ext_11_a_restarted_machined_leaves_a_service_as_it_is() {
    let (mut node, client) = run(with_hello("", "")).await;
    drop(client);
    until_ordered(&node, &FIRST).await;

    node.restart();
    let mut client = node.client().await;
    node.until("the service is seen", async || {
        let (state, _) = hello(&mut client).await?;
        (state == "Running").then_some(())
    })
    .await;
    let stop = machine::ServiceStopRequest {
        id: "ext-hello".to_owned(),
    };
    // Nobody but its keeper answers.
    node.until("the keeper is there", async || {
        let stop = as_admin(stop.clone());
        client.service_stop(stop).await.ok().map(drop)
    })
    .await;

    until_ordered(&node, &[&FIRST[..], &["stop ext-hello"]].concat()).await;
}

/// The next machined started what an operator had stopped while it waited.
#[tokio::test(flavor = "current_thread")]
async fn ext_11_a_service_that_was_stopped_while_it_waited_stays_stopped() {
    let node = with_hello("", "depends:\n  - path: /run/there\n");
    let (mut node, mut client) = run(node).await;
    let waits = "Waiting for file \"/run/there\" to exist";
    until_hello(&node, &mut client, "Waiting", waits).await;
    let stop = machine::ServiceStopRequest {
        id: "ext-hello".to_owned(),
    };
    client.service_stop(as_admin(stop)).await.unwrap();
    drop(client);
    node.write("run/there", "");

    node.restart();
    let mut client = node.client().await;
    let start = machine::ServiceStartRequest {
        id: "ext-hello".to_owned(),
    };
    node.until("the keeper is there", async || {
        let start = as_admin(start.clone());
        client.service_start(start).await.ok().map(drop)
    })
    .await;

    // Had it started by itself, the order would have been one more.
    until_ordered(&node, &FIRST).await;
}

/// machined died after it had stopped a service in order to start it anew: it stayed off.
#[tokio::test(flavor = "current_thread")]
async fn ext_11_a_service_that_was_to_start_anew_does_after_a_restart_of_machined() {
    let (mut node, client) = run(with_hello("", "")).await;
    drop(client);
    until_ordered(&node, &FIRST).await;
    let mut stopped = status("ext-hello", State::Stopped, 0);
    stopped.last_exit = Some(proto::service::Exit::Signal(15));
    node.set_service(stopped);
    node.write("run/ichor/machined.ext-hello", "starting");

    node.restart();

    until_ordered(&node, &[FIRST, FIRST].concat()).await;
    node.until("nothing is left to be told", async || {
        let note = node.path("run/ichor/machined.ext-hello");
        (!note.exists()).then_some(())
    })
    .await;
}
