// SPDX-License-Identifier: MPL-2.0
//! A YAML value that is not given a meaning here.
//!
//! Owns: the tree between the text and the structs, and free-form parts of the configuration.
//! Never: keeps positions, tags or comments.

use crate::map::Map;

/// A value as it was read. Where a key takes text, numbers and booleans stay the text they were.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number too large for the other.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order of its keys.
    Map(Map),
}

impl Value {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Bool(_)
            | Self::Integer(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Text(_) => false,
        }
    }

    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Map(map) = self {
            map.get(key)
        } else {
            None
        }
    }

    /// A mapping of these entries.
    pub(crate) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
