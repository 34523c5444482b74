// SPDX-License-Identifier: MPL-2.0
//! Fuzz targets: functions that take any bytes and panic only when a promise is broken.
//!
//! Owns: the table of targets, and what each promises of any input.
//! Never: needs a fuzzing engine. Coverage-guided engines want a nightly compiler; until there is one,
//! `mutate` makes inputs from good ones, always the same ones for the same seed.
#![forbid(unsafe_code)]

pub mod configuration;
pub mod images;
pub mod lines;
pub mod manifest;
pub mod messages;
pub mod mutate;
pub mod outside;
pub mod pieces;
pub mod registry;
pub mod watched;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Good inputs to start from, besides files.
    pub seeds: &'static [&'static str],
    /// Words that mutations put in.
    pub words: &'static [&'static str],
    /// Takes an input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    configuration::LOAD,
    configuration::STRATEGIC_MERGE,
    configuration::JSON_PATCH,
    configuration::PATCHED_TEXT,
    images::RECORD,
    manifest::MANIFEST,
    pieces::LAYER,
    pieces::SERVICE,
    pieces::LIST,
    registry::REPLY,
    registry::CHALLENGE,
    registry::REFERENCE,
    outside::NTP,
    outside::META,
    outside::META_OLD,
    outside::FILTER,
    lines::MESSAGE,
    lines::SHIPPED,
];
