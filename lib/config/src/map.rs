// SPDX-License-Identifier: MPL-2.0
//! Mappings of a tree, as small as their entries.
//!
//! Owns: the order of the keys, and that each is there once.
//! Never: leaves room for entries that nobody adds: a tree has many mappings of one key.

use crate::value::Value;
use core::fmt;

/// A mapping, in the order of its keys.
#[derive(Clone, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

/// Up to here a mapping grows by one entry at a time, beyond by its own size.
const SMALL: usize = 4;

impl Map {
    /// A mapping without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A mapping of entries in any order; of those with the same key the first stays. Returns the keys of
    /// the others too.
    pub(crate) fn of(mut entries: Vec<(String, Value)>) -> (Self, Vec<String>) {
        let mut doubles = Vec::new();
        if !entries.is_sorted_by(|one, two| one.0 < two.0) {
            // Entries with the same key stay in their order.
            entries.sort_by(|one, two| one.0.cmp(&two.0));
            entries.dedup_by(|later, first| {
                let is_double = later.0 == first.0;
                if is_double {
                    doubles.push(core::mem::take(&mut later.0));
                }
                is_double
            });
        }
        entries.shrink_to_fit();
        (Self(entries), doubles)
    }

    /// Makes room for one more of these entries.
    pub(crate) fn grow(entries: &mut Vec<(String, Value)>) {
        if entries.len() < SMALL {
            entries.reserve_exact(1);
        }
    }

    /// Adds the entries of others whose keys are not there yet; the first of the others counts.
    pub(crate) fn add_missing(&mut self, others: impl IntoIterator<Item = Self>) {
        let mut entries = core::mem::take(&mut self.0);
        entries.extend(others.into_iter().flat_map(|other| other.0));
        *self = Self::of(entries).0;
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = self.find(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let place = self.find(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value under a key; returns the one that was there.
    pub fn insert(&mut self, key: String, value: Value) -> Option<Value> {
        match self.find(&key) {
            Ok(place) => {
                let (_, old) = self.0.get_mut(place)?;
                Some(core::mem::replace(old, value))
            }
            Err(place) => {
                Self::grow(&mut self.0);
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.find(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Keeps the entries that fit.
    pub fn retain(&mut self, mut fits: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(key, value)| fits(key, value));
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(key))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Of entries with the same key the first stays.
impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self::of(entries.into_iter().collect()).0
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::Map;
    use crate::value::Value;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn of_equal_keys_the_first_stays_and_the_others_are_told() {
        let entry = |key: &str, number| (key.to_owned(), Value::Integer(number));
        let (map, doubles) = Map::of(vec![
            entry("b", 1),
            entry("a", 2),
            entry("b", 3),
            entry("c", 4),
            entry("b", 5),
        ]);

        assert_eq!(doubles, ["b", "b"]);
        assert_eq!(
            map,
            [entry("a", 2), entry("b", 1), entry("c", 4)]
                .into_iter()
                .collect()
        );
    }

    proptest! {
        #[test]
        fn a_mapping_does_what_a_tree_of_the_library_does(
            steps in proptest::collection::vec(("[a-e]{0,2}", any::<bool>(), any::<i64>()), 0..60),
        ) {
            let (mut ours, mut theirs) = (Map::new(), BTreeMap::new());
            for (key, is_added, number) in steps {
                let value = Value::Integer(number);
                if is_added {
                    prop_assert_eq!(ours.insert(key.clone(), value.clone()), theirs.insert(key.clone(), value));
                } else {
                    prop_assert_eq!(ours.remove(&key), theirs.remove(&key));
                }
                prop_assert_eq!(ours.get(&key), theirs.get(&key));
                prop_assert!(ours.iter().eq(theirs.iter()));
                prop_assert_eq!(ours.len(), theirs.len());
            }
        }
    }
}
