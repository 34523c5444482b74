// SPDX-License-Identifier: MPL-2.0
//! Structs that know their keys: the `document!` macro and what it needs.
//!
//! Owns: the way between a tree of values and a struct.
//! Never: parses text, or stops at the first problem.

use crate::emit::Emitter;
use crate::error::{Fault, Path, Problem, Step};
use crate::map::Map;
use crate::newer;
use crate::value::Value;
use std::collections::BTreeMap;

/// Most problems that one refusal lists; more help nobody.
pub const MAX_PROBLEMS: usize = 20;

/// What a key takes. Guides the reader, which knows nothing else about the structs.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text, kept as it was written.
    Text,
    /// A flag, a number or the like, kept as it was written; never needs quotes.
    Word,
    /// Text, or with newer releases a list of it.
    Argument,
    /// A list.
    List(&'static Kind),
    /// A mapping with keys of the user.
    Map(&'static Kind),
    /// A mapping with these keys, in the order they are written.
    Struct(&'static [Entry]),
    /// Anything.
    Free,
}

/// One key of a struct.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) kind: &'static Kind,
}

/// Something that a key can hold.
pub(crate) trait Field: Default {
    /// What it looks like in the text.
    const KIND: &'static Kind;
    /// Takes the value; notes what is wrong with it and goes on with nothing.
    fn take(value: Value, at: &mut Cursor) -> Self;
    /// Writes it.
    fn emit(&self, out: &mut Emitter);
    /// Whether it is what an absent key means.
    fn is_absent(&self) -> bool;
}

/// Where in the tree we are, and what was wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    path: Path,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Cursor {
    pub(crate) fn report(&mut self, fault: Fault) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(self.path.clone(), fault));
        }
    }

    pub(crate) fn wrong_type(&mut self, expected: &'static str) {
        self.report(Fault::WrongType { expected });
    }

    pub(crate) fn below<T>(&mut self, step: Step, take: impl FnOnce(&mut Self) -> T) -> T {
        self.path.0.push(step);
        let taken = take(self);
        self.path.0.pop();
        taken
    }

    /// Takes one key out of a mapping.
    pub(crate) fn field<T: Field>(&mut self, map: &mut Map, key: &'static str) -> T {
        match map.remove(key) {
            Some(value) => self.below(Step::Key(key.to_owned()), |at| T::take(value, at)),
            None => T::default(),
        }
    }

    /// The entries of a mapping; nothing is an empty one.
    pub(crate) fn entries(&mut self, value: Value) -> Map {
        match value {
            Value::Map(map) => map,
            Value::Null => Map::new(),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::Unsigned(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => {
                self.wrong_type("a mapping");
                Map::new()
            }
        }
    }

    /// Reports the keys that nobody took: newer releases may know them.
    pub(crate) fn unknown(&mut self, section: &str, map: Map) {
        for (key, _) in map {
            let since = newer::key(section, &key);
            self.below(Step::Key(key), |at| match since {
                Some(since) => at.warn(Fault::NewerKey { since }),
                None => at.report(Fault::UnknownKey),
            });
        }
    }

    pub(crate) fn warn(&mut self, fault: Fault) {
        if self.warnings.len() < MAX_PROBLEMS {
            self.warnings.push(Problem::new(self.path.clone(), fault));
        }
    }

    /// The text of a scalar; nothing is empty text. `expected` is what the text should be of.
    pub(crate) fn text(&mut self, value: Value, expected: &'static str) -> String {
        match value {
            Value::Text(text) => text,
            Value::Null => String::new(),
            Value::Bool(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::List(_) | Value::Map(_) => {
                self.wrong_type(expected);
                String::new()
            }
        }
    }
}

/// Declares structs of the configuration: per field its key, name, type, whether an absent one is
/// left out (`omit`) or written (`keep`), and its documentation. The order is that of the text.
macro_rules! document {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $key:literal $field:ident : $type:ty , $rule:ident , $doc:literal ; )*
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( #[doc = $doc] pub $field: $type, )*
        }

        impl $crate::schema::Field for $name {
            const KIND: &'static $crate::schema::Kind = &$crate::schema::Kind::Struct(&[
                $( $crate::schema::Entry {
                    key: $key,
                    kind: <$type as $crate::schema::Field>::KIND,
                }, )*
            ]);

            fn take(value: $crate::value::Value, at: &mut $crate::schema::Cursor) -> Self {
                let mut map = at.entries(value);
                let taken = Self { $( $field: at.field(&mut map, $key), )* };
                at.unknown(stringify!($name), std::mem::take(&mut map));
                taken
            }

            fn emit(&self, out: &mut $crate::emit::Emitter) {
                out.begin_map();
                $( $crate::schema::emit_field!(out, $key, $doc, &self.$field, $rule); )*
                out.end_map();
            }

            fn is_absent(&self) -> bool {
                true $( && $crate::schema::Field::is_absent(&self.$field) )*
            }
        }
    )* };
}

