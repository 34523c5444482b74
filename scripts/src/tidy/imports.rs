// SPDX-License-Identifier: MPL-2.0
//! Who may import whom: the table in ARCHITECTURE.md against what the crates say.
//!
//! Owns: reading of the table, and the comparison with cargo's metadata.
//! Never: knows a crate by name; the table is the only source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Finding, field, items, shown};
use crate::places::Places;

/// The heading above the table.
const HEADING: &str = "## Who may import whom";

/// Which crates a row allows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Any,
    Only(BTreeSet<String>),
}

impl Allowed {
    fn parse(cell: &str) -> Self {
        match cell {
            "any" => Self::Any,
            "–" | "-" | "" => Self::Only(BTreeSet::new()),
            names => Self::Only(
                names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect(),
            ),
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What the table says about one crate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    ours: Allowed,
    outside: Allowed,
    forbids_unsafe: bool,
    has_std: bool,
}

type Table = BTreeMap<String, Row>;

/// Checks every crate of the workspace against the table.
pub(super) fn check(places: &Places, metadata: &Value) -> Result<Vec<Finding>> {
    let path = places.root.join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let table = parse(&text)?;
    let members: BTreeSet<&str> = items(metadata, "workspace_members")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let ours: Vec<&Value> = items(metadata, "packages")
        .iter()
        .filter(|package| members.contains(field(package, "id")))
        .collect();
    let names: BTreeSet<&str> = ours.iter().map(|package| field(package, "name")).collect();
    let mut findings = Vec::new();
    for package in ours {
        findings.extend(check_imports(package, &table, &names));
        if let Some(row) = table.get(field(package, "name")) {
            findings.extend(check_attributes(package, row)?);
        }
    }
    for name in table.keys().filter(|name| !names.contains(name.as_str())) {
        let text = format!("the import table has a row for {name}, which does not exist");
        findings.push(Finding {
            path: "ARCHITECTURE.md".to_owned(),
            line: 0,
            text,
        });
    }
    Ok(findings)
}

/// Reads the table below the heading.
fn parse(text: &str) -> Result<Table> {
    let (_, section) = text
        .split_once(HEADING)
        .context("ARCHITECTURE.md has no import table")?;
    let mut table = Table::new();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    for line in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [crates, ours, outside, safety, _heap, std] = cells.as_slice() else {
            anyhow::bail!("the import table has a row that is not six cells: {line}");
        };
        if *crates == "crate" || crates.starts_with("--") {
            continue;
        }
        let row = Row {
            ours: Allowed::parse(ours),
            outside: Allowed::parse(outside),
            forbids_unsafe: *safety == "forbid",
            has_std: *std == "yes",
        };
        for name in crates.split(',') {
            table.insert(name.trim().to_owned(), row.clone());
        }
    }
    ensure!(
        !table.is_empty(),
        "the import table in ARCHITECTURE.md is empty"
    );
    Ok(table)
}

fn check_imports(package: &Value, table: &Table, ours: &BTreeSet<&str>) -> Vec<Finding> {
    let name = field(package, "name");
    let path = shown(Path::new(field(package, "manifest_path")));
    let finding = |text: String| Finding {
        path: path.clone(),
        line: 0,
        text,
    };
    let Some(row) = table.get(name) else {
        return vec![finding(format!(
            "{name} is not in the import table of ARCHITECTURE.md"
        ))];
    };
    items(package, "dependencies")
        .iter()
        // Development and build dependencies never reach a node.
        .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null))
        .map(|dependency| field(dependency, "name"))
        .filter(|other| {
            if ours.contains(other) {
                !row.ours.has(other)
            } else {
                !row.outside.has(other)
            }
        })
        .map(|other| {
            finding(format!(
                "{name} may not import {other} (see ARCHITECTURE.md)"
            ))
        })
        .collect()
}

/// Checks that each root file of a crate says what the table says.
fn check_attributes(package: &Value, row: &Row) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for target in items(package, "targets") {
        let kinds: Vec<&str> = items(target, "kind")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !kinds.iter().any(|kind| matches!(*kind, "lib" | "bin")) {
            continue;
        }
        let path = Path::new(field(target, "src_path"));
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut missing = |attribute: &str| {
            let text = format!("the table wants {attribute} here");
            findings.push(Finding {
                path: shown(path),
                line: 0,
                text,
            });
        };
        if row.forbids_unsafe && !text.contains("#![forbid(unsafe_code)]") {
            missing("#![forbid(unsafe_code)]");
        }
        if !row.has_std && !text.contains("no_std") {
            missing("#![no_std]");
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\n\n## Who may import whom\n\nwords\n\n\
        | crate | ours | outside | unsafe | heap | std |\n|---|---|---|---|---|---|\n\
        | init | sys, proto | heapless | entry | no | no |\n\
        | udevd, netd | sys | – | entry | no | no |\n\
        | tests | any | any | deny | yes | yes |\n\nafter\n| not | this |\n";

    fn package(name: &str, dependencies: &str) -> Value {
        let text = format!(
            r#"{{"name": "{name}", "manifest_path": "/x/Cargo.toml", "dependencies": [{dependencies}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn breaches(package: &Value) -> Vec<String> {
        let ours = BTreeSet::from(["init", "sys", "proto", "udevd", "netd", "config", "tests"]);
        let table = parse(TEXT).unwrap();
        check_imports(package, &table, &ours)
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    #[test]
    fn the_table_is_read_row_by_row() {
        let table = parse(TEXT).unwrap();

        assert_eq!(table.len(), 4);
        assert_eq!(table["udevd"], table["netd"]);
        assert!(table["init"].ours.has("proto"));
        assert!(!table["init"].ours.has("config"));
        assert!(!table["init"].has_std);
        assert!(table["tests"].outside.has("anything"));
    }

    #[test]
    fn an_allowed_import_passes() {
        assert_eq!(
            breaches(&package("init", r#"{"name": "sys", "kind": null}"#)),
            [""; 0]
        );
        assert_eq!(
            breaches(&package("tests", r#"{"name": "tokio", "kind": null}"#)),
            [""; 0]
        );
    }

    #[test]
    fn a_forbidden_crate_of_ours_is_found() {
        let found = breaches(&package("init", r#"{"name": "config", "kind": null}"#));

        assert_eq!(found, ["init may not import config (see ARCHITECTURE.md)"]);
    }

    #[test]
    fn a_forbidden_crate_from_outside_is_found() {
        assert_eq!(
            breaches(&package("netd", r#"{"name": "libc", "kind": null}"#)).len(),
            1
        );
    }

    #[test]
    fn development_dependencies_do_not_count() {
        assert_eq!(
            breaches(&package("init", r#"{"name": "libc", "kind": "dev"}"#)),
            [""; 0]
        );
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_found() {
        assert_eq!(breaches(&package("newcomer", "")).len(), 1);
    }

    #[test]
    fn a_text_without_a_good_table_is_refused() {
        assert!(parse("# A\n").is_err());
        assert!(parse("## Who may import whom\n\nno table\n").is_err());
        assert!(parse("## Who may import whom\n| a | b |\n").is_err());
    }
}
