// SPDX-License-Identifier: MPL-2.0
//! What is kept of the past.
//!
//! Owns: how much of it, and where a watch may begin.
//! Never: keeps much of what is secret.

use std::sync::Arc;

use resource::{
    Bookmark, Bootstrap, Encoded, Forgotten, HISTORY_MAX, HISTORY_MIN, Kind, ResourceSpec,
    Selector, Sensitivity, Store,
};

use crate::{FRUITS, Fruit, STONES, Stone, all, at, drain, with_apple};

#[test]
fn a_watch_can_begin_with_the_last_events_as_far_as_they_are_kept() {
    let mut store = with_apple();
    store
        .create("cook", "kitchen", "pear", Arc::new(Fruit(1)), at(2))
        .unwrap();
    store.destroy("cook", "kitchen", &FRUITS, "pear").unwrap();
    for weight in 2..=4 {
        store
            .put("cook", "kitchen", "apple", Arc::new(Fruit(weight)), at(3))
            .unwrap();
    }
    let pear = Selector {
        id: Some("pear".to_owned()),
        ..all()
    };

    let mut two = store.watch(all(), Bootstrap::Tail(2));
    let mut gone = store.watch(pear, Bootstrap::Tail(9));
    let mut none = store.watch(all(), Bootstrap::Tail(0));
    store.destroy("cook", "kitchen", &FRUITS, "apple").unwrap();

    assert_eq!(drain(&mut two), ["~apple@3", "~apple@4", "-apple"]);
    assert_eq!(drain(&mut gone), ["+pear", "-pear"]);
    assert_eq!(drain(&mut none), ["-apple"]);
}

#[test]
fn a_watch_goes_on_where_another_one_ended_or_says_that_it_cannot() {
    let mut store = Store::born(7);
    let put = |store: &mut Store, id: &str, weight| {
        let fruit = Arc::new(Fruit(weight));
        store.put("cook", "kitchen", id, fruit, at(1)).unwrap();
    };
    let forgotten = |store: &mut Store, bookmark| {
        let watch = store.resume(all(), bookmark);
        watch.map(|_watch| ()) == Err(Forgotten)
    };
    put(&mut store, "apple", 1);
    let mut watch = store.watch(all(), Bootstrap::Contents);
    let created = watch.try_next().unwrap().unwrap();
    assert_eq!(created.bookmark(), None);
    let bootstrapped = watch.try_next().unwrap().unwrap().bookmark().unwrap();
    put(&mut store, "apple", 2);
    let updated = watch.try_next().unwrap().unwrap().bookmark().unwrap();
    put(&mut store, "pear", 1);

    // As bytes, which is how clients keep it.
    let bootstrapped = Bookmark::parse(&bootstrapped.to_bytes()).unwrap();
    let mut first = store.resume(all(), bootstrapped).unwrap();
    let mut second = store.resume(all(), updated).unwrap();
    let here = store.bookmark();
    let mut third = store.resume(all(), here).unwrap();
    third.mark(here);
    put(&mut store, "fig", 1);
    assert_eq!(drain(&mut first), ["~apple@2", "+pear", "+fig"]);
    assert_eq!(drain(&mut second), ["+pear", "+fig"]);
    assert_eq!(drain(&mut third), [".", "+fig"]);
    // One that is through a filter goes on through it.
    let pear = Selector {
        id: Some("pear".to_owned()),
        ..all()
    };
    let mut of_one = store.resume(pear, bootstrapped).unwrap();
    assert_eq!(drain(&mut of_one), ["+pear"]);
    // Of a type that never was there is nothing to tell.
    let stones = Selector {
        kind: &STONES,
        ..all()
    };
    let mut none = store.resume(stones.clone(), bootstrapped).unwrap();
    assert_eq!(drain(&mut none), Vec::<String>::new());
    // Another store, and one that has not come so far.
    let mut other = Store::born(8);
    put(&mut other, "apple", 1);
    assert!(forgotten(&mut other, updated));
    assert!(forgotten(&mut Store::born(7), updated));
    // What came after it is not kept any more: soon of a type with secrets, late of another.
    for weight in 0..17 {
        let stone = Arc::new(Stone(weight));
        store.put("cook", "kitchen", "opal", stone, at(1)).unwrap();
    }
    assert_eq!(store.resume(stones.clone(), here).map(drop), Err(Forgotten));
    assert!(store.resume(all(), here).is_ok());
    for weight in 0..2000 {
        put(&mut store, "apple", weight);
    }
    assert!(forgotten(&mut store, here));
    assert!(store.resume(stones, store.bookmark()).is_ok());
}

/// What is kept of the events of a kind.
fn kept(store: &mut Store, kind: &'static Kind) -> Vec<String> {
    let selector = Selector { kind, ..all() };
    drain(&mut store.watch(selector, Bootstrap::Tail(usize::MAX)))
}

#[test]
fn of_small_public_types_a_thousand_events_are_kept_and_of_secret_ones_few() {
    let mut store = Store::new();

    for weight in 0..=u32::try_from(2 * HISTORY_MAX).unwrap() {
        let fruit = Arc::new(Fruit(weight));
        store.put("cook", "kitchen", "fig", fruit, at(4)).unwrap();
        let stone = Arc::new(Stone(weight));
        store.put("cook", "kitchen", "opal", stone, at(4)).unwrap();
    }

    let fruits = kept(&mut store, &FRUITS);
    assert!((1000..=HISTORY_MAX).contains(&fruits.len()));
    assert_eq!(fruits.last().unwrap(), "~fig@2049");
    let stones = kept(&mut store, &STONES);
    assert_eq!(stones.len(), HISTORY_MIN);
    assert_eq!(stones.last().unwrap(), "~opal@2049");
}

#[test]
fn a_type_that_floods_or_is_large_takes_no_history_from_the_others() {
    #[derive(Debug, Clone, PartialEq)]
    struct Melon(u32);
    static MELONS: Kind = Kind {
        name: "Melons.test.dev",
        namespace: "kitchen",
        aliases: &[],
        columns: &[],
        sensitivity: Sensitivity::Public,
    };
    impl ResourceSpec for Melon {
        const KIND: &'static Kind = &MELONS;

        fn encode(&self) -> Option<Encoded> {
            Some(Encoded {
                yaml: "m".repeat(100_000),
                proto: Vec::new(),
            })
        }
    }
    let mut store = Store::new();
    for weight in 0..100 {
        let fruit = Arc::new(Fruit(weight));
        store.put("cook", "kitchen", "fig", fruit, at(4)).unwrap();
    }

    for weight in 0..100 {
        let melon = Arc::new(Melon(weight));
        store.put("cook", "kitchen", "melon", melon, at(4)).unwrap();
    }

    assert_eq!(kept(&mut store, &FRUITS).len(), 100);
    // Two more than the few are as much as all may be.
    let melons = kept(&mut store, &MELONS);
    assert_eq!(melons.len(), HISTORY_MIN + 2);
    assert_eq!(melons.last().unwrap(), "~melon@100");
}
