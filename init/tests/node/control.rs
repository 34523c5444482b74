// SPDX-License-Identifier: MPL-2.0
//! What init promises at its control socket.
//!
//! Owns: who may ask what, bad messages, pages, subscriptions.
//! Never: cares how a service ends.

use proto::paths::{UID_LOGD, UID_NETD};
use proto::service::State;
use proto::supervisor::{Action, ListFrom, Named, Reply, Request, SERVICES_MAX, Volume};
use proto::{Greeting, MAX_MESSAGE, Refusal};

use crate::bench::{Node, until};
use crate::{CORE, define_and_start, shell};

#[test]
fn ten_thousand_bad_messages_change_nothing() {
    let node = Node::start(&[]);
    let client = node.client();
    let before = client.wait_for_core();
    let memory = node.memory_kb();
    let mut good = [0; MAX_MESSAGE];
    let len = Request::Define(shell("evil", "true"))
        .encode(&mut good)
        .unwrap();
    let mut random = crate::bench::Random(0x1234_5678);

    let mut open = node.client();
    for round in 0..10_000_usize {
        let message: Vec<u8> = match round % 4 {
            // Malformed: any bytes at all, of operations that change nothing when well-formed.
            0 => {
                let mut bytes = random.bytes(1 + round % 300);
                bytes[0] |= 0x80;
                bytes
            }
            // Truncated.
            1 => good[..1 + round % (len - 1)].to_vec(),
            // Oversized: followed by more, up to beyond the longest message.
            2 => [&good[..len], &vec![0; 1 + round % (2 * MAX_MESSAGE)]].concat(),
            // Replayed: a greeting again and again.
            _ => vec![1, u8::try_from(proto::VERSION).unwrap()],
        };
        let reply = open.ask_bytes(&message);
        match round % 4 {
            3 => assert_eq!(reply, Some(Reply::Welcome(Greeting::OURS))),
            _ => assert_eq!(
                reply,
                Some(Reply::Refused(Refusal::Malformed)),
                "{message:?}"
            ),
        }
        if round % 100 == 99 {
            open = node.client();
        }
    }

    assert_eq!(
        client.list(),
        before,
        "nothing was defined, started or stopped"
    );
    assert!(
        node.memory_kb() <= memory + 64,
        "{memory} kB and then {}",
        node.memory_kb()
    );
    node.assert_alive();
}

#[test]
fn clients_that_do_not_greet_or_hang_up_cost_nothing() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();

    for round in 0..500_usize {
        let stranger = node.stranger();
        match round % 3 {
            0 => assert_eq!(
                stranger.ask_bytes(&[2, 0]),
                Some(Reply::Refused(Refusal::NotGreeted))
            ),
            1 => assert_eq!(
                stranger.ask_bytes(&[1, 77]),
                Some(Reply::Refused(Refusal::Version))
            ),
            _ => {}
        }
    }
    let crowd: Vec<_> = (0..40).map(|_| node.stranger()).collect();
    drop(crowd);

    until("there is room again", || {
        node.stranger().ask_bytes(&[1, 1]).is_some()
    });
    node.assert_alive();
}

#[test]
fn only_root_may_ask_and_logd_for_pipes() {
    let node = Node::start(&[]);
    node.client().wait_for_core();

    let logd = node.client_as(UID_LOGD).unwrap();
    assert_eq!(
        logd.ask(&Request::Hello(Greeting::OURS)),
        Reply::Welcome(Greeting::OURS)
    );
    let named = Named { name: "apid" };
    for request in [
        Request::List(ListFrom { index: 0 }),
        Request::Start(named),
        Request::Stop(named),
        Request::Restart(named),
        Request::Subscribe(()),
        Request::Define(shell("x", "true")),
        Request::Remove(named),
        Request::Down(Action::Reboot),
        Request::Mount(Volume::State),
    ] {
        assert_eq!(
            logd.ask(&request),
            Reply::Refused(Refusal::NotAllowed),
            "{request:?}"
        );
    }
    assert_eq!(logd.ask(&Request::Pipes(())), Reply::Done(()));
    assert!(
        node.client_as(UID_NETD).is_none(),
        "the socket is not for others"
    );
    node.assert_alive();
}

#[test]
fn a_defined_service_lives_and_leaves() {
    let node = Node::start(&[]);
    let client = node.client();
    let spec = shell("ext-hello", "echo hello; exec sleep 1000");
    let name = Named { name: "ext-hello" };

    assert_eq!(client.ask(&Request::Define(spec.clone())), Reply::Done(()));
    assert_eq!(client.status("ext-hello").state, State::Stopped);
    assert_eq!(client.ask(&Request::Define(spec.clone())), Reply::Done(()));
    // Until it runs it can be described anew.
    let other = shell("ext-hello", "echo other");
    assert_eq!(client.ask(&Request::Define(other.clone())), Reply::Done(()));
    assert_eq!(client.ask(&Request::Define(spec.clone())), Reply::Done(()));

    assert_eq!(client.ask(&Request::Start(name)), Reply::Done(()));
    client.wait_for("ext-hello", State::Running);
    assert_eq!(
        client.ask(&Request::Define(other)),
        Reply::Refused(Refusal::Exists)
    );
    assert_eq!(
        client.ask(&Request::Remove(name)),
        Reply::Refused(Refusal::WrongState)
    );
    let first = client.status("ext-hello").pid;
    assert_eq!(client.ask(&Request::Start(name)), Reply::Done(()));
    assert_eq!(
        client.status("ext-hello").pid,
        first,
        "a running service stays as it is"
    );

    assert_eq!(client.ask(&Request::Restart(name)), Reply::Done(()));
    until("it has another process", || {
        let status = client.status("ext-hello");
        status.state == State::Running && status.pid != first
    });
    assert_eq!(client.ask(&Request::Stop(name)), Reply::Done(()));
    client.wait_for("ext-hello", State::Stopped);

    assert_eq!(client.ask(&Request::Remove(name)), Reply::Done(()));
    assert_eq!(
        client.ask(&Request::Remove(name)),
        Reply::Refused(Refusal::NotFound)
    );
    assert_eq!(
        client.ask(&Request::Start(name)),
        Reply::Refused(Refusal::NotFound)
    );
    let core = Request::Remove(Named { name: "logd" });
    assert_eq!(client.ask(&core), Reply::Refused(Refusal::NotAllowed));
}

