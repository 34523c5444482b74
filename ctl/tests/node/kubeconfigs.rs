// SPDX-License-Identifier: MPL-2.0
//! `kubeconfig` against the double.
//!
//! Owns: where the file goes, and what happens to one that is there.
//! Never: touches the home folder of whoever runs the test.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::desk::{Desk, Said};
use crate::double::Node;

struct Lab {
    desk: Desk,
    node: Node,
}

impl Lab {
    fn new() -> Self {
        let desk = Desk::with_cluster();
        let node = Node::running(&desk.authority());
        Self { desk, node }
    }

    fn run(&self, line: &str) -> Said {
        let address = self.node.address;
        self.desk
            .run(&format!("-e {address} -n 10.0.0.2 kubeconfig {line}"))
    }

    /// The names of the contexts in a file.
    fn contexts(&self, file: &str) -> Vec<String> {
        let text = self.desk.read(file);
        let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let contexts = value.get("contexts").unwrap().as_sequence().unwrap();
        let names = contexts
            .iter()
            .map(|context| context.get("name").unwrap().as_str().unwrap());
        names.map(str::to_owned).collect()
    }
}

#[test]
fn cli_02_a_kubeconfig_is_merged_into_the_default_file_and_never_over_another() {
    let lab = Lab::new();

    let first = lab.run("");
    let second = lab.run("");

    assert_eq!(first.out, "");
    assert!(
        first.err.contains("context \"admin@home\" is in "),
        "{first:?}"
    );
    assert!(
        second
            .err
            .contains("context \"admin@home\" is taken; the new one is called \"admin@home-1\""),
        "{second:?}"
    );
    assert_eq!(
        lab.contexts("home/.kube/config"),
        ["admin@home", "admin@home-1"]
    );
    let path = lab.desk.folder.join("home/.kube/config");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    lab.run("--force").done();
    assert_eq!(lab.contexts("home/.kube/config").len(), 2);
    lab.run("--force-context-name mine -f").done();
    assert_eq!(lab.contexts("home/.kube/config").last().unwrap(), "mine");
}

#[test]
fn cmd_061_a_path_is_merged_into_and_without_merging_a_file_is_written_once() {
    let lab = Lab::new();
    lab.desk
        .write("mine", "kind: Config\npreferences: {colors: true}\n");
    symlink("mine", lab.desk.folder.join("link")).unwrap();

    lab.run("link").done();

    assert_eq!(lab.contexts("mine"), ["admin@home"]);
    assert!(lab.desk.read("mine").contains("colors: true"));
    assert!(lab.desk.folder.join("link").is_symlink());
    lab.run("--merge=false").done();
    assert!(
        lab.desk
            .read("kubeconfig")
            .contains("https://10.0.0.2:6443")
    );
    let refused = lab.run("--merge=false").failed();
    assert!(
        refused.contains("exists already") && refused.contains("--force"),
        "{refused}"
    );
    lab.run("--merge=false --force").done();
    std::fs::create_dir(lab.desk.folder.join("folder")).unwrap();
    lab.run("folder -m=false").done();
    assert_eq!(lab.contexts("folder/kubeconfig"), ["admin@home"]);
}

#[test]
fn what_is_no_kubeconfig_leaves_everything_as_it_was() {
    let lab = Lab::new();
    lab.desk.write("broken", "contexts: 7\n");
    let refused = lab.run("broken").failed();
    assert!(refused.contains("contexts is no list"), "{refused}");
    assert_eq!(lab.desk.read("broken"), "contexts: 7\n");

    for (node, reason) in [
        ("10.0.0.5", "a worker has no CA key (FailedPrecondition)"),
        ("10.0.0.6", "the kubeconfig: "),
        ("10.0.0.7", "the archive has no file"),
        ("10.0.0.2,10.0.0.3", "one node at a time"),
    ] {
        let line = format!("-e {} -n {node} kubeconfig new", lab.node.address);
        let refused = lab.desk.run(&line).failed();
        assert!(refused.contains(reason), "{node}: {refused}");
        assert!(!lab.desk.folder.join("new").exists());
    }
}
