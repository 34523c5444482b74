// SPDX-License-Identifier: MPL-2.0
//! What the store and its watches promise.
//!
//! Owns: versions, owners, finalizers, bounded watches.
//! Never: looks inside the crate.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use resource::{
    AnySpec, BACKLOG_MAX, Bookmark, Bootstrap, Column, Encoded, Event, Filter, Forgotten,
    HISTORY_MAX, HISTORY_MIN, Kind, Metadata, Phase, Resource, ResourceSpec, Selector, Sensitivity,
    Store, StoreError, Watch, WatchError,
};

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

#[test]
fn the_same_id_lives_in_two_namespaces_and_two_types() {
    let mut store = with_apple();

    store
        .create("cook", "cellar", "apple", Arc::new(Fruit(2)), at(1))
        .unwrap();
    store
        .create("cook", "kitchen", "apple", Arc::new(Stone(3)), at(1))
        .unwrap();

    assert_eq!(store.get::<Fruit>("apple"), Some(&Fruit(1)));
    let cellar = store.get_any("cellar", &FRUITS, "apple").unwrap();
    assert_eq!(cellar.spec::<Fruit>(), Some(&Fruit(2)));
    assert_eq!(cellar.spec::<Stone>(), None);
    assert_eq!(store.get::<Stone>("apple"), Some(&Stone(3)));
    assert_eq!(store.get::<Fruit>("pear"), None);
}

#[test]
fn an_update_needs_the_present_version_and_the_owner() {
    let mut store = with_apple();

    let update = |store: &mut Store, owner, version| {
        store.update(
            owner,
            "kitchen",
            "apple",
            version,
            Arc::new(Fruit(9)),
            at(5),
        )
    };
    assert_eq!(update(&mut store, "cook", 1), Ok(2));
    assert_eq!(
        update(&mut store, "cook", 1),
        Err(StoreError::VersionConflict(2))
    );
    assert_eq!(
        update(&mut store, "cook", 3),
        Err(StoreError::VersionConflict(2))
    );
    assert_eq!(
        update(&mut store, "thief", 2),
        Err(StoreError::OwnedBy("cook"))
    );

    let metadata = &store.get_any("kitchen", &FRUITS, "apple").unwrap().metadata;
    assert_eq!(
        (metadata.version, metadata.created, metadata.updated),
        (2, at(1), at(5))
    );
}

#[test]
fn what_does_not_exist_cannot_be_changed_and_what_exists_cannot_be_made() {
    let mut store = with_apple();

    let missing = Err(StoreError::NotFound);
    assert_eq!(
        store.update("cook", "kitchen", "pear", 1, Arc::new(Fruit(1)), at(1)),
        missing
    );
    assert_eq!(
        store.update("cook", "cellar", "apple", 1, Arc::new(Fruit(1)), at(1)),
        missing
    );
    assert_eq!(
        store.destroy("cook", "kitchen", &FRUITS, "pear"),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.tear_down("cook", "kitchen", &STONES, "apple", at(1)),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.add_finalizer("x", "kitchen", &FRUITS, "pear", at(1)),
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.create("cook", "kitchen", "apple", Arc::new(Fruit(1)), at(1)),
        Err(StoreError::Exists)
    );
}

#[test]
fn putting_the_same_again_changes_nothing() {
    let mut store = with_apple();

    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(1)), at(2)),
        Ok(false)
    );
    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(2)), at(2)),
        Ok(true)
    );
    assert_eq!(
        store.put("thief", "kitchen", "apple", Arc::new(Fruit(2)), at(2)),
        Err(StoreError::OwnedBy("cook"))
    );
    let metadata = &store.get_any("kitchen", &FRUITS, "apple").unwrap().metadata;
    assert_eq!(metadata.version, 2);
}

