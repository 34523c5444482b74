// SPDX-License-Identifier: MPL-2.0
//! Files that the command line writes and reads.
//!
//! Owns: `gen`, `config`, and where the client configuration is found.
//! Never: leaves a half of something.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{ClientConfig, Configuration};

use crate::desk::Desk;
use crate::double::Node;

#[test]
fn gen_config_writes_three_files_that_belong_together() {
    let desk = Desk::empty();

    let said = desk.run("gen config home https://10.0.0.2:6443");

    let folder = desk.folder.display();
    assert_eq!(
        said.err,
        format!(
            "generating PKI and tokens\ncreated {folder}/controlplane.yaml\n\
             created {folder}/worker.yaml\ncreated {folder}/talosconfig\n"
        )
    );
    for name in ["controlplane.yaml", "worker.yaml"] {
        let text = desk.read(name);
        let loaded = Configuration::load(text.as_bytes()).unwrap();
        assert!(loaded.document().is_some(), "{name}");
    }
    let client = ClientConfig::load(desk.read("talosconfig").as_bytes()).unwrap();
    assert_eq!(client.context, "home");
    assert_eq!(client.current().unwrap().endpoints, ["127.0.0.1"]);
    let mode = std::fs::metadata(desk.folder.join("talosconfig"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn strt_09_the_folder_may_be_named_as_older_guides_name_it() {
    let desk = Desk::empty();

    let said = desk.run("gen config home https://10.0.0.2:6443 --output-dir _out/./a");

    let worker = desk.folder.join("_out/a/worker.yaml");
    assert!(
        said.err
            .contains(&format!("created {}\n", worker.display())),
        "{}",
        said.err
    );
    assert!(worker.exists());
    let help = desk.run("gen config --help").done();
    assert!(!help.contains("--output-dir"), "{help}");
}

#[test]
fn gen_overwrites_only_with_force_and_otherwise_writes_nothing() {
    let desk = Desk::empty();
    desk.write("worker.yaml", "mine");

    let error = desk.run("gen config home https://10.0.0.2:6443").failed();

    assert!(
        error.contains("worker.yaml exists already; nothing is written"),
        "{error}"
    );
    assert_eq!(desk.read("worker.yaml"), "mine");
    assert!(!desk.folder.join("controlplane.yaml").exists());
    desk.run("gen config home https://10.0.0.2:6443 --force")
        .done();
    assert_ne!(desk.read("worker.yaml"), "mine");

    desk.run("gen secrets").done();
    let before = desk.read("secrets.yaml");
    assert!(desk.run("gen secrets").failed().contains("exists already"));
    assert_eq!(desk.read("secrets.yaml"), before);
}

#[test]
fn pki_03_one_type_goes_to_a_file_or_to_standard_output() {
    let desk = Desk::empty();

    let out = desk.run("gen config home 10.0.0.2 -t worker -o -").done();
    assert!(
        Configuration::load(out.as_bytes())
            .unwrap()
            .document()
            .is_some()
    );

    desk.run("gen config home 10.0.0.2 -t talosconfig -o me.yaml")
        .done();
    assert!(ClientConfig::load(desk.read("me.yaml").as_bytes()).is_ok());
    assert!(
        desk.run("gen config home 10.0.0.2 -o -")
            .failed()
            .contains("only one type")
    );
}

#[test]
fn cmd_041_for_newer_releases_the_newest_that_is_known_is_generated_with_a_warning() {
    let desk = Desk::empty();
    desk.run("gen secrets").done();
    let line = "--with-secrets secrets.yaml -t controlplane";
    desk.run(&format!("gen config home 10.0.0.2 {line} -o known.yaml"))
        .done();

    for (number, version) in ["v1.7", "v1.10.4", "2.0"].into_iter().enumerate() {
        for command in ["gen config", "machineconfig gen"] {
            let name = format!("{}-{number}.yaml", command.len());
            let said = desk.run(&format!(
                "{command} home 10.0.0.2 {line} --talos-version {version} -o {name}"
            ));

            assert!(said.err.starts_with("warning: --talos-version: v"));
            assert!(
                said.err.contains("what came after v1.6 is not written"),
                "{}",
                said.err
            );
            said.done();
            assert_eq!(desk.read(&name), desk.read("known.yaml"), "{version}");
        }
    }
    let known = desk.run(&format!(
        "gen config home 10.0.0.2 {line} --talos-version v1.6 -o -"
    ));
    assert_eq!(known.err, "");
}

#[test]
fn what_cannot_be_generated_is_refused_with_a_reason() {
    let desk = Desk::empty();
    desk.write("secrets.yaml", "cluster: [");
    for (line, reason) in [
        ("gen config home https://", "not a control plane endpoint"),
        (
            "gen config home 10.0.0.2 --with-secrets nowhere.yaml",
            "cannot read",
        ),
        (
            "gen config home 10.0.0.2 --with-secrets secrets.yaml",
            "not a secrets file",
        ),
        ("gen config home 10.0.0.2 --talos-version v99", "v99"),
        (
            "gen config home 10.0.0.2 --kubernetes-version new",
            "Kubernetes",
        ),
    ] {
        let error = desk.run(line).failed();
        assert!(error.contains(reason), "{line}: {error}");
    }
    assert_eq!(std::fs::read_dir(&desk.folder).unwrap().count(), 1);
}

#[test]
fn ctl_05_the_client_configuration_is_found_by_flag_then_variable_then_home() {
    let mut desk = Desk::with_cluster();
    for (name, context) in [("flag", "one"), ("variable", "two")] {
        desk.run(&format!(
            "gen config {context} 10.0.0.2 -t talosconfig -o {name}"
        ))
        .done();
    }
    let current = |desk: &Desk, line: &str| {
        let out = desk.run(&format!("{line} config info")).done();
        out.lines()
            .next()
            .unwrap()
            .split_whitespace()
            .last()
            .unwrap()
            .to_owned()
    };

    assert_eq!(current(&desk, ""), "home");
    desk.environment.talosconfig = Some("variable".into());
    assert_eq!(current(&desk, ""), "two");
    assert_eq!(current(&desk, "--talosconfig flag"), "one");
}

#[test]
fn doc_02_without_a_name_the_first_default_place_that_has_a_file_counts() {
    let mut desk = Desk::empty();
    desk.environment.xdg = Some(desk.folder.join("xdg"));
    for folder in ["xdg/talos", "home/.talos"] {
        std::fs::create_dir_all(desk.folder.join(folder)).unwrap();
    }
    let current = |desk: &Desk| desk.run("config contexts").done();

    for (place, name) in [
        ("pod", "in-pod"),
        ("xdg/talos/config.yaml", "in-xdg"),
        ("home/.talos/config", "in-home"),
    ] {
        desk.run(&format!(
            "gen config {name} 10.0.0.2 -t talosconfig -o {place}"
        ))
        .done();
        let shown = current(&desk);
        assert!(shown.contains(name), "{place}: {shown}");
    }
    desk.environment.home = None;
    assert!(current(&desk).contains("in-xdg"));
    desk.environment.xdg = None;
    assert!(current(&desk).contains("in-pod"));
    desk.environment.pod = Some(desk.folder.join("nowhere"));
    let error = desk.run("config contexts").failed();
    assert!(error.contains("there is no $HOME"), "{error}");

    // Where there is none, it is made at home.
    let mut desk = Desk::empty();
    desk.environment.xdg = Some(desk.folder.join("xdg"));
    desk.run("config add first").done();
    assert!(desk.read("home/.talos/config").contains("first"));
}

#[test]
fn cmd_014_ctl_07_config_info_shows_the_context_in_three_forms() {
    let desk = Desk::with_cluster();
    desk.run("config endpoint 10.0.0.2 node-2:6000").done();
    desk.run("config nodes 10.0.0.2").done();

    let text = desk.run("config info").done();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "Current context:     home",
            "Nodes:               10.0.0.2",
            "Endpoints:           10.0.0.2, node-2:6000",
            "Roles:               os:admin",
        ]
    );
    assert!(lines[4].starts_with("Certificate expires: "), "{text}");
    let json = desk.run("config info -o json").done();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["endpoints"][1], "node-2:6000");
    let yaml = desk.run("config info -o yaml").done();
    assert!(yaml.contains("roles: [\"os:admin\"]\n"), "{yaml}");
    // The names of talosctl.
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    let names = [
        "certNotAfter",
        "certTTL",
        "context",
        "endpoints",
        "nodes",
        "roles",
    ];
    assert_eq!(keys, names);
    let mut lines: Vec<&str> = yaml.lines().map(|l| l.split(':').next().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, names);
    // A certificate that is a moment old is of a year, and a moment later of eleven months.
    let later = desk.run("config info").done();
    let ttl = json["certTTL"].as_str().unwrap();
    assert!(
        text.contains(ttl) || later.contains(ttl),
        "{ttl}: {text}{later}"
    );
    assert!(
        text.contains(json["certNotAfter"].as_str().unwrap()),
        "{text}"
    );
}

