// SPDX-License-Identifier: MPL-2.0
//! What a watch promises.
//!
//! Owns: its beginning, its news, its bounds and its end.
//! Never: waits for news that do not come.

use std::sync::Arc;
use std::time::Duration;

use resource::{
    BACKLOG_MAX, Bootstrap, Event, Filter, Metadata, Resource, Selector, Store, Watch, WatchError,
};

use crate::{FRUITS, Fruit, STONES, Stone, all, at, drain, with_apple};

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
