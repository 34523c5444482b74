// SPDX-License-Identifier: MPL-2.0
//! What can be wrong with a configuration, and where.
//!
//! Owns: key paths, positions and the words of every refusal.
//! Never: repeats a value that could be a secret.

use core::fmt;

/// One step of a key path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The way from the top of a document to one of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads a path of plain keys and indices, `machine.network.interfaces[0].mtu`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let mut pieces = part.split('[');
            if let Some(key) = pieces.next().filter(|key| !key.is_empty()) {
                steps.push(Step::Key(key.to_owned()));
            }
            let index = |piece: &str| piece.trim_end_matches(']').parse().ok();
            steps.extend(pieces.filter_map(index).map(Step::Index));
        }
        Self(steps)
    }

    /// This path with one more key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut longer = self.clone();
        longer.0.push(Step::Key(key.to_owned()));
        longer
    }

    /// This path with one more index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut longer = self.clone();
        longer.0.push(Step::Index(index));
        longer
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place in the text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text is larger than [`crate::MAX_BYTES`].
    TooLarge,
    /// There is no document in it.
    Empty,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text starts with a byte order mark.
    ByteOrderMark,
    /// A character that YAML does not permit.
    ControlCharacter(char),
    /// Deeper than [`crate::MAX_DEPTH`].
    TooDeep,
    /// More than [`crate::MAX_ITEMS`].
    TooManyItems,
    /// More than [`crate::MAX_DOCUMENTS`].
    TooManyDocuments,
    /// More than [`crate::MEMORY_PER_BYTE`] and [`crate::MEMORY_FLOOR`] have room for.
    TooDense {
        /// How many values there were up to here.
        values: usize,
    },
    /// Aliases make the text grow beyond its own size.
    AliasGrowth,
    /// Not YAML; the parser's words.
    NotYaml(String),
    /// An escape such as `\ud83d` that stands for no character.
    BadEscape,
    /// A value of another shape than the key takes.
    WrongType {
        /// What the key takes.
        expected: &'static str,
    },
    /// The key does not exist here.
    UnknownKey,
    /// The key stands there twice.
    DuplicateKey,
    /// The value must be there.
    Missing,
    /// Neither a kind of document that we know, nor the main one.
    UnknownKind(String),
    /// The key belongs to newer releases and has no effect.
    NewerKey {
        /// The first release that knows it, `1.8`.
        since: &'static str,
    },
    /// A list where newer releases take one; it has no effect.
    NewerShape {
        /// The first release that takes it, `1.13`.
        since: &'static str,
    },
    /// The kind of document belongs to newer releases and has no effect.
    NewerKind {
        /// The kind.
        kind: &'static str,
        /// The first release that knows it, `1.8`.
        since: &'static str,
    },
    /// Another version than we speak.
    WrongVersion {
        /// What the document says.
        found: String,
    },
    /// Two documents that are the same one.
    DuplicateDocument,
    /// A JSON patch for a file of several documents.
    MultiDocument,
    /// Neither a configuration in part nor a list of operations.
    NotAPatch,
    /// An operation of a JSON patch that cannot be carried out.
    Operation {
        /// Its name.
        name: &'static str,
        /// The path it is about.
        path: String,
        /// What keeps it from that.
        why: &'static str,
    },
    /// What a patch deletes is not there.
    NothingToDelete,
    /// Not standard base64.
    NotBase64,
    /// Not a certificate or key that can be used.
    BadPem(pki::Error),
    /// The value is none of those that are possible; says what is.
    BadValue(&'static str),
    /// A rule about several values is broken; says which.
    Rule(&'static str),
    /// The value works, but there is a better way; says which.
    Deprecated(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "larger than {} KiB", crate::MAX_BYTES / 1024),
            Self::Empty => f.write_str("there is no document in it"),
            Self::NotUtf8 => f.write_str("not UTF-8 text"),
            Self::ByteOrderMark => {
                f.write_str("starts with a byte order mark, save it without one")
            }
            Self::ControlCharacter(c) => write!(f, "has the control character U+{:04X}", *c as u32),
            Self::TooDeep => write!(f, "nested deeper than {}", crate::MAX_DEPTH),
            Self::TooManyItems => write!(f, "has more than {} items", crate::MAX_ITEMS),
            Self::TooManyDocuments => {
                write!(f, "has more than {} documents", crate::MAX_DOCUMENTS)
            }
            Self::TooDense { values } => write!(
                f,
                "has too many short values: the {values} up to here take more memory than {} times the file's size and than {} MiB",
                crate::MEMORY_PER_BYTE,
                crate::MEMORY_FLOOR / 1024 / 1024
            ),
            Self::AliasGrowth => f.write_str("aliases make it grow beyond its own size"),
            Self::NotYaml(why) => write!(f, "not YAML: {why}"),
            Self::BadEscape => f.write_str(
                "an escape stands for no character (\\ud800 to \\udfff are halves, which only JSON puts together in pairs): write the character itself",
            ),
            Self::WrongType { expected } => write!(f, "wrong type, expected {expected}"),
            Self::UnknownKey => f.write_str("unknown key"),
            Self::DuplicateKey => f.write_str("the key is there twice"),
            Self::Missing => f.write_str("missing"),
            Self::UnknownKind(kind) => write!(f, "unknown kind of document {kind:?}"),
            Self::NewerKey { since } => write!(
                f,
                "this key came with v{since}, which is newer than this release: it has no effect"
            ),
            Self::NewerShape { since } => write!(
                f,
                "lists came here with v{since}, which is newer than this release: it has no effect"
            ),
            Self::NewerKind { kind, since } => write!(
                f,
                "documents of kind {kind} came with v{since}, which is newer than this release: it has no effect"
            ),
            Self::WrongVersion { found } => {
                write!(f, "unknown version {found:?}, expected v1alpha1")
            }
            Self::DuplicateDocument => {
                f.write_str("there is a second document of this kind and name")
            }
            Self::MultiDocument => f.write_str(
                "JSON patches are not supported for a machine configuration of several documents",
            ),
            Self::NotAPatch => {
                f.write_str("neither a part of a configuration nor a list of JSON patch operations")
            }
            Self::Operation { name, path, why } => write!(f, "cannot {name} {path:?}: {why}"),
            Self::NothingToDelete => f.write_str("there is nothing of this to delete"),
            Self::NotBase64 => f.write_str("not base64"),
            Self::BadPem(why) => write!(f, "{why}"),
            Self::BadValue(what) => write!(f, "bad value, expected {what}"),
            Self::Rule(what) | Self::Deprecated(what) => f.write_str(what),
        }
    }
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which document of the file, counted from 0.
    pub document: usize,
    /// Where in the document; empty when it is about the whole.
    pub path: Path,
    /// Where in the text, if the text is there to look.
    pub position: Option<Position>,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    pub(crate) fn new(path: Path, fault: Fault) -> Self {
        Self {
            document: 0,
            path,
            position: None,
            fault,
        }
    }
}

/// `machine.network.hostnam: unknown key, line 12 column 3`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.fault)?;
        if let Some(at) = self.position {
            write!(f, ", line {} column {}", at.line, at.column)?;
        }
        Ok(())
    }
}

/// Why a file was refused: at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The problems, in the order of the file; at most [`crate::MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
}

impl LoadError {
    pub(crate) fn one(fault: Fault, position: Option<Position>) -> Self {
        Self {
            problems: vec![Problem {
                document: 0,
                path: Path::default(),
                position,
                fault,
            }],
        }
    }
}

/// One problem per line.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}
