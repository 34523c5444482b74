// SPDX-License-Identifier: MPL-2.0
//! What the schema refuses, at every place of it, beside what we refuse.
//!
//! Owns: the differences, each with its reason.
//! Never: tries a value that is as good as the right one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use config::{Circumstances, Configuration, Fault, GenerateOptions, SecretsBundle, generate};
use pki::UnixTime;
use serde_json::{Value, json};

use super::full::{Place, places};
use super::judge::Judge;

/// Why we take what the schema refuses, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// yaml.v3, which Talos reads with, takes null for whatever an absent key means.
    Null,
    /// yaml.v3 takes a plain scalar for text: `1.10`, `true`.
    PlainScalar,
    /// Decision 20: booleans and numbers may be in quotes.
    Quoted,
    /// A newer release takes it: a warning.
    Newer,
    /// It loads, and a rule refuses it.
    Rule,
    /// The schema knows no limits of numbers, and nothing of what a text says.
    Content,
    /// yaml.v3 reads a bare number as nanoseconds.
    Nanoseconds,
    /// Sizes are read as text, with fractions of their unit.
    Size,
    /// The schema was made from structs of Go and describes them, not what their decoders read.
    SchemaIsWrong,
    /// The documents have no rule about it: whoever opens the partition looks at the cipher.
    Cipher,
}

/// Places that the schema describes otherwise than every sample of the documents has them: a URL as a
/// mapping, a list of words as one word.
const WRONG: &[&str] = &[
    "machine.logging.destinations[0].endpoint",
    "machine.systemDiskEncryption.state.options",
    "machine.systemDiskEncryption.ephemeral.options",
];

/// What is tried in the place of a right value.
fn tries() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(7),
        json!(-7),
        json!(1.5),
        json!("some text"),
        json!([]),
        json!(["some text"]),
        json!([{}]),
        json!({}),
        json!({"key": "some text"}),
        json!({"key": {"key": []}}),
    ]
}

/// What we say of a document.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    TakenWithWarning,
    RefusedByRule,
    Refused,
}

fn ours(place: &Place, document: &Value) -> Verdict {
    let Ok(loaded) = Configuration::load(document.to_string().as_bytes()) else {
        return Verdict::Refused;
    };
    if !loaded.newer().is_empty() {
        Verdict::TakenWithWarning
    } else if breaks_a_rule(place, document) {
        Verdict::RefusedByRule
    } else {
        Verdict::Taken
    }
}

/// Whether a rule refuses a document, in a configuration that is whole otherwise, and takes it with the
/// right value at the place.
fn breaks_a_rule(place: &Place, document: &Value) -> bool {
    let right = place.document(place.sample.clone());
    errors(document).is_some_and(|wrong| Some(wrong) != errors(&right))
}

/// What the rules say of a whole configuration with a document laid over it; `None` if it does not load.
fn errors(document: &Value) -> Option<Vec<(String, Fault)>> {
    static WHOLE: OnceLock<Value> = OnceLock::new();
    let mut whole = WHOLE.get_or_init(whole).clone();
    lay_over(&mut whole, document);
    let loaded = Configuration::load(whole.to_string().as_bytes()).ok()?;
    let errors = loaded.validate(Circumstances::default()).errors;
    let errors = errors
        .into_iter()
        .map(|error| (error.path.to_string(), error.fault));
    Some(errors.collect())
}

fn whole() -> Value {
    let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
    let options = GenerateOptions::default();
    let made = generate("home", "https://10.0.0.1:6443", &secrets, &options).unwrap();
    serde_yaml_ng::from_str(&made.controlplane.to_yaml()).unwrap()
}

fn lay_over(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// The reason of a difference, if there is a good one.
fn reason(place: &Place, value: &Value, schema_takes: bool, ours: &Verdict) -> Option<Reason> {
    let wants = place.wants();
    if WRONG.contains(&place.path().as_str()) {
        return Some(Reason::SchemaIsWrong);
    }
    match (schema_takes, ours) {
        (false, Verdict::RefusedByRule) => Some(Reason::Rule),
        (false, Verdict::TakenWithWarning) => Some(Reason::Newer),
        (false, Verdict::Taken) => match value {
            Value::Null => Some(Reason::Null),
            Value::Number(number) if place.rule.get("pattern").is_some() && number.is_i64() => {
                Some(Reason::Nanoseconds)
            }
            Value::String(_) if place.path().ends_with(".cipher") => Some(Reason::Cipher),
            Value::Number(_) if place.path().ends_with(".size") => Some(Reason::Size),
            Value::Bool(_) | Value::Number(_) if wants == "string" => Some(Reason::PlainScalar),
            Value::String(_) if matches!(wants, "boolean" | "integer") => Some(Reason::Quoted),
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        },
        (true, Verdict::Refused | Verdict::RefusedByRule) => match value {
            Value::String(_) | Value::Number(_) => Some(Reason::Content),
            // What is in the list or mapping, or that it is empty.
            Value::Array(_) | Value::Object(_) => Some(Reason::Content),
            Value::Null | Value::Bool(_) => None,
        },
        (true, Verdict::Taken | Verdict::TakenWithWarning) | (false, Verdict::Refused) => None,
    }
}

#[test]
fn conf_001_wrong_types_are_refused_wherever_the_schema_refuses_them() {
    let judge = Judge::new();
    let mut differences: BTreeMap<Reason, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let mut agreed = 0_usize;
    for place in places().iter().skip(1) {
        for value in tries() {
            let document = place.document(value.clone());
            let schema_takes = judge.objection(&document).is_none();
            let verdict = ours(place, &document);
            let we_take = matches!(verdict, Verdict::Taken | Verdict::TakenWithWarning);
            if schema_takes == we_take {
                agreed = agreed.saturating_add(1);
            } else if let Some(reason) = reason(place, &value, schema_takes, &verdict) {
                let count = differences.entry(reason).or_default();
                *count = count.saturating_add(1);
            } else {
                unexplained.push(format!(
                    "{}: {value}: the schema takes it: {schema_takes}, we: {verdict:?}",
                    place.path()
                ));
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    let differing: usize = differences.values().sum();
    assert!(agreed > differing, "{agreed} {differences:?}");
}

#[test]
fn conf_001_unknown_keys_and_those_in_another_case_are_refused_at_every_depth() {
    let judge = Judge::new();
    let mut tried = 0_usize;
    for place in places() {
        let Some(keys) = place.rule["properties"].as_object() else {
            continue;
        };
        let known = keys.keys().filter(|key| **key != "version");
        let unknown = known.clone().filter_map(|key| {
            let other: String = key
                .chars()
                .map(|c| {
                    if c.is_lowercase() {
                        c.to_ascii_uppercase()
                    } else {
                        c.to_ascii_lowercase()
                    }
                })
                .collect();
            (!keys.contains_key(&other)).then_some(other)
        });
        for key in unknown.chain(["noSuchKey".to_owned(), String::new()]) {
            let document = place.document(json!({ &key: null }));

            assert!(
                judge.objection(&document).is_some(),
                "{}: {key}",
                place.path()
            );
            let refused = Configuration::load(document.to_string().as_bytes());
            assert!(refused.is_err(), "{}: {key}", place.path());
            tried = tried.saturating_add(1);
        }
    }
    assert!(tried > 400, "{tried}");
}