#[test]
fn cmd_011_cmd_012_cmd_015_cmd_018_ctl_06_a_name_that_is_taken_gets_a_number_when_files_merge() {
    let desk = Desk::with_cluster();
    desk.run("gen config home 10.0.0.2 -t talosconfig -o other")
        .done();

    let said = desk.run("config merge other");

    assert!(said.err.contains("\"home-1\""), "{}", said.err);
    assert_eq!(
        desk.run("config contexts").done(),
        "CURRENT   NAME     ENDPOINTS   NODES\n          \
         home     127.0.0.1\n*         \
         home-1   127.0.0.1\n"
    );
    desk.run("config context home").done();
    assert!(
        desk.run("config info")
            .done()
            .starts_with("Current context:     home\n")
    );
    desk.run("config remove home-* --dry-run").done();
    assert!(desk.run("config contexts").done().contains("home-1"));
    desk.run("config remove home-* -y").done();
    assert!(!desk.run("config contexts").done().contains("home-1"));
}

#[test]
fn cli_02_the_same_context_merged_twice_is_there_twice() {
    let desk = Desk::with_cluster();

    let said = desk.run("config merge talosconfig");

    assert!(said.err.contains("\"home-1\""), "{}", said.err);
    let contexts = desk.run("config contexts").done();
    assert_eq!(contexts.lines().count(), 3, "{contexts}");
    assert!(contexts.contains("*         home-1 "), "{contexts}");
}

