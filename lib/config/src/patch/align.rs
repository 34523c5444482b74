// SPDX-License-Identifier: MPL-2.0
//! Which items of a list are which items of another.
//!
//! Owns: telling an item that changed from one that came in the place of another.
//! Never: changes the order of either list.

use crate::value::Value;

/// Most comparisons of one list with another: what is beyond is matched by its place.
const MAX_COMPARISONS: usize = 40_000;

/// Pairs of places, growing on both sides. Items without a pair are gone, or new.
pub(crate) fn align(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    let is_equal = |(old, new): &(&Value, &Value)| old == new;
    let front = old.iter().zip(new).take_while(is_equal).count();
    let shorter = old.len().min(new.len()).saturating_sub(front);
    let ends = old.iter().rev().zip(new.iter().rev()).take(shorter);
    let back = ends.take_while(is_equal).count();
    let (old_end, new_end) = (
        old.len().saturating_sub(back),
        new.len().saturating_sub(back),
    );
    let (old_middle, new_middle) = (
        old.get(front..old_end).unwrap_or(&[]),
        new.get(front..new_end).unwrap_or(&[]),
    );

    let mut pairs: Vec<(usize, usize)> = (0..front).map(|place| (place, place)).collect();
    let shifted =
        |(one, two): (usize, usize)| (one.saturating_add(front), two.saturating_add(front));
    pairs.extend(middle(old_middle, new_middle).into_iter().map(shifted));
    pairs.extend((old_end..old.len()).zip(new_end..new.len()));
    pairs
}

/// The longest row of pairs of alike items, and between those, plain values in their order.
fn middle(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    if old.len().saturating_mul(new.len()) > MAX_COMPARISONS {
        return (0..old.len().min(new.len()))
            .map(|place| (place, place))
            .collect();
    }
    let mut pairs = Vec::new();
    let (mut one, mut two) = (0, 0);
    for (next_one, next_two) in longest(old, new) {
        fill(old, new, one..next_one, two..next_two, &mut pairs);
        pairs.push((next_one, next_two));
        (one, two) = (next_one.saturating_add(1), next_two.saturating_add(1));
    }
    fill(old, new, one..old.len(), two..new.len(), &mut pairs);
    pairs
}

/// Pairs plain values that have no other partner: one took the place of the other.
fn fill(
    old: &[Value],
    new: &[Value],
    one: core::ops::Range<usize>,
    two: core::ops::Range<usize>,
    pairs: &mut Vec<(usize, usize)>,
) {
    let is_plain = |list: &[Value], at: usize| {
        !matches!(list.get(at), None | Some(Value::Map(_) | Value::List(_)))
    };
    let between = one.zip(two);
    pairs.extend(between.take_while(|(one, two)| is_plain(old, *one) && is_plain(new, *two)));
}

/// The longest common subsequence of alike items, by the table of its lengths.
fn longest(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    let width = new.len().saturating_add(1);
    let place = |one: usize, two: usize| one.saturating_mul(width).saturating_add(two);
    let mut lengths = vec![0u32; width.saturating_mul(old.len().saturating_add(1))];
    let length = |lengths: &[u32], one, two| lengths.get(place(one, two)).copied().unwrap_or(0);
    for (one, before) in old.iter().enumerate().rev() {
        for (two, after) in new.iter().enumerate().rev() {
            let (down, right) = (one.saturating_add(1), two.saturating_add(1));
            let best = if is_alike(before, after) {
                length(&lengths, down, right).saturating_add(1)
            } else {
                length(&lengths, down, two).max(length(&lengths, one, right))
            };
            if let Some(slot) = lengths.get_mut(place(one, two)) {
                *slot = best;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut one, mut two) = (0, 0);
    while let (Some(before), Some(after)) = (old.get(one), new.get(two)) {
        let (down, right) = (one.saturating_add(1), two.saturating_add(1));
        if is_alike(before, after) {
            pairs.push((one, two));
            (one, two) = (down, right);
        } else if length(&lengths, down, two) >= length(&lengths, one, right) {
            one = down;
        } else {
            two = right;
        }
    }
    pairs
}

/// Whether two items are the same one, maybe changed: half of what they say is the same.
fn is_alike(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Map(one), Value::Map(two)) => {
            let same = one
                .iter()
                .filter(|(key, value)| two.get(key) == Some(value));
            let same = same.count().saturating_mul(2);
            same > 0 && same >= one.len().min(two.len())
        }
        (one, two) => one == two,
    }
}

#[cfg(test)]
mod tests {
    use super::align;
    use crate::value::Value;

    fn text(items: &[&str]) -> Vec<Value> {
        items.iter().map(|item| Value::from(*item)).collect()
    }

    fn map(name: &str, more: &str) -> Value {
        Value::map([("name", name.into()), ("more", more.into())])
    }

    #[test]
    fn what_stayed_is_found_beside_what_came_and_went() {
        for (old, new, pairs) in [
            (&["a", "b"][..], &["a", "b", "c"][..], &[(0, 0), (1, 1)][..]),
            (&["a", "b"], &["c", "a", "b"], &[(0, 1), (1, 2)]),
            (&["a", "b", "c"], &["a", "c"], &[(0, 0), (2, 1)]),
            (&["a", "b"], &["a", "c"], &[(0, 0), (1, 1)]),
            (&["a", "b"], &["b", "a"], &[(1, 0)]),
            (&["a"], &[], &[]),
        ] {
            assert_eq!(align(&text(old), &text(new)), pairs, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_changed_item_is_not_the_one_that_took_its_place() {
        let old = [map("a", "1"), map("b", "1")];
        let new = [map("b", "2"), map("c", "3")];

        assert_eq!(align(&old, &new), [(1, 0)]);
        assert_eq!(
            align(&old, &[map("a", "2"), map("b", "2")]),
            [(0, 0), (1, 1)]
        );
    }
}
