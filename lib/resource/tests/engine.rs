// SPDX-License-Identifier: MPL-2.0
//! What the engine promises.
//!
//! Owns: one writer, right results in any order, patience with who fails.
//! Never: looks inside the crate.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use resource::{
    Body, Controller, Desired, Engine, Failure, Input, Kind, Now, Output, Phase, RegisterError,
    Relation, ResourceSpec, Sensitivity, Store, Strength, View,
};

macro_rules! number_kind {
    ($name:ident, $text:literal) => {
        #[derive(Debug, Clone, PartialEq)]
        struct $name(u64);

        impl ResourceSpec for $name {
            const KIND: &'static Kind = &Kind {
                name: $text,
                namespace: "test",
                aliases: &[],
                columns: &[],
                sensitivity: Sensitivity::Public,
            };
        }
    };
}

number_kind!(Word, "Words.test.dev");
number_kind!(Doubled, "Doubles.test.dev");
number_kind!(Total, "Totals.test.dev");
number_kind!(Report, "Reports.test.dev");

const SOURCE: &str = "source";

fn now(millis: u64) -> Now {
    Now {
        monotonic: Duration::from_millis(millis),
        wall: SystemTime::UNIX_EPOCH,
    }
}

fn double(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    for word in view.list::<Word>() {
        desired.put(word.metadata.id.clone(), Doubled(word.spec.0 * 2));
    }
    Ok(())
}

fn total(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let sum = view.list::<Doubled>().map(|d| d.spec.0).sum();
    desired.put("total", Total(sum));
    Ok(())
}

fn report(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let words = view.list::<Word>().count() as u64;
    let total = view.get::<Total>("total").map_or(0, |t| t.0);
    desired.put("report", Report(total * 1000 + words));
    Ok(())
}

fn controllers() -> Vec<Controller> {
    vec![
        Controller {
            name: "test.Double",
            inputs: vec![Input::of::<Word>()],
            outputs: vec![Output::of::<Doubled>()],
            body: Body::Pure(double),
        },
        Controller {
            name: "test.Total",
            inputs: vec![Input::of::<Doubled>().strong()],
            outputs: vec![Output::of::<Total>()],
            body: Body::Pure(total),
        },
        Controller {
            name: "test.Report",
            inputs: vec![Input::of::<Word>(), Input::of::<Total>().only("total")],
            outputs: vec![Output::of::<Report>()],
            body: Body::Pure(report),
        },
    ]
}

fn engine_in_order(order: &[usize]) -> Engine {
    let mut engine = Engine::new();
    engine
        .register_source(SOURCE, vec![Output::of::<Word>()])
        .unwrap();
    let mut all: Vec<Option<Controller>> = controllers().into_iter().map(Some).collect();
    for index in order {
        engine.register(all[*index].take().unwrap()).unwrap();
    }
    engine
}

fn say(store: &mut Store, id: &str, value: u64) {
    store
        .put(SOURCE, "test", id, Arc::new(Word(value)), now(0).wall)
        .unwrap();
}

fn results(store: &Store) -> (BTreeMap<String, u64>, Option<u64>, Option<u64>) {
    (
        store
            .list::<Doubled>()
            .map(|d| (d.metadata.id.clone(), d.spec.0))
            .collect(),
        store.get::<Total>("total").map(|t| t.0),
        store.get::<Report>("report").map(|r| r.0),
    )
}

#[test]
fn outputs_follow_inputs_through_a_chain_and_then_it_is_quiet() {
    let mut engine = engine_in_order(&[2, 1, 0]);
    let mut store = Store::new();
    say(&mut store, "a", 1);
    say(&mut store, "b", 2);

    engine.run(&mut store, now(0));
    assert_eq!(store.get::<Report>("report"), Some(&Report(6002)));
    store
        .tear_down(SOURCE, "test", Word::KIND, "a", now(1).wall)
        .unwrap();
    engine.run(&mut store, now(1));
    assert_eq!(store.get::<Report>("report"), Some(&Report(4001)));
    assert!(store.get::<Doubled>("a").is_none());

    assert_eq!(engine.run(&mut store, now(2)).calls, 0);
}

#[test]
fn what_does_not_differ_is_not_written() {
    let mut engine = engine_in_order(&[0, 1, 2]);
    let mut store = Store::new();
    say(&mut store, "a", 1);
    engine.run(&mut store, now(0));
    let version = |store: &Store| {
        let total = store.get_any("test", Total::KIND, "total").unwrap();
        total.metadata.version
    };
    let before = version(&store);

    // The sum stays, although its parts move.
    say(&mut store, "a", 0);
    say(&mut store, "b", 1);
    engine.run(&mut store, now(1));

    assert_eq!(version(&store), before);
    assert_eq!(store.get::<Report>("report"), Some(&Report(2002)));
}