/// Writes one field by its rule.
macro_rules! emit_field {
    ($out:ident, $key:literal, $doc:literal, $value:expr, keep) => {
        $out.field($key, $doc);
        $crate::schema::Field::emit($value, $out);
    };
    ($out:ident, $key:literal, $doc:literal, $value:expr, omit) => {
        if $crate::schema::Field::is_absent($value) {
            $out.absent($key, $doc);
        } else {
            $out.field($key, $doc);
            $crate::schema::Field::emit($value, $out);
        }
    };
}

pub(crate) use {document, emit_field};

impl<T: Field> Field for Option<T> {
    const KIND: &'static Kind = T::KIND;

    fn take(value: Value, at: &mut Cursor) -> Self {
        if value == Value::Null {
            None
        } else {
            Some(T::take(value, at))
        }
    }

    fn emit(&self, out: &mut Emitter) {
        match self {
            Some(value) => value.emit(out),
            None => out.plain("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Vec<T> {
    const KIND: &'static Kind = &Kind::List(T::KIND);

    fn take(value: Value, at: &mut Cursor) -> Self {
        match value {
            Value::List(list) => list
                .into_iter()
                .enumerate()
                .map(|(index, value)| at.below(Step::Index(index), |at| T::take(value, at)))
                .collect(),
            Value::Null => Self::new(),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::Unsigned(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => {
                at.wrong_type("a list");
                Self::new()
            }
        }
    }

    fn emit(&self, out: &mut Emitter) {
        out.begin_list();
        for item in self {
            out.item();
            item.emit(out);
        }
        out.end_list();
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    const KIND: &'static Kind = &Kind::Map(T::KIND);

    fn take(value: Value, at: &mut Cursor) -> Self {
        at.entries(value)
            .into_iter()
            .map(|(key, value)| {
                let taken = at.below(Step::Key(key.clone()), |at| T::take(value, at));
                (key, taken)
            })
            .collect()
    }

    fn emit(&self, out: &mut Emitter) {
        out.begin_map();
        for (key, value) in self {
            out.key(key);
            value.emit(out);
        }
        out.end_map();
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Free-form: whatever was there, `{}` when nothing was.
impl Field for Value {
    const KIND: &'static Kind = &Kind::Free;

    /// What is free are the keys: all such places hold a mapping.
    fn take(value: Value, at: &mut Cursor) -> Self {
        match value {
            Self::Map(_) | Self::Null => value,
            Self::Bool(_)
            | Self::Integer(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_) => {
                at.wrong_type("a mapping");
                Self::Null
            }
        }
    }

    fn emit(&self, out: &mut Emitter) {
        match self {
            Self::Null => out.plain("null"),
            Self::Bool(flag) => out.plain(if *flag { "true" } else { "false" }),
            Self::Integer(number) => out.plain(&number.to_string()),
            Self::Unsigned(number) => out.plain(&number.to_string()),
            Self::Float(number) => out.float(*number),
            Self::Text(text) => out.text(text),
            Self::List(list) => list.emit(out),
            Self::Map(map) => {
                out.begin_map();
                for (key, value) in map.iter() {
                    out.key(key);
                    value.emit(out);
                }
                out.end_map();
            }
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Field as _, Kind};
    use crate::Document;

    fn list(kind: &Kind, path: &str, keys: &mut Vec<String>) {
        match kind {
            Kind::Text | Kind::Word | Kind::Argument | Kind::Free => keys.push(path.to_owned()),
            Kind::List(inner) => list(inner, &format!("{path}[]"), keys),
            Kind::Map(inner) => list(inner, &format!("{path}.*"), keys),
            Kind::Struct(entries) => {
                if !path.is_empty() {
                    keys.push(path.to_owned());
                }
                for entry in *entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    list(entry.kind, &format!("{path}{dot}{}", entry.key), keys);
                }
            }
        }
    }

    #[test]
    fn the_document_has_every_key_of_the_format_in_its_order_and_no_other() {
        let expected: Vec<&str> = include_str!("../tests/keys.txt").lines().collect();
        let mut keys = Vec::new();

        list(Document::KIND, "", &mut keys);
        for (ours, theirs) in keys.iter().zip(&expected) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(keys.len(), expected.len());
    }
}
