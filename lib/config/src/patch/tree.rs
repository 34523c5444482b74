// SPDX-License-Identifier: MPL-2.0
//! Trees as text and as JSON, guided by what a document looks like.
//!
//! Owns: the way from typed-in text to JSON values and back, and to YAML.
//! Never: changes how a value is written that did not change.

use crate::emit::Emitter;
use crate::error::{Fault, Path, Problem, Step};
use crate::guard::MAX_DEPTH;
use crate::map::Map as Tree;
use crate::scalar::whole_number;
use crate::schema::{Field as _, Kind};
use crate::value::Value;
use serde_json::{Map, Number, Value as Json};

/// What the entry `key` of a mapping looks like.
pub(crate) fn below(kind: &'static Kind, key: &str) -> &'static Kind {
    match kind {
        Kind::Map(kind) => kind,
        Kind::Struct(entries) => entries
            .iter()
            .find(|entry| entry.key == key)
            .map_or(&Kind::Free, |entry| entry.kind),
        Kind::Text | Kind::Word | Kind::Argument | Kind::List(_) | Kind::Free => &Kind::Free,
    }
}

/// What the items of a list look like.
pub(crate) fn inside(kind: &'static Kind) -> &'static Kind {
    match kind {
        Kind::List(kind) => kind,
        Kind::Argument => &Kind::Text,
        Kind::Text | Kind::Word | Kind::Map(_) | Kind::Struct(_) | Kind::Free => &Kind::Free,
    }
}

/// Writes a value: keys of structs in their order, others sorted; words as they were typed.
pub(crate) fn emit(value: &Value, kind: &'static Kind, out: &mut Emitter) {
    match value {
        Value::Map(map) => {
            out.begin_map();
            for key in order(map, kind) {
                if let Some(value) = map.get(key) {
                    out.key(key);
                    emit(value, below(kind, key), out);
                }
            }
            out.end_map();
        }
        Value::List(list) => {
            out.begin_list();
            for item in list {
                out.item();
                emit(item, inside(kind), out);
            }
            out.end_list();
        }
        Value::Text(text) if matches!(kind, Kind::Word) && is_word(text) => out.plain(text),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Unsigned(_)
        | Value::Float(_)
        | Value::Text(_) => value.emit(out),
    }
}

fn order<'a>(map: &'a Tree, kind: &'static Kind) -> Vec<&'a str> {
    let mut keys: Vec<&str> = map.keys().map(String::as_str).collect();
    if let Kind::Struct(entries) = kind {
        let place = |key: &str| entries.iter().position(|entry| entry.key == key);
        keys.sort_by_key(|key| place(key).unwrap_or(usize::MAX));
    }
    keys
}

/// Whether a flag, a number or the like can stand without quotes.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-'))
}

/// A value as JSON has it: flags and numbers are such.
pub(crate) fn to_json(value: &Value, kind: &'static Kind) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Integer(number) => Json::from(*number),
        Value::Unsigned(number) => Json::from(*number),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) if matches!(kind, Kind::Word) => word_to_json(text),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(list) => Json::Array(
            list.iter()
                .map(|item| to_json(item, inside(kind)))
                .collect(),
        ),
        Value::Map(map) => {
            let entries = map.iter();
            let entries =
                entries.map(|(key, value)| (key.clone(), to_json(value, below(kind, key))));
            Json::Object(entries.collect::<Map<String, Json>>())
        }
    }
}

fn word_to_json(text: &str) -> Json {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Json::Bool(true),
        "false" | "no" | "n" | "off" => Json::Bool(false),
        _ => whole_number(text).map_or_else(|| Json::String(text.to_owned()), Json::from),
    }
}

/// A value from JSON. What equals the value that was there before stays as it was written.
pub(crate) fn from_json(
    json: Json,
    kind: &'static Kind,
    before: Option<&Value>,
    path: &mut Path,
) -> Result<Value, Problem> {
    if path.0.len() > MAX_DEPTH {
        return Err(Problem::new(path.clone(), Fault::TooDeep));
    }
    if let Some(before) = before.filter(|before| is_same(before, &json, kind)) {
        return Ok(before.clone());
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => match kind {
            Kind::Text | Kind::Word | Kind::Argument => Value::Text(flag.to_string()),
            Kind::List(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Free => Value::Bool(flag),
        },
        Json::Number(number) => match kind {
            Kind::Text | Kind::Word | Kind::Argument => Value::Text(number.to_string()),
            Kind::List(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Free => from_number(&number),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(list) => {
            let old = match before {
                Some(Value::List(old)) => old.as_slice(),
                _ => &[],
            };
            Value::List(list_from_json(list, inside(kind), old, path)?)
        }
        Json::Object(map) => {
            let mut values = Vec::with_capacity(map.len());
            for (key, json) in map {
                let old = before.and_then(|before| before.get(&key));
                path.0.push(Step::Key(key.clone()));
                let value = from_json(json, below(kind, &key), old, path)?;
                path.0.pop();
                values.push((key, value));
            }
            Value::Map(values.into_iter().collect())
        }
    })
}

/// Items that moved because others came or went before them are still the same.
fn list_from_json(
    list: Vec<Json>,
    kind: &'static Kind,
    old: &[Value],
    path: &mut Path,
) -> Result<Vec<Value>, Problem> {
    let count = |(old, json): &(&Value, &Json)| is_same(old, json, kind);
    let front = old.iter().zip(&list).take_while(count).count();
    let shorter = old.len().min(list.len()).saturating_sub(front);
    let ends = old.iter().rev().zip(list.iter().rev()).take(shorter);
    let back = ends.take_while(count).count();
    let tail = list.len().saturating_sub(back);
    let removed = old.len().saturating_sub(list.len());
    let added = list.len().saturating_sub(old.len());
    let mut values = Vec::with_capacity(list.len());
    for (index, json) in list.into_iter().enumerate() {
        let old_index = if index < tail {
            index
        } else {
            index.saturating_add(removed).saturating_sub(added)
        };
        path.0.push(Step::Index(index));
        values.push(from_json(json, kind, old.get(old_index), path)?);
        path.0.pop();
    }
    Ok(values)
}

fn from_number(number: &Number) -> Value {
    if let Some(number) = number.as_i64() {
        Value::Integer(number)
    } else if let Some(number) = number.as_u64() {
        Value::Unsigned(number)
    } else {
        Value::Float(number.as_f64().unwrap_or_default())
    }
}

/// Whether a value says what the JSON says.
fn is_same(value: &Value, json: &Json, kind: &'static Kind) -> bool {
    match (value, json) {
        (Value::List(list), Json::Array(other)) => {
            list.len() == other.len()
                && list
                    .iter()
                    .zip(other)
                    .all(|(item, other)| is_same(item, other, inside(kind)))
        }
        (Value::Map(map), Json::Object(other)) => {
            map.len() == other.len()
                && map.iter().zip(other).all(|((key, value), (name, other))| {
                    key == name && is_same(value, other, below(kind, key))
                })
        }
        (Value::List(_) | Value::Map(_), _) | (_, Json::Array(_) | Json::Object(_)) => false,
        (scalar, json) => to_json(scalar, kind) == *json,
    }
}
