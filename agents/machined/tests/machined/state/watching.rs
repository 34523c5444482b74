// SPDX-License-Identifier: MPL-2.0
//! What is watched.
//!
//! Owns: the order of events.
//! Never: reads the fields of a status.

use ::api::cosi::resource::{
    Event, EventType, IdQuery, LabelQuery, LabelTerm, ListOptions, WatchOptions,
};
use ::api::machine::apply_configuration_request::Mode;

use proto::service::State as Life;
use tonic::Code;

use super::{HOSTNAMES, SERVICES, STORED, State, all, id, list, next, read, told, watch, yaml};
use crate::api::{apply, running};
use crate::clients::{as_admin, with_role};
use crate::node::status;

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
async fn res_09_a_service_that_starts_anew_is_deleted_and_created_at_version_1() {
    let (node, mut client) = running().await;
    node.until("udevd is well", async || {
        let list = client.service_list(as_admin(())).await.ok()?.into_inner();
        let services = &list.messages[0].services;
        let udevd = services.iter().find(|service| service.id == "udevd")?;
        udevd.health.as_ref()?.healthy.then_some(())
    })
    .await;
    let mut state = node.state().await;
    let request = as_admin(watch(
        "runtime",
        SERVICES,
        Some("udevd"),
        WatchOptions::default(),
    ));
    let mut stream = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    let mut line = async || {
        let event = next(&mut stream).await.remove(0);
        let shown = event.resource.as_ref().unwrap();
        let version = shown.metadata.as_ref().unwrap().version.clone();
        let healthy = yaml(shown).contains("healthy: true\n");
        assert!(yaml(shown).starts_with("running: true\n"));
        (event.event_type(), version, healthy)
    };
    let (_, before, _) = line().await;

    let again = [
        (EventType::Destroyed, before, true),
        (EventType::Created, "1".to_owned(), false),
        (EventType::Updated, "2".to_owned(), true),
    ];
    // As an operator sees it who restarts a service.
    node.set_service(status("udevd", Life::Stopping, 6));
    assert_eq!(line().await, again[0]);
    node.set_service(status("udevd", Life::Running, 106));
    assert_eq!(line().await, again[1]);
    assert_eq!(line().await, again[2]);
    // init tells who was slow only that it has another process.
    node.set_service(status("udevd", Life::Running, 206));
    assert_eq!(line().await, (EventType::Destroyed, "2".to_owned(), true));
    assert_eq!(line().await, again[1]);
    assert_eq!(line().await, again[2]);
}

#[tokio::test(flavor = "current_thread")]
async fn res_09_a_watch_goes_on_where_another_one_ended() {
    let (mut node, mut client) = running().await;
    let mut state = node.state().await;
    let marked = WatchOptions {
        bootstrap_contents: true,
        bootstrap_bookmark: true,
        aggregated: true,
        ..WatchOptions::default()
    };
    let request = with_role("os:reader", watch("network", HOSTNAMES, None, marked));
    let mut stream = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    let first = next(&mut stream).await;
    let kinds: Vec<_> = first.iter().map(Event::event_type).collect();
    assert_eq!(
        kinds,
        [EventType::Created, EventType::Bootstrapped, EventType::Noop]
    );
    let bookmark = first[2].bookmark.clone().unwrap();
    assert_eq!(first[1].bookmark.as_ref(), Some(&bookmark));
    drop(stream);
    let other = node.read(STORED).replace("box.lab.example", "other");
    client
        .apply_configuration(apply(&other, Mode::Auto))
        .await
        .unwrap();

    let from = |bookmark: &[u8]| WatchOptions {
        start_from_bookmark: Some(bookmark.to_vec()),
        ..WatchOptions::default()
    };
    for id in [None, Some("hostname")] {
        let request = as_admin(watch("network", HOSTNAMES, id, from(&bookmark)));
        let mut stream = state.watch(request).await.unwrap().into_inner();
        assert!(next(&mut stream).await.is_empty());
        let event = next(&mut stream).await.remove(0);
        assert_eq!(told(&event), (EventType::Updated, "hostname".to_owned()));
        assert!(event.bookmark.is_some_and(|later| later > bookmark));
    }
    // One that is none, and one of the machined before.
    let refused = async |bookmark: &[u8], state: &mut State| {
        let request = as_admin(watch("network", HOSTNAMES, None, from(bookmark)));
        state.watch(request).await.unwrap_err().code()
    };
    assert_eq!(
        refused(b"page 7", &mut state).await,
        Code::FailedPrecondition
    );
    node.restart();
    let mut state = node.state().await;
    assert_eq!(
        refused(&bookmark, &mut state).await,
        Code::FailedPrecondition
    );
}

