// SPDX-License-Identifier: MPL-2.0
//! What the store and its watches promise.
//!
//! Owns: the fruits that the tests put into it.
//! Never: looks inside the crate.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use resource::{Column, Encoded, Event, Kind, ResourceSpec, Selector, Sensitivity, Store, Watch};

mod history;
mod resources;
mod watches;

#[derive(Debug, Clone, PartialEq)]
struct Fruit(u32);

static FRUITS: Kind = Kind {
    name: "Fruits.test.dev",
    namespace: "kitchen",
    aliases: &["fruit"],
    columns: &[Column {
        name: "Weight",
        json_path: "{.weight}",
    }],
    sensitivity: Sensitivity::Public,
};

impl ResourceSpec for Fruit {
    const KIND: &'static Kind = &FRUITS;

    fn encode(&self) -> Option<Encoded> {
        Some(Encoded {
            yaml: self.0.to_string(),
            proto: vec![u8::try_from(self.0).ok()?],
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Stone(u32);

static STONES: Kind = Kind {
    name: "Stones.test.dev",
    namespace: "kitchen",
    aliases: &[],
    columns: &[],
    sensitivity: Sensitivity::Sensitive,
};

impl ResourceSpec for Stone {
    const KIND: &'static Kind = &STONES;
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn with_apple() -> Store {
    let mut store = Store::new();
    store
        .create("cook", "kitchen", "apple", Arc::new(Fruit(1)), at(1))
        .unwrap();
    store
}

fn all() -> Selector {
    Selector {
        namespace: "kitchen",
        kind: &FRUITS,
        id: None,
        filter: None,
    }
}

fn drain(watch: &mut Watch) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(Some(event)) = watch.try_next() {
        seen.push(match &*event {
            Event::Created(r) => format!("+{}", r.metadata.id),
            Event::Updated { new: r, .. } => format!("~{}@{}", r.metadata.id, r.metadata.version),
            Event::Destroyed(r) => format!("-{}", r.metadata.id),
            Event::Bootstrapped => "|".to_owned(),
            Event::Noop => ".".to_owned(),
        });
    }
    seen
}
