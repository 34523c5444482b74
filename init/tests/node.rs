// SPDX-License-Identifier: MPL-2.0
//! The real init as PID 1 of namespaces of its own, with shell scripts as services.
//!
//! Needs root. The root of the node is the host's `/usr` with our programs added; nothing that
//! happens in it is seen outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod bench;

use bench::{Client, LOUD, Node, READY, until};
use proto::paths::{UID_LOGD, UID_NETD};
use proto::service::{Exit, Ready, Restart, ServiceSpec, SpawnFailure, Stage, State};
use proto::supervisor::{Action, ListFrom, Named, Reply, Request, SERVICES_MAX};
use proto::{Greeting, MAX_MESSAGE, Refusal};

const CORE: [&str; 5] = ["logd", "udevd", "netd", "machined", "apid"];

/// A service that runs a line of shell.
fn shell<'a>(name: &'a str, line: &'a str) -> ServiceSpec<'a> {
    let mut spec = ServiceSpec::new(name, "/bin/sh");
    for argument in ["-c", line] {
        spec.args.push(argument).unwrap();
    }
    spec.stop_timeout_ms = 300;
    spec
}

fn define_and_start(client: &Client, spec: &ServiceSpec<'_>) {
    assert_eq!(client.ask(&Request::Define(spec.clone())), Reply::Done(()));
    assert_eq!(
        client.ask(&Request::Start(Named { name: spec.name })),
        Reply::Done(())
    );
}

#[test]
fn core_services_run_in_their_order() {
    let node = Node::start(&[]);
    let client = node.client();

    let services = client.wait_for_core();

    let names: Vec<_> = services.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, CORE);
    assert!(
        services
            .iter()
            .all(|status| status.pid > 0 && status.restarts == 0)
    );
}

#[test]
fn a_killed_service_starts_again_and_the_others_do_not_notice() {
    let node = Node::start(&[]);
    let client = node.client();
    let before = client.wait_for_core();

    for victim in &before {
        node.kill(victim.pid);
        until("it runs again", || {
            let status = client.status(victim.name.as_str());
            status.state == State::Running && status.pid != victim.pid
        });
        let status = client.status(victim.name.as_str());
        assert_eq!(status.last_exit, Some(Exit::Signal(9)));
        assert_eq!(status.restarts, 1);
    }

    node.assert_alive();
}

#[test]
fn killing_one_service_leaves_the_pids_of_the_others() {
    let node = Node::start(&[]);
    let client = node.client();
    let before = client.wait_for_core();
    for _ in 0..3 {
        let machined = client.status("machined");
        node.kill(machined.pid);
        until("machined runs again", || {
            let status = client.status("machined");
            status.state == State::Running && status.pid != machined.pid
        });
    }

    for status in before.iter().filter(|status| status.name != "machined") {
        assert_eq!(client.status(status.name.as_str()).pid, status.pid);
    }
}

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
    let mut random = bench::Random(0x1234_5678);

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
    let other = shell("ext-hello", "echo other");
    assert_eq!(
        client.ask(&Request::Define(other)),
        Reply::Refused(Refusal::Exists)
    );

    assert_eq!(client.ask(&Request::Start(name)), Reply::Done(()));
    client.wait_for("ext-hello", State::Running);
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
fn a_start_that_fails_says_where_and_why() {
    let node = Node::start(&[]);
    let client = node.client();
    let mut spec = ServiceSpec::new("missing", "/no/such/program");
    spec.restart = Restart::Never;

    define_and_start(&client, &spec);
    client.wait_for("missing", State::Failed);

    let failure = SpawnFailure {
        stage: Stage::Exec,
        errno: 2,
        index: 0,
    };
    assert_eq!(
        client.status("missing").last_exit,
        Some(Exit::Spawn(failure))
    );
    node.wait_for_line("service missing: sandbox: cannot run the program (0): ENOENT");
}

#[test]
fn a_service_that_exits_at_once_backs_off_and_is_seen() {
    let node = Node::start(&[]);
    let client = node.client();

    define_and_start(&client, &shell("hasty", "exit 3"));
    until("it has started twice again", || {
        client.status("hasty").restarts >= 2
    });

    let status = client.status("hasty");
    assert_eq!(status.last_exit, Some(Exit::Code(3)));
    client.wait_for("hasty", State::BackingOff);
    let status = client.status("hasty");
    assert!(status.retry_at_ms > status.changed_at_ms);
    node.assert_alive();
}

