// SPDX-License-Identifier: MPL-2.0
//! Which images go.
//!
//! Owns: the order in which images make room, and which are not kept at all.
//! Never: removes one, reads a clock, or gives away what a container may be started with.

use std::time::Duration;

/// How long an image is kept that nobody wants: on a disk each, since a container that is tried out again
/// and again is not pulled each time; in memory one that an operator asked for, whose container comes later.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Who wants an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// Nobody.
    None,
    /// A container may run that was started with it, before its reference meant another one.
    Old,
    /// It is what a wanted reference means.
    Current,
}

/// An image, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Its name in the store.
    pub(crate) name: String,
    /// How many bytes it takes.
    pub(crate) size: u64,
    /// When it was last asked for, in seconds of UNIX time.
    pub(crate) used_at: u64,
    /// When an operator asked for it by itself.
    pub(crate) ordered_at: Option<u64>,
    pub(crate) want: Want,
}

/// Where the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Each byte is one of the machine's memory.
    Memory,
    Disk,
}

/// The images that are not kept, though nobody needs their room yet. A clock that went back keeps
/// them.
pub(crate) fn outlived(held: &[Held], medium: Medium, now: u64) -> Vec<String> {
    let is_over = |at: u64| now.saturating_sub(at) > KEPT.as_secs();
    held.iter()
        .filter(|image| image.want == Want::None)
        .filter(|image| image.ordered_at.is_none_or(is_over))
        .filter(|image| match medium {
            Medium::Memory => true,
            Medium::Disk => is_over(image.used_at),
        })
        .map(|image| image.name.clone())
        .collect()
}

/// The images that go so that `wanted` bytes fit where `free` are left: those that nobody wants
/// first, of them the ones that were not used for longest. `None` when all of them are not enough;
/// then none has to go.
pub(crate) fn room(held: &[Held], free: u64, wanted: u64) -> Option<Vec<String>> {
    let mut going: Vec<&Held> = held
        .iter()
        .filter(|image| image.want != Want::Current)
        .collect();
    going.sort_by_key(|image| (image.want, image.used_at, &image.name));
    let mut free = free;
    let mut names = Vec::new();
    for image in going {
        if free >= wanted {
            break;
        }
        free = free.saturating_add(image.size);
        names.push(image.name.clone());
    }
    (free >= wanted).then_some(names)
}

/// What the parts of the way from a registry take together, at most about so: the largest layer as it
/// comes, and the root, whose packing is lighter than that of layers.
pub(crate) fn needed(layers: impl IntoIterator<Item = u64>) -> u64 {
    let (mut sum, mut largest) = (0_u64, 0_u64);
    for layer in layers {
        sum = sum.saturating_add(layer);
        largest = largest.max(layer);
    }
    sum.saturating_add(sum / 2).saturating_add(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str, size: u64, used_at: u64, want: Want) -> Held {
        Held {
            name: name.to_owned(),
            size,
            used_at,
            ordered_at: None,
            want,
        }
    }

    #[test]
    fn in_memory_nothing_is_kept_that_nobody_wants_and_on_a_disk_for_a_day() {
        let ordered = |name, at| Held {
            ordered_at: Some(at),
            ..held(name, 1, 10, Want::None)
        };
        let all = [
            held("new", 1, 100_000, Want::None),
            held("old", 1, 10, Want::None),
            ordered("ordered", 20_000),
            ordered("ordered long ago", 10),
            held("running", 1, 10, Want::Old),
            held("current", 1, 10, Want::Current),
        ];
        assert_eq!(
            outlived(&all, Medium::Memory, 100_000),
            ["new", "old", "ordered long ago"]
        );
        assert_eq!(
            outlived(&all, Medium::Disk, 100_000),
            ["old", "ordered long ago"]
        );
        // The clock went back.
        assert_eq!(outlived(&all, Medium::Disk, 0), [""; 0]);
    }

    #[test]
    fn room_is_made_by_the_least_used_first_and_never_by_what_is_wanted() {
        let all = [
            held("current", 100, 1, Want::Current),
            held("old", 30, 1, Want::Old),
            held("b", 20, 7, Want::None),
            held("a", 10, 5, Want::None),
        ];
        assert_eq!(room(&all, 50, 50), Some(Vec::new()));
        assert_eq!(room(&all, 50, 51), Some(vec!["a".to_owned()]));
        assert_eq!(
            room(&all, 50, 61),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(room(&all, 0, 60).map(|names| names.len()), Some(3));
        assert_eq!(room(&all, 0, 61), None);
        assert_eq!(room(&[], u64::MAX, u64::MAX), Some(Vec::new()));
    }

    #[test]
    fn what_is_needed_has_room_for_the_largest_layer_besides_the_root() {
        assert_eq!(needed([100, 50]), 325);
        assert_eq!(needed([]), 0);
        assert_eq!(needed([u64::MAX, 1]), u64::MAX);
    }
}
