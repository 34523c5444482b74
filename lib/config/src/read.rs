// SPDX-License-Identifier: MPL-2.0
//! Text → tree of values.
//!
//! Owns: the one visitor that all documents are read with, and the budgets of aliases and of memory.
//! Never: knows the keys of a struct other than through its [`Kind`].

use crate::error::{Fault, Path, Position, Problem, Step};
use crate::map::Map;
use crate::memory::Memory;
use crate::schema::Kind;
use crate::value::Value;
use core::fmt;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;

/// The key that takes over entries of another mapping (YAML 1.1 merge).
pub(crate) const MERGE_KEY: &str = "<<";

/// What is known while a document is read.
#[derive(Debug)]
struct State<'m> {
    path: Path,
    problems: Vec<Problem>,
    /// What the tree may still grow by; a tree without aliases never needs more than its text.
    budget: usize,
    memory: &'m mut Memory,
    /// The arguments that are lists: the parser wants to know before it looks.
    lists: &'m BTreeSet<Path>,
    /// The arguments that turned out to be lists.
    found: BTreeSet<Path>,
    /// Which of the two is spent.
    overdrawn: Option<Fault>,
}

/// Reads one document as `kind` from its deserializer. `size` is that of the whole text, and `memory` what
/// it may still take up.
pub(crate) fn read<'de>(
    document: serde_yaml_ng::Deserializer<'de>,
    kind: &'static Kind,
    size: usize,
    memory: &mut Memory,
) -> Result<(Value, Vec<Problem>), Box<Problem>> {
    read_with(document, kind, size, memory, &BTreeSet::new())
}

/// The same when it is known which arguments are lists.
pub(crate) fn read_with<'de>(
    document: serde_yaml_ng::Deserializer<'de>,
    kind: &'static Kind,
    size: usize,
    memory: &mut Memory,
    lists: &BTreeSet<Path>,
) -> Result<(Value, Vec<Problem>), Box<Problem>> {
    let (value, problems, _) = read_as(document, [kind, kind], size, memory, lists)?;
    Ok((value, problems))
}

/// Reads one document as it is, whatever `shape` it should have; returns also which arguments are lists.
pub(crate) fn read_any<'de>(
    document: serde_yaml_ng::Deserializer<'de>,
    shape: &'static Kind,
    size: usize,
    memory: &mut Memory,
) -> Result<(Value, Vec<Problem>, BTreeSet<Path>), Box<Problem>> {
    read_as(
        document,
        [&Kind::Free, shape],
        size,
        memory,
        &BTreeSet::new(),
    )
}

fn read_as<'de>(
    document: serde_yaml_ng::Deserializer<'de>,
    [kind, shape]: [&'static Kind; 2],
    size: usize,
    memory: &mut Memory,
    lists: &BTreeSet<Path>,
) -> Result<(Value, Vec<Problem>, BTreeSet<Path>), Box<Problem>> {
    let mut state = State {
        path: Path::default(),
        problems: Vec::new(),
        // Every value and every character of text costs one; a value takes at least one character.
        budget: size.saturating_mul(2).saturating_add(16),
        memory,
        lists,
        found: BTreeSet::new(),
        overdrawn: None,
    };
    let read = Seed {
        kind,
        shape,
        state: &mut state,
    }
    .deserialize(document);
    match read {
        Ok(value) => Ok((value, state.problems, state.found)),
        Err(error) => {
            let fault = state.overdrawn.unwrap_or_else(|| fault(&error));
            // The parser's own errors are about the text, not about a key.
            let path = if matches!(fault, Fault::NotYaml(_) | Fault::BadEscape) {
                Path::default()
            } else {
                state.path
            };
            let position = position(&error);
            Err(Box::new(Problem {
                document: 0,
                path,
                position,
                fault,
            }))
        }
    }
}

pub(crate) fn position(error: &serde_yaml_ng::Error) -> Option<Position> {
    error.location().map(|at| Position {
        line: at.line(),
        column: at.column(),
    })
}

