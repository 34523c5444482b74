// SPDX-License-Identifier: MPL-2.0
//! Services that wait for each other, so that none of them would ever start.
//!
//! Owns: finding out who waits for itself.
//! Never: looks at what a service that is no extension waits for.

use std::collections::BTreeMap;

use super::description::{Condition, Extension};

/// Which services each service waits for, by their ids.
pub(super) type Waits = BTreeMap<String, Vec<String>>;

/// What these services wait for.
pub(super) fn waits<'a>(extensions: impl Iterator<Item = &'a Extension>) -> Waits {
    let of = |extension: &Extension| {
        let services = extension.depends.iter().filter_map(|one| match one {
            Condition::Service(id) => Some(id.clone()),
            Condition::Path(_)
            | Condition::Network(_)
            | Condition::Time
            | Condition::Configuration => None,
        });
        (extension.id(), services.collect())
    };
    extensions.map(of).collect()
}

/// The shortest way from `id` back to itself, with `id` at both ends.
pub(super) fn cycle<'a>(waits: &'a Waits, id: &'a str) -> Option<Vec<&'a str>> {
    // From whom each service was found, in the order in which they were.
    let mut found: Vec<(&str, usize)> = vec![(id, 0)];
    let mut at = 0;
    while let Some(&(service, _)) = found.get(at) {
        for next in waits.get(service).into_iter().flatten() {
            if next == id {
                return Some(way(&found, at, id));
            }
            if !found.iter().any(|(known, _)| known == next) {
                found.push((next, at));
            }
        }
        at = at.saturating_add(1);
    }
    None
}

/// The way to the service that was found at `last`, and on to `id`, where it began.
fn way<'a>(found: &[(&'a str, usize)], last: usize, id: &'a str) -> Vec<&'a str> {
    let mut way = vec![id];
    let mut at = last;
    while let Some(&(service, from)) = found.get(at) {
        way.push(service);
        if at == 0 {
            break;
        }
        at = from;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(lines: &[(&str, &[&str])]) -> Waits {
        let line = |(id, all): &(&str, &[&str])| {
            let all = all.iter().map(|one| (*one).to_owned()).collect();
            ((*id).to_owned(), all)
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn ext_09_the_shortest_way_back_is_found_for_those_on_it_alone() {
        let waits = graph(&[
            ("a", &["x", "b"]),
            ("b", &["c", "a"]),
            ("c", &["a"]),
            ("d", &["a", "unknown"]),
            ("self", &["self"]),
            ("x", &["machined"]),
        ]);

        assert_eq!(cycle(&waits, "a"), Some(vec!["a", "b", "a"]));
        assert_eq!(cycle(&waits, "b"), Some(vec!["b", "a", "b"]));
        assert_eq!(cycle(&waits, "c"), Some(vec!["c", "a", "b", "c"]));
        assert_eq!(cycle(&waits, "self"), Some(vec!["self", "self"]));
        for free in ["d", "x", "machined", "nobody"] {
            assert_eq!(cycle(&waits, free), None, "{free}");
        }
    }

    #[test]
    fn ext_09_many_services_that_wait_for_all_others_are_looked_at_once_each() {
        let ids: Vec<String> = (0..48).map(|n| format!("ext-{n}")).collect();
        let below = |n: usize| ids.get(..n).unwrap().to_vec();
        let waits: Waits = (0..48).map(|n| (ids[n].clone(), below(n))).collect();

        assert!(ids.iter().all(|id| cycle(&waits, id).is_none()));
    }
}
