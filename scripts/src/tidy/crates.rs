// SPDX-License-Identifier: MPL-2.0
//! Crates of other people: their licences, where they come from, and doubles.
//!
//! Owns: the checks that `deny.toml` configures.
//! Never: asks the network.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;
use toml::Table;

use super::{Finding, field, items};
use crate::places::Places;

/// What `deny.toml` allows.
struct Policy {
    licences: BTreeSet<String>,
    registries: BTreeSet<String>,
    doubles: BTreeSet<String>,
}

/// Checks every crate of the lock file.
pub(super) fn check(places: &Places, metadata: &Value) -> Result<Vec<Finding>> {
    let path = places.root.join("deny.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(check_packages(&parse(&text)?, items(metadata, "packages")))
}

fn parse(text: &str) -> Result<Policy> {
    let table: Table = text.parse().context("deny.toml")?;
    let list = |section: &str, key: &str| -> Result<BTreeSet<String>> {
        let list = table.get(section).and_then(|section| section.get(key));
        let list = list.and_then(toml::Value::as_array);
        let list = list.with_context(|| format!("deny.toml: {section}.{key} is not a list"))?;
        list.iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .context("deny.toml: not a text")
            })
            .collect()
    };
    Ok(Policy {
        licences: list("licenses", "allow")?,
        registries: list("sources", "allow-registry")?,
        doubles: list("bans", "skip")?,
    })
}

fn check_packages(policy: &Policy, packages: &[Value]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut found = |text| {
        findings.push(Finding {
            path: "deny.toml".to_owned(),
            line: 0,
            text,
        })
    };
    for package in packages {
        let (name, version) = (field(package, "name"), field(package, "version"));
        versions.entry(name).or_default().push(version);
        let licence = field(package, "license");
        if !is_allowed(policy, licence) {
            found(format!("{name} {version} has the licence {licence:?}"));
        }
        // Crates of the workspace have no source.
        let source = field(package, "source");
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        if !source.is_empty() && !policy.registries.contains(registry) {
            found(format!("{name} {version} comes from {source}"));
        }
    }
    for (name, versions) in &versions {
        if versions.len() > 1 && !policy.doubles.contains(*name) {
            found(format!(
                "{name} is there in versions {}",
                versions.join(", ")
            ));
        }
        if versions.len() < 2 && policy.doubles.contains(*name) {
            found(format!("{name} is there once: remove it from bans.skip"));
        }
    }
    for name in policy
        .doubles
        .iter()
        .filter(|name| !versions.contains_key(name.as_str()))
    {
        found(format!("{name} is not there: remove it from bans.skip"));
    }
    findings
}

/// Tells whether an SPDX expression can be met with allowed licences: one of each `OR`, all of each
/// `AND`. Parentheses occur only around alternatives.
fn is_allowed(policy: &Policy, expression: &str) -> bool {
    let conditions = expression.split(" AND ");
    !expression.is_empty()
        && conditions.into_iter().all(|condition| {
            let condition = condition
                .trim()
                .trim_start_matches('(')
                .trim_end_matches(')');
            // Old crates write a slash for OR.
            let choices = condition.split(" OR ").flat_map(|part| part.split('/'));
            choices
                .into_iter()
                .any(|choice| policy.licences.contains(choice.trim()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "[licenses]\nallow = [\"MIT\", \"ISC\"]\n[sources]\nallow-registry = [\"https://r\"]\n[bans]\nskip = [\"twice\"]\n";

    fn texts(packages: &str) -> Vec<String> {
        let packages: Vec<Value> = serde_json::from_str(packages).unwrap();
        let policy = parse(POLICY).unwrap();
        check_packages(&policy, &packages)
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    const DOUBLE: &str = r#"{"name": "twice", "version": "1", "license": "MIT"}, {"name": "twice", "version": "2", "license": "MIT"}"#;

    #[test]
    fn good_crates_pass() {
        let text = format!(
            r#"[{DOUBLE}, {{"name": "a", "version": "1", "license": "MIT OR GPL-3.0", "source": "registry+https://r"}}]"#
        );

        assert_eq!(texts(&text), [""; 0]);
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_found() {
        for licence in [
            "GPL-3.0",
            "",
            "MIT AND GPL-3.0",
            "(GPL-3.0 OR AGPL-3.0) AND MIT",
        ] {
            let text =
                format!(r#"[{DOUBLE}, {{"name": "a", "version": "1", "license": "{licence}"}}]"#);
            assert_eq!(texts(&text).len(), 1, "{licence:?}");
        }
        for licence in [
            "MIT",
            "GPL-3.0 OR MIT",
            "(GPL-3.0 OR ISC) AND MIT",
            "MIT/Apache-2.0",
        ] {
            let text =
                format!(r#"[{DOUBLE}, {{"name": "a", "version": "1", "license": "{licence}"}}]"#);
            assert_eq!(texts(&text), [""; 0], "{licence:?}");
        }
    }

    #[test]
    fn a_crate_from_a_git_address_is_found() {
        let text = format!(
            r#"[{DOUBLE}, {{"name": "a", "version": "1", "license": "MIT", "source": "git+https://r"}}]"#
        );

        assert_eq!(texts(&text), ["a 1 comes from git+https://r"]);
    }

    #[test]
    fn a_double_that_is_not_excused_is_found() {
        let text = r#"[{"name": "a", "version": "1", "license": "MIT"}, {"name": "a", "version": "2", "license": "MIT"}, {"name": "twice", "version": "1", "license": "MIT"}]"#;

        let found = texts(text);

        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_file_without_its_sections_is_refused() {
        assert!(parse("[licenses]\nallow = []\n").is_err());
        assert!(parse("not toml").is_err());
        assert!(parse(&POLICY.replace("[\"MIT\", \"ISC\"]", "\"MIT\"")).is_err());
    }
}