#[test]
fn restart_policies_hold() {
    let node = Node::start(&[]);
    let client = node.client();
    for (name, line, restart, end) in [
        ("once", "exit 0", Restart::Never, State::Finished),
        ("once-bad", "exit 1", Restart::Never, State::Failed),
        ("until", "exit 0", Restart::UntilSuccess, State::Finished),
    ] {
        let mut spec = shell(name, line);
        spec.restart = restart;
        define_and_start(&client, &spec);
        client.wait_for(name, end);
    }
}

#[test]
fn a_service_waits_for_what_it_needs() {
    let node = Node::start(&[]);
    let client = node.client();
    let mut late = shell("late", "exec sleep 1000");
    late.after.push("early").unwrap();
    let mut early = shell("early", "read line < /tmp/go; echo >&3; exec sleep 1000");
    early.ready = Ready::OnMessage;

    define_and_start(&client, &late);
    assert_eq!(
        client.status("late").state,
        State::Waiting,
        "early is not even known"
    );
    std::process::Command::new("mkfifo")
        .arg(node.path("/tmp/go"))
        .status()
        .unwrap();
    define_and_start(&client, &early);
    client.wait_for("early", State::Starting);
    assert_eq!(client.status("late").state, State::Waiting);
    std::fs::write(node.path("/tmp/go"), "go\n").unwrap();

    client.wait_for("late", State::Running);
    assert_eq!(client.status("early").state, State::Running);
}

#[test]
fn a_service_that_does_not_hear_is_killed_with_all_it_forked() {
    let node = Node::start(&[]);
    let client = node.client();
    let line = "trap '' TERM; for i in 1 2 3 4 5; do setsid sleep 1234 & done; \
                while :; do sleep 1234; done";
    define_and_start(&client, &shell("deaf", line));
    client.wait_for("deaf", State::Running);
    until("it has forked", || node.processes_with("1234") >= 6);

    assert_eq!(
        client.ask(&Request::Stop(Named { name: "deaf" })),
        Reply::Done(())
    );
    client.wait_for("deaf", State::Stopped);

    assert_eq!(client.status("deaf").last_exit, Some(Exit::Signal(9)));
    until("all are gone", || node.processes_with("1234") == 0);
}

#[test]
fn what_a_dead_service_forked_ends_with_it() {
    let node = Node::start(&[]);
    let client = node.client();
    let mut spec = shell("parent", "setsid sleep 2345 & exit 0");
    spec.restart = Restart::Never;

    define_and_start(&client, &spec);
    client.wait_for("parent", State::Finished);

    until("the child is gone", || node.processes_with("2345") == 0);
    until("nobody is left unreaped", || node.zombies() == 0);
}

#[test]
fn orphans_are_reaped() {
    let node = Node::start(&[]);
    let client = node.client();
    let line = "i=0; while [ $i -lt 200 ]; do (setsid true &); i=$((i+1)); done; exec sleep 1000";

    define_and_start(&client, &shell("forker", line));
    client.wait_for("forker", State::Running);

    until("the loop is over", || node.processes_with("1000") == 1);
    until("nobody is left unreaped", || node.zombies() == 0);
    node.assert_alive();
}

