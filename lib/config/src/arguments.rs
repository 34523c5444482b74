// SPDX-License-Identifier: MPL-2.0
//! Arguments of a command line, by name.
//!
//! Owns: the two shapes that an argument has in the text.
//! Never: gives the newer one a meaning.

use crate::emit::Emitter;
use crate::error::{Fault, Step};
use crate::newer;
use crate::schema::{Cursor, Field, Kind};
use crate::value::Value;
use std::collections::BTreeMap;

/// More arguments for a program. Those that are lists, as newer releases have them, are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments(pub BTreeMap<String, String>);

impl Field for Arguments {
    const KIND: &'static Kind = &Kind::Map(&Kind::Argument);

    fn take(value: Value, at: &mut Cursor) -> Self {
        let entries = at.entries(value).into_iter();
        let taken = entries.filter_map(|(name, value)| {
            let text = at.below(Step::Key(name.clone()), |at| argument(value, at))?;
            Some((name, text))
        });
        Self(taken.collect())
    }

    fn emit(&self, out: &mut Emitter) {
        self.0.emit(out);
    }

    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of an argument; nothing of a list, once it is well written.
fn argument(value: Value, at: &mut Cursor) -> Option<String> {
    match value {
        Value::List(list) => {
            for (index, item) in list.into_iter().enumerate() {
                at.below(Step::Index(index), |at| at.text(item, "text"));
            }
            at.warn(Fault::NewerShape {
                since: newer::ARGUMENT_LISTS,
            });
            None
        }
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Unsigned(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Map(_) => Some(at.text(value, "text")),
    }
}
