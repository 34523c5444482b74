// SPDX-License-Identifier: MPL-2.0
//! Support bundles.
//!
//! Owns: what is in one, and what must never be.
//! Never: reads an archive with the code that wrote it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use flate2::read::DeflateDecoder;
use ichorctl::Outcome;

use crate::desk::{Desk, Said};
use crate::double::Node;

/// The contents of an archive by their paths, found one after the other from its beginning.
fn contents(path: &Path) -> BTreeMap<String, String> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut found = BTreeMap::new();
    while let Some(entry) = rest.strip_prefix(b"PK\x03\x04") {
        let number = |at: usize| {
            let bytes = entry.get(at..).and_then(|from| from.first_chunk());
            usize::try_from(u32::from_le_bytes(*bytes.unwrap())).unwrap()
        };
        // Two bytes each for the length of the name and of what is extra, which is nothing.
        let (packed_len, len, name_len) = (number(14), number(18), number(22));
        let (name, after) = entry.get(26..).unwrap().split_at(name_len);
        let (packed, after) = after.split_at(packed_len);
        let mut text = String::new();
        DeflateDecoder::new(packed)
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.len(), len);
        let name = String::from_utf8(name.to_vec()).unwrap();
        assert!(found.insert(name, text).is_none());
        rest = after;
    }
    assert!(rest.starts_with(b"PK\x01\x02"));
    found
}

struct Bundled {
    desk: Desk,
    node: Node,
    said: Said,
}

fn bundled(line: &str) -> Bundled {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let text = desk.read("controlplane.yaml");
    node.held.lock().unwrap().give("10.0.0.2", &text);
    let said = desk.run(&format!("-e {} {line}", node.address));
    Bundled { desk, node, said }
}

#[test]
fn cmd_084_diag_04_a_bundle_has_a_folder_for_each_node_with_everything_but_secrets() {
    for workers in ["", "-w 4"] {
        let bundled = bundled(&format!("-n 10.0.0.2,10.0.0.3 support {workers}"));
        let (desk, said) = (&bundled.desk, &bundled.said);
        assert_eq!(said.outcome, Outcome::Done, "{said:?}");
        let path = desk.folder.join("support.zip");
        let line = format!("{}: ", path.display());
        assert!(said.out.starts_with(&line), "{said:?}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let found = contents(&path);
        for node in ["10.0.0.2", "10.0.0.3"] {
            for (name, part) in [
                ("version.txt", "v9.8.7"),
                ("dmesg.log", "kern: info: the first\nkern: info: the last\n"),
                ("controller-runtime.log", "one\ntwo\nthree"),
                ("service-logs/apid.log", "one\ntwo\nthree"),
                ("service-logs/broken.log", "one"),
                ("resources/Services.v1alpha1.talos.dev.yaml", "id: udevd"),
                (
                    "resources/ResourceDefinitions.meta.cosi.dev.yaml",
                    "aliases:",
                ),
                ("processes.txt", "/usr/lib/ichor/apid"),
                ("mounts.txt", "/dev/loop0"),
                ("memory.txt", "MemTotal:"),
                ("load.txt", "0.75 0.00 0.00"),
                ("services.txt", "broken"),
                ("io.txt", "vda    1500      2500"),
                ("absent.txt", "proc/pressure/io: "),
            ] {
                let text = found.get(&format!("{node}/{name}"));
                let text = text.unwrap_or_else(|| panic!("no {name} in {:?}", found.keys()));
                assert!(text.contains(part), "{name}: {text}");
            }
        }
        assert!(!found.keys().any(|name| name.contains("MachineConfig")));
        assert!(!found.keys().any(|name| name.contains("errors.txt")));
        assert_no_secrets(desk, &found);
    }
}

/// Every long word of the secrets of the cluster is searched for.
fn assert_no_secrets(desk: &Desk, found: &BTreeMap<String, String>) {
    let secrets = desk.read("secrets.yaml");
    let words = secrets.split_whitespace().filter(|word| word.len() >= 20);
    let mut count = 0_usize;
    for word in words {
        count = count.saturating_add(1);
        for (name, text) in found {
            assert!(!text.contains(word), "{name} has a secret");
        }
    }
    assert!(count >= 10);
}

#[test]
fn cmd_084_a_node_that_is_away_costs_its_own_files_only() {
    let bundled = bundled("-n 10.0.0.9,10.0.0.2 support -O b.zip -v");
    let said = &bundled.said;

    assert_eq!(said.outcome, Outcome::Failed);
    for line in [
        "error: 10.0.0.9: the list of services: no route to it",
        "10.0.0.2: dmesg.log\n",
        "10.0.0.9: 0 files, 0 not there, 1 errors",
    ] {
        assert!(said.err.contains(line), "{line}: {said:?}");
    }
    let found = contents(&bundled.desk.folder.join("b.zip"));
    assert!(found.contains_key("10.0.0.2/dmesg.log"));
    let errors = found.get("10.0.0.9/errors.txt").unwrap();
    assert!(errors.contains("no route to it"), "{errors}");
}

#[test]
fn cmd_084_an_archive_is_never_overwritten() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.write("support.zip", "mine");
    let line = format!("-e {} -n 10.0.0.2 support", node.address);

    let error = desk.run(&line).failed();

    assert!(error.contains("support.zip exists already"), "{error}");
    assert_eq!(desk.read("support.zip"), "mine");
    for line in ["support -w 0", "support -w 1000", "support now"] {
        desk.run(line).failed();
    }
}

#[test]
fn cmd_084_nothing_is_left_of_a_bundle_that_cannot_be_written() {
    let bundled = bundled("-n 10.0.0.2 support -O nowhere/b.zip");
    let (desk, error) = (bundled.desk, bundled.said.failed());

    assert!(error.contains("nowhere"), "{error}");
    assert!(!desk.folder.join("nowhere").exists());
    let temporary = desk.environment.temporary.as_ref().unwrap();
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0);
    drop(bundled.node);
}
