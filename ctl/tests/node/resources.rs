// SPDX-License-Identifier: MPL-2.0
//! `get`, letter by letter.
//!
//! Owns: tables, documents, watches, and the words of refusals.
//! Never: repeats what the forms promise of every spec; they have tests of their own.

use crate::desk::{Desk, Said};
use crate::double::Node;

const TEXT: &str = "# ours\nversion: v1alpha1\nmachine: # below\n    type: worker # typed\n";

/// A desk with a node whose configuration is [`TEXT`].
fn with_node() -> (Desk, Node) {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    node.held.lock().unwrap().give("10.0.0.2", TEXT);
    (desk, node)
}

fn ask(line: &str) -> Said {
    let (desk, node) = with_node();
    desk.run(&format!("-e {} {line}", node.address))
}

#[test]
fn cmd_051_resources_are_a_table_with_the_columns_of_their_type() {
    assert_eq!(
        ask("-n 10.0.0.2,10.0.0.3 get svc").done(),
        "NODE       NAMESPACE   TYPE      ID      VERSION   RUNNING   STRANGE\n\
         10.0.0.2   runtime     Service   apid    2         true      ?\n\
         10.0.0.2   runtime     Service   udevd   13        false     ?\n\
         10.0.0.3   runtime     Service   apid    2         true      ?\n\
         10.0.0.3   runtime     Service   udevd   13        false     ?\n"
    );
    assert_eq!(
        ask("-n 10.0.0.2 get services apid").done(),
        "NODE       NAMESPACE   TYPE      ID     VERSION   RUNNING   STRANGE\n\
         10.0.0.2   runtime     Service   apid   2         true      ?\n"
    );
    let definitions = ask("-n 10.0.0.2 get rd").done();
    assert!(
        definitions.contains(
            "10.0.0.2   meta        ResourceDefinition   services.v1alpha1.talos.dev         1\
             \u{20}        services svc\n"
        ),
        "{definitions}"
    );
}

#[test]
fn res_06_every_name_of_a_type_means_the_same_and_one_that_means_two_is_refused() {
    let by_alias = ask("-n 10.0.0.2 get svc").done();
    for named in ["services", "Services.v1alpha1.talos.dev", "SVC"] {
        assert_eq!(ask(&format!("-n 10.0.0.2 get {named}")).done(), by_alias);
    }

    let both = ask("-n 10.0.0.2 get rs").failed();
    assert!(
        both.contains("10.0.0.2: \"rs\" is short for several types of resources")
            && both.contains("ResolverStatuses.net.talos.dev, RouteStatuses.net.talos.dev"),
        "{both}"
    );
    let none = ask("-n 10.0.0.2 get teapots").failed();
    assert!(
        none.contains("there is no type of resource \"teapots\""),
        "{none}"
    );
    let long = ask(&format!("-n 10.0.0.2 get mc {}", "x".repeat(100_000))).failed();
    assert!(
        long.contains("NotFound") || long.contains("10.0.0.2"),
        "{long}"
    );
}

#[test]
fn edit_01_the_spec_of_the_resource_is_the_raw_configuration() {
    let yaml = ask("-n 10.0.0.2 get mc -o yaml").done();
    assert_eq!(
        yaml,
        "node: 10.0.0.2\n\
         metadata:\n    namespace: config\n    type: MachineConfigs.config.talos.dev\n    \
         id: v1alpha1\n    version: 1\n    owner: double\n    phase: running\n    \
         created: 2023-11-14T22:13:20Z\n\
         spec:\n    # ours\n    version: v1alpha1\n    machine: # below\n        \
         type: worker # typed\n"
    );
    assert_eq!(ask("-n 10.0.0.2 get mc -o jsonpath={.spec}").done(), TEXT);
    let json = ask("-n 10.0.0.2 get mc v1alpha1 -o json").done();
    assert!(json.contains("\"type\": \"worker\""), "{json}");

    // The wrapper is no configuration, and the error says what is.
    let (desk, node) = with_node();
    desk.write("wrapper.yaml", &yaml);
    let line = format!(
        "-e {} -n 10.0.0.2 apply-config -f wrapper.yaml",
        node.address
    );
    let refused = desk.run(&line).failed();
    assert!(
        refused.contains("wrapper.yaml is a resource as `get` prints it")
            && refused.contains("jsonpath={.spec}"),
        "{refused}"
    );
    assert!(node.held.lock().unwrap().applied.is_empty());
}

