// SPDX-License-Identifier: MPL-2.0
//! What init promises of the lives of services.
//!
//! Owns: starts, ends, restarts, orphans, output.
//! Never: goes down.

use proto::service::{Exit, Ready, Restart, ServiceSpec, SpawnFailure, Stage, State};
use proto::supervisor::{Named, Reply, Request};

use crate::bench::{LOUD, Node, READY, until};
use crate::{CORE, define_and_start, shell};

#[test]
fn svc_06_core_services_run_in_their_order() {
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
fn init_moves_into_a_group_of_its_own() {
    let node = Node::start(&[]);
    let place = node.path("/proc/1/cgroup");

    until("init is in its group", || {
        std::fs::read_to_string(&place).is_ok_and(|group| group.ends_with("/init\n"))
    });

    let failed = "join the control group:";
    assert!(!node.console().contains(failed), "{}", node.console());
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
