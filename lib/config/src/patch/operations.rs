// SPDX-License-Identifier: MPL-2.0
//! JSON patches (RFC 6902): operations in a row.
//!
//! Owns: reading operations, and bounds on what they may make of a document.
//! Never: leaves half of a patch carried out.

use super::tree::{from_json, to_json};
use crate::error::{Fault, Path, Problem, Step};
use crate::guard::{MAX_BYTES, MAX_DEPTH};
use crate::schema::{Kind, MAX_PROBLEMS};
use crate::value::Value;
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value as Json;

/// Most that all `copy` and `move` operations of a patch may take up together: each looks at its whole
/// source, and a copy of everything into itself doubles a document.
const MAX_MOVED: usize = 16 * MAX_BYTES;

const NAMES: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];

/// Reads the operations of a patch that is a list.
pub(crate) fn operations(value: &Value) -> Result<Vec<PatchOperation>, Vec<Problem>> {
    let Json::Array(list) = to_json(value, &Kind::Free) else {
        return Ok(Vec::new());
    };
    let mut operations = Vec::new();
    let mut problems = Vec::new();
    for (index, json) in list.into_iter().enumerate() {
        let at = Path(vec![Step::Index(index)]);
        match operation(json, &at) {
            Ok(operation) => operations.push(operation),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(operations)
    } else {
        problems.truncate(MAX_PROBLEMS);
        Err(problems)
    }
}

fn operation(json: Json, at: &Path) -> Result<PatchOperation, Problem> {
    let expected = Fault::WrongType {
        expected: "an operation, a mapping with op and path",
    };
    let Json::Object(map) = &json else {
        return Err(Problem::new(at.clone(), expected));
    };
    let missing = |key| Problem::new(at.key(key), Fault::Missing);
    let name = match map.get("op") {
        None => return Err(missing("op")),
        Some(Json::String(name)) if NAMES.contains(&name.as_str()) => name.clone(),
        Some(_) => {
            let fault = Fault::BadValue("add, remove, replace, move, copy or test");
            return Err(Problem::new(at.key("op"), fault));
        }
    };
    let is_move = matches!(name.as_str(), "move" | "copy");
    for key in ["path", "from"] {
        match map.get(key) {
            None if key == "path" || is_move => return Err(missing(key)),
            Some(Json::String(pointer)) if is_pointer(pointer) => {}
            Some(_) if key == "path" || is_move => {
                let fault = Fault::BadValue("a JSON pointer such as /machine/network");
                return Err(Problem::new(at.key(key), fault));
            }
            None | Some(_) => {}
        }
    }
    if matches!(name.as_str(), "add" | "replace" | "test") && !map.contains_key("value") {
        return Err(missing("value"));
    }
    serde_json::from_value(json).map_err(|_| Problem::new(at.clone(), expected))
}

/// Whether the text is a JSON pointer (RFC 6901 §3) that is not deeper than any document.
fn is_pointer(text: &str) -> bool {
    let mut tokens = text.split('/');
    let is_escaped = |token: &str| {
        let mut rest = token.split('~').skip(1);
        rest.all(|after| after.starts_with(['0', '1']))
    };
    tokens.next() == Some("")
        && text.split('/').count() <= MAX_DEPTH
        && text.split('/').all(is_escaped)
}

/// Carries out all operations on a document, or none. A path in a problem is one of the patch.
pub(crate) fn apply(
    value: &mut Value,
    operations: &[PatchOperation],
    kind: &'static Kind,
) -> Result<(), Problem> {
    let mut json = to_json(value, kind);
    let mut moved = 0;
    for (index, operation) in operations.iter().enumerate() {
        let refuse = |fault| Problem::new(Path(vec![Step::Index(index)]), fault);
        moved = check_growth(&json, operation, moved).map_err(refuse)?;
        json_patch::patch(&mut json, core::slice::from_ref(operation)).map_err(|error| {
            refuse(Fault::Operation {
                name: name(operation),
                path: operation.path().to_string(),
                why: why(&error.kind),
            })
        })?;
    }
    let last = operations.len().saturating_sub(1);
    let changed = from_json(json, kind, Some(value), &mut Path::default());
    *value =
        changed.map_err(|problem| Problem::new(Path(vec![Step::Index(last)]), problem.fault))?;
    Ok(())
}

fn why(kind: &PatchErrorKind) -> &'static str {
    match kind {
        PatchErrorKind::TestFailed => "the value is another",
        PatchErrorKind::InvalidFromPointer => "there is nothing at from",
        PatchErrorKind::CannotMoveInsideItself => "cannot move into itself",
        // The crate may learn more reasons, which will be about the path too.
        PatchErrorKind::InvalidPointer | _ => "there is no such path",
    }
}

/// The name of an operation.
pub(crate) fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Refuses an operation that makes the document too deep or too large; returns what was moved so far.
fn check_growth(json: &Json, operation: &PatchOperation, moved: usize) -> Result<usize, Fault> {
    let (value, from) = match operation {
        PatchOperation::Add(add) => (Some(&add.value), None),
        PatchOperation::Replace(replace) => (Some(&replace.value), None),
        PatchOperation::Move(from) => (json.pointer(from.from.as_str()), Some(())),
        PatchOperation::Copy(from) => (json.pointer(from.from.as_str()), Some(())),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => (None, None),
    };
    let Some(value) = value else {
        return Ok(moved);
    };
    let (weight, depth) = measure(value);
    if operation.path().count().saturating_add(depth) > MAX_DEPTH {
        return Err(Fault::TooDeep);
    }
    if from.is_none() {
        return Ok(moved);
    }
    // What is copied stays, so that it may be no more than a file has.
    let is_copy = matches!(operation, PatchOperation::Copy(_));
    let cost = if is_copy { MAX_MOVED / MAX_BYTES } else { 1 };
    let moved = moved.saturating_add(weight.saturating_mul(cost));
    if moved > MAX_MOVED {
        return Err(Fault::TooLarge);
    }
    Ok(moved)
}

/// How many bytes a value has, about, and how deep it is.
fn measure(json: &Json) -> (usize, usize) {
    let sum = |parts: &mut dyn Iterator<Item = (usize, usize)>| {
        let (weight, depth) = parts.fold((2, 0), |(weight, depth): (usize, usize), part| {
            (weight.saturating_add(part.0), depth.max(part.1))
        });
        (weight, depth.saturating_add(1))
    };
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => (4, 0),
        Json::String(text) => (text.len().saturating_add(4), 0),
        Json::Array(list) => sum(&mut list.iter().map(measure)),
        Json::Object(map) => sum(&mut map.iter().map(|(key, value)| {
            let (weight, depth) = measure(value);
            (weight.saturating_add(key.len()).saturating_add(4), depth)
        })),
    }
}
