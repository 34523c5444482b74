// SPDX-License-Identifier: MPL-2.0
//! How fast news travels.
//!
//! Owns: the promise that a burst reaches everybody at once.
//! Never: waits for a fixed time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use resource::{
    Bootstrap, Encoded, Event, Kind, ResourceSpec, Selector, Sensitivity, Store, Watch,
};

#[derive(Debug, Clone, PartialEq)]
struct Tick(u64);

static TICKS: Kind = Kind {
    name: "Ticks.test.dev",
    namespace: "test",
    aliases: &[],
    columns: &[],
    sensitivity: Sensitivity::Public,
};

impl ResourceSpec for Tick {
    const KIND: &'static Kind = &TICKS;

    fn encode(&self) -> Option<Encoded> {
        None
    }
}

const WATCHERS: usize = 100;
const UPDATES: u64 = 1000;
/// What is promised of a program as it ships; one that is built for its tests may take longer.
const PROMISED: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(5)
} else {
    Duration::from_millis(100)
};

#[test]
fn a_thousand_updates_reach_a_hundred_watchers_within_a_tenth_of_a_second() {
    let mut store = Store::new();
    let selector = Selector {
        namespace: "test",
        kind: &TICKS,
        id: None,
        filter: None,
    };
    let mut watches: Vec<Watch> = (0..WATCHERS)
        .map(|_| store.watch(selector.clone(), Bootstrap::Nothing))
        .collect();
    let started = Instant::now();

    for number in 0..UPDATES {
        let spec = Arc::new(Tick(number));
        store
            .put("t", "test", "a", spec, SystemTime::UNIX_EPOCH)
            .unwrap();
    }
    for watch in &mut watches {
        let mut last = 0;
        while let Some(event) = watch.try_next().unwrap() {
            if let Event::Updated { new, .. } = &*event {
                last = new.spec::<Tick>().unwrap().0;
            }
        }
        assert_eq!(last.saturating_add(1), UPDATES);
    }

    let took = started.elapsed();
    assert!(took <= PROMISED, "it took {took:?}");
}
