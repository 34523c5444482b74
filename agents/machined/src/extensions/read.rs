// SPDX-License-Identifier: MPL-2.0
//! Values of a description by their keys.
//!
//! Owns: which value a key has, and the words for a wrong one.
//! Never: knows what a key means.

use std::fmt;

use serde_yaml_ng::{Mapping, Value};

/// Why a description is refused: the key, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    key: String,
    reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.key, self.reason)
        }
    }
}

pub(super) fn refused<T>(key: impl Into<String>, reason: impl Into<String>) -> Result<T, Refused> {
    // A key of the description must not look like a line of ours.
    let shown = |text: String| match text.contains(char::is_control) {
        true => text.escape_debug().to_string(),
        false => text,
    };
    Err(Refused {
        key: shown(key.into()),
        reason: shown(reason.into()),
    })
}

/// A mapping of a description, with the way to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    at: &'a str,
    /// `None` for one that is not there: all its keys are missing.
    mapping: Option<&'a Mapping>,
}

impl<'a> Section<'a> {
    /// The mapping `value` at the key `at`; none of its keys may be another than `keys`.
    pub(super) fn open(
        at: &'a str,
        value: Option<&'a Value>,
        keys: &[&str],
    ) -> Result<Self, Refused> {
        let mapping = match value {
            None | Some(Value::Null) => None,
            Some(Value::Mapping(mapping)) => Some(mapping),
            Some(_) => return refused(at, "a mapping is needed"),
        };
        let section = Self { at, mapping };
        for key in mapping.into_iter().flat_map(Mapping::keys) {
            let text = key.as_str().unwrap_or("?");
            if !keys.contains(&text) {
                return refused(
                    section.path(text),
                    format!("unknown; possible are {}", keys.join(", ")),
                );
            }
        }
        Ok(section)
    }

    /// The value of a key, if there is one.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.mapping
            .and_then(|mapping| mapping.get(key))
            .filter(|value| !value.is_null())
    }

    /// The keys that have a value.
    pub(super) fn present(&self) -> impl Iterator<Item = &'a str> {
        let all = self.mapping.into_iter().flatten();
        all.filter(|(_, value)| !value.is_null())
            .filter_map(|(key, _)| key.as_str())
    }

    /// The whole way to a key.
    pub(super) fn path(&self, key: &str) -> String {
        match self.at {
            "" => key.to_owned(),
            at => format!("{at}.{key}"),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &str) -> Result<&'a str, Refused> {
        match self.text_if_any(key)? {
            Some(text) => Ok(text),
            None => refused(self.path(key), "missing"),
        }
    }

    /// A text that may be missing, but not empty.
    pub(super) fn text_if_any(&self, key: &str) -> Result<Option<&'a str>, Refused> {
        match self.get(key).map(Value::as_str) {
            None => Ok(None),
            Some(Some("")) => refused(self.path(key), "empty"),
            Some(Some(text)) if text.contains(char::is_control) => {
                refused(self.path(key), "has a control character")
            }
            Some(Some(text)) => Ok(Some(text)),
            Some(None) => refused(self.path(key), "a text is needed"),
        }
    }

    /// A list; a missing one is empty.
    pub(super) fn items(&self, key: &str) -> Result<&'a [Value], Refused> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Sequence(items)) => Ok(items),
            Some(_) => refused(self.path(key), "a list is needed"),
        }
    }

    /// A list of texts; empty texts are texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, Refused> {
        let mut found = Vec::new();
        for (index, item) in self.items(key)?.iter().enumerate() {
            match item.as_str() {
                Some(text) if !text.contains('\0') => found.push(text.to_owned()),
                _ => return refused(format!("{}[{index}]", self.path(key)), "a text is needed"),
            }
        }
        Ok(found)
    }

    /// Yes or no, in every spelling of YAML 1.1; a missing one is no.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Refused> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("yes" | "on" | "y" | "true") => Ok(true),
                Some("no" | "off" | "n" | "false") => Ok(false),
                _ => refused(self.path(key), "true or false is needed"),
            },
        }
    }

    /// An absolute path that does not go upwards, if there is one.
    pub(super) fn path_if_any(&self, key: &str) -> Result<Option<&'a str>, Refused> {
        match self.text_if_any(key)? {
            Some(path) if !is_plain(path) => {
                refused(self.path(key), "an absolute path without .. is needed")
            }
            path => Ok(path),
        }
    }
}

/// The first name that a text of YAML gives a value and uses again. A few such names make a small
/// file a large value.
pub(super) fn alias(text: &str) -> Option<&str> {
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ',');
    let words = || text.split(is_edge);
    let anchors: Vec<&str> = words().filter_map(|word| word.strip_prefix('&')).collect();
    words()
        .filter_map(|word| word.strip_prefix('*'))
        .find(|name| !name.is_empty() && anchors.contains(name))
}

/// Whether a path is absolute and goes nowhere upwards.
pub(super) fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.split('/').all(|part| part != "..")
}
