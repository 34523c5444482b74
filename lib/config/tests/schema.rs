// SPDX-License-Identifier: MPL-2.0
//! What we write and read beside the schema that Talos v1.6 publishes for its configurations, which a
//! validator of other people judges by.
//!
//! Owns: that what the generators make is valid by it, and that what it refuses we refuse, with each
//! difference and its reason.
//! Never: judges by our own tables.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod schema {
    pub(crate) mod full;
    pub(crate) mod judge;
    pub(crate) mod made;
    pub(crate) mod refused;
}
