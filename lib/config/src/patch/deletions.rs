// SPDX-License-Identifier: MPL-2.0
//! `$patch: delete`: what a strategic merge patch takes away.
//!
//! Owns: finding such orders in a patch, and carrying them out.
//! Never: deletes something that it cannot tell apart from others.

use super::strategic::{Rule, identity, rule};
use crate::error::{Fault, Path, Problem, Step};
use crate::guard;
use crate::map::Map;
use crate::marks::{Entry, Node, Shape, places};
use crate::value::Value;

pub(crate) const ORDER: &str = "$patch";
const DELETE: &str = "delete";

/// An order to delete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deletion {
    /// The way to it in the configuration.
    pub(crate) way: Vec<Turn>,
    /// Where it stands in the patch, for errors.
    pub(crate) path: Path,
}

/// One step on the way to what is deleted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    Key(String),
    /// The items of a list that have these values.
    Items(Map),
}

/// The orders of one document of a patch.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Whether the document itself goes.
    pub(crate) whole: bool,
    pub(crate) deletions: Vec<Deletion>,
    /// The items of lists that were orders, by their list.
    pub(crate) holes: Vec<(Path, usize)>,
}

/// Takes the orders out of the text of a patch. What remains reads as if they had never been there, but
/// for a null in the place of each; lines stay where they are.
pub(crate) fn extract(text: &str) -> Result<(String, Vec<Orders>), Problem> {
    let Some(places) = Some(text)
        .filter(|text| text.contains(ORDER))
        .and_then(places)
    else {
        return Ok((text.to_owned(), Vec::new()));
    };
    let mut rest = text.to_owned();
    let mut all = Vec::new();
    let mut cuts = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let mut search = Search {
            text,
            orders: Orders::default(),
            cuts: &mut cuts,
            path: Path::default(),
            way: Vec::new(),
        };
        search.document(&place.root).map_err(|mut problem| {
            problem.document = number;
            *problem
        })?;
        all.push(search.orders);
    }
    // Positions stay valid from the back to the front.
    for (start, end) in cuts.into_iter().rev() {
        let lines = text.get(start..end).unwrap_or_default().matches('\n');
        let lines = "\n".repeat(lines.count());
        rest.replace_range(start..end, &format!("null{lines}"));
    }
    Ok((rest, all))
}

struct Search<'a> {
    text: &'a str,
    orders: Orders,
    /// The bytes of the orders, in their sequence.
    cuts: &'a mut Vec<(usize, usize)>,
    path: Path,
    way: Vec<Turn>,
}

impl Search<'_> {
    fn document(&mut self, root: &Node) -> Result<(), Box<Problem>> {
        let Shape::Map(entries) = &root.shape else {
            return Ok(());
        };
        if self.order(entries)?.is_some() {
            self.orders.whole = true;
            return Ok(());
        }
        self.inside(root)
    }

    /// Looks for an order among the entries of a mapping; returns what else they say.
    fn order(&self, entries: &[Entry]) -> Result<Option<Map>, Box<Problem>> {
        let Some(order) = entries.iter().find(|entry| entry.key == ORDER) else {
            return Ok(None);
        };
        if !matches!(&order.value.shape, Shape::Scalar(text) if text == DELETE) {
            let path = self.path.key(ORDER);
            return Err(self.refuse(path, Fault::BadValue(DELETE), order.start));
        }
        let others = entries.iter().filter(|entry| entry.key != ORDER);
        let others = others.map(|entry| (entry.key.clone(), plain(&entry.value)));
        Ok(Some(others.collect()))
    }

    fn refuse(&self, path: Path, fault: Fault, at: usize) -> Box<Problem> {
        let mut problem = Problem::new(path, fault);
        problem.position = Some(guard::position(self.text.as_bytes(), at));
        Box::new(problem)
    }

    fn inside(&mut self, node: &Node) -> Result<(), Box<Problem>> {
        match &node.shape {
            Shape::Map(entries) => {
                for entry in entries {
                    self.path.0.push(Step::Key(entry.key.clone()));
                    self.way.push(Turn::Key(entry.key.clone()));
                    self.entry(entry)?;
                    self.way.pop();
                    self.path.0.pop();
                }
            }
            Shape::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.path.0.push(Step::Index(index));
                    self.item(&item.value, index)?;
                    self.path.0.pop();
                }
            }
            Shape::Scalar(_) | Shape::Opaque => {}
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Box<Problem>> {
        if let Shape::Map(inner) = &entry.value.shape
            && let Some(others) = self.order(inner)?
        {
            if !others.is_empty() {
                let fault = Fault::Rule("stands alone where it deletes a key");
                return Err(self.refuse(self.path.key(ORDER), fault, entry.value.start));
            }
            self.cut(&entry.value, self.way.clone());
            return Ok(());
        }
        self.inside(&entry.value)
    }

    fn item(&mut self, node: &Node, index: usize) -> Result<(), Box<Problem>> {
        let Shape::Map(entries) = &node.shape else {
            return Ok(());
        };
        let Some(others) = self.order(entries)? else {
            let scalars = entries.iter().filter(|entry| !has_order(&entry.value));
            let which = scalars.map(|entry| (entry.key.clone(), plain(&entry.value)));
            self.way.push(Turn::Items(which.collect()));
            self.inside(node)?;
            self.way.pop();
            return Ok(());
        };
        if others.is_empty() {
            let fault = Fault::Rule("needs a key that says which item");
            return Err(self.refuse(self.path.key(ORDER), fault, node.start));
        }
        let mut way = self.way.clone();
        way.push(Turn::Items(others));
        let mut list = self.path.clone();
        list.0.pop();
        self.orders.holes.push((list, index));
        self.cut(node, way);
        Ok(())
    }

    fn cut(&mut self, node: &Node, way: Vec<Turn>) {
        self.cuts.push((node.start, node.end));
        self.orders.deletions.push(Deletion {
            way,
            path: self.path.clone(),
        });
    }
}

