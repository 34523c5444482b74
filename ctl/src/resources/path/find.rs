// SPDX-License-Identifier: MPL-2.0
//! What a path finds in a value.
//!
//! Owns: the meaning of each step.
//! Never: calls itself for what lies deeper in the value, which may be as deep as it wants.

use std::cmp::Ordering;

use serde_json::Value;

use super::effort::Effort;
use super::{Comparison, Condition, Expression, Step};

impl Expression {
    /// The values that it stands for, from the current one on. `None`: there are too many.
    pub(super) fn find<'v>(&'v self, value: &'v Value, effort: &Effort) -> Option<Vec<&'v Value>> {
        match self {
            Self::Literal(literal) => Some(vec![literal]),
            Self::Path(steps) => steps
                .iter()
                .try_fold(vec![value], |found, step| step.find(&found, effort)),
        }
    }
}

impl Step {
    fn find<'v>(&'v self, values: &[&'v Value], effort: &Effort) -> Option<Vec<&'v Value>> {
        let mut found = Vec::new();
        if let Self::Union(steps) = self {
            for step in steps {
                found.extend(step.find(values, effort)?);
            }
            return Some(found);
        }
        for value in values {
            effort.spend()?;
            self.add(value, effort, &mut found)?;
            effort.is_enough_for(found.len())?;
        }
        Some(found)
    }

    /// Adds what it finds in one value.
    fn add<'v>(
        &'v self,
        value: &'v Value,
        effort: &Effort,
        found: &mut Vec<&'v Value>,
    ) -> Option<()> {
        let list = value.as_array();
        match self {
            Self::Key(key) => found.extend(value.get(key)),
            Self::Named(name, path) => found.extend(named(value, name, path)),
            Self::Position(at) => {
                found.extend(list.and_then(|list| list.get(position(*at, list.len())?)))
            }
            Self::Slice(from, to, step) => {
                let list = list.map(|list| slice(list, *from, *to)).unwrap_or_default();
                found.extend(list.iter().step_by(*step));
            }
            Self::All => found.extend(inside(value)),
            Self::Descend => descend(value, effort, found)?,
            // One step after the other, each for all values.
            Self::Union(_) => found.extend(self.find(&[value], effort)?),
            Self::Filter(left, condition) => {
                for item in list.into_iter().flatten() {
                    effort.spend()?;
                    if condition.holds(&left.find(item, effort)?, item, effort)? {
                        found.push(item);
                    }
                }
            }
        }
        Some(())
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

/// Adds a value and all below it that hold something, each before what it holds.
fn descend<'v>(value: &'v Value, effort: &Effort, found: &mut Vec<&'v Value>) -> Option<()> {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        effort.spend()?;
        let inside = inside(value);
        if !inside.is_empty() {
            found.push(value);
            waiting.extend(inside.into_iter().rev());
        }
    }
    Some(())
}

impl Condition {
    /// Whether it holds for what stands on the left. Only one value compares to one.
    fn holds(&self, left: &[&Value], item: &Value, effort: &Effort) -> Option<bool> {
        Some(match self {
            Self::Exists => !left.is_empty(),
            Self::Compares(comparison, right) => match (left, &right.find(item, effort)?[..]) {
                ([left], [right]) => comparison.holds(left, right),
                _ => false,
            },
        })
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