#[test]
fn res_04_a_second_writer_is_refused_and_the_first_stays() {
    let mut engine = engine_in_order(&[0, 1, 2]);
    let second = Controller {
        name: "test.Thief",
        inputs: vec![],
        outputs: vec![Output::of::<Total>()],
        body: Body::Pure(|_, _| Ok(())),
    };

    let refused = engine.register(second).unwrap_err();
    assert_eq!(
        refused,
        RegisterError::TwoWriters {
            namespace: "test",
            kind: "Totals.test.dev",
            first: "test.Total",
            second: "test.Thief"
        }
    );
    let source = engine.register_source("other", vec![Output::of::<Word>()]);
    assert!(matches!(source, Err(RegisterError::TwoWriters { .. })));
    // The same type in another namespace is another thing.
    let elsewhere = engine.register_source("elsewhere", vec![Output::of::<Word>().within("x")]);
    assert_eq!(elsewhere, Ok(()));
    let again = engine.register(controllers().swap_remove(0));
    assert_eq!(again, Err(RegisterError::TwoOfOneName("test.Double")));
}

#[test]
fn a_controller_that_reads_what_it_writes_is_refused() {
    let mut engine = Engine::new();
    let circular = Controller {
        name: "test.Circle",
        inputs: vec![Input::of::<Total>()],
        outputs: vec![Output::of::<Total>()],
        body: Body::Pure(total),
    };

    assert_eq!(
        engine.register(circular),
        Err(RegisterError::ReadsItsOutput("test.Circle"))
    );
}

#[test]
fn writing_what_was_not_declared_fails_and_writes_nothing() {
    let mut engine = Engine::new();
    engine
        .register(Controller {
            name: "test.Liar",
            inputs: vec![],
            outputs: vec![Output::of::<Doubled>()],
            body: Body::Pure(|_, desired| {
                desired.put("d", Doubled(1));
                desired.put("t", Total(1));
                Ok(())
            }),
        })
        .unwrap();
    let mut store = Store::new();

    let ran = engine.run(&mut store, now(0));

    assert_eq!(ran.failures.len(), 1);
    assert!(store.get::<Total>("t").is_none() && store.get::<Doubled>("d").is_none());
}

#[test]
fn res_04_a_failing_controller_is_tried_again_later_and_later_and_recovers() {
    let broken = Arc::new(Mutex::new(true));
    let seen = Arc::clone(&broken);
    let mut engine = Engine::new();
    engine
        .register(Controller {
            name: "test.Flaky",
            inputs: vec![Input::of::<Word>()],
            outputs: vec![Output::of::<Total>()],
            body: Body::Acting(Box::new(move |_, desired| {
                if *seen.lock().unwrap() {
                    return Err(Failure::new("no"));
                }
                desired.put("total", Total(1));
                Ok(())
            })),
        })
        .unwrap();
    let mut store = Store::new();
    let mut delays = Vec::new();
    let mut at = 0;

    for _ in 0..10 {
        let ran = engine.run(&mut store, now(at));
        let retry = u64::try_from(ran.wake_at.unwrap().as_millis()).unwrap();
        delays.push(retry - at);
        // News does not shorten the delay.
        say(&mut store, "a", retry);
        assert_eq!(engine.run(&mut store, now(retry - 1)).calls, 0);
        at = retry;
    }
    *broken.lock().unwrap() = false;
    let ran = engine.run(&mut store, now(at));

    assert_eq!(&delays[..4], &[500, 1000, 2000, 4000]);
    assert_eq!(delays[9], 60_000);
    assert!(ran.failures.is_empty() && ran.wake_at.is_none());
    assert_eq!(store.get::<Total>("total"), Some(&Total(1)));
}

#[test]
fn what_fails_in_part_writes_the_rest_lets_go_and_is_tried_again() {
    let mut engine = Engine::new();
    engine
        .register(Controller {
            name: "test.Halves",
            inputs: vec![Input::of::<Word>().strong()],
            outputs: vec![Output::of::<Doubled>()],
            body: Body::Pure(|view, desired| {
                for word in view.list::<Word>() {
                    match word.spec.0 % 2 {
                        0 => desired.put(word.metadata.id.clone(), Doubled(word.spec.0 * 2)),
                        _ => desired.fail(format_args!("{}: odd", word.metadata.id)),
                    }
                }
                Ok(())
            }),
        })
        .unwrap();
    let mut store = Store::new();
    for (id, value) in [("a", 2), ("b", 3), ("c", 4), ("d", 5)] {
        say(&mut store, id, value);
    }

    let ran = engine.run(&mut store, now(0));
    let written = |store: &Store| -> Vec<String> {
        let all = store.list::<Doubled>();
        all.map(|found| found.metadata.id.clone()).collect()
    };
    assert_eq!(written(&store), ["a", "c"]);
    let [(_, failure, at)] = &ran.failures[..] else {
        panic!("{:?}", ran.failures);
    };
    assert_eq!(failure.to_string(), "b: odd, d: odd");
    assert_eq!(*at, now(500).monotonic);
    assert_eq!(ran.wake_at, Some(*at));
    // What goes away, of the good and of the bad, is let go of while others fail.
    let tear_down = |store: &mut Store| {
        ["a", "b"].map(|id| store.tear_down(SOURCE, "test", Word::KIND, id, now(1).wall))
    };
    assert_eq!(tear_down(&mut store), [Ok(false), Ok(false)]);
    let ran = engine.run(&mut store, now(500));
    assert_eq!(ran.failures[0].2, now(1500).monotonic);
    assert_eq!(tear_down(&mut store), [Ok(true), Ok(true)]);
    assert_eq!(written(&store), ["c"]);
    say(&mut store, "d", 6);
    let ran = engine.run(&mut store, now(1500));
    assert_eq!(ran.recoveries, ["test.Halves"]);
    assert_eq!(written(&store), ["c", "d"]);
}