#[test]
fn output_is_kept_until_someone_reads_it_and_comes_with_its_name() {
    let node = Node::start(&[("logd", READY), ("netd", LOUD)]);
    let client = node.client();
    client.wait_for_core();

    let pipes = node.client();
    assert_eq!(pipes.ask(&Request::Pipes(())), Reply::Done(()));
    let mut names = Vec::new();
    let mut netd = None;
    for _ in CORE {
        let (reply, descriptor) = pipes.next_with();
        let Reply::Pipe(of) = reply else {
            panic!("{reply:?}")
        };
        if of.name == "netd" {
            netd = descriptor;
        }
        names.push(of.name.as_str().to_owned());
    }
    assert_eq!(names, CORE);
    let mut buffer = [0; 64];
    let len = sys::io::read(netd.as_ref().unwrap(), &mut buffer[..]).unwrap();
    assert_eq!(&buffer[..len], b"loud\n");

    // A new service's pipe comes by itself, and what was written after a restart is there too.
    define_and_start(&client, &shell("new", "echo new; exec sleep 1000"));
    let (reply, descriptor) = pipes.next_with();
    assert!(matches!(reply, Reply::Pipe(of) if of.name == "new"));
    let len = sys::io::read(descriptor.unwrap(), &mut buffer[..]).unwrap();
    assert_eq!(&buffer[..len], b"new\n");
    node.kill(client.status("netd").pid);
    let len = sys::io::read(netd.unwrap(), &mut buffer[..]).unwrap();
    assert_eq!(&buffer[..len], b"loud\n");
}

#[test]
fn a_service_that_floods_its_output_waits_and_init_does_not() {
    let node = Node::start(&[]);
    let client = node.client();

    // Nobody reads: the pipe fills and the writer waits.
    define_and_start(&client, &shell("flood", "exec yes"));
    client.wait_for("flood", State::Running);

    for _ in 0..100 {
        assert_eq!(client.status("flood").state, State::Running);
    }
    assert_eq!(
        client.ask(&Request::Stop(Named { name: "flood" })),
        Reply::Done(())
    );
    client.wait_for("flood", State::Stopped);
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
fn going_down_stops_services_in_reverse_order_and_ends() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();

    assert_eq!(client.ask(&Request::Down(Action::Reboot)), Reply::Done(()));
    node.wait_for_end();

    let console = node.console();
    let place = |line: &str| {
        console
            .find(line)
            .unwrap_or_else(|| panic!("no {line:?} in:\n{console}"))
    };
    for name in ["udevd", "netd", "machined", "apid"] {
        let stopped = place(&format!("service {name}: stopped"));
        assert!(
            stopped < place("service logd: stopping"),
            "logd outlives {name}"
        );
    }
    assert!(place("going down: Reboot") < place("rebooting"));
    assert!(!console.contains("cannot be killed"), "{console}");
}

#[test]
fn a_second_request_to_go_down_changes_nothing() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let mut slow = shell("slow", "trap '' TERM; while :; do sleep 1000; done");
    slow.stop_timeout_ms = 500;
    define_and_start(&client, &slow);
    client.wait_for("slow", State::Running);

    assert_eq!(
        client.ask(&Request::Down(Action::PowerOff)),
        Reply::Done(())
    );
    assert_eq!(client.ask(&Request::Down(Action::Reboot)), Reply::Done(()));
    let refused = client.ask(&Request::Start(Named { name: "apid" }));
    assert_eq!(refused, Reply::Refused(Refusal::WrongState));
    node.wait_for_end();

    let console = node.console();
    assert!(console.contains("going down: PowerOff"), "{console}");
    assert!(console.contains("powering off"), "{console}");
    assert!(!console.contains("rebooting"), "{console}");
}

#[test]
fn ctrl_alt_del_reboots_and_the_power_button_powers_off() {
    for (signal, word) in [("-INT", "rebooting"), ("-TERM", "powering off")] {
        let node = Node::start(&[]);
        node.client().wait_for_core();

        node.signal_init(signal);
        node.wait_for_end();

        assert!(
            node.console().contains(word),
            "{signal}: {}",
            node.console()
        );
    }
}

#[test]
fn a_thousand_children_are_contained_by_their_group() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let line = "i=0; while [ $i -lt 1000 ]; do sleep 3456 & i=$((i+1)); done; wait";
    let mut spec = shell("bomb", line);
    spec.pids_max = 50;
    spec.restart = Restart::Never;

    define_and_start(&client, &spec);
    until("it has forked", || node.processes_with("3456") >= 40);

    assert_eq!(client.status("logd").state, State::Running, "init answers");
    if node.has_controller("pids") {
        assert!(node.processes_with("3456") <= 50);
    }
    client.ask(&Request::Stop(Named { name: "bomb" }));
    until("all are gone", || node.processes_with("3456") == 0);
    until("nobody is left unreaped", || node.zombies() == 0);
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
