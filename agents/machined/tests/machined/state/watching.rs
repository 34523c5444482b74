// SPDX-License-Identifier: MPL-2.0
//! What is watched.
//!
//! Owns: the order of events.
//! Never: reads the fields of a status.

use ::api::cosi::resource::{EventType, WatchOptions};
use ::api::machine::apply_configuration_request::Mode;

use super::{HOSTNAMES, STORED, next, told, watch, yaml};
use crate::api::{apply, running};
use crate::node::{as_admin, with_role};

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
