// SPDX-License-Identifier: MPL-2.0
//! What a path finds in a value.
//!
//! Owns: the meaning of each step.
//! Never: calls itself for what lies deeper in the value, which may be as deep as it wants.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, Condition, Expression, Step};

impl Expression {
    /// The values that it stands for, from the current one on.
    pub(super) fn find<'v>(&'v self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Literal(literal) => vec![literal],
            Self::Path(steps) => steps
                .iter()
                .fold(vec![value], |found, step| step.find(&found)),
        }
    }
}

impl Step {
    fn find<'v>(&'v self, values: &[&'v Value]) -> Vec<&'v Value> {
        let each = values.iter().copied();
        match self {
            Self::Key(key) => each.filter_map(|value| value.get(key)).collect(),
            Self::Named(name, path) => each.filter_map(|value| named(value, name, path)).collect(),
            Self::Position(at) => each
                .filter_map(|value| {
                    let list = value.as_array()?;
                    list.get(position(*at, list.len())?)
                })
                .collect(),
            Self::Slice(from, to, step) => each
                .filter_map(Value::as_array)
                .flat_map(|list| slice(list, *from, *to).iter().step_by(*step))
                .collect(),
            Self::All => each.flat_map(inside).collect(),
            Self::Descend => each.flat_map(holders).collect(),
            Self::Union(steps) => steps.iter().flat_map(|step| step.find(values)).collect(),
            Self::Filter(left, condition) => each
                .filter_map(Value::as_array)
                .flatten()
                .filter(|item| condition.holds(&left.find(item), item))
                .collect(),
        }
    }
}

fn named<'v>(value: &'v Value, name: &str, path: &[String]) -> Option<&'v Value> {
    value
        .get(name)
        .or_else(|| path.iter().try_fold(value, |value, key| value.get(key)))
}

/// A position that may count from the end.
fn position(at: i64, len: usize) -> Option<usize> {
    let from_end = usize::try_from(at.unsigned_abs()).ok()?;
    if at < 0 {
        len.checked_sub(from_end)
    } else {
        Some(from_end)
    }
}

/// What lies between two positions, as far as it is there.
fn slice(list: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let place = |at: i64| position(at, list.len()).unwrap_or(0).min(list.len());
    let from = from.map_or(0, place);
    let to = to.map_or(list.len(), place);
    list.get(from..to).unwrap_or_default()
}

fn inside(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// A value and all below it that hold something, each before what it holds.
fn holders(value: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        let inside = inside(value);
        if !inside.is_empty() {
            found.push(value);
            waiting.extend(inside.into_iter().rev());
        }
    }
    found
}

impl Condition {
    /// Whether it holds for what stands on the left. Only one value compares to one.
    fn holds(&self, left: &[&Value], item: &Value) -> bool {
        match self {
            Self::Exists => !left.is_empty(),
            Self::Compares(comparison, right) => match (left, &right.find(item)[..]) {
                ([left], [right]) => comparison.holds(left, right),
                _ => false,
            },
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = order(left, right);
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// How two values of one kind compare. Truths are equal or not.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            (Some(_) | None, Some(_) | None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Value::Bool(left), Value::Bool(right)) if left == right => Some(Ordering::Equal),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => None,
    }
}
