// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the log `controller-runtime`.
//!
//! Owns: its lines while a node is configured, while a controller fails, and while nothing changes.
//! Never: looks inside machined.

use std::sync::atomic::Ordering;

use ::api::cosi::resource::GetRequest;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use regex_lite::Regex;

use crate::api::apply;
use crate::clients::as_admin;
use crate::configurations::configuration;
use crate::logbook::Logbook;
use crate::node::{NetState, TestNode, eth0};

/// A line of the documents' form.
const FORM: &str = r#"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR) [a-z][^{]* \{"component": "controller-runtime", "(controller|source)": "[a-zA-Z0-9]+\.[a-zA-Z]+", .*\}$"#;

fn line<'a>(log: &'a str, parts: &[&str]) -> Option<&'a str> {
    log.lines()
        .find(|line| parts.iter().all(|part| line.contains(part)))
}

fn listening() -> (TestNode, Logbook) {
    let mut node = TestNode::new("");
    let book = Logbook::of(&mut node);
    (node, book)
}

async fn configured(node: &TestNode) -> String {
    node.until_maintenance().await;
    let text = configuration("box");
    let mut client = node.client().await;
    let request = apply(&text, Mode::Auto);
    client.apply_configuration(request).await.unwrap();
    node.until_stage(MachineStage::Running).await;
    text
}

#[tokio::test(flavor = "current_thread")]
async fn diag_21_controllers_tell_what_they_change_and_never_what_is_in_it() {
    let (mut node, book) = listening();
    node.start();
    let text = configured(&node).await;

    // The last controller that a new configuration gives something to do.
    let last = ["resource created", "\"k8s.NodeIPController\""];
    let log = book.until_appended(|log| line(log, &last).is_some()).await;

    let form = Regex::new(FORM).unwrap();
    for line in log.lines() {
        assert!(form.is_match(line), "{line}");
    }
    let created = [
        "DEBUG resource created",
        "\"network.HostnameSpecController\"",
    ];
    assert!(line(&log, &created).is_some(), "{log}");
    // What other agents tell comes from controllers, too, as far as anybody sees.
    let link = ["\"network.LinkStatusController\"", "\"id\": \"eth0\""];
    assert!(line(&log, &link).is_some(), "{log}");
    let words = text.split_whitespace();
    let secrets: Vec<&str> = words
        .filter(|word| word.len() >= 20 && !word.contains('/'))
        .collect();
    assert!(secrets.len() >= 5);
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    // All of it fits its ring, with much to come.
    assert!(log.len() < 64 * 1024, "{}", log.len());
}

#[tokio::test(flavor = "current_thread")]
async fn diag_21_a_controller_that_fails_says_so_until_it_does_not_any_more() {
    let (mut node, book) = listening();
    let in_the_way = node.path("system/etc/hosts");
    std::fs::create_dir_all(&in_the_way).unwrap();
    node.start();

    let name = "\"controller\": \"files.EtcFileController\"";
    let failed = [
        " WARN controller failed {",
        name,
        "/hosts: Is a directory",
        "\"retry_in\": \"500ms\"}",
    ];
    book.until_appended(|log| line(log, &failed).is_some())
        .await;
    std::fs::remove_dir(&in_the_way).unwrap();

    let again = [" INFO controller succeeded again {", name, "\"failures\": "];
    let log = book.until_appended(|log| line(log, &again).is_some()).await;
    let after = log.split_once("succeeded again").unwrap().1;
    assert!(line(after, &["controller failed", name]).is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn diag_21_nothing_is_said_of_counters_that_somebody_looks_at() {
    let (mut node, book) = listening();
    node.start();
    configured(&node).await;
    let mut state = node.state().await;

    for (namespace, kind, id) in [
        ("perf", "CPUStats.perf.talos.dev", "latest"),
        ("perf", "MemoryStats.perf.talos.dev", "latest"),
        ("runtime", "AdjtimeStatuses.v1alpha1.talos.dev", "node"),
    ] {
        for round in 0..3 {
            node.write("proc/stat", &format!("cpu 1 2\nctxt {round}\n"));
            let request = GetRequest {
                namespace: namespace.to_owned(),
                r#type: kind.to_owned(),
                id: id.to_owned(),
                ..Default::default()
            };
            state.get(as_admin(request)).await.unwrap();
        }
    }
    // What comes after them is said.
    node.net.send_replace(NetState {
        news: eth0("10.5.0.77"),
    });
    let address = ["resource created", "\"eth0/10.5.0.77/24\""];
    let log = book
        .until_appended(|log| line(log, &address).is_some())
        .await;

    assert!(line(&log, &["perf.talos.dev"]).is_none(), "{log}");
    assert!(line(&log, &["Adjtime"]).is_none(), "{log}");
}

#[tokio::test(flavor = "current_thread")]
async fn lines_that_logd_did_not_answer_come_again() {
    let (mut node, book) = listening();
    book.deaf.store(true, Ordering::Relaxed);
    node.start();
    let twice = |log: &str| {
        let first = log.lines().next();
        first.is_some_and(|first| log.matches(first).count() > 1)
    };
    book.until_appended(twice).await;

    book.deaf.store(false, Ordering::Relaxed);

    let eth0 = ["resource created", "\"network.LinkStatusController\""];
    book.until_appended(|log| line(log, &eth0).is_some()).await;
}
