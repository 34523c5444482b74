// SPDX-License-Identifier: MPL-2.0
//! Adds up what files and folders take.
//!
//! Owns: the sums, and which of them are told.
//! Never: counts what a link points to, or holds more than one sum for each folder on the way.

use std::ops::ControlFlow;

use api::machine::DiskUsageInfo;

use super::asked::{self, Asked};
use super::slots::Outlet;
use super::walk::{Found, Obstacle, Visitor, walk};

/// Which sums are told. All files are counted whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many folders below the beginning; without a number all.
    pub levels: Option<u32>,
    /// Those of files too. What a path names is told in any case.
    pub files: bool,
    /// In bytes. Above 0: not what is smaller; below 0: not what is larger than its amount.
    pub threshold: i64,
}

impl Told {
    fn has(&self, level: u32, is_folder: bool, size: i64) -> bool {
        let is_near = self.levels.is_none_or(|levels| level <= levels);
        let is_kind = is_folder || self.files || level == 0;
        let is_size = match self.threshold {
            0 => true,
            least @ 1.. => size >= least,
            most => size <= most.saturating_neg(),
        };
        is_near && is_kind && is_size
    }
}

/// Adds up each of `paths`; one that cannot be looked at is an error in its place.
pub(crate) fn usage(paths: &[Asked], told: Told, out: &Outlet<DiskUsageInfo>) {
    for asked in paths {
        let mut counter = Counter {
            asked,
            told,
            out,
            folders: Vec::new(),
        };
        let flow = match walk(&asked.at, asked.base(), None, &mut counter) {
            Ok(()) => out.check(),
            Err(errno) => out.put(DiskUsageInfo {
                name: asked.shown.clone(),
                relative_name: asked.base().to_owned(),
                error: asked::told("look at", &asked.shown, errno),
                ..DiskUsageInfo::default()
            }),
        };
        if flow.is_break() {
            return;
        }
    }
}

struct Counter<'a> {
    asked: &'a Asked,
    told: Told,
    out: &'a Outlet<DiskUsageInfo>,
    /// The folders on the way, each with what was counted in it so far.
    folders: Vec<(Vec<u8>, i64)>,
}

impl Visitor for Counter<'_> {
    fn found(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        let size = found.stat.st_size;
        if found.kind().is_dir() {
            self.folders.push((found.relative.to_vec(), size));
            return self.out.check();
        }
        self.count(size);
        self.tell(found.relative, found.level, false, size)
    }

    fn left(&mut self) -> ControlFlow<()> {
        let Some((relative, size)) = self.folders.pop() else {
            return ControlFlow::Continue(());
        };
        self.count(size);
        let level = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        self.tell(&relative, level, true, size)
    }

    fn failed(&mut self, relative: &[u8], obstacle: Obstacle) -> ControlFlow<()> {
        let mut told = self.named(relative, relative == b".");
        told.error = format!("cannot look at {}: {obstacle}", told.name);
        self.out.put(told)
    }
}

impl Counter<'_> {
    fn count(&mut self, size: i64) {
        if let Some((_, sum)) = self.folders.last_mut() {
            *sum = sum.saturating_add(size);
        }
    }

    fn tell(&self, relative: &[u8], level: u32, is_folder: bool, size: i64) -> ControlFlow<()> {
        if !self.told.has(level, is_folder, size) {
            return self.out.check();
        }
        let mut told = self.named(relative, level == 0);
        told.size = size;
        self.out.put(told)
    }

    fn named(&self, relative: &[u8], is_beginning: bool) -> DiskUsageInfo {
        let relative_name = String::from_utf8_lossy(relative).into_owned();
        let name = if is_beginning {
            self.asked.shown.clone()
        } else {
            self.asked.below(&relative_name)
        };
        DiskUsageInfo {
            name,
            relative_name,
            ..DiskUsageInfo::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_leaves_out_what_is_smaller_or_with_a_minus_what_is_larger() {
        for (threshold, size, is_told) in [
            (0, 0, true),
            (10, 9, false),
            (10, 10, true),
            (-10, 10, true),
            (-10, 11, false),
            (i64::MIN, i64::MAX, true),
        ] {
            let told = Told {
                levels: None,
                files: true,
                threshold,
            };
            assert_eq!(told.has(3, false, size), is_told, "{threshold} {size}");
        }
    }

    #[test]
    fn files_are_told_when_asked_for_or_named_and_folders_to_their_depth() {
        let told = Told {
            levels: Some(1),
            files: false,
            threshold: 0,
        };
        let of = |level, is_folder| told.has(level, is_folder, 1);

        assert_eq!([of(0, true), of(1, true), of(2, true)], [true, true, false]);
        assert_eq!([of(0, false), of(1, false)], [true, false]);
    }
}
