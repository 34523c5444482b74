// SPDX-License-Identifier: MPL-2.0
//! Every place of the schema, with a value that it takes.
//!
//! Owns: walking the schema, and the texts that a place of ours wants where the schema takes any.
//! Never: judges.

use config::Configuration;
use serde_json::{Map, Value, json};

use super::judge::{Judge, TEXT};

/// A step from a document to a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// The only item of a list.
    Item,
}

/// A place of the schema.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) steps: Vec<Step>,
    /// What the schema says of it, references followed.
    pub(crate) rule: Value,
    /// A value that it takes, with everything below.
    pub(crate) sample: Value,
}

impl Place {
    /// The path as problems have it.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path = format!("{path}.{key}"),
                Step::Item => path.push_str("[0]"),
            }
        }
        path
    }

    /// A document with this value here, and nothing else but what leads here.
    pub(crate) fn document(&self, value: Value) -> Value {
        let mut document = self
            .steps
            .iter()
            .rev()
            .fold(value, |value, step| match step {
                Step::Key(key) => json!({ key: value }),
                Step::Item => json!([value]),
            });
        if let Value::Object(map) = &mut document {
            map.entry("version").or_insert_with(|| json!("v1alpha1"));
        }
        document
    }

    /// What type the schema wants.
    pub(crate) fn wants(&self) -> &str {
        match self.rule["type"].as_str() {
            Some(kind) => kind,
            None if self.rule.get("enum").is_some() => "string",
            None => panic!("{}: no type", self.path()),
        }
    }
}

/// All places, from the document down.
pub(crate) fn places() -> Vec<Place> {
    let schema: Value = serde_json::from_str(TEXT).unwrap();
    let mut places = Vec::new();
    walk(&schema, &schema, &mut Vec::new(), &mut places);
    places
}

fn followed<'s>(schema: &'s Value, mut rule: &'s Value) -> &'s Value {
    while let Some(name) = rule["$ref"].as_str() {
        rule = schema.pointer(name.trim_start_matches('#')).unwrap();
    }
    rule
}

/// Adds the place that `steps` leads to and all below; returns its sample.
fn walk(schema: &Value, rule: &Value, steps: &mut Vec<Step>, places: &mut Vec<Place>) -> Value {
    let rule = followed(schema, rule);
    let at = places.len();
    places.push(Place {
        steps: steps.clone(),
        rule: rule.clone(),
        sample: Value::Null,
    });
    let mut below = |step, rule: &Value| {
        steps.push(step);
        let sample = walk(schema, rule, steps, places);
        steps.pop();
        sample
    };
    let sample = if let Some(words) = rule["enum"].as_array() {
        words[0].clone()
    } else if let Some(rule) = rule.get("items") {
        json!([below(Step::Item, rule)])
    } else if let Some(rule) = rule.pointer("/patternProperties/.*") {
        json!({ "one": below(Step::Key("one".to_owned()), rule) })
    } else if let Some(keys) = rule["properties"].as_object() {
        let pairs = keys
            .iter()
            .map(|(key, rule)| (key.clone(), below(Step::Key(key.clone()), rule)));
        Value::Object(pairs.collect::<Map<String, Value>>())
    } else {
        match rule["type"].as_str().unwrap() {
            "boolean" => json!(true),
            "integer" => json!(1),
            "object" => json!({}),
            "array" => json!([]),
            "string" => json!(text(rule, steps)),
            other => panic!("{other}"),
        }
    };
    places[at].sample = sample.clone();
    sample
}

/// A text that suits the place: ours look at some when they are loaded.
fn text(rule: &Value, steps: &[Step]) -> &'static str {
    if rule["format"] == "uri" {
        return "https://10.0.0.1:6443";
    }
    if rule.get("pattern").is_some() {
        return "1m30s";
    }
    match steps.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item => None,
    }) {
        // Base64 of `x`.
        Some("crt" | "key" | "ca") => "eA==",
        _ => "x",
    }
}

#[test]
fn a_document_with_everything_in_it_is_taken_by_the_schema_and_by_us() {
    let all = places();
    let mut full = all[0].sample.clone();
    assert_eq!(Judge::new().objection(&full), None);
    // The schema describes these otherwise than they are written: `refused` has the reason.
    full["machine"]["logging"]["destinations"][0]["endpoint"] = json!("tcp://10.0.0.1:514");
    for partition in ["state", "ephemeral"] {
        let options = &mut full["machine"]["systemDiskEncryption"][partition]["options"];
        *options = json!([options.take()]);
    }
    let text = serde_json::to_string_pretty(&full).unwrap();
    if let Err(error) = Configuration::load(text.as_bytes()) {
        panic!("{error}");
    }
    assert!(all.len() > 350, "{}", all.len());
}
