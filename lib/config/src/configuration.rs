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
use crate::read::{self, read};
use crate::schema::{Cursor, Field, Kind, MAX_PROBLEMS};
use crate::value::Value;
use std::collections::BTreeSet;

/// The version of the main document and the others.
pub(crate) const VERSION: &str = "v1alpha1";

/// Kinds of newer releases. Their names are known, what they ask for is not done yet.
const NEWER_KINDS: &[&str] = &["ExtensionServiceConfig"];

/// Most documents of one file: a file has a main one and a rule or two for each port.
const MAX_DOCUMENTS: usize = 1_000;

/// What is read of each document first, to know what it is.
const HEAD: &Kind = &Kind::Map(&Kind::Free);

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
}

impl Configuration {
    /// Reads a stream of YAML documents. Refuses it as a whole if anything in it is wrong; then all that
    /// is wrong is listed, up to a limit.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let source = guard::check(bytes)?;
        let mut loader = Loader {
            source,
            ..Loader::default()
        };
        let heads = loader.heads()?;
        let documents = serde_yaml_ng::Deserializer::from_str(source);
        for (number, (head, from)) in heads.into_iter().zip(documents).enumerate() {
            if let Some(head) = loader.judge(number, head) {
                loader.load(number, head, from)?;
            }
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

    /// Writes all documents anew: the main one first.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut texts: Vec<String> = self.document.iter().map(Document::to_yaml).collect();
        for extra in &self.extras {
            let mut out = Emitter::new();
            extra.emit(&mut out);
            texts.push(out.finish());
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
fn sort(problems: &mut Vec<Problem>) {
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
    identities: BTreeSet<(&'static str, String)>,
}

impl Loader<'_> {
    /// Reads one document. A text that is not YAML ends everything, because its rest means nothing.
    fn load(
        &mut self,
        number: usize,
        head: Head,
        from: serde_yaml_ng::Deserializer<'_>,
    ) -> Result<(), LoadError> {
        let kind = match &head {
            Head::Main => Document::KIND,
            Head::Extra(name) => Extra::kind_of(name).unwrap_or(HEAD),
        };
        let (value, mut problems) = match read_shape(self.source, number, from, kind) {
            Ok(read) => read,
            Err(mut problem) => {
                problem.document = number;
                return Err(LoadError {
                    problems: vec![*problem],
                });
            }
        };
        let mut at = Cursor::default();
        match head {
            Head::Main => {
                let document = Document::take(value, &mut at);
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
                if self.identities.insert(("", String::new())) {
                    self.document = Some(document);
                    self.main = number;
                } else {
                    at.report(Fault::DuplicateDocument);
                }
            }
            Head::Extra(name) => self.take_extra(number, &name, value, &mut at),
        }
        problems.append(&mut at.problems);
        for problem in &mut problems {
            problem.document = number;
        }
        self.problems.append(&mut problems);
        Ok(())
    }

    fn take_extra(&mut self, number: usize, name: &str, value: Value, at: &mut Cursor) {
        let Some(extra) = Extra::take(name, value, at) else {
            return;
        };
        let (kind, own) = extra.identity();
        if self.identities.insert((kind, own.to_owned())) {
            self.extras.push(extra);
            self.places.push(number);
        } else {
            at.report(Fault::DuplicateDocument);
        }
    }

    /// Reads what tells the documents apart; `None` for those with nothing in them.
    fn heads(&self) -> Result<Vec<Option<read::Head>>, LoadError> {
        let mut heads = Vec::new();
        for (document, from) in serde_yaml_ng::Deserializer::from_str(self.source).enumerate() {
            if document >= MAX_DOCUMENTS {
                return Err(LoadError::one(Fault::TooManyItems, None));
            }
            heads.push(read::head(from).map_err(|error| {
                let (fault, position) = (read::fault(&error), read::position(&error));
                let path = Path::default();
                LoadError {
                    problems: vec![Problem {
                        document,
                        path,
                        position,
                        fault,
                    }],
                }
            })?);
        }
        Ok(heads)
    }

    /// Finds out what the document is; `None` when there is nothing more to read of it.
    fn judge(&mut self, number: usize, head: Option<read::Head>) -> Option<Head> {
        let head = head?;
        let mut refuse = |key: &str, fault| {
            let path = Path::new(key);
            self.problems.push(Problem {
                document: number,
                path,
                position: None,
                fault,
            });
            None
        };
        match head.kind.as_deref() {
            None if head.is_main || head.api_version.as_deref() == Some(VERSION) => {
                Some(Head::Main)
            }
            None => refuse("kind", Fault::Missing),
            Some(kind) if NEWER_KINDS.contains(&kind) => {
                refuse("kind", Fault::UnsupportedKind(kind.to_owned()))
            }
            Some(kind) if Extra::kind_of(kind).is_none() => {
                refuse("kind", Fault::UnknownKind(kind.to_owned()))
            }
            Some(kind) => match head.api_version.as_deref() {
                Some(VERSION) => Some(Head::Extra(kind.to_owned())),
                None => refuse("apiVersion", Fault::Missing),
                Some(found) => refuse(
                    "apiVersion",
                    Fault::WrongVersion {
                        found: found.to_owned(),
                    },
                ),
            },
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
        if self.document.is_none() && self.extras.is_empty() {
            return Err(LoadError::one(Fault::Empty, None));
        }
        Ok(Configuration {
            source: self.source.to_owned(),
            document: self.document,
            main: self.main,
            extras: self.extras,
            places: self.places,
        })
    }
}

/// Reads a document as `kind`. When something in it has another shape than its key takes, the parser
/// stops there; it is then read as it is, so that filling the struct finds that and all other problems.
fn read_shape<'de>(
    source: &'de str,
    number: usize,
    from: serde_yaml_ng::Deserializer<'de>,
    kind: &'static Kind,
) -> Result<(Value, Vec<Problem>), Box<Problem>> {
    let size = source.len();
    match read(from, kind, size) {
        Err(problem) if matches!(problem.fault, Fault::WrongType { .. }) => {
            let Some(again) = serde_yaml_ng::Deserializer::from_str(source).nth(number) else {
                return Err(problem);
            };
            let (value, mut problems) = read(again, &Kind::Free, size)?;
            // Whatever happens, the document stays refused.
            problems.push(*problem);
            Ok((value, problems))
        }
        other => other,
    }
}

/// Reads a text that is one document of a certain shape.
pub(crate) fn load_one<T: Field>(bytes: &[u8]) -> Result<T, LoadError> {
    let source = guard::check(bytes)?;
    let mut documents = serde_yaml_ng::Deserializer::from_str(source);
    let first = documents
        .next()
        .ok_or_else(|| LoadError::one(Fault::Empty, None))?;
    let (value, mut problems) =
        read_shape(source, 0, first, T::KIND).map_err(|problem| LoadError {
            problems: vec![*problem],
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
    locate(source, &mut problems);
    sort(&mut problems);
    Err(LoadError { problems })
}

/// Writes one document.
pub(crate) fn print<T: Field>(document: &T) -> String {
    let mut out = Emitter::new();
    document.emit(&mut out);
    out.finish()
}

enum Head {
    Main,
    Extra(String),
}
