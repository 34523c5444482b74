// SPDX-License-Identifier: MPL-2.0
//! What an operator reads when something is wrong.
//!
//! Owns: one test for each way a call can fail: what, where, what to do.
//! Never: is satisfied with an exit code alone.

use std::net::TcpListener;

use pki::{Authority, UnixTime};

use crate::desk::{Desk, now};
use crate::double::Node;

#[test]
fn without_a_client_configuration_the_way_to_one_is_told() {
    let error = Desk::empty().run("services").failed();

    assert!(error.contains("no context is selected in"), "{error}");
    assert!(error.contains("config merge"), "{error}");
}

#[test]
fn every_endpoint_that_failed_is_named_with_its_reason() {
    let desk = Desk::with_cluster();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let stranger = Node::running(&Authority::machine(now()).unwrap());

    let error = desk
        .run(&format!(
            "-e {closed},{} -n 10.0.0.2 services",
            stranger.address
        ))
        .failed();

    assert!(error.contains("no endpoint can be reached"), "{error}");
    assert!(
        error.contains(&format!("{closed}: Connection refused")),
        "{error}"
    );
    assert!(
        error.contains(&format!(
            "{}: its certificate is not from the CA",
            stranger.address
        )),
        "{error}"
    );
    assert!(error.contains("--insecure"), "{error}");
}

#[test]
fn ctl_01_a_dead_endpoint_is_passed_over() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for _ in 0..4 {
        desk.run(&format!(
            "-e {closed},{},{closed} -n 10.0.0.2 memory",
            node.address
        ))
        .done();
    }
}

#[test]
fn without_nodes_only_the_first_endpoint_is_meant() {
    let desk = Desk::with_cluster();
    let (first, other) = (
        Node::running(&desk.authority()),
        Node::running(&desk.authority()),
    );
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for _ in 0..4 {
        let both = format!("{},{}", first.address, other.address);
        desk.run(&format!("-e {both} reset --wait=false")).done();
    }
    let error = desk
        .run(&format!("-e {closed},{} reset --wait=false", other.address))
        .failed();

    assert_eq!(first.held.lock().unwrap().orders.len(), 4);
    assert_eq!(other.held.lock().unwrap().orders.len(), 0);
    assert!(
        error.contains(&format!("{closed}: Connection refused")),
        "{error}"
    );
}

#[test]
fn an_endpoint_that_its_certificate_does_not_name_is_refused() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());

    let port = node.address.port();
    let error = desk.run(&format!("-e 127.0.0.2:{port} memory")).failed();

    assert!(error.contains("does not name this endpoint"), "{error}");
    assert!(error.contains("certSANs"), "{error}");
}

#[test]
fn a_client_of_another_ca_is_told_that_the_node_refused_it() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.become_client(&Authority::machine(now()).unwrap(), &["os:admin"], now());

    let error = desk.run(&format!("-e {} memory", node.address)).failed();

    assert!(
        error.contains("it refused your certificate: it is not from its CA"),
        "{error}"
    );
}

#[test]
fn an_expired_client_is_told_so() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let then = UnixTime(now().0 - 40 * 86_400);
    desk.become_client(&desk.authority(), &["os:admin"], then);

    let error = desk.run(&format!("-e {} memory", node.address)).failed();

    assert!(
        error.contains("it refused your certificate: expired"),
        "{error}"
    );
    let info = desk.run("config info").done();
    assert!(info.contains("days ago"), "{info}");
}

#[test]
fn a_call_that_needs_another_role_says_which_roles_there_are() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.become_client(&desk.authority(), &["os:reader"], now());

    let error = desk
        .run(&format!("-e {} shutdown --wait=false", node.address))
        .failed();

    assert!(
        error.contains("not authorized (PermissionDenied)"),
        "{error}"
    );
    assert!(error.contains("your certificate has os:reader"), "{error}");
}

#[test]
fn a_method_that_the_node_has_not_built_says_unimplemented() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());

    let error = desk
        .run(&format!(
            "-e {} config new x --roles os:unbuilt",
            node.address
        ))
        .failed();

    assert!(error.contains("(Unimplemented)"), "{error}");
    assert!(!desk.folder.join("x").exists());
}

#[test]
fn insecure_reaches_a_node_in_maintenance_mode_and_pins_its_certificate() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();
    let apply = format!(
        "apply-config --insecure -n {} -f controlplane.yaml",
        node.address
    );

    assert_eq!(
        desk.run(&apply).done(),
        "127.0.0.1: mode 1, dry run false\n"
    );
    assert!(
        desk.run(&format!("{apply} --dry-run -m reboot"))
            .done()
            .contains("mode 0, dry run true")
    );
    for right in [
        node.identity.certificate.key_fingerprint(),
        node.identity.certificate.fingerprint(),
    ] {
        desk.run(&format!("{apply} --cert-fingerprint {right}"))
            .done();
    }
    let error = desk
        .run(&format!("{apply} --cert-fingerprint bm90IGl0"))
        .failed();
    assert!(
        error.contains("not among those of --cert-fingerprint"),
        "{error}"
    );
    desk.run(&format!("version --insecure -n {}", node.address))
        .done();
}

