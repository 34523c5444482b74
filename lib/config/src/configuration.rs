// SPDX-License-Identifier: MPL-2.0
//! A configuration file: one main document and others.
//!
//! Owns: the bytes as they came, and the way from them to documents.
//! Never: changes the bytes.

use crate::document::{Document, Extra};
use crate::emit::Emitter;
use crate::error::{Fault, LoadError, Path, Problem};
use crate::guard;
use crate::locate::locate;
use crate::memory::Memory;
use crate::pairs::{joined, restore};
use crate::schema::{Cursor, Field, MAX_PROBLEMS};
use crate::stream::{Piece, Which, read_shape, stream};
use crate::value::Value;
use std::collections::BTreeSet;

pub(crate) use crate::stream::VERSION;

/// A configuration as it was loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    source: String,
    document: Option<Document>,
    /// Which document of the file is the main one.
    main: usize,
    extras: Vec<Extra>,
    /// Which document of the file each of them is.
    places: Vec<usize>,
    /// What of it belongs to newer releases.
    newer: Vec<Problem>,
}

impl Configuration {
    /// Reads a stream of YAML documents. Refuses it as a whole if anything in it is wrong; then all that
    /// is wrong is listed, up to a limit.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let source = guard::check(bytes)?;
        let mut stream = stream(source)?;
        stream.problems.append(&mut stream.blank);
        let mut loader = Loader {
            source,
            problems: stream.problems,
            ..Loader::default()
        };
        for piece in stream.pieces {
            loader.load(piece);
        }
        loader.finish()
    }

    /// The configuration of one main document.
    #[must_use]
    pub fn from_document(document: Document) -> Self {
        Self {
            source: document.to_yaml(),
            document: Some(document),
            main: 0,
            extras: Vec::new(),
            places: Vec::new(),
            newer: Vec::new(),
        }
    }

    /// The text as it came, comments included.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The main document. Without it a node stays in maintenance.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    /// The other documents, in order.
    #[must_use]
    pub fn extras(&self) -> &[Extra] {
        &self.extras
    }

    /// Keys and documents of newer releases: kept in the text, without effect. Validation repeats them as
    /// warnings.
    #[must_use]
    pub fn newer(&self) -> &[Problem] {
        &self.newer
    }

    /// Writes all documents anew: the main one first. What belongs to newer releases is left out.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut texts: Vec<String> = self.document.iter().map(Document::to_yaml).collect();
        for extra in &self.extras {
            texts.push(extra.to_yaml());
        }
        texts.join("---\n")
    }

    /// Fills in the positions of problems with the main document, and puts them in the text's order.
    pub(crate) fn place(&self, problems: &mut Vec<Problem>) {
        problems.truncate(MAX_PROBLEMS);
        for problem in problems.iter_mut() {
            problem.document = self.main;
        }
        locate(&self.source, problems);
        sort(problems);
    }

    /// The same for the other documents, whose problems count within them.
    pub(crate) fn place_extras(&self, problems: &mut [Problem]) {
        for problem in problems.iter_mut() {
            problem.document = self
                .places
                .get(problem.document)
                .copied()
                .unwrap_or_default();
        }
        locate(&self.source, problems);
    }

    /// What the main document means.
    #[must_use]
    pub fn spec(&self) -> Option<crate::spec::Spec> {
        self.document.as_ref().map(crate::spec::Spec::from_document)
    }
}

/// Puts problems in the order of the text, one for each place.
pub(crate) fn sort(problems: &mut Vec<Problem>) {
    problems.sort_by_key(|problem| problem.position.map(|at| (at.line, at.column)));
    problems.dedup_by(|later, first| {
        let is_shape = |p: &Problem| matches!(p.fault, Fault::WrongType { .. });
        later.path == first.path && is_shape(later) && is_shape(first)
    });
}

#[derive(Default)]
struct Loader<'a> {
    source: &'a str,
    document: Option<Document>,
    main: usize,
    extras: Vec<Extra>,
    places: Vec<usize>,
    problems: Vec<Problem>,
    newer: Vec<Problem>,
    identities: BTreeSet<(String, String)>,
}