#[test]
fn a_controller_is_called_again_when_it_asked_to_be() {
    let mut engine = Engine::new();
    engine
        .register(Controller {
            name: "test.Clock",
            inputs: vec![],
            outputs: vec![Output::of::<Total>()],
            body: Body::Pure(|view, desired| {
                let at = view.now().monotonic;
                desired.put("total", Total(u64::try_from(at.as_millis()).unwrap()));
                desired.wake_at(at + Duration::from_millis(500));
                desired.wake_at(at + Duration::from_millis(100));
                Ok(())
            }),
        })
        .unwrap();
    let mut store = Store::new();

    assert_eq!(
        engine.run(&mut store, now(0)).wake_at,
        Some(Duration::from_millis(100))
    );
    assert_eq!(engine.run(&mut store, now(99)).calls, 0);
    assert_eq!(engine.run(&mut store, now(100)).calls, 1);
    assert_eq!(store.get::<Total>("total"), Some(&Total(100)));
}

#[test]
fn nothing_a_strong_reader_uses_goes_away_before_it_was_called_without_it() {
    let may_fail = Arc::new(Mutex::new(false));
    let failing = Arc::clone(&may_fail);
    let mut engine = Engine::new();
    engine
        .register_source(SOURCE, vec![Output::of::<Word>()])
        .unwrap();
    engine.register(controllers().swap_remove(0)).unwrap();
    engine
        .register(Controller {
            name: "test.Kernel",
            inputs: vec![Input::of::<Doubled>().strong()],
            outputs: vec![Output::of::<Total>()],
            body: Body::Acting(Box::new(move |view, desired| {
                if *failing.lock().unwrap() {
                    return Err(Failure::new("busy"));
                }
                desired.put(
                    "total",
                    Total(view.list::<Doubled>().map(|d| d.spec.0).sum()),
                );
                Ok(())
            })),
        })
        .unwrap();
    let mut store = Store::new();
    say(&mut store, "a", 5);
    engine.run(&mut store, now(0));
    let held = store.get_any("test", Doubled::KIND, "a").unwrap();
    assert!(held.metadata.finalizers.contains("test.Kernel"));

    *may_fail.lock().unwrap() = true;
    store
        .tear_down(SOURCE, "test", Word::KIND, "a", now(1).wall)
        .unwrap();
    let ran = engine.run(&mut store, now(1));
    let leaving = store.get_any("test", Doubled::KIND, "a").unwrap();
    assert_eq!(leaving.metadata.phase, Phase::TearingDown);
    // It is wanted again before it could go: it goes first, then comes back new.
    say(&mut store, "a", 6);
    engine.run(&mut store, now(2));
    *may_fail.lock().unwrap() = false;
    let retry = u64::try_from(ran.wake_at.unwrap().as_millis()).unwrap();
    engine.run(&mut store, now(retry));

    let back = store.get_any("test", Doubled::KIND, "a").unwrap();
    assert_eq!(back.metadata.phase, Phase::Running);
    assert_eq!(back.spec::<Doubled>(), Some(&Doubled(12)));
    assert_eq!(store.get::<Total>("total"), Some(&Total(12)));
}

