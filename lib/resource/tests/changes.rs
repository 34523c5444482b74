// SPDX-License-Identifier: MPL-2.0
//! What is told of changes.
//!
//! Owns: that everything that controllers do is told once, and nothing else.
//! Never: looks inside the crate.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use resource::{
    Body, Change, Controller, Deed, Engine, Failure, Input, Kind, Now, Output, Ran, ResourceSpec,
    Sensitivity, Store,
};

macro_rules! text_kind {
    ($name:ident, $text:literal) => {
        #[derive(Debug, Clone, PartialEq)]
        struct $name(&'static str);

        impl ResourceSpec for $name {
            const KIND: &'static Kind = &Kind {
                name: $text,
                namespace: "test",
                aliases: &[],
                columns: &[],
                sensitivity: Sensitivity::Sensitive,
            };
        }
    };
}

text_kind!(Word, "Words.test.dev");
text_kind!(Copy, "Copies.test.dev");
text_kind!(Note, "Notes.test.dev");

const SOURCE: &str = "source";

fn now(millis: u64) -> Now {
    Now {
        monotonic: Duration::from_millis(millis),
        wall: SystemTime::UNIX_EPOCH,
    }
}

fn copier() -> Controller {
    Controller {
        name: "test.Copier",
        inputs: vec![Input::of::<Word>()],
        outputs: vec![Output::of::<Copy>()],
        body: Body::Pure(|view, desired| {
            for word in view.list::<Word>() {
                desired.put(word.metadata.id.clone(), Copy(word.spec.0));
            }
            Ok(())
        }),
    }
}

/// Holds copies, and fails while it is told to.
fn holder(fails: Arc<Mutex<bool>>) -> Controller {
    Controller {
        name: "test.Holder",
        inputs: vec![Input::of::<Copy>().strong()],
        outputs: vec![Output::of::<Note>()],
        body: Body::Acting(Box::new(move |_view, _desired| {
            if *fails.lock().unwrap() {
                return Err(Failure::new("busy"));
            }
            Ok(())
        })),
    }
}

fn say(store: &mut Store, word: &'static str) {
    let spec = Arc::new(Word(word));
    store.put(SOURCE, "test", "a", spec, now(0).wall).unwrap();
}

fn told(ran: &Ran) -> Vec<(&'static str, Deed, &'static str, &'static str, &str)> {
    let told = |change: &Change| {
        (
            change.owner,
            change.deed,
            change.namespace,
            change.kind.name,
        )
    };
    ran.changes
        .iter()
        .map(|change| {
            let (owner, deed, namespace, kind) = told(change);
            (owner, deed, namespace, kind, change.id.as_str())
        })
        .collect()
}

#[test]
fn a_run_tells_what_changed_without_its_spec_and_nothing_when_nothing_did() {
    let fails = Arc::new(Mutex::new(false));
    let mut engine = Engine::new();
    engine.register(copier()).unwrap();
    engine.register(holder(Arc::clone(&fails))).unwrap();
    let mut store = Store::new();
    let of = |deed| ("test.Copier", deed, "test", "Copies.test.dev", "a");

    say(&mut store, "sesame");
    let ran = engine.run(&mut store, now(0));
    assert_eq!(told(&ran), [of(Deed::Created)]);
    assert!(!format!("{:?}", ran.changes).contains("sesame"));
    say(&mut store, "open");
    assert_eq!(told(&engine.run(&mut store, now(1))), [of(Deed::Updated)]);
    // Called, and nothing differs.
    say(&mut store, "close");
    say(&mut store, "open");
    let ran = engine.run(&mut store, now(2));
    assert!(ran.calls > 0 && told(&ran).is_empty());

    *fails.lock().unwrap() = true;
    store
        .tear_down(SOURCE, "test", Word::KIND, "a", now(3).wall)
        .unwrap();
    let ran = engine.run(&mut store, now(3));
    assert_eq!(told(&ran), [of(Deed::TornDown)]);
    *fails.lock().unwrap() = false;
    let ran = engine.run(&mut store, ran.wake_at.map(after).unwrap());
    assert_eq!(told(&ran), [of(Deed::Destroyed)]);
}

/// That moment of the monotonic clock.
fn after(monotonic: Duration) -> Now {
    Now {
        monotonic,
        ..now(0)
    }
}

#[test]
fn a_controller_that_succeeds_after_failures_is_told_once() {
    let fails = Arc::new(Mutex::new(true));
    let mut engine = Engine::new();
    engine.register(holder(Arc::clone(&fails))).unwrap();
    let mut store = Store::new();

    let first = engine.run(&mut store, now(0));
    let second = engine.run(&mut store, after(first.wake_at.unwrap()));
    *fails.lock().unwrap() = false;
    let third = engine.run(&mut store, after(second.wake_at.unwrap()));
    store
        .put("test.Copier", "test", "a", Arc::new(Copy("a")), now(0).wall)
        .unwrap();
    let fourth = engine.run(&mut store, now(5000));

    assert!(first.recoveries.is_empty() && second.recoveries.is_empty());
    assert_eq!((first.failures.len(), second.failures.len()), (1, 1));
    assert_eq!(third.recoveries, ["test.Holder"]);
    assert!(fourth.calls > 0 && fourth.recoveries.is_empty());
}