#[tokio::test(flavor = "current_thread")]
async fn res_09_a_query_chooses_by_id_and_by_label() {
    let (node, _client) = running().await;
    let mut state = node.state().await;
    let by_id = |regexp: &str| {
        Some(IdQuery {
            regexp: regexp.to_owned(),
        })
    };
    let ids = async |state: &mut State, options: ListOptions| -> Vec<String> {
        let mut request = list("runtime", SERVICES);
        request.options = Some(options);
        let found = all(state, as_admin(request)).await.unwrap();
        found.iter().map(|found| id(found).to_owned()).collect()
    };

    let some = ListOptions {
        label_query: Vec::new(),
        id_query: by_id("^(api|net)d$"),
    };
    assert_eq!(ids(&mut state, some).await, ["apid", "netd"]);
    let labelled = LabelQuery {
        terms: vec![LabelTerm {
            key: "nobody-has-it".to_owned(),
            ..LabelTerm::default()
        }],
    };
    let none = ListOptions {
        label_query: vec![labelled],
        id_query: None,
    };
    assert_eq!(ids(&mut state, none).await, Vec::<String>::new());
    let options = WatchOptions {
        bootstrap_contents: true,
        aggregated: true,
        id_query: by_id("^logd$"),
        ..WatchOptions::default()
    };
    let request = as_admin(watch("runtime", SERVICES, None, options));
    let mut stream = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    let first: Vec<_> = next(&mut stream).await.iter().map(told).collect();
    assert_eq!(
        first,
        [
            (EventType::Created, "logd".to_owned()),
            (EventType::Bootstrapped, String::new())
        ]
    );
}

#[tokio::test(flavor = "current_thread")]
async fn rsrc_105_107_counters_are_new_whenever_somebody_looks() {
    let (node, _client) = running().await;
    let mut state = node.state().await;
    const CPU: &str = "CPUStats.perf.talos.dev";
    let switches = async |state: &mut State| {
        let found = read(state, "perf", CPU, "latest").await.unwrap();
        let line = yaml(&found)
            .lines()
            .find(|line| line.starts_with("contextSw"));
        line.unwrap().to_owned()
    };

    node.write("proc/stat", "cpu 1 2\nctxt 5\n");
    assert_eq!(switches(&mut state).await, "contextSwitches: 5");
    node.write("proc/stat", "cpu 1 2\nctxt 6\n");
    assert_eq!(switches(&mut state).await, "contextSwitches: 6");
    node.write("proc/stat", "cpu 1 2\nctxt 7\n");
    let options = WatchOptions {
        bootstrap_contents: true,
        ..WatchOptions::default()
    };
    let request = as_admin(watch("perf", CPU, None, options));
    let mut stream = state.watch(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
    let event = next(&mut stream).await.remove(0);
    let shown = event.resource.unwrap();
    assert!(
        yaml(&shown).contains("contextSwitches: 7\n"),
        "{}",
        yaml(&shown)
    );
    let memory = read(&mut state, "perf", "MemoryStats.perf.talos.dev", "latest").await;
    assert!(yaml(&memory.unwrap()).starts_with("total: "));
}

#[tokio::test(flavor = "current_thread")]
async fn readers_who_choose_by_patterns_hold_so_much_memory_and_no_more() {
    let (node, _client) = running().await;
    let mut state = node.state().await;
    let choosing = || {
        let options = WatchOptions {
            id_query: Some(IdQuery {
                regexp: "^a".to_owned(),
            }),
            ..WatchOptions::default()
        };
        watch("network", HOSTNAMES, None, options)
    };

    let mut held = Vec::new();
    let refused = loop {
        match state.watch(with_role("os:reader", choosing())).await {
            Ok(stream) => held.push(stream),
            Err(refused) => break refused,
        }
        assert!(held.len() < 250, "nothing is refused");
    };

    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(held.len() > 100, "{} fit", held.len());
    assert!(state.watch(as_admin(choosing())).await.is_ok());
    let all = watch("network", HOSTNAMES, None, WatchOptions::default());
    assert!(state.watch(with_role("os:reader", all)).await.is_ok());
}