#[test]
fn cmd_009_bad_changes_of_the_client_configuration_change_nothing() {
    let desk = Desk::with_cluster();
    desk.write("rubbish", "contexts: 7");
    desk.write("empty", "");
    let before = desk.read("home/.talos/config");
    for (line, reason) in [
        ("config context nobody", "there is no context \"nobody\""),
        ("config remove nobody -y", "there is no context"),
        ("config remove home -y", "is the current one and stays"),
        ("config add home", "there is a context \"home\" already"),
        ("config add new --ca rubbish", "not a certificate"),
        ("config endpoint http://x", "is not an endpoint"),
        ("config merge nowhere", "cannot read"),
        ("config merge rubbish", "is not a client configuration"),
        ("config merge empty", "empty"),
        (
            "--context other config info",
            "there is no context \"other\"",
        ),
        (
            "--context other config node x",
            "there is no context \"other\"",
        ),
    ] {
        let error = desk.run(line).failed();
        assert!(error.contains(reason), "{line}: {error}");
        assert_eq!(desk.read("home/.talos/config"), before, "{line}");
    }
}

#[test]
fn cmd_013_cmd_017_ctl_04_endpoints_and_nodes_are_stored_under_both_spellings() {
    let desk = Desk::with_cluster();
    let context = |desk: &Desk| {
        let config = ClientConfig::load(desk.read("home/.talos/config").as_bytes()).unwrap();
        config.current().unwrap().clone()
    };

    for (endpoint, node) in [("endpoint", "node"), ("endpoints", "nodes")] {
        desk.run(&format!("config {endpoint} 10.0.0.2 10.0.0.3"))
            .done();
        desk.run(&format!("config {node} 10.0.0.4 10.0.0.5")).done();

        assert_eq!(context(&desk).endpoints, ["10.0.0.2", "10.0.0.3"]);
        assert_eq!(context(&desk).nodes, ["10.0.0.4", "10.0.0.5"]);
        // Nobody can be reached without endpoints, and the nodes are the endpoints' own then.
        desk.run(&format!("config {endpoint}")).failed();
        desk.run(&format!("config {node}")).done();
        assert_eq!(context(&desk).endpoints, ["10.0.0.2", "10.0.0.3"]);
        assert!(context(&desk).nodes.is_empty());
    }
}

#[test]
fn cmd_010_a_context_that_is_added_becomes_the_current_one_only_when_there_is_none() {
    let desk = Desk::empty();
    let current = |desk: &Desk| {
        let text = desk.read("home/.talos/config");
        ClientConfig::load(text.as_bytes()).unwrap().context
    };

    desk.run("config add first").done();
    assert_eq!(current(&desk), "first");
    desk.run("config add second").done();
    assert_eq!(current(&desk), "first");
}

#[test]
fn ctl_08_a_file_that_was_made_by_hand_from_base64_leads_to_the_node() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let leaf = pki::Leaf::client(&["os:admin"], std::time::Duration::from_secs(3600));
    let made = desk.authority().issue(&leaf, crate::desk::now()).unwrap();
    let base64 = |pem: &[u8]| STANDARD.encode(pem);
    let text = format!(
        "context: mycluster\n\ncontexts:\n\n    mycluster:\n\n        endpoints:\n\n            - {}\n\n        \
         ca: {}\n\n        crt: {}\n\n        key: {}\n",
        node.address,
        base64(&desk.authority().certificate().to_pem()),
        base64(&made.certificate.to_pem()),
        base64(made.key.to_pem().unwrap().expose()),
    );
    desk.write("hand", text);

    desk.run("--talosconfig hand version --short").done();
}
