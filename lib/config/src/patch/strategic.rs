// SPDX-License-Identifier: MPL-2.0
//! Strategic merge: a document laid over another.
//!
//! Owns: the table of lists that are not appended to, and how each kind of value is merged.
//! Never: takes anything away; deletions are orders of their own.

use super::tree::{below, inside};
use crate::error::{Fault, Path, Problem, Step};
use crate::map::Map;
use crate::quantity::{DiskSize, GoDuration};
use crate::scalar::whole_number;
use crate::schema::Kind;
use crate::value::Value;
use std::collections::BTreeMap;

/// What happens to a list or a free-form value that both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The items are appended, duplicates included.
    Append,
    /// The patch's value takes the place of the other.
    Replace,
    /// Items with the same first one of these keys are merged, others appended.
    ByKey(&'static [&'static str]),
}

struct Exception {
    /// The kind of document; the main one has none.
    document: &'static str,
    path: &'static str,
    rule: Rule,
}

const EXCEPTIONS: &[Exception] = &[
    // Links are told apart by name, or else by how they are found.
    Exception {
        document: "",
        path: "machine.network.interfaces",
        rule: Rule::ByKey(&["interface", "deviceSelector"]),
    },
    Exception {
        document: "",
        path: "machine.network.interfaces[].vlans",
        rule: Rule::ByKey(&["vlanId"]),
    },
    Exception {
        document: "",
        path: "cluster.apiServer.admissionControl",
        rule: Rule::ByKey(&["name"]),
    },
    // Two pod networks beside each other mean dual stack, which nobody means by naming another one.
    Exception {
        document: "",
        path: "cluster.network.podSubnets",
        rule: Rule::Replace,
    },
    Exception {
        document: "",
        path: "cluster.network.serviceSubnets",
        rule: Rule::Replace,
    },
    // The order of the rules of a policy matters, so they cannot be mixed.
    Exception {
        document: "",
        path: "cluster.apiServer.auditPolicy",
        rule: Rule::Replace,
    },
    // A rule that is changed must be able to let in less.
    Exception {
        document: "NetworkRuleConfig",
        path: "ingress",
        rule: Rule::Replace,
    },
    Exception {
        document: "NetworkRuleConfig",
        path: "portSelector.ports",
        rule: Rule::Replace,
    },
    // Another command is not the old one with more behind it.
    Exception {
        document: "ContainerConfig",
        path: "entrypoint",
        rule: Rule::Replace,
    },
    Exception {
        document: "ContainerConfig",
        path: "args",
        rule: Rule::Replace,
    },
    Exception {
        document: "ContainerConfig",
        path: "mounts",
        rule: Rule::ByKey(&["destination"]),
    },
    Exception {
        document: "ContainerConfig",
        path: "mounts[].options",
        rule: Rule::Replace,
    },
    Exception {
        document: "ContainerConfig",
        path: "devices",
        rule: Rule::ByKey(&["path"]),
    },
];

/// The rule for the list at a path of keys, `[]` for items.
pub(crate) fn rule(document: &str, path: &str) -> Rule {
    EXCEPTIONS
        .iter()
        .find(|row| row.document == document && row.path == path)
        .map_or(Rule::Append, |row| row.rule)
}

/// Lays `patch` over `base`. A path in a problem is one of the patch.
pub(crate) fn merge(
    base: &mut Value,
    patch: &Value,
    kind: &'static Kind,
    document: &str,
) -> Result<(), Problem> {
    let mut merger = Merger {
        document,
        pattern: String::new(),
        path: Path::default(),
    };
    merger.value(base, patch, kind)
}

struct Merger<'a> {
    document: &'a str,
    /// The path without indices, as the table has it.
    pattern: String,
    path: Path,
}

