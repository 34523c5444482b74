// SPDX-License-Identifier: MPL-2.0
//! The command lines of `copy`, `list`, `read` and `usage`.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// A file or a folder of the node
    pub(crate) source: String,
    /// A folder to unpack to, which is made if it is not there; - writes the archive (.tar.gz),
    /// with owners and modes, to standard output
    #[arg(allow_hyphen_values = true)]
    pub(crate) target: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// What to list; with a slash at its end the folder behind a link
    #[arg(default_value = "/")]
    pub(crate) path: String,
    /// How many folders deep; 0 or less: as deep as it goes [default: 1, with --recurse 0]
    #[arg(short, long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) depth: Option<i32>,
    /// Sizes and times as people read them
    #[arg(short = 'H', long)]
    pub(crate) humanize: bool,
    /// Modes, owners, sizes, times and targets of links too
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Folders in folders too
    #[arg(short, long)]
    pub(crate) recurse: bool,
    /// Only these kinds
    #[arg(short, long, value_delimiter = ',', value_name = "KIND")]
    pub(crate) r#type: Vec<FileKind>,
}

/// Kinds of files by their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Folder,
    Link,
}

impl ValueEnum for FileKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::File, Self::Folder, Self::Link]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::File => PossibleValue::new("f").help("regular file"),
            Self::Folder => PossibleValue::new("d").help("directory"),
            Self::Link => PossibleValue::new("l").alias("L").help("symbolic link"),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// What to look at [default: /]
    pub(crate) paths: Vec<String>,
    /// Files too, not only folders
    #[arg(short, long)]
    pub(crate) all: bool,
    /// How many folders deep sums are shown; 0 or less: all. Everything is counted in any case
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) depth: i32,
    /// Sizes as people read them
    #[arg(short = 'H', long)]
    pub(crate) humanize: bool,
    /// Leave out what is smaller than so many bytes; below zero: what is larger than its amount
    #[arg(
        short,
        long,
        value_name = "BYTES",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) threshold: i64,
}
