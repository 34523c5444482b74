// SPDX-License-Identifier: MPL-2.0
//! Small YAML documents of mappings and text, with the line of everything in them.
//!
//! Owns: the limits of what is read: one document, no aliases, no lists, a few levels.
//! Never: knows a key.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// The deepest key of a manifest is the fourth.
const DEPTH_MAX: usize = 8;
/// The most keys: a manifest has eleven.
const KEYS_MAX: usize = 256;

/// A value and the line it begins in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing was written, or `null`.
    Nothing,
    /// Text, whatever it looks like: `version: 1.0` is meant as text.
    Text(String),
    Map(BTreeMap<String, Node>),
    List,
}

/// Why a text is not read: the line, and what is wrong there.
pub(crate) type Refusal = (usize, String);

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    keys: usize,
}

/// Reads a text that has one document.
pub(crate) fn read(text: &str) -> Result<Node, Refusal> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        keys: 0,
    };
    let mut root = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => {
                return Ok(root.unwrap_or(Node {
                    line: 1,
                    value: Value::Nothing,
                }));
            }
            Event::DocumentStart(_) if root.is_some() => {
                return Err((line, "there is a second document".to_owned()));
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            other @ (Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd) => root = Some(reader.node(other, line, 0)?),
        }
    }
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), Refusal> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err((error.marker().line(), format!("not YAML: {}", error.info()))),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'t>, line: usize, depth: usize) -> Result<Node, Refusal> {
        if depth > DEPTH_MAX {
            return Err((line, "nested too deeply".to_owned()));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => match (style, text.as_ref()) {
                (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Nothing,
                _ => Value::Text(text.into_owned()),
            },
            Event::SequenceStart(..) => {
                self.skip(line)?;
                Value::List
            }
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) => return Err((line, "aliases are not taken".to_owned())),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err((line, "a value is missing".to_owned())),
        };
        Ok(Node { line, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Refusal> {
        let mut map = BTreeMap::new();
        loop {
            let (event, line) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Map(map)),
                Event::Scalar(key, ..) => key.into_owned(),
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..) => return Err((line, "a key is not text".to_owned())),
            };
            self.keys = self.keys.saturating_add(1);
            if self.keys > KEYS_MAX {
                return Err((line, format!("there are more than {KEYS_MAX} keys")));
            }
            let (event, value_line) = self.next()?;
            let mut node = self.node(event, value_line, depth.saturating_add(1))?;
            // A mapping or nothing is looked for where its key is.
            node.line = line;
            if map.insert(key.clone(), node).is_some() {
                return Err((
                    line,
                    format!("{}: is there twice", crate::problem::shown(&key)),
                ));
            }
        }
    }

    /// Passes over a list.
    fn skip(&mut self, line: usize) -> Result<(), Refusal> {
        let mut depth: usize = 1;
        while depth > 0 {
            match self.next()?.0 {
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    depth = depth.saturating_add(1);
                }
                Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
                Event::StreamEnd => return Err((line, "the list does not end".to_owned())),
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::Scalar(..) => {}
            }
        }
        Ok(())
    }
}
