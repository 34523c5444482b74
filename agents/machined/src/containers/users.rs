// SPDX-License-Identifier: MPL-2.0
//! Which users of the node a container's users are.
//!
//! Owns: a range for each name, the same after every start without being written down anywhere.
//! Never: gives two containers that are there together one range.

use std::collections::BTreeMap;

use proto::container::Users;

/// How many ranges there are.
const RANGES: u32 = (Users::LAST - Users::FIRST) / Users::COUNT + 1;

/// The first user of each name. A name has the range that its letters point to; of two that point to
/// the same, the one that is later in the alphabet has the next that is free.
pub(super) fn ranges<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, u32> {
    let mut sorted: Vec<&str> = names.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut taken = Vec::new();
    let mut found = BTreeMap::new();
    for name in sorted {
        let mut range = hash(name);
        while taken.contains(&range) {
            range = range.saturating_add(1).checked_rem(RANGES).unwrap_or(0);
        }
        taken.push(range);
        let offset = range.saturating_mul(Users::COUNT);
        found.insert(name, Users::FIRST.saturating_add(offset));
    }
    found
}

/// FNV-1a of 32 bits, folded to the ranges: names are few, and nobody gains by two that meet.
fn hash(name: &str) -> u32 {
    let sum = name.bytes().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    sum.checked_rem(RANGES).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_range_whoever_else_is_there() {
        let alone = ranges(["web"]);
        let many = ranges(["db", "web", "cache", "web"]);

        assert_eq!(alone.get("web"), many.get("web"));
        assert_eq!(many.len(), 3);
    }

    #[test]
    fn ranges_are_whole_apart_and_above_all_users_of_the_node() {
        let names: Vec<String> = (0..2000).map(|number| format!("c{number}")).collect();

        let found = ranges(names.iter().map(String::as_str));

        let mut firsts: Vec<u32> = found.into_values().collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 2000);
        for first in firsts {
            assert!(Users::Own { first }.is_good(), "{first}");
            assert!(first >= Users::FIRST);
        }
    }

    /// Half of all containers could not mount their terminals.
    #[test]
    fn numbers_of_users_fit_into_signed_ones() {
        let names: Vec<String> = (0..2000).map(|number| format!("c{number}")).collect();

        let found = ranges(names.iter().map(String::as_str));

        let last = found.into_values().max().unwrap() + (Users::COUNT - 1);
        assert!(i32::try_from(last).is_ok(), "{last}");
        assert_eq!(Users::LAST + (Users::COUNT - 1), i32::MAX.cast_unsigned());
    }
}