#[test]
fn bad_descriptions_are_refused_and_a_full_table_says_so() {
    let node = Node::start(&[]);
    let client = node.client();
    for name in ["", "a/b", "..", "a b"] {
        let spec = shell(name, "true");
        assert_eq!(
            client.ask(&Request::Define(spec)),
            Reply::Refused(Refusal::Malformed)
        );
    }
    let mut relative = shell("x", "true");
    relative.path = "sh";
    assert_eq!(
        client.ask(&Request::Define(relative)),
        Reply::Refused(Refusal::Malformed)
    );

    for number in CORE.len()..SERVICES_MAX {
        let name = format!("s{number}");
        assert_eq!(
            client.ask(&Request::Define(shell(&name, "true"))),
            Reply::Done(())
        );
    }
    let one_more = Request::Define(shell("more", "true"));
    assert_eq!(client.ask(&one_more), Reply::Refused(Refusal::Full));
    assert_eq!(client.list().len(), SERVICES_MAX);
    let first = Request::Remove(Named { name: "s5" });
    assert_eq!(client.ask(&first), Reply::Done(()));
    assert_eq!(client.ask(&one_more), Reply::Done(()));
}

#[test]
fn a_subscriber_hears_everything_then_news() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let news = node.client();

    assert_eq!(news.ask(&Request::Subscribe(())), Reply::Done(()));
    for name in CORE {
        let Reply::Changed(status) = news.next() else {
            panic!("no news")
        };
        assert_eq!(status.name, name);
        assert_eq!(status.state, State::Running);
    }
    client.ask(&Request::Define(shell("x", "exec sleep 1000")));
    assert!(matches!(news.next(), Reply::Changed(status) if status.state == State::Stopped));
    client.ask(&Request::Start(Named { name: "x" }));
    until(
        "it hears that x runs",
        || matches!(news.next(), Reply::Changed(status) if status.state == State::Running),
    );
    client.ask(&Request::Stop(Named { name: "x" }));
    until(
        "it hears that x stopped",
        || matches!(news.next(), Reply::Changed(status) if status.state == State::Stopped),
    );
    client.ask(&Request::Remove(Named { name: "x" }));
    assert!(matches!(news.next(), Reply::Removed(of) if of.name == "x"));
}

#[test]
fn a_subscriber_that_does_not_read_holds_up_nobody() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let deaf = node.client();
    assert_eq!(deaf.ask(&Request::Subscribe(())), Reply::Done(()));
    define_and_start(&client, &shell("busy", "exec sleep 1000"));
    let memory = node.memory_kb();

    for _ in 0..2000 {
        client.ask(&Request::Restart(Named { name: "busy" }));
    }
    client.ask(&Request::Stop(Named { name: "busy" }));
    client.wait_for("busy", State::Stopped);

    // What it reads in the end is the state as it is now.
    until("it hears that busy stopped", || {
        matches!(deaf.next(), Reply::Changed(status)
            if status.name == "busy" && status.state == State::Stopped)
    });
    assert!(node.memory_kb() <= memory + 64);
}

#[test]
fn listing_is_in_pages() {
    let node = Node::start(&[]);
    let client = node.client();
    for number in 0..30 {
        let name = format!("s{number:02}");
        client.ask(&Request::Define(shell(&name, "true")));
    }

    let page = |index| {
        let reply = client.ask(&Request::List(ListFrom { index }));
        let Reply::Page(page) = reply else {
            panic!("{reply:?}")
        };
        page
    };

    assert_eq!(page(0).total, 35);
    assert_eq!(page(0).services.len(), 16);
    assert_eq!(page(16).services[0].name, "s11");
    assert_eq!(page(32).services.len(), 3);
    assert_eq!(page(35).services.len(), 0);
    assert_eq!(page(u16::MAX).services.len(), 0);
}

#[test]
fn stray_messages_from_subscribers_do_no_harm() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let news = node.client();
    assert_eq!(news.ask(&Request::Subscribe(())), Reply::Done(()));

    for _ in 0..100 {
        news.send(&Request::List(ListFrom { index: 0 }));
    }

    until("the replies come among the news", || {
        matches!(news.next(), Reply::Page(_))
    });
    while news.has_news() {
        let _ = news.next();
    }
    node.assert_alive();
}
