// SPDX-License-Identifier: MPL-2.0
//! What differs between two configurations, in lines that anybody may read.
//!
//! Owns: one form for both texts, and taking the secrets out of it.
//! Never: shows a key, a token, or the content of a file.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use serde_yaml_ng::{Deserializer, Value};
use similar::TextDiff;

/// Lines around each difference.
const CONTEXT: usize = 3;
/// How long the search for the shortest form may take; after that a longer one is good enough.
const PATIENCE: Duration = Duration::from_millis(200);
/// What stands in place of a secret.
const HIDDEN: &str = "******";

/// Keys whose values are secrets by their whole name: keys of certificates, and contents of files
/// and manifests, which are nobody's business but their owner's.
const SECRET_NAMES: &[&str] = &["key", "auth", "content", "contents"];
/// Keys whose values are secrets by a part of their name, in any spelling.
const SECRET_PARTS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passphrase",
    "privatekey",
    "presharedkey",
];

/// Returns the differences in unified form; nothing when the two mean the same. `None`: one of
/// them cannot be read.
#[must_use]
pub(crate) fn between(old: &[u8], new: &[u8]) -> Option<String> {
    let mut secrets = HashMap::new();
    let old = shown(old, &mut secrets)?;
    let new = shown(new, &mut secrets)?;
    let difference = TextDiff::configure()
        .deadline(Instant::now().checked_add(PATIENCE)?)
        .diff_lines(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header("stored", "new")
        .missing_newline_hint(false)
        .to_string();
    Some(without_numbers(&difference))
}

/// Writes a configuration in the one form, each secret as a number that stands for its value.
fn shown(text: &[u8], secrets: &mut HashMap<String, usize>) -> Option<String> {
    let mut out = String::new();
    for document in Deserializer::from_slice(text) {
        let mut value = Value::deserialize(document).ok()?;
        hide(&mut value, secrets);
        if !out.is_empty() {
            out.push_str("---\n");
        }
        out.push_str(&serde_yaml_ng::to_string(&value).ok()?);
    }
    Some(out)
}

fn hide(value: &mut Value, secrets: &mut HashMap<String, usize>) {
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries.iter_mut() {
                if key.as_str().is_some_and(is_secret) {
                    hide_all(value, secrets);
                } else {
                    hide(value, secrets);
                }
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Tagged(tagged) => hide(&mut tagged.value, secrets),
        Value::String(text) if holds_secret(text) => *value = number(text.clone(), secrets),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Hides every value below a secret name.
fn hide_all(value: &mut Value, secrets: &mut HashMap<String, usize>) {
    match value {
        // A section of that name has names of its own.
        Value::Mapping(_) => hide(value, secrets),
        Value::Sequence(items) => items.iter_mut().for_each(|item| hide_all(item, secrets)),
        Value::Tagged(tagged) => hide_all(&mut tagged.value, secrets),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => *value = number(text.clone(), secrets),
        Value::Number(digits) => *value = number(digits.to_string(), secrets),
        Value::Null | Value::Bool(_) => {}
    }
}

fn number(secret: String, secrets: &mut HashMap<String, usize>) -> Value {
    let next = secrets.len();
    let number = *secrets.entry(secret).or_insert(next);
    Value::String(format!("{HIDDEN}#{number}"))
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace(['_', '-'], "");
    SECRET_NAMES.contains(&lower.as_str()) || SECRET_PARTS.iter().any(|part| lower.contains(part))
}

/// Whether a text that stands anywhere gives a secret away: a private key, a URL with a user or a
/// token in it, a variable with a secret name.
fn holds_secret(text: &str) -> bool {
    let with_user = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or(rest).contains('@'));
    let mut assigned = text
        .split(['?', '&', ';', ' ', ','])
        .filter_map(|part| part.split_once('='));
    text.contains("PRIVATE KEY") || with_user || assigned.any(|(name, _)| is_secret(name))
}

/// Takes the numbers away again: that a secret differs is seen by the line, and that is enough.
fn without_numbers(text: &str) -> String {
    let numbered = format!("{HIDDEN}#");
    let mut parts = text.split(&numbered);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(HIDDEN);
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between_texts(old: &str, new: &str) -> String {
        between(old.as_bytes(), new.as_bytes()).unwrap()
    }

    #[test]
    fn what_differs_is_shown_with_its_surroundings() {
        let old = "machine:\n  type: worker # here\n  network: {hostname: box}\n";
        let new = "machine:\n  type: 'worker'\n  network:\n    hostname: other\n";

        let difference = between_texts(old, new);

        assert_eq!(
            difference,
            "--- stored\n+++ new\n@@ -1,4 +1,4 @@\n machine:\n   type: worker\n   network:\n\
             -    hostname: box\n+    hostname: other\n"
        );
        assert_eq!(
            between_texts(old, &old.replace("worker #", "'worker' #")),
            ""
        );
    }

    #[test]
    fn a_new_secret_is_seen_and_not_shown() {
        for (old, new) in [
            ("token: aaaa", "token: bbbb"),
            ("ca: {crt: x, key: aaaa}", "ca: {crt: x, key: bbbb}"),
            ("clusterSecret: aaaa", "clusterSecret: bbbb"),
            (
                "aescbcEncryptionSecret: aaaa",
                "aescbcEncryptionSecret: bbbb",
            ),
            ("bind_password: 1111", "bind_password: 2222"),
            ("auth: {auth: aaaa}", "auth: {auth: bbbb}"),
            ("key: |\n  aaaa\n  more", "key: >\n  bbbb\n  less"),
            ("files: [{content: aaaa}]", "files: [{content: bbbb}]"),
            ("tokens: [aaaa]", "tokens: [bbbb]"),
            ("env: [API_TOKEN=aaaa]", "env: [API_TOKEN=bbbb]"),
            ("url: https://u:aaaa@h/x", "url: https://u:bbbb@h/x"),
            (
                "url: https://h/?jointoken=aaaa",
                "url: https://h/?jointoken=bbbb",
            ),
            ("x: 'BEGIN PRIVATE KEY aaaa'", "x: 'BEGIN PRIVATE KEY bbbb'"),
            ("token: !x aaaa", "token: !x bbbb"),
            ("a: 1\n---\ntoken: aaaa", "a: 1\n---\ntoken: bbbb"),
        ] {
            let difference = between_texts(old, new);

            assert!(
                difference.contains("\n-") && difference.contains("\n+"),
                "{difference}"
            );
            assert!(difference.contains(HIDDEN), "{difference}");
            for secret in ["aaaa", "bbbb", "1111", "2222", "#0", "#1"] {
                assert!(!difference.contains(secret), "{secret}: {difference}");
            }
        }
    }

    #[test]
    fn no_secret_of_a_whole_configuration_is_shown() {
        let now = pki::UnixTime::from(std::time::SystemTime::now());
        let make = || {
            let bundle = config::SecretsBundle::generate(now).unwrap();
            let options = config::GenerateOptions::default();
            let made = config::generate("c", "https://10.0.0.1:6443", &bundle, &options).unwrap();
            (bundle.to_yaml(), made.controlplane.to_yaml())
        };
        let ((first_bundle, first), (second_bundle, second)) = (make(), make());

        let difference = between_texts(&first, &second);

        for bundle in [first_bundle, second_bundle] {
            let public = ["crt:", "id:"];
            let lines = bundle.lines().map(str::trim_start);
            let secrets = lines.filter(|line| !public.iter().any(|key| line.starts_with(key)));
            let values = secrets.filter_map(|line| line.split_once(": "));
            let long = values.filter(|(_, value)| value.len() > 10);
            let mut seen = 0;
            for (key, value) in long {
                assert!(!difference.contains(value), "{key}: {difference}");
                seen += 1;
            }
            assert!(seen >= 8, "{bundle}");
        }
        assert!(difference.contains("key: '******'"), "{difference}");
    }

    #[test]
    fn what_cannot_be_read_has_no_difference() {
        for bad in ["{[", "a: b: c", "\u{0}"] {
            assert_eq!(between(b"a: 1", bad.as_bytes()), None, "{bad}");
        }
    }
}
