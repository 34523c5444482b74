// SPDX-License-Identifier: MPL-2.0
//! `edit` and `patch`.
//!
//! Owns: what reaches the node, what does not, and that nothing that was typed is lost.
//! Never: starts an editor that waits for somebody.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::MutexGuard;

use crate::desk::{Desk, Said};
use crate::double::Node;
use crate::shelf::Held;

const A: &str = "10.0.0.2";
const B: &str = "10.0.0.3";

/// A desk, and a node that answers for two, each with its own configuration.
struct Lab {
    desk: Desk,
    node: Node,
    /// The configuration of the first.
    text: String,
}

impl Lab {
    fn new() -> Self {
        let desk = Desk::with_cluster();
        let node = Node::running(&desk.authority());
        let text = desk.read("controlplane.yaml");
        let text = format!("# the first line\n{text}");
        node.held.lock().unwrap().give(A, &text);
        node.held.lock().unwrap().give(B, &desk.read("worker.yaml"));
        Self { desk, node, text }
    }

    /// Runs a command with an editor.
    fn run(&mut self, editor: &str, line: &str) -> Said {
        self.desk.environment.editor = Some(editor.into());
        self.desk.run(&format!("-e {} {line}", self.node.address))
    }

    /// Writes a program that edits: `$1` is the file.
    fn script(&self, text: &str) -> String {
        self.desk.write("editor.sh", text);
        format!("sh {}", self.desk.folder.join("editor.sh").display())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.node.held.lock().unwrap()
    }

    fn is_untouched(&self) -> bool {
        self.held().applied.is_empty() && self.held().text(A) == self.text
    }