impl Loader<'_> {
    /// Fills the struct that the document is.
    fn load(&mut self, piece: Piece) {
        let Piece {
            number,
            which,
            value,
            mut problems,
        } = piece;
        let mut at = Cursor::default();
        match which {
            Which::Main => self.take_main(number, value, &mut at),
            Which::Extra(name) => self.take_extra(number, &name, value, &mut at),
            Which::Newer { kind, since } => self.take_newer(kind, since, &value, &mut at),
        }
        problems.append(&mut at.problems);
        for problem in problems.iter_mut().chain(&mut at.warnings) {
            problem.document = number;
        }
        self.problems.append(&mut problems);
        self.newer.append(&mut at.warnings);
    }

    fn take_main(&mut self, number: usize, value: Value, at: &mut Cursor) {
        let document = Document::take(value, at);
        if document.version != VERSION {
            let fault = if document.version.is_empty() {
                Fault::Missing
            } else {
                Fault::WrongVersion {
                    found: document.version.clone(),
                }
            };
            at.problems.push(Problem::new(Path::new("version"), fault));
        }
        if self.identities.insert((String::new(), String::new())) {
            self.document = Some(document);
            self.main = number;
        } else {
            at.report(Fault::DuplicateDocument);
        }
    }

    /// A document of newer releases can only be kept.
    fn take_newer(
        &mut self,
        kind: &'static str,
        since: &'static str,
        value: &Value,
        at: &mut Cursor,
    ) {
        if self.identities.insert((kind.to_owned(), name_of(value))) {
            let fault = Fault::NewerKind { kind, since };
            at.warnings.push(Problem::new(Path::new("kind"), fault));
        } else {
            at.report(Fault::DuplicateDocument);
        }
    }

    fn take_extra(&mut self, number: usize, name: &str, value: Value, at: &mut Cursor) {
        let Some(extra) = Extra::take(name, value, at) else {
            return;
        };
        let (kind, own) = extra.identity();
        if self.identities.insert((kind.to_owned(), own.to_owned())) {
            self.extras.push(extra);
            self.places.push(number);
        } else {
            at.report(Fault::DuplicateDocument);
        }
    }

    fn finish(mut self) -> Result<Configuration, LoadError> {
        if !self.problems.is_empty() {
            self.problems.truncate(MAX_PROBLEMS);
            locate(self.source, &mut self.problems);
            sort(&mut self.problems);
            return Err(LoadError {
                problems: self.problems,
            });
        }
        if self.identities.is_empty() {
            return Err(LoadError::one(Fault::Empty, None));
        }
        self.newer.truncate(MAX_PROBLEMS);
        locate(self.source, &mut self.newer);
        Ok(Configuration {
            source: self.source.to_owned(),
            document: self.document,
            main: self.main,
            extras: self.extras,
            places: self.places,
            newer: self.newer,
        })
    }
}

/// The name that a document of any kind has; empty without one.
pub(crate) fn name_of(value: &Value) -> String {
    match value.get("name") {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

/// Reads a text that is one document of a certain shape.
pub(crate) fn load_one<T: Field>(bytes: &[u8]) -> Result<T, LoadError> {
    let original = guard::check(bytes)?;
    let source = &*joined(original);
    let mut documents = serde_yaml_ng::Deserializer::from_str(source);
    let first = documents
        .next()
        .ok_or_else(|| LoadError::one(Fault::Empty, None))?;
    let mut memory = Memory::of_file(source.len());
    let (value, mut problems) =
        read_shape(source, 0, first, T::KIND, &mut memory).map_err(|mut problem| {
            restore(original, &mut problem.position);
            LoadError {
                problems: vec![*problem],
            }
        })?;
    if value == Value::Null {
        return Err(LoadError::one(Fault::Empty, None));
    }
    let mut at = Cursor::default();
    let taken = T::take(value, &mut at);
    problems.append(&mut at.problems);
    if documents.next().is_some() {
        problems.push(Problem::new(Path::default(), Fault::DuplicateDocument));
    }
    if problems.is_empty() {
        return Ok(taken);
    }
    problems.truncate(MAX_PROBLEMS);
    let positions = problems.iter_mut();
    restore(original, positions.filter_map(|p| p.position.as_mut()));
    locate(original, &mut problems);
    sort(&mut problems);
    Err(LoadError { problems })
}

/// Writes one document.
pub(crate) fn print<T: Field>(document: &T) -> String {
    let mut out = Emitter::new();
    document.emit(&mut out);
    out.finish()
}
