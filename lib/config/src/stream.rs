// SPDX-License-Identifier: MPL-2.0
//! Text → the documents in it, as trees.
//!
//! Owns: what tells documents apart, and the limit of their number.
//! Never: fills a struct, or decides whether a file needs a main document.

use crate::document::{Document, Extra};
use crate::error::{Fault, LoadError, Path, Problem};
use crate::head::{self, Head};
use crate::memory::Memory;
use crate::newer;
use crate::pairs::{joined, restore};
use crate::read::{self, read, read_any, read_with};
use crate::schema::{Field as _, Kind};
use crate::value::Value;

/// The version of the main document and the others.
pub(crate) const VERSION: &str = "v1alpha1";

/// Most documents of one file: a file has a main one and a rule or two for each port.
pub const MAX_DOCUMENTS: usize = 1_000;

/// A document of a kind that has no struct.
const OTHER: &Kind = &Kind::Map(&Kind::Free);

/// What a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The main one.
    Main,
    /// One of the other kinds.
    Extra(String),
    /// A kind of newer releases.
    Newer {
        kind: &'static str,
        since: &'static str,
    },
}

impl Which {
    /// What it looks like.
    pub(crate) fn shape(&self) -> &'static Kind {
        match self {
            Self::Main => Document::KIND,
            Self::Extra(name) => Extra::kind_of(name).unwrap_or(OTHER),
            Self::Newer { .. } => OTHER,
        }
    }

    /// The kind as it is written; the main document has none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Main => "",
            Self::Extra(name) => name,
            Self::Newer { kind, .. } => kind,
        }
    }
}

/// One document.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Which one of the file, counted from 0; those with nothing in them count.
    pub(crate) number: usize,
    pub(crate) which: Which,
    pub(crate) value: Value,
    /// What is wrong with its shape.
    pub(crate) problems: Vec<Problem>,
}

/// The documents of a text.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) pieces: Vec<Piece>,
    /// Why others were left out.
    pub(crate) problems: Vec<Problem>,
    /// Those without any key, `{}`: one problem each for who needs to know what they are.
    pub(crate) blank: Vec<Problem>,
}

/// Reads all documents. A text that is not YAML ends everything, because its rest means nothing.
pub(crate) fn stream(source: &str) -> Result<Stream, LoadError> {
    let original = source;
    let source = &*joined(source);
    let mut stream = Stream::default();
    let mut memory = Memory::of_file(source.len());
    let documents = serde_yaml_ng::Deserializer::from_str(source);
    for (number, (head, from)) in heads(source)?.into_iter().zip(documents).enumerate() {
        let Some(which) = head.and_then(|head| stream.judge(number, &head)) else {
            continue;
        };
        let (value, mut problems) = read_shape(source, number, from, which.shape(), &mut memory)
            .map_err(|mut problem| {
                problem.document = number;
                restore(original, &mut problem.position);
                LoadError {
                    problems: vec![*problem],
                }
            })?;
        let positions = problems.iter_mut();
        restore(original, positions.filter_map(|p| p.position.as_mut()));
        stream.pieces.push(Piece {
            number,
            which,
            value,
            problems,
        });
    }
    Ok(stream)
}

impl Stream {
    /// Finds out what the document is; `None` when there is nothing more to read of it.
    fn judge(&mut self, number: usize, head: &Head) -> Option<Which> {
        let problems = if head.has_keys {
            &mut self.problems
        } else {
            &mut self.blank
        };
        let mut refuse = |key: &str, fault| {
            let path = Path::new(key);
            problems.push(Problem {
                document: number,
                path,
                position: None,
                fault,
            });
            None
        };
        let Some(kind) = head.kind.as_deref() else {
            return if head.is_main || head.api_version.as_deref() == Some(VERSION) {
                Some(Which::Main)
            } else {
                refuse("kind", Fault::Missing)
            };
        };
        let which = if Extra::kind_of(kind).is_some() {
            Which::Extra(kind.to_owned())
        } else if let Some((kind, since)) = newer::kind(kind) {
            Which::Newer { kind, since }
        } else {
            return refuse("kind", Fault::UnknownKind(kind.to_owned()));
        };
        match head.api_version.as_deref() {
            Some(VERSION) => Some(which),
            None => refuse("apiVersion", Fault::Missing),
            Some(found) => {
                let found = found.to_owned();
                refuse("apiVersion", Fault::WrongVersion { found })
            }
        }
    }
}

/// Reads what tells the documents apart; `None` for those with nothing in them.
fn heads(source: &str) -> Result<Vec<Option<Head>>, LoadError> {
    let mut heads = Vec::new();
    for (document, from) in serde_yaml_ng::Deserializer::from_str(source).enumerate() {
        if document >= MAX_DOCUMENTS {
            return Err(LoadError::one(Fault::TooManyDocuments, None));
        }
        heads.push(head::head(from).map_err(|error| {
            let mut refusal = LoadError::one(read::fault(&error), read::position(&error));
            for problem in &mut refusal.problems {
                problem.document = document;
            }
            refusal
        })?);
    }
    Ok(heads)
}

/// Reads a document as `kind`. When something in it has another shape than its key takes, the parser
/// stops there; it is then read as it is, so that filling the struct finds that and all other problems. If
/// only arguments are lists, as in newer releases, it is read again with that in mind.
pub(crate) fn read_shape<'de>(
    source: &'de str,
    number: usize,
    from: serde_yaml_ng::Deserializer<'de>,
    kind: &'static Kind,
    memory: &mut Memory,
) -> Result<(Value, Vec<Problem>), Box<Problem>> {
    let size = source.len();
    let before = memory.clone();
    let again = || serde_yaml_ng::Deserializer::from_str(source).nth(number);
    let mut problem = match read(from, kind, size, memory) {
        Err(problem) if matches!(problem.fault, Fault::WrongType { .. }) => problem,
        other => return other,
    };
    let Some(document) = again() else {
        return Err(problem);
    };
    let (value, mut problems, lists) = read_any(document, kind, size, &mut Memory::of_file(size))?;
    if !lists.is_empty()
        && let Some(document) = again()
    {
        *memory = before;
        match read_with(document, kind, size, memory, &lists) {
            Err(other) if matches!(other.fault, Fault::WrongType { .. }) => problem = other,
            other => return other,
        }
    }
    // Whatever happens, the document stays refused.
    problems.push(*problem);
    Ok((value, problems))
}