    /// The files that are left in the folder for temporary ones.
    fn left(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.desk.folder.with_extension("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn cmd_026_edit_09_what_the_editor_changed_is_applied_and_the_rest_of_the_text_stays() {
    let mut lab = Lab::new();
    let said = lab.run(
        "sed -i 's/^    type: controlplane/    type: controlplane # edited/'",
        "-n 10.0.0.2 edit machineconfig --mode no-reboot",
    );

    let out = said.done();
    assert_eq!(out, "10.0.0.2: mode 2, dry run false\n");
    let expected = lab.text.replacen(
        "    type: controlplane",
        "    type: controlplane # edited",
        1,
    );
    assert_ne!(expected, lab.text);
    assert_eq!(lab.held().text(A), expected);
    assert_eq!(lab.held().applied, [(A.to_owned(), 2, false)]);
    assert!(lab.left().is_empty());
}

#[test]
fn edit_09_an_unchanged_or_empty_buffer_applies_nothing() {
    let mut lab = Lab::new();
    for (editor, says) in [
        ("true", "not changed, nothing is applied"),
        // Editors add the end of the last line.
        ("sh -c 'echo >> \"$0\"'", "not changed, nothing is applied"),
        ("truncate -s 0", "empty, nothing is applied"),
        ("sed -i d", "empty, nothing is applied"),
        ("sed -i '/^# ichorctl/!d'", "empty, nothing is applied"),
    ] {
        let said = lab.run(editor, "-n 10.0.0.2 edit mc");

        assert!(said.err.contains(says), "{editor}: {said:?}");
        assert_eq!(said.done(), "", "{editor}");
        assert!(lab.is_untouched() && lab.left().is_empty(), "{editor}");
    }
}

#[test]
fn cfg_06_several_nodes_are_edited_one_after_the_other() {
    let mut lab = Lab::new();
    let script = lab.script(
        "head -1 \"$1\" >> \"$(dirname \"$0\")/seen\"\n\
         stat -c %a \"$1\" \"$(dirname \"$1\")\" >> \"$(dirname \"$0\")/rights\"\n\
         echo '# edited' >> \"$1\"\n",
    );

    lab.run(&script, "-n 10.0.0.2,10.0.0.9,10.0.0.3 edit mc")
        .failed();

    assert_eq!(
        lab.desk.read("seen"),
        "# ichorctl: the configuration of node 10.0.0.2\n\
         # ichorctl: the configuration of node 10.0.0.3\n"
    );
    // Nobody else can read it while it is edited.
    assert_eq!(lab.desk.read("rights"), "600\n700\n600\n700\n");
    let applied = lab.held().applied.clone();
    assert_eq!(
        applied,
        [(A.to_owned(), 1, false), (B.to_owned(), 1, false)]
    );
    assert_eq!(lab.held().text(A), format!("{}# edited\n", lab.text));
    assert!(lab.held().text(B).ends_with("# edited\n"));
}

#[test]
fn edit_09_a_refused_configuration_comes_back_to_the_editor_with_the_reason_on_top() {
    let mut lab = Lab::new();
    let script = lab.script(
        "cat \"$1\" > \"$(dirname \"$0\")/round$(ls \"$(dirname \"$0\")\" | grep -c ^round)\"\n\
         if grep -q 'hostname: wrong' \"$1\"; then sed -i 's/hostname: wrong/hostname: good/' \"$1\"\n\
         else echo '# mine' >> \"$1\"; sed -i 's/^version:/# hostname: wrong\\n&/' \"$1\"; fi\n",
    );

    let said = lab.run(&script, "-n 10.0.0.2 edit mc");

    assert!(
        said.err
            .contains("10.0.0.2: the node refuses it: machine.network.hostname")
    );
    said.done();
    let second = lab.desk.read("round1");
    assert!(
        second.starts_with(
            "# ichorctl: the configuration of node 10.0.0.2 is refused:\n\
             # ichorctl:   machine.network.hostname: no host name, line 3 column 5\n\
             # ichorctl:   and more\n"
        ),
        "{second}"
    );
    // What was typed is still there, and what is applied has none of our lines.
    assert!(second.ends_with("# mine\n"));
    let applied = lab.held().text(A);
    assert!(applied.starts_with("# the first line\n") && applied.ends_with("# mine\n"));
    assert!(applied.contains("# hostname: good") && lab.left().is_empty());
}

#[test]
fn what_was_typed_is_kept_when_it_cannot_be_applied() {
    for (mark, changes_in, says) in [
        // The same mistake again: the operator gave up.
        ("hostname: wrong", None, "as it was when it was refused"),
        (
            "hostname: worker",
            None,
            "not supported yet (Unimplemented)",
        ),
        ("lost?", Some(2), "changed since it was read"),
    ] {
        let mut lab = Lab::new();
        lab.held().changes_in = changes_in;
        let script = lab.script(&format!(
            "grep -q '^# {mark}' \"$1\" || sed -i 's/^version:/# {mark}\\n&/' \"$1\"\n"
        ));

        let why = lab.run(&script, "-n 10.0.0.2 edit mc").failed();

        assert!(why.contains(says) && why.contains("is kept in"), "{why}");
        assert!(lab.held().applied.is_empty());
        let left = lab.left();
        let [kept] = &left[..] else {
            panic!("{left:?}");
        };
        assert!(why.contains(kept.to_str().unwrap()), "{why}");
        let text = std::fs::read_to_string(kept).unwrap();
        let expected = lab
            .text
            .replacen("version:", &format!("# {mark}\nversion:"), 1);
        assert_eq!(text, expected);
        let mode = std::fs::metadata(kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn an_editor_that_fails_changes_nothing_and_is_named() {
    let mut lab = Lab::new();
    for (editor, says) in [
        (
            "no-such-editor-anywhere",
            "cannot start the editor no-such-editor-anywhere",
        ),
        ("no-such-editor-anywhere --wait 'x'", "failed with code 127"),
        ("false", "the editor false failed with code 1"),
        ("kill -9 $$", "was ended by signal 9"),
        ("rm", "what the editor left in"),
        ("/", "cannot start the editor /"),
    ] {
        let why = lab.run(editor, "-n 10.0.0.2,10.0.0.3 edit mc").failed();

        assert!(why.contains(says), "{editor}: {why}");
        assert_eq!(why.matches("error:").count(), 1, "{editor}: {why}");
        assert!(lab.is_untouched() && lab.left().is_empty(), "{editor}");
    }
}

#[test]
fn an_editor_that_leaves_rubbish_changes_nothing() {
    for (editor, says) in [
        (
            "dd if=/dev/zero bs=1M count=5 conv=notrunc status=none of=",
            "too long",
        ),
        ("printf '\\377\\376' >", "not UTF-8"),
        ("head -c 5000000 /dev/urandom >", "not UTF-8"),
    ] {
        let mut lab = Lab::new();
        let script = if editor.ends_with('=') {
            lab.script(&format!("{editor}\"$1\"\n"))
        } else {
            lab.script(&format!("{editor} \"$1\"\n"))
        };

        let why = lab.run(&script, "-n 10.0.0.2 edit mc").failed();

        assert!(
            why.contains(says) && why.contains("nothing is applied"),
            "{why}"
        );
        assert!(why.len() < 2000 && lab.is_untouched(), "{why}");
    }
}

#[test]
fn only_configurations_are_edited_and_patched() {
    let mut lab = Lab::new();
    for (line, says) in [
        (
            "edit svc",
            "resources of type Services.v1alpha1.talos.dev cannot be changed",
        ),
        (
            r#"patch svc -p {"debug":true}"#,
            "resources of type Services.v1alpha1.talos.dev cannot be changed",
        ),
        ("edit rs", "is short for several"),
        ("edit teapots", "there is no type of resource"),
        ("edit mc other", "NotFound"),
        ("edit mc --namespace nowhere", "NotFound"),
        ("patch mc", "no patch is named"),
        ("patch mc -p @nowhere.yaml", "nowhere.yaml"),
        ("patch mc -p machine", "patch no. 1"),
    ] {
        let why = lab.run("false", &format!("-n 10.0.0.2 {line}")).failed();
        assert!(why.contains(says), "{line}: {why}");
        assert!(lab.is_untouched(), "{line}");
    }
}

#[test]
fn cfg_07_each_node_has_its_own_configuration_patched_and_written_once() {
    let mut lab = Lab::new();
    lab.desk
        .write("one.yaml", "machine:\n  network:\n    hostname: one\n");
    lab.desk.write(
        "two.json",
        r#"[{"op": "replace", "path": "/machine/network/hostname", "value": "two"}]"#,
    );

    let said = lab.run(
        "false",
        "-n 10.0.0.2,10.0.0.3 patch machineconfig -p @one.yaml --patch-file two.json",
    );

    assert!(
        said.err.contains("10.0.0.3: mode 1, dry run false"),
        "{said:?}"
    );
    assert_eq!(
        said.done(),
        "patched mc at the node 10.0.0.2\npatched mc at the node 10.0.0.3\n"
    );
    let applied = lab.held().applied.clone();
    assert_eq!(
        applied,
        [(A.to_owned(), 1, false), (B.to_owned(), 1, false)]
    );
    let first = lab.held().text(A);
    let second = lab.held().text(B);
    // Order decides, comments stay, and neither node got the other's.
    for (text, kind) in [(&first, "controlplane"), (&second, "worker")] {
        assert!(text.contains("hostname: two"), "{kind}");
        assert!(text.contains(&format!("    type: {kind}")), "{kind}");
    }
    assert!(first.starts_with("# the first line\n"));
}

#[test]
fn patch_02_a_node_is_patched_as_a_file_is() {
    let mut lab = Lab::new();
    let patch = r#"{"machine":{"network":{"hostname":"same"},"sysctls":{"a.b":"1"}}}"#;
    lab.desk.write("file.yaml", &lab.text);
    let words = ["machineconfig", "patch", "file.yaml", "-p", patch];
    let from_file = lab.desk.run_words(&words).done();

    lab.run("false", &format!("-n 10.0.0.2 patch mc -p {patch}"))
        .done();

    assert_eq!(lab.held().text(A), from_file);
}

#[test]
fn edit_10_a_patch_that_does_not_fit_changes_nothing() {
    let mut lab = Lab::new();
    for (patch, says) in [
        ("{\"machine\":{\"nonsense\":1}}", "nonsense: unknown key"),
        (
            "[{\"op\":\"replace\",\"path\":\"/machine/nothing/there\",\"value\":1}]",
            "cannot patch the configuration of 10.0.0.2",
        ),
        (
            "{\"machine\":{\"network\":{\"hostname\":\"wrong\"}}}",
            "the patched configuration is refused, nothing is applied: machine.network.hostname",
        ),
    ] {
        let said = lab.run("false", &format!("-n 10.0.0.2 patch mc -p {patch}"));
        assert_eq!(said.out, "");
        let why = said.failed();
        assert!(why.contains(says), "{patch}: {why}");
        assert!(lab.is_untouched(), "{patch}");
    }
    lab.held().changes_in = Some(2);
    let patch = "{\"machine\":{\"network\":{\"hostname\":\"late\"}}}";
    let why = lab
        .run("false", &format!("-n 10.0.0.2 patch mc -p {patch}"))
        .failed();
    assert!(
        why.contains("changed since it was read; nothing is applied"),
        "{why}"
    );
    assert!(lab.held().applied.is_empty());
}

#[test]
fn cmd_073_a_dry_run_says_what_would_happen_and_a_confirmation_how_it_goes_on() {
    let mut lab = Lab::new();
    let patch = "{\"machine\":{\"network\":{\"hostname\":\"new\"}}}";

    let dry = lab.run(
        "false",
        &format!("-n 10.0.0.2 patch mc --dry-run -p {patch}"),
    );
    assert_eq!(dry.done(), "10.0.0.2: mode 1, dry run true\n");
    assert_eq!(lab.held().text(A), lab.text);

    let line = format!("-n 10.0.0.2 patch mc -m try --timeout 2m -p {patch}");
    lab.run("false", &line).done();
    assert_eq!(lab.held().applied.last(), Some(&(A.to_owned(), 4, false)));

    // The double knows nothing of it, and that is said.
    let line = format!("-n 10.0.0.2 patch mc --confirm 1m -p {patch}");
    let said = lab.run("false", &line);
    assert!(said.err.contains("knows nothing of --confirm"), "{said:?}");
}

#[test]
fn edit_and_patch_confirm_with_the_same_word_as_apply_config() {
    let mut lab = Lab::new();
    let stored = "10.0.0.2: Confirmed: the configuration is stored\n";
    for line in ["edit mc", "patch mc", "apply-config"] {
        // There is nothing to edit, so no editor is started.
        let said = lab.run("false", &format!("-n 10.0.0.2 {line} --confirm now"));

        assert_eq!(said.err, "", "{line}");
        assert_eq!(said.done(), stored, "{line}");
    }
    lab.run("false", "-n 10.0.0.3,10.0.0.2 edit mc --confirm now")
        .done();
    // All nodes at once, or one after the other.
    assert_eq!(lab.held().confirmed, [A, A, "", B, A]);
    assert!(lab.is_untouched());

    let why = lab
        .run("false", "-n 10.0.0.2 patch mc --confirm now -p {}")
        .failed();
    assert!(why.contains("takes no patch"), "{why}");
    let why = lab
        .run("false", "-n 10.0.0.2 edit svc --confirm now")
        .failed();
    assert!(why.contains("cannot be changed"), "{why}");
    assert_eq!(lab.held().confirmed.len(), 5);
}