#[test]
fn two_controllers_that_undo_each_other_do_not_hang_the_node() {
    fn next<A: ResourceSpec, B: ResourceSpec>(
        view: &View<'_>,
        desired: &mut Desired,
        read: fn(&A) -> u64,
        make: fn(u64) -> B,
    ) {
        desired.put("x", make(view.get::<A>("x").map_or(0, read) + 1));
    }
    let mut engine = Engine::new();
    engine
        .register(Controller {
            name: "test.Ping",
            inputs: vec![Input::of::<Total>()],
            outputs: vec![Output::of::<Report>()],
            body: Body::Pure(|view, desired| {
                next(view, desired, |t: &Total| t.0, Report);
                Ok(())
            }),
        })
        .unwrap();
    engine
        .register(Controller {
            name: "test.Pong",
            inputs: vec![Input::of::<Report>()],
            outputs: vec![Output::of::<Total>()],
            body: Body::Pure(|view, desired| {
                next(view, desired, |r: &Report| r.0, Total);
                Ok(())
            }),
        })
        .unwrap();

    let ran = engine.run(&mut Store::new(), now(7));

    assert_eq!(ran.wake_at, Some(Duration::from_millis(7)));
}

#[test]
fn a_turn_calls_the_first_first_and_the_next_one_goes_on_from_there() {
    let called = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Engine::new();
    for name in ["test.First", "test.Second", "test.Third"] {
        let called = Arc::clone(&called);
        engine
            .register(Controller {
                name,
                inputs: vec![Input::of::<Word>()],
                outputs: Vec::new(),
                body: Body::Acting(Box::new(move |_view, _desired| {
                    called.lock().unwrap().push(name);
                    Ok(())
                })),
            })
            .unwrap();
    }
    let mut store = Store::new();

    let ran = engine.turn(&mut store, now(5), 2);
    assert_eq!((ran.calls, ran.wake_at), (2, Some(now(5).monotonic)));
    assert!(!ran.is_settled);
    assert_eq!(*called.lock().unwrap(), ["test.First", "test.Second"]);
    // News for all of them in the middle of a round: who has waited longest goes on.
    say(&mut store, "a", 1);
    let ran = engine.turn(&mut store, now(6), 2);
    assert_eq!((ran.calls, ran.wake_at), (2, Some(now(6).monotonic)));
    let ran = engine.turn(&mut store, now(7), 2);
    assert_eq!((ran.calls, ran.wake_at), (1, None));
    assert!(ran.is_settled);
    let order = called.lock().unwrap().split_off(2);
    assert_eq!(order, ["test.Third", "test.First", "test.Second"]);
    // All was settled: news are for the first one first.
    say(&mut store, "b", 1);
    engine.turn(&mut store, now(8), 1);
    assert_eq!(*called.lock().unwrap().last().unwrap(), "test.First");
}

#[test]
fn the_graph_lists_every_edge() {
    let engine = engine_in_order(&[0, 1, 2]);

    let edges: Vec<_> = engine
        .dependencies()
        .into_iter()
        .map(|edge| (edge.controller, edge.relation, edge.kind.name, edge.id))
        .collect();

    let weak = Relation::Input(Strength::Weak);
    assert_eq!(
        edges,
        [
            ("test.Double", weak, "Words.test.dev", None),
            // Somebody holds them.
            (
                "test.Double",
                Relation::DestroyReady,
                "Doubles.test.dev",
                None
            ),
            ("test.Double", Relation::Output, "Doubles.test.dev", None),
            (
                "test.Total",
                Relation::Input(Strength::Strong),
                "Doubles.test.dev",
                None
            ),
            ("test.Total", Relation::Output, "Totals.test.dev", None),
            ("test.Report", weak, "Words.test.dev", None),
            ("test.Report", weak, "Totals.test.dev", Some("total")),
            ("test.Report", Relation::Output, "Reports.test.dev", None),
            (SOURCE, Relation::Output, "Words.test.dev", None),
        ]
    );
}

#[derive(Debug, Clone)]
enum Step {
    Say(u8, u64),
    Forget(u8),
    Run,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u8..5, 0_u64..10).prop_map(|(id, value)| Step::Say(id, value)),
        (0_u8..5).prop_map(Step::Forget),
        Just(Step::Run),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn the_result_depends_on_what_is_known_and_not_on_how_it_came(
        steps in steps(),
        order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
    ) {
        let mut engine = engine_in_order(&order);
        let mut store = Store::new();
        let mut known = BTreeMap::new();
        for (moment, step) in (0_u64..).zip(steps) {
            match step {
                Step::Say(id, value) => {
                    say(&mut store, &id.to_string(), value);
                    known.insert(id.to_string(), value);
                }
                Step::Forget(id) => {
                    let _ = store.tear_down(SOURCE, "test", Word::KIND, &id.to_string(), now(0).wall);
                    known.remove(&id.to_string());
                }
                Step::Run => {
                    engine.run(&mut store, now(moment));
                }
            }
        }
        engine.run(&mut store, now(1000));

        let sum: u64 = known.values().map(|v| v * 2).sum();
        let doubled: BTreeMap<String, u64> =
            known.iter().map(|(id, v)| (id.clone(), v * 2)).collect();
        prop_assert_eq!(
            results(&store),
            (doubled, Some(sum), Some(sum * 1000 + known.len() as u64))
        );
    }
}