#[test]
fn a_finalizer_keeps_a_resource_until_its_holder_lets_go() {
    let mut store = with_apple();
    store
        .add_finalizer("eater", "kitchen", &FRUITS, "apple", at(2))
        .unwrap();

    assert_eq!(
        store.destroy("cook", "kitchen", &FRUITS, "apple"),
        Err(StoreError::HasFinalizers)
    );
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(3)),
        Ok(false)
    );
    let phase = store
        .get_any("kitchen", &FRUITS, "apple")
        .unwrap()
        .metadata
        .phase;
    assert_eq!(phase, Phase::TearingDown);
    assert_eq!(
        store.put("cook", "kitchen", "apple", Arc::new(Fruit(7)), at(3)),
        Err(StoreError::WrongPhase)
    );
    assert_eq!(
        store.add_finalizer("late", "kitchen", &FRUITS, "apple", at(3)),
        Err(StoreError::WrongPhase)
    );
    store
        .remove_finalizer("stranger", "kitchen", &FRUITS, "apple", at(4))
        .unwrap();
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(4)),
        Ok(false)
    );
    store
        .remove_finalizer("eater", "kitchen", &FRUITS, "apple", at(4))
        .unwrap();
    assert_eq!(
        store.tear_down("cook", "kitchen", &FRUITS, "apple", at(5)),
        Ok(true)
    );
    assert!(store.get::<Fruit>("apple").is_none());
}

#[test]
fn labels_change_the_version_and_only_the_owner_sets_them() {
    let mut store = with_apple();
    let labels = || [("red".to_owned(), "yes".to_owned())].into();

    assert_eq!(
        store.label("cook", "kitchen", &FRUITS, "apple", labels(), at(2)),
        Ok(2)
    );
    assert_eq!(
        store.label("thief", "kitchen", &FRUITS, "apple", labels(), at(2)),
        Err(StoreError::OwnedBy("cook"))
    );
}

#[test]
fn a_watch_tells_contents_then_a_mark_then_news_of_its_kind_only() {
    let mut store = with_apple();
    let mut watch = store.watch(all(), Bootstrap::Contents);
    let mut one = store.watch(
        Selector {
            id: Some("pear".to_owned()),
            ..all()
        },
        Bootstrap::Nothing,
    );

    store
        .create("cook", "kitchen", "pear", Arc::new(Fruit(1)), at(2))
        .unwrap();
    store
        .create("cook", "kitchen", "flint", Arc::new(Stone(1)), at(2))
        .unwrap();
    store
        .create("cook", "cellar", "plum", Arc::new(Fruit(1)), at(2))
        .unwrap();
    store
        .put("cook", "kitchen", "apple", Arc::new(Fruit(5)), at(3))
        .unwrap();
    store.destroy("cook", "kitchen", &FRUITS, "pear").unwrap();

    assert_eq!(
        drain(&mut watch),
        ["+apple", "|", "+pear", "~apple@2", "-pear"]
    );
    assert_eq!(drain(&mut one), ["+pear", "-pear"]);
}

#[test]
fn a_watcher_that_is_too_slow_is_told_so_and_the_others_lose_nothing() {
    let mut store = with_apple();
    let mut slow = store.watch(all(), Bootstrap::Nothing);
    let mut quick = store.watch(all(), Bootstrap::Nothing);
    let mut count = 0_usize;

    for weight in 0..=u32::try_from(BACKLOG_MAX).unwrap() {
        store
            .put(
                "cook",
                "kitchen",
                "apple",
                Arc::new(Fruit(100 + weight)),
                at(2),
            )
            .unwrap();
        count += drain(&mut quick).len();
    }

    assert_eq!(count, BACKLOG_MAX + 1);
    assert_eq!(slow.try_next().unwrap_err(), WatchError::Lagged);
    assert_eq!(slow.try_next().unwrap_err(), WatchError::Lagged);
}

