// SPDX-License-Identifier: MPL-2.0
//! What is kept beside an image: what it was asked for as, and how it is run.
//!
//! Owns: the file's form, and its limits.
//! Never: believes bytes that are more than it writes, or of another form.

use std::collections::BTreeMap;
use std::io;

use oci::{Digest, Reference};
use serde::{Deserialize, Serialize};

/// The longest record, in bytes: two files of users of 64 KiB each, escaped, and a configuration.
pub const RECORD_MAX: u64 = 1 << 20;
/// The most references that one image remembers.
pub const REFERENCES_MAX: usize = 16;

/// The record of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// References that it was asked for with, and when each last meant it, in seconds of UNIX time.
    pub references: BTreeMap<String, u64>,
    /// The digest that the reference meant: of an index, if there is one.
    pub digest: String,
    /// The length of the root, in bytes.
    pub size: u64,
    /// When it came, in seconds of UNIX time.
    pub created_at: u64,
    /// When an operator asked for it by itself, in seconds of UNIX time; `None` when none did.
    #[serde(default)]
    pub ordered_at: Option<u64>,
    /// How it is run.
    pub run: Run,
    /// `/etc/passwd` of the image.
    pub passwd: String,
    /// `/etc/group` of the image.
    pub group: String,
}

/// How an image is run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that follow.
    pub command: Vec<String>,
    /// `NAME=value` each.
    pub environment: Vec<String>,
    /// Who it is run as, as the image says it.
    pub user: String,
    /// Where it begins; empty for `/`.
    pub working_folder: String,
    /// The lowest port that it says it listens on. Records of before have none.
    #[serde(default)]
    pub lowest_port: Option<u16>,
}

impl Record {
    /// Reads a record. `None` when it is not one that [`Record::emit`] wrote.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() as u64 >= RECORD_MAX {
            return None;
        }
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let mut references = record.references.keys();
        let is_good = record.references.len() <= REFERENCES_MAX
            && references.all(|reference| Reference::parse(reference).is_ok())
            && Digest::parse(&record.digest).is_some();
        is_good.then_some(record)
    }

    /// Writes it.
    ///
    /// # Errors
    /// It would be longer than a record may be.
    pub fn emit(&self) -> io::Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        if bytes.len() as u64 >= RECORD_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

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
