// SPDX-License-Identifier: MPL-2.0
//! What happened last, of one type in one namespace.
//!
//! Owns: how many events are kept whatever they weigh, and which of the others go first.
//! Never: keeps more of a type with secrets than the few: what was replaced stays in memory with them.

use std::collections::VecDeque;

use crate::news::News;
use crate::{Forgotten, Sensitivity};

/// So many of the last events are kept of every type in every namespace, whatever they hold: as many as one looks
/// back by eye. Of a type with secrets there are no others.
pub const HISTORY_MIN: usize = 16;
/// And no more than so many, the documents' number.
pub const HISTORY_MAX: usize = 1024;
/// What all that is kept beyond [`HISTORY_MIN`] may weigh together, in bytes as [`News::weight`] counts them: a
/// tenth of what machined may be in memory.
pub(crate) const HISTORY_BYTES_MAX: usize = 1024 * 1024;

/// The events of one type in one namespace, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The last [`HISTORY_MIN`].
    last: VecDeque<News>,
    /// Those before them, with what each weighs.
    older: VecDeque<(News, usize)>,
    /// What they weigh together.
    weight: usize,
    /// How many events the store had told, of all types, after the last one of these that is not kept.
    lost: u64,
}

impl History {
    /// All that are kept.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &News> {
        self.older.iter().map(|(news, _)| news).chain(&self.last)
    }

    /// What those weigh that may go.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }

    /// Lists what came after so many events of the store.
    ///
    /// # Errors
    /// Some of it is not kept.
    pub(crate) fn after(&self, events: u64) -> Result<impl Iterator<Item = &News>, Forgotten> {
        if events < self.lost {
            return Err(Forgotten);
        }
        let is_after = move |news: &&News| news.bookmark().is_some_and(|at| at.events > events);
        Ok(self.iter().filter(is_after))
    }

    /// Takes in what has just happened.
    pub(crate) fn add(&mut self, news: News, sensitivity: Sensitivity) {
        self.last.push_back(news);
        if self.last.len() <= HISTORY_MIN {
            return;
        }
        let Some(older) = self.last.pop_front() else {
            return;
        };
        match sensitivity {
            Sensitivity::Public => {
                let weight = older.weight();
                self.weight = self.weight.saturating_add(weight);
                self.older.push_back((older, weight));
                if self.older.len() > HISTORY_MAX.saturating_sub(HISTORY_MIN) {
                    let _freed = self.forget();
                }
            }
            Sensitivity::Sensitive => self.lose(&older),
        }
    }

    /// Lets the oldest go that may. Returns what it weighed.
    pub(crate) fn forget(&mut self) -> usize {
        let Some((gone, weight)) = self.older.pop_front() else {
            return 0;
        };
        self.lose(&gone);
        self.weight = self.weight.saturating_sub(weight);
        weight
    }

    fn lose(&mut self, gone: &News) {
        self.lost = gone.bookmark().map_or(self.lost, |at| at.events);
    }
}
