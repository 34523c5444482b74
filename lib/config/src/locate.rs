// SPDX-License-Identifier: MPL-2.0
//! Finds where in a text a key path is.
//!
//! Owns: the second walk through a text, done only when there is something to report.
//! Never: builds a tree.

use crate::error::{Fault, Path, Position, Problem, Step};
use crate::pairs::{joined, restore};
use crate::read::position;
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Fills in the positions that are not known yet.
pub(crate) fn locate(text: &str, problems: &mut [Problem]) {
    let mut problems = problems
        .iter_mut()
        .filter(|problem| problem.position.is_none())
        .peekable();
    if problems.peek().is_none() {
        return;
    }
    let readable = &*joined(text);
    for problem in problems {
        let occurrence = if problem.fault == Fault::DuplicateKey {
            2
        } else {
            1
        };
        problem.position = find(readable, problem.document, &problem.path, occurrence);
        restore(text, &mut problem.position);
    }
}

/// The position of the key that `path` ends with, or of the deepest part of it that is there.
fn find(text: &str, document: usize, path: &Path, occurrence: usize) -> Option<Position> {
    let mut steps = path.0.as_slice();
    loop {
        let from = serde_yaml_ng::Deserializer::from_str(text).nth(document)?;
        let found = Seek { steps, occurrence }.deserialize(from);
        if let Err(error) = found {
            return position(&error);
        }
        let (_, shorter) = steps.split_last()?;
        steps = shorter;
    }
}

/// Walks along `steps`; fails where they end, because the parser puts the position into its errors.
struct Seek<'p> {
    steps: &'p [Step],
    /// Which one of several equal keys is meant, at the end of the path.
    occurrence: usize,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.steps.split_first() else {
            return Err(serde::de::Error::custom("here"));
        };
        for _ in 0..*wanted {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        let seek = Seek {
            steps: rest,
            occurrence: self.occurrence,
        };
        list.next_element_seed(seek)?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else {
            return Err(serde::de::Error::custom("here"));
        };
        let mut left = if rest.is_empty() { self.occurrence } else { 1 };
        loop {
            let is_last = rest.is_empty() && left == 1;
            match map.next_key_seed(KeySeek { wanted, is_last })? {
                None => return Ok(()),
                Some(false) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(true) if left == 1 => {
                    map.next_value_seed(Seek {
                        steps: rest,
                        occurrence: self.occurrence,
                    })?;
                    left = 0;
                }
                Some(true) => {
                    left = left.saturating_sub(1);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
    }
}

struct KeySeek<'p> {
    wanted: &'p str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for KeySeek<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeek<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
        let found = text == self.wanted;
        if found && self.is_last {
            Err(E::custom("here"))
        } else {
            Ok(found)
        }
    }
}
