// SPDX-License-Identifier: MPL-2.0
//! Where logs are to go.
//!
//! Owns: what of a destination counts.
//! Never: connects to one.

use std::collections::BTreeMap;

use crate::document::LoggingDestination;
use crate::url::Url;

/// Where logs are shipped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDestination {
    /// `tcp` or `udp`, a host and a port.
    pub url: Url,
    /// Fields that every message has besides.
    pub tags: BTreeMap<String, String>,
}

impl LogDestination {
    /// Lowers what was written; nothing of what validation refuses.
    #[must_use]
    pub fn from_document(written: &LoggingDestination) -> Option<Self> {
        Some(Self {
            url: Url::parse(written.endpoint.as_deref()?)?,
            tags: written.extra_tags.clone(),
        })
    }
}
