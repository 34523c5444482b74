// SPDX-License-Identifier: MPL-2.0
//! What is kept beside an image: what it was asked for as, and how it is run.
//!
//! Owns: the file's form, and its limits.
//! Never: believes a file that is longer than it writes, or of another form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest record, in bytes: two files of users of 64 KiB each, escaped, and a configuration.
pub(crate) const RECORD_MAX: u64 = 1 << 20;
/// The most references that one image remembers.
pub(crate) const REFERENCES_MAX: usize = 16;

/// The record of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// References that it was asked for with, and when each last meant it, in seconds of UNIX time.
    pub(crate) references: BTreeMap<String, u64>,
    /// The digest that the reference meant: of an index, if there is one.
    pub(crate) digest: String,
    /// The length of the root, in bytes.
    pub(crate) size: u64,
    /// When it came, in seconds of UNIX time.
    pub(crate) created_at: u64,
    /// When an operator asked for it by itself, in seconds of UNIX time; `None` when none did.
    #[serde(default)]
    pub(crate) ordered_at: Option<u64>,
    pub(crate) run: Run,
    /// `/etc/passwd` and `/etc/group` of the image.
    pub(crate) passwd: String,
    pub(crate) group: String,
}

/// How an image is run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<String>,
    pub(crate) user: String,
    pub(crate) working_folder: String,
}

impl Record {
    /// Notes that a reference means this image; the one that meant it longest ago is forgotten when
    /// there are too many.
    pub(crate) fn note(&mut self, reference: &str, now: u64) {
        self.references.insert(reference.to_owned(), now);
        while self.references.len() > REFERENCES_MAX {
            let oldest = self.references.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.references.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_remembers_the_latest_of_its_references() {
        let mut record = Record {
            references: BTreeMap::new(),
            digest: String::new(),
            size: 0,
            created_at: 0,
            ordered_at: None,
            run: Run::default(),
            passwd: String::new(),
            group: String::new(),
        };
        for number in 0..40 {
            record.note(&format!("r{number}"), number);
        }

        assert_eq!(record.references.len(), REFERENCES_MAX);
        assert!(record.references.values().all(|at| *at >= 24));
    }
}