impl Merger<'_> {
    fn value(
        &mut self,
        base: &mut Value,
        patch: &Value,
        kind: &'static Kind,
    ) -> Result<(), Problem> {
        if patch.is_empty() && !matches!(patch, Value::Map(_)) {
            return Ok(());
        }
        let rule = rule(self.document, &self.pattern);
        if rule == Rule::Replace {
            if !patch.is_empty() {
                base.clone_from(patch);
            }
            return Ok(());
        }
        match (base, patch) {
            // The one shape of an argument takes the place of the other.
            (base @ (Value::Text(_) | Value::List(_)), Value::Text(_) | Value::List(_))
                if matches!(kind, Kind::Argument)
                    && !matches!((&*base, patch), (Value::List(_), Value::List(_))) =>
            {
                base.clone_from(patch);
                Ok(())
            }
            (base @ Value::Null, Value::Map(_)) => {
                *base = Value::Map(Map::new());
                self.value(base, patch, kind)
            }
            (base @ Value::Null, Value::List(_)) => {
                *base = Value::List(Vec::new());
                self.value(base, patch, kind)
            }
            (Value::Map(base), Value::Map(patch)) => self.map(base, patch, kind),
            (Value::List(base), Value::List(patch)) => match rule {
                Rule::ByKey(keys) => self.keyed(base, patch, inside(kind), keys),
                Rule::Append | Rule::Replace => {
                    base.extend(patch.iter().cloned());
                    Ok(())
                }
            },
            (Value::Map(_), _) => {
                Err(self.wrong_type("a mapping, as there is in the configuration"))
            }
            (Value::List(_), _) => Err(self.wrong_type("a list, as there is in the configuration")),
            (_, Value::Map(_) | Value::List(_)) => {
                Err(self.wrong_type("text, as there is in the configuration"))
            }
            (base, patch) => {
                if !says_nothing(patch, kind) || *base == Value::Null {
                    base.clone_from(patch);
                }
                Ok(())
            }
        }
    }

    fn wrong_type(&self, expected: &'static str) -> Problem {
        Problem::new(self.path.clone(), Fault::WrongType { expected })
    }

    fn below<T>(&mut self, step: Step, go: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pattern.len();
        match &step {
            Step::Key(key) => {
                if length > 0 {
                    self.pattern.push('.');
                }
                self.pattern.push_str(key);
            }
            Step::Index(_) => self.pattern.push_str("[]"),
        }
        self.path.0.push(step);
        let result = go(self);
        self.path.0.pop();
        self.pattern.truncate(length);
        result
    }

    fn map(&mut self, base: &mut Map, patch: &Map, kind: &'static Kind) -> Result<(), Problem> {
        // In a struct, nothing is the same as no key; in a mapping with own keys it is not.
        let is_struct = matches!(kind, Kind::Struct(_));
        // Added at once: each by itself would move all behind it.
        let mut more = Vec::new();
        for (key, value) in patch.iter() {
            let kind = below(kind, key);
            let step = Step::Key(key.clone());
            if let Some(base) = base.get_mut(key) {
                self.below(step, |at| at.value(base, value, kind))?;
            } else if *value == Value::Null {
            } else if value.is_empty() && !is_struct {
                more.push((key.clone(), value.clone()));
            } else if !(is_struct && says_nothing(value, kind)) {
                let mut added = Value::Null;
                self.below(step, |at| at.value(&mut added, value, kind))?;
                more.push((key.clone(), added));
            }
        }
        base.add_missing([more.into_iter().collect()]);
        Ok(())
    }

    fn keyed(
        &mut self,
        base: &mut Vec<Value>,
        patch: &[Value],
        kind: &'static Kind,
        keys: &[&str],
    ) -> Result<(), Problem> {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let note = |places: &mut BTreeMap<String, usize>, item: &Value, index: usize| {
            for name in keys.iter().filter_map(|key| identity(item, key)) {
                places.entry(name).or_insert(index);
            }
        };
        for (index, item) in base.iter().enumerate() {
            note(&mut places, item, index);
        }
        for (index, item) in patch.iter().enumerate() {
            let name = keys.iter().find_map(|key| identity(item, key));
            let place = name.and_then(|name| places.get(&name).copied());
            let old = place.and_then(|place| base.get_mut(place));
            if let Some(old) = old {
                self.below(Step::Index(index), |at| at.value(old, item, kind))?;
            } else {
                note(&mut places, item, base.len());
                base.push(item.clone());
            }
        }
        Ok(())
    }
}

/// What tells an item apart by one of its keys, if it has the key.
pub(crate) fn identity(item: &Value, key: &str) -> Option<String> {
    let value = item.get(key).filter(|value| !value.is_empty())?;
    if let Value::Text(text) = value {
        if text.is_empty() {
            return None;
        }
        // A number may be written in several ways.
        if let ("vlanId", Some(number)) = (key, whole_number(text)) {
            return Some(format!("{key} {number}"));
        }
    }
    Some(format!("{key} {value:?}"))
}

/// Whether a patch that has this value means nothing by it: text that is empty, a number that is zero.
fn says_nothing(value: &Value, kind: &'static Kind) -> bool {
    match (value, kind) {
        (Value::Null, _) => true,
        (Value::List(list), _) => list.is_empty(),
        (Value::Text(text), Kind::Text | Kind::Argument) => text.is_empty(),
        (Value::Text(text), Kind::Word) => {
            text.is_empty()
                || whole_number(text) == Some(0)
                || GoDuration::parse(text) == Some(GoDuration::default())
                || DiskSize::parse(text) == Some(DiskSize(0))
        }
        _ => false,
    }
}