#[test]
fn a_watch_wakes_its_task_and_ends_with_its_store() {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let count = Arc::new(Count(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let context = Context::from_waker(&waker);
    let mut store = with_apple();
    let mut watch = store.watch(all(), Bootstrap::Nothing);

    assert!(watch.poll_next(&context).is_pending());
    store
        .put("cook", "kitchen", "apple", Arc::new(Fruit(8)), at(2))
        .unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    let Poll::Ready(Ok(told)) = watch.poll_next(&context) else {
        panic!("nothing is told");
    };
    assert!(matches!(*told, Event::Updated { .. }));
    assert!(watch.poll_next(&context).is_pending());
    drop(store);

    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert_eq!(watch.try_next().unwrap_err(), WatchError::Closed);
}

#[test]
fn news_that_come_while_a_watcher_begins_to_wait_wake_it() {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    const ROUNDS: u32 = 60_000;
    const PATIENCE: Duration = Duration::from_secs(20);
    struct Unpark(std::thread::Thread, AtomicU32);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.unpark();
        }
    }
    let mut store = with_apple();
    let mut watch = store.watch(all(), Bootstrap::Nothing);
    let heard = Arc::new(AtomicU32::new(0));
    let follow = Arc::clone(&heard);
    let writer = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            // As soon as the watcher has taken the last one, and is about to wait for the next.
            while follow.load(Ordering::SeqCst) < round {
                std::thread::yield_now();
            }
            let spec = Arc::new(Fruit(round + 2));
            store.put("cook", "kitchen", "apple", spec, at(2)).unwrap();
        }
        store
    });
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&unpark));
    let context = Context::from_waker(&waker);
    let mut woken = 0;

    while heard.load(Ordering::SeqCst) < ROUNDS {
        match watch.poll_next(&context) {
            Poll::Ready(told) => {
                told.unwrap();
                let round = heard.fetch_add(1, Ordering::SeqCst);
                // Sooner and later, so that now and then both come at the very same moment.
                for _ in 0..round % 512 {
                    std::hint::spin_loop();
                }
            }
            Poll::Pending => {
                let begun = std::time::Instant::now();
                while unpark.1.load(Ordering::SeqCst) == woken {
                    assert!(begun.elapsed() < PATIENCE, "nobody wakes it");
                    std::thread::park_timeout(PATIENCE);
                }
                woken = unpark.1.load(Ordering::SeqCst);
            }
        }
    }

    drop(writer.join().unwrap());
}

#[test]
fn a_dropped_watch_costs_nothing_more() {
    let mut store = with_apple();
    drop(store.watch(all(), Bootstrap::Contents));

    let put = store.put("cook", "kitchen", "apple", Arc::new(Fruit(2)), at(2));

    assert_eq!(put, Ok(true));
}

#[test]
fn watches_that_were_dropped_do_not_keep_what_they_chose_by_until_there_is_news() {
    let mut store = with_apple();
    let chosen = Arc::new(());
    let mut most = 0;

    for _ in 0..1000 {
        let held = Arc::clone(&chosen);
        let filter = Filter::new(move |_metadata| Arc::strong_count(&held) > 0);
        let selector = Selector {
            filter: Some(filter),
            ..all()
        };
        drop(store.watch(selector, Bootstrap::Nothing));
        most = most.max(Arc::strong_count(&chosen));
    }

    assert!(most < 100, "{most} are kept");
}

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

#[test]
fn an_update_tells_what_was_there_before() {
    let mut store = with_apple();
    let mut watch = store.watch(all(), Bootstrap::Nothing);

    store
        .put("cook", "kitchen", "apple", Arc::new(Fruit(7)), at(2))
        .unwrap();

    let told = watch.try_next().unwrap().unwrap();
    let Event::Updated { old, new } = &*told else {
        panic!("{told:?}");
    };
    assert_eq!(
        (old.spec::<Fruit>(), old.metadata.version),
        (Some(&Fruit(1)), 1)
    );
    assert_eq!(
        (new.spec::<Fruit>(), new.metadata.version),
        (Some(&Fruit(7)), 2)
    );
}

#[test]
fn a_spec_is_encoded_by_its_type_and_one_that_is_not_shown_is_not() {
    let shown: Arc<dyn AnySpec> = Arc::new(Fruit(7));
    let hidden: Arc<dyn AnySpec> = Arc::new(Stone(7));

    let encoded = shown.encoded().unwrap();

    assert_eq!((encoded.yaml.as_str(), &encoded.proto[..]), ("7", &[7][..]));
    assert_eq!(format!("{encoded:?}"), "Encoded { yaml: 1, proto: 1 }");
    assert!(hidden.encoded().is_none());
}

