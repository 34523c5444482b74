// SPDX-License-Identifier: MPL-2.0
//! Bounded tables of what the kernel has, with the order in which things changed.
//!
//! Every change gets a stamp; a reader that remembers one number knows what it has not heard.
//!
//! Owns: entries, their stamps, and forgetting what a complete listing did not show.
//! Never: grows beyond its limit, or drops an entry to make room.

use heapless::Vec;

/// What a table can hold.
pub trait Item: Clone {
    /// Whether `other` is the same thing, perhaps in another state.
    fn is(&self, other: &Self) -> bool;

    /// Whether a reader would see no difference.
    fn looks_like(&self, other: &Self) -> bool;
}

/// One thing.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// It.
    pub item: T,
    /// When it last changed, as a stamp.
    pub stamp: u64,
    /// The last listing that showed it.
    listing: u32,
}

/// What [`Table::put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    New,
    /// It was there, and is different now.
    Changed,
    /// Nothing is different.
    Same,
    /// There is no room; it is not kept.
    Full,
}

/// At most `N` things.
#[derive(Debug, Clone)]
pub struct Table<T, const N: usize> {
    entries: Vec<Entry<T>, N>,
}

impl<T: Item, const N: usize> Table<T, N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// The things.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.item)
    }

    /// The thing that changed first after `stamp`.
    #[must_use]
    pub fn first_after(&self, stamp: u64) -> Option<&Entry<T>> {
        let later = self.entries.iter().filter(|entry| entry.stamp > stamp);
        later.min_by_key(|entry| entry.stamp)
    }

    /// Puts a thing in, in place of itself. `stamp` is used only when a reader would see it.
    pub fn put(&mut self, item: T, stamp: u64, listing: u32) -> Put {
        let known = self.entries.iter_mut().find(|entry| entry.item.is(&item));
        match known {
            Some(entry) => {
                entry.listing = listing;
                let same = entry.item.looks_like(&item);
                entry.item = item;
                if same {
                    return Put::Same;
                }
                entry.stamp = stamp;
                Put::Changed
            }
            None => {
                let entry = Entry {
                    item,
                    stamp,
                    listing,
                };
                match self.entries.push(entry) {
                    Ok(()) => Put::New,
                    Err(_) => Put::Full,
                }
            }
        }
    }

    /// Takes out the first thing that `which` holds for.
    pub fn take(&mut self, mut which: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.entries.iter().position(|entry| which(&entry.item))?;
        Some(self.entries.swap_remove(at).item)
    }

    /// Takes out one thing that the listing of this number did not show.
    pub fn take_unlisted(&mut self, listing: u32) -> Option<T> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.listing != listing)?;
        Some(self.entries.swap_remove(at).item)
    }
}

impl<T: Item, const N: usize> Default for Table<T, N> {
    fn default() -> Self {
        Self::new()
    }
}