/// Tells the parser's errors apart, which have no kinds, by their words.
pub(crate) fn fault(error: &serde_yaml_ng::Error) -> Fault {
    const EXPECTED: &str = "expected ";
    let text = error.to_string();
    if text.contains("recursion limit exceeded") {
        Fault::TooDeep
    } else if text.contains("repetition limit exceeded") {
        Fault::AliasGrowth
    } else if let Some((_, words)) = text
        .rsplit_once(EXPECTED)
        .filter(|_| text.contains("invalid type: "))
    {
        let expected = EXPECTATIONS
            .iter()
            .find(|expected| words.starts_with(**expected));
        Fault::WrongType {
            expected: expected.copied().unwrap_or("something else"),
        }
    } else {
        // The position is printed apart.
        let words = text.split(" at line ").next().unwrap_or_default();
        if words.contains("invalid Unicode character escape code") {
            return Fault::BadEscape;
        }
        Fault::NotYaml(words.to_owned())
    }
}

/// What a merge key takes.
const MERGED: &str = "a mapping or a list of mappings";

/// The longer ones first: errors are told apart by how they begin.
const EXPECTATIONS: &[&str] = &[MERGED, "text", "a list", "a mapping", "a plain value"];

struct Seed<'a, 'm> {
    /// How it is read.
    kind: &'static Kind,
    /// How it should be.
    shape: &'static Kind,
    state: &'a mut State<'m>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.state.spend::<D::Error>(1)?;
        self.state.occupy::<D::Error>(Memory::value)?;
        match self.kind {
            Kind::Free => from.deserialize_any(self),
            Kind::Text
            | Kind::Word
            | Kind::Argument
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Struct(_) => from.deserialize_option(self),
        }
    }
}