#[test]
fn insecure_means_the_nodes_and_the_endpoints_only_without_nodes() {
    let desk = Desk::with_cluster();
    let (meant, other) = (Node::maintenance(), Node::maintenance());
    let reset = "reset --insecure";
    let (meant_at, other_at) = (meant.address, other.address);
    let given = |node: &Node| node.held.lock().unwrap().orders.len();

    desk.run(&format!("{reset} -e {other_at} -n {meant_at}"))
        .done();
    assert_eq!((given(&meant), given(&other)), (1, 0));

    desk.run(&format!("{reset} -e {other_at}")).done();
    assert_eq!((given(&meant), given(&other)), (1, 1));
}

#[test]
fn a_first_configuration_may_be_on_trial_and_is_confirmed_by_whoever_shows_a_certificate() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();
    let apply = format!("apply-config -i -n {} -f controlplane.yaml", node.address);

    let said = desk.run(&format!("{apply} --confirm 5m"));
    // This node knows nothing of it, which is said.
    assert!(said.err.contains("knows nothing of --confirm"), "{said:?}");
    let tried = desk.run(&format!("{apply} -m try --timeout 5m")).done();
    assert!(tried.contains("mode 4"), "{tried}");

    let error = desk.run(&format!("{apply} --confirm now")).failed();
    assert!(error.contains("leave out --insecure"), "{error}");
    let error = desk
        .run(&format!(
            "apply-config -m interactive -n {} --confirm now",
            node.address
        ))
        .failed();
    assert!(error.contains("leave out --mode"), "{error}");
}

#[test]
fn insecure_at_a_configured_node_says_to_leave_it_out() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());

    let error = desk
        .run(&format!(
            "apply-config -i -n {} -f worker.yaml",
            node.address
        ))
        .failed();

    assert!(
        error.contains("it asks for a client certificate"),
        "{error}"
    );
    assert!(error.contains("leave out `--insecure`"), "{error}");
}

#[test]
fn one_of_several_nodes_in_maintenance_may_fail_alone() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();

    let said = desk.run(&format!(
        "apply-config -i -n {closed},{} -f worker.yaml",
        node.address
    ));

    assert!(said.out.contains("mode 1"), "{said:?}");
    assert!(said.failed().contains("Connection refused"));
}

#[test]
fn a_configuration_that_the_node_refuses_is_reported_with_its_place() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();
    desk.write("bad.yaml", "bad: yes");
    desk.write("empty.yaml", "");
    for (line, reason) in [
        (
            "-f bad.yaml",
            "machine.typ: unknown key, line 3 column 5 (InvalidArgument)",
        ),
        ("-f empty.yaml", "is empty"),
        ("-f nowhere.yaml", "cannot read"),
        ("-f bad.yaml -m interactive", "takes none"),
        ("-m interactive", "needs a terminal"),
        ("", "--file: no configuration is named"),
        ("-f bad.yaml -p x", "patch no. 1: "),
    ] {
        let error = desk
            .run(&format!("apply-config -i -n {} {line}", node.address))
            .failed();
        assert!(error.contains(reason), "{line}: {error}");
    }
    let error = desk.run("apply-config -i -f bad.yaml").failed();
    assert!(error.contains("no node is named"), "{error}");
}

#[test]
fn a_name_that_is_empty_is_refused_before_anybody_is_called() {
    let desk = Desk::with_cluster();
    for words in [
        ["-n", "", "reset"],
        ["reset", "--nodes=", "--reboot"],
        ["-n", "10.0.0.2,", "reset"],
        ["reset", "-n", " "],
        ["-e", "", "reset"],
        ["reset", "--endpoints", "10.0.0.2,,10.0.0.3"],
    ] {
        let error = desk.run_words(&words).failed();
        assert!(
            error.contains("leave the flag out to use those of the context"),
            "{words:?}: {error}"
        );
    }
}

#[test]
fn a_wrong_line_is_an_error_with_usage() {
    for line in [
        "",
        "nonsense",
        "service apid explode",
        "logs",
        "--talosconfig",
    ] {
        let said = Desk::empty().run(line);
        assert!(!said.err.is_empty() && said.out.is_empty(), "{said:?}");
        said.failed();
    }
}