#[test]
fn res_08_several_resources_are_several_documents() {
    let yaml = ask("-n 10.0.0.2 get svc -o yaml").done();
    let parts: Vec<&str> = yaml.split("---\n").collect();
    assert_eq!(parts.len(), 2);
    assert!(
        parts
            .iter()
            .all(|part| part.starts_with("node: 10.0.0.2\n"))
    );

    assert_eq!(
        ask("-n 10.0.0.2 get svc -o jsonpath={.metadata.id}={.spec.running}").done(),
        "apid=true\nudevd=false\n"
    );
}

#[test]
fn res_09_a_watch_shows_what_is_there_and_then_each_change() {
    let said = ask("-n 10.0.0.2 get svc -w");
    assert_eq!(
        said.out,
        "NODE       *   NAMESPACE   TYPE      ID            VERSION   RUNNING   STRANGE\n\
         10.0.0.2   +   runtime     Service   apid          1         true      ?\n\
         10.0.0.2   +   runtime     Service   a-long-name   1         true      ?\n\
         10.0.0.2       runtime     Service   apid          2         false     ?\n\
         10.0.0.2   -   runtime     Service   apid          2         false     ?\n"
    );
    // What it cannot go on with is not hidden.
    let why = said.failed();
    assert!(
        why.contains("10.0.0.2: the watch cannot go on: the watcher was too slow"),
        "{why}"
    );
    let yaml = ask("-n 10.0.0.2 get svc -w -o yaml").out;
    let events: Vec<&str> = yaml
        .lines()
        .filter(|line| line.starts_with("event:"))
        .collect();
    assert_eq!(
        events,
        [
            "event: created",
            "event: created",
            "event: updated",
            "event: destroyed"
        ]
    );
}

#[test]
fn a_node_that_fails_does_not_hide_the_others() {
    for line in ["get svc", "get svc -w"] {
        let said = ask(&format!("-n 10.0.0.9,10.0.0.2 {line}"));

        assert!(said.out.contains("10.0.0.2 "), "{said:?}");
        let why = said.failed();
        assert!(
            why.contains("10.0.0.9: no route to it (Unavailable)"),
            "{why}"
        );
    }
}

#[test]
fn a_node_in_maintenance_mode_shows_what_is_no_secret() {
    let desk = Desk::empty();
    let node = Node::maintenance();
    let line = format!("-n {} get --insecure", node.address);

    let table = desk.run(&format!("{line} svc")).done();
    assert!(
        table.contains("127.0.0.1   runtime     Service   apid"),
        "{table}"
    );
    let refused = desk.run(&format!("{line} mc")).failed();
    assert!(
        refused.contains("not authorized") && refused.contains("holds secrets"),
        "{refused}"
    );
}

#[test]
fn cmd_059_cmd_060_the_graph_of_a_node_is_drawn_with_types_or_with_what_there_is() {
    let types = ask("-n 10.0.0.2 inspect dependencies").done();
    assert!(types.starts_with("digraph  {\n\n  n"), "{types}");
    assert!(
        types.contains("label=\"runtime:Services.v1alpha1.talos.dev\",shape=\"note\""),
        "{types}"
    );
    assert!(
        types.contains("[label=\"v1alpha1.ServiceController\",shape=\"box\"];"),
        "{types}"
    );

    let resources = ask("-n 10.0.0.2 inspect dependencies --with-resources").done();
    for id in ["apid", "udevd"] {
        let label = format!("label=\"runtime:Services.v1alpha1.talos.dev/{id}\"");
        assert!(resources.contains(&label), "{resources}");
    }
    // What may not be read is shown as its type.
    assert!(
        resources.contains("label=\"secrets:Locked.x.dev\""),
        "{resources}"
    );
    let several = ask("-n 10.0.0.2,10.0.0.3 inspect dependencies").failed();
    assert!(several.contains("one node at a time"), "{several}");
}