impl State<'_> {
    fn spend<E: de::Error>(&mut self, cost: usize) -> Result<(), E> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => {
                self.overdrawn = Some(Fault::AliasGrowth);
                Err(E::custom("too large"))
            }
        }
    }

    /// Makes room in memory.
    fn occupy<E: de::Error>(
        &mut self,
        cost: impl FnOnce(&mut Memory) -> Option<()>,
    ) -> Result<(), E> {
        cost(self.memory).ok_or_else(|| {
            let values = self.memory.values();
            self.overdrawn = Some(Fault::TooDense { values });
            E::custom("too dense")
        })
    }

    fn text<E: de::Error>(&mut self, text: &str) -> Result<Value, E> {
        self.spend(text.len())?;
        self.occupy(|memory| memory.text(text.len()))?;
        Ok(Value::Text(text.to_owned()))
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Text | Kind::Word | Kind::Argument => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) | Kind::Struct(_) => "a mapping",
            Kind::Free => "a plain value",
        })
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self.kind {
            Kind::Text | Kind::Word | Kind::Argument => from.deserialize_str(self),
            Kind::List(_) => from.deserialize_seq(self),
            Kind::Map(_) | Kind::Struct(_) => from.deserialize_map(self),
            Kind::Free => from.deserialize_any(self),
        }
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Unsigned(number), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.state.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        if matches!(self.shape, Kind::Argument) {
            self.state.found.insert(self.state.path.clone());
        }
        let (kind, shape) = (item_of(self.kind), item_of(self.shape));
        self.state.occupy::<A::Error>(Memory::list)?;
        let mut values = Vec::new();
        loop {
            self.state.path.0.push(Step::Index(values.len()));
            let next = list.next_element_seed(Seed {
                kind,
                shape,
                state: self.state,
            })?;
            if next.is_some() {
                self.state.occupy::<A::Error>(|memory| memory.item(kind))?;
            }
            self.state.path.0.pop();
            match next {
                Some(value) => values.push(value),
                None => return Ok(Value::List(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.state.occupy::<A::Error>(Memory::map)?;
        let mut values = Vec::new();
        let mut merged = None;
        let mut doubles = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            self.state.spend::<A::Error>(key.0.len())?;
            let (mut kind, shape) = (child_of(self.kind, &key.0), child_of(self.shape, &key.0));
            self.state.path.0.push(Step::Key(key.0.clone()));
            if matches!(kind, Kind::Argument) && self.state.lists.contains(&self.state.path) {
                kind = &Kind::List(&Kind::Text);
            }
            self.state
                .occupy::<A::Error>(|memory| memory.entry(values.len(), key.0.len(), self.kind))?;
            let seed = Seed {
                kind,
                shape,
                state: self.state,
            };
            if key.0 == MERGE_KEY {
                let others = map.next_value_seed(Merged::One(seed))?;
                if merged.replace(others).is_some() {
                    doubles.push(key.0);
                }
            } else {
                let value = map.next_value_seed(seed)?;
                Map::grow(&mut values);
                values.push((key.0, value));
            }
            self.state.path.0.pop();
        }
        let (mut map, found) = Map::of(values);
        doubles.extend(found);
        for key in doubles {
            let path = self.state.path.key(&key);
            self.state
                .problems
                .push(Problem::new(path, Fault::DuplicateKey));
        }
        if let Some(others) = merged {
            map.add_missing(others);
        }
        Ok(Value::Map(map))
    }
}

/// The value of a merge key: a mapping, or a list of mappings of which the first counts most (YAML 1.1,
/// "Merge Key Language-Independent Type").
enum Merged<'a, 'm> {
    /// The value itself.
    One(Seed<'a, 'm>),
    /// An item of the list.
    Item(Seed<'a, 'm>),
}

impl<'de> DeserializeSeed<'de> for Merged<'_, '_> {
    type Value = Vec<Map>;

    fn deserialize<D: Deserializer<'de>>(mut self, from: D) -> Result<Vec<Map>, D::Error> {
        let (Self::One(seed) | Self::Item(seed)) = &mut self;
        seed.state.spend::<D::Error>(1)?;
        seed.state.occupy::<D::Error>(Memory::value)?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Merged<'_, '_> {
    type Value = Vec<Map>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) => MERGED,
            Self::Item(_) => "a mapping",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Map>, A::Error> {
        let (Self::One(seed) | Self::Item(seed)) = self;
        Ok(match seed.visit_map(map)? {
            Value::Map(map) => vec![map],
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Unsigned(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => Vec::new(),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Map>, A::Error> {
        let Self::One(seed) = self else {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        };
        let state = seed.state;
        state.occupy::<A::Error>(Memory::list)?;
        let mut maps = Vec::new();
        loop {
            state.path.0.push(Step::Index(maps.len()));
            let next = list.next_element_seed(Merged::Item(Seed {
                kind: seed.kind,
                shape: seed.shape,
                state: &mut *state,
            }))?;
            state.path.0.pop();
            match next {
                Some(found) => maps.extend(found),
                None => return Ok(maps),
            }
        }
    }
}

/// The kind of the items of a list.
fn item_of(kind: &'static Kind) -> &'static Kind {
    match kind {
        Kind::List(kind) => kind,
        Kind::Text | Kind::Word | Kind::Argument | Kind::Map(_) | Kind::Struct(_) | Kind::Free => {
            &Kind::Free
        }
    }
}

/// The kind of the value under a key of a mapping.
fn child_of(kind: &'static Kind, key: &str) -> &'static Kind {
    match kind {
        _ if key == MERGE_KEY => kind,
        Kind::Map(kind) => kind,
        Kind::Struct(entries) => entries
            .iter()
            .find(|entry| entry.key == key)
            .map_or(&Kind::Free, |e| e.kind),
        Kind::Text | Kind::Word | Kind::Argument | Kind::List(_) | Kind::Free => &Kind::Free,
    }
}

/// A key: any scalar, as the text it was written as.
pub(crate) struct Key(pub(crate) String);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text as key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key(text.to_owned()))
    }
}