fn has_order(node: &Node) -> bool {
    match &node.shape {
        Shape::Map(entries) => entries
            .iter()
            .any(|entry| entry.key == ORDER || has_order(&entry.value)),
        Shape::List(items) => items.iter().any(|item| has_order(&item.value)),
        Shape::Scalar(_) | Shape::Opaque => false,
    }
}

/// The value of a selector: only text matters in it.
fn plain(node: &Node) -> Value {
    match &node.shape {
        Shape::Scalar(text) => Value::Text(text.clone()),
        Shape::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.value)))
                .collect(),
        ),
        Shape::List(items) => Value::List(items.iter().map(|item| plain(&item.value)).collect()),
        Shape::Opaque => Value::Null,
    }
}

/// Removes the items that were orders from the tree of the rest of a patch.
pub(crate) fn close_holes(value: &mut Value, orders: &Orders) {
    for (path, index) in orders.holes.iter().rev() {
        let mut at = Some(&mut *value);
        for step in &path.0 {
            at = match (at, step) {
                (Some(Value::Map(map)), Step::Key(key)) => map.get_mut(key),
                (Some(Value::List(list)), Step::Index(index)) => list.get_mut(*index),
                _ => None,
            };
        }
        if let Some(Value::List(list)) = at
            && *index < list.len()
        {
            list.remove(*index);
        }
    }
}

/// Deletes what the order says from a document of a kind. There must be something to delete.
pub(crate) fn delete(value: &mut Value, deletion: &Deletion, kind: &str) -> Result<(), Problem> {
    let mut place = Place {
        kind,
        pattern: String::new(),
    };
    if place.delete(value, &deletion.way) {
        Ok(())
    } else {
        let fault = Fault::NothingToDelete;
        Err(Problem::new(deletion.path.clone(), fault))
    }
}

struct Place<'a> {
    kind: &'a str,
    /// The path as the table of merge rules has it.
    pattern: String,
}

impl Place<'_> {
    fn delete(&mut self, value: &mut Value, way: &[Turn]) -> bool {
        let Some((turn, rest)) = way.split_first() else {
            return false;
        };
        match (turn, value) {
            (Turn::Key(key), Value::Map(map)) if rest.is_empty() => map.remove(key).is_some(),
            (Turn::Key(key), Value::Map(map)) => {
                if !self.pattern.is_empty() {
                    self.pattern.push('.');
                }
                self.pattern.push_str(key);
                map.get_mut(key)
                    .is_some_and(|below| self.delete(below, rest))
            }
            (Turn::Items(which), Value::List(list)) if rest.is_empty() => {
                let before = list.len();
                list.retain(|item| !is_meant(item, which));
                list.len() < before
            }
            (Turn::Items(which), Value::List(list)) => {
                // Which item a deeper order is about, the merge rule of the list must tell.
                let Rule::ByKey(keys) = rule(self.kind, &self.pattern) else {
                    return false;
                };
                let which = Value::Map(which.clone());
                let Some((key, name)) = keys
                    .iter()
                    .find_map(|key| Some((key, identity(&which, key)?)))
                else {
                    return false;
                };
                self.pattern.push_str("[]");
                let mut items = list.iter_mut();
                let item = items.find(|item| identity(item, key).as_ref() == Some(&name));
                item.is_some_and(|item| self.delete(item, rest))
            }
            (Turn::Key(_) | Turn::Items(_), _) => false,
        }
    }
}

/// Whether an item has all the values that select it.
fn is_meant(item: &Value, which: &Map) -> bool {
    which
        .iter()
        .all(|(key, wanted)| item.get(key).is_some_and(|value| reads_as(value, wanted)))
}

fn reads_as(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Map(map), Value::Map(wanted)) => {
            map.len() == wanted.len()
                && map
                    .iter()
                    .zip(wanted.iter())
                    .all(|((a, value), (b, wanted))| a == b && reads_as(value, wanted))
        }
        (Value::List(list), Value::List(wanted)) => {
            list.len() == wanted.len() && list.iter().zip(wanted).all(|(a, b)| reads_as(a, b))
        }
        (Value::Text(text), Value::Text(wanted)) => text == wanted,
        (Value::Bool(flag), Value::Text(wanted)) => flag.to_string() == *wanted,
        (Value::Integer(number), Value::Text(wanted)) => number.to_string() == *wanted,
        (Value::Unsigned(number), Value::Text(wanted)) => number.to_string() == *wanted,
        (Value::Float(number), Value::Text(wanted)) => number.to_string() == *wanted,
        _ => false,
    }
}