#[test]
fn a_resource_is_encoded_once_for_all_watchers_and_anew_when_it_changes() {
    let mut store = with_apple();
    let mut watches = [(); 2].map(|()| store.watch(all(), Bootstrap::Nothing));
    let yaml = |resource: &Resource| resource.encoded().unwrap().yaml.clone();
    let before = store.get_any("kitchen", &FRUITS, "apple").unwrap().clone();
    assert_eq!(yaml(&before), "1");

    store
        .update("cook", "kitchen", "apple", 1, Arc::new(Fruit(7)), at(2))
        .unwrap();

    let [one, other] = watches.each_mut().map(|watch| watch.try_next().unwrap());
    let (
        Some(Event::Updated { old, new }),
        Some(Event::Updated {
            old: also_old,
            new: also_new,
        }),
    ) = (one.as_deref(), other.as_deref())
    else {
        unreachable!("{one:?} {other:?}");
    };
    assert_eq!((yaml(old), yaml(new)), ("1".to_owned(), "7".to_owned()));
    let same = |one: &Resource, other: &Resource| {
        Arc::ptr_eq(&one.encoded().unwrap(), &other.encoded().unwrap())
    };
    assert!(same(new, also_new) && same(old, also_old) && same(old, &before));
}

#[test]
fn what_comes_into_the_sight_of_a_filter_is_created_and_what_leaves_it_destroyed() {
    let mut store = with_apple();
    let ripe = |metadata: &Metadata| metadata.labels.contains_key("ripe");
    let ripe = Selector {
        filter: Some(Filter::new(ripe)),
        ..all()
    };
    let mut watch = store.watch(ripe.clone(), Bootstrap::Contents);
    let label = |store: &mut Store, labels: &[&str], second| {
        let labels = labels.iter().map(|key| ((*key).to_owned(), String::new()));
        let version = store.label(
            "cook",
            "kitchen",
            &FRUITS,
            "apple",
            labels.collect(),
            at(second),
        );
        version.unwrap();
    };

    label(&mut store, &["green"], 2);
    label(&mut store, &["green", "ripe"], 3);
    label(&mut store, &["ripe"], 4);
    label(&mut store, &[], 5);
    label(&mut store, &["ripe"], 6);
    store.destroy("cook", "kitchen", &FRUITS, "apple").unwrap();

    let expected = ["+apple", "~apple@4", "-apple", "+apple", "-apple"];
    assert_eq!(drain(&mut watch), [&["|"], &expected[..]].concat());
    let mut tail = store.watch(ripe, Bootstrap::Tail(3));
    assert_eq!(drain(&mut tail), ["-apple", "+apple", "-apple"]);
}

#[test]
fn public_news_are_encoded_once_for_all_watchers_and_secret_ones_for_each() {
    let mut store = with_apple();
    let stones = Selector {
        kind: &STONES,
        ..all()
    };
    let mut publics = [(); 2].map(|()| store.watch(all(), Bootstrap::Nothing));
    let mut secrets = [(); 2].map(|()| store.watch(stones.clone(), Bootstrap::Nothing));
    store
        .put("cook", "kitchen", "apple", Arc::new(Fruit(7)), at(2))
        .unwrap();
    store
        .put("cook", "kitchen", "opal", Arc::new(Stone(7)), at(2))
        .unwrap();
    let encoded = |watch: &mut Watch, as_byte: Result<u8, &'static str>| {
        let news = watch.try_next().unwrap().unwrap();
        news.encoded(|_event| Ok::<_, &str>(Arc::from([as_byte?])))
    };

    let [one, other] = &mut publics;
    let failed = {
        let news = store.watch(all(), Bootstrap::Tail(1)).try_next().unwrap();
        news.unwrap().encoded(|_event| Err("no form"))
    };
    assert_eq!(failed, Err("no form"));
    assert_eq!(encoded(one, Ok(1)), Ok(Arc::from([1])));
    assert_eq!(encoded(other, Ok(2)), Ok(Arc::from([1])));
    let [one, other] = &mut secrets;
    assert_eq!(encoded(one, Ok(1)), Ok(Arc::from([1])));
    assert_eq!(encoded(other, Ok(2)), Ok(Arc::from([2])));
}
