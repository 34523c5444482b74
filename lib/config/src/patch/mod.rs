// SPDX-License-Identifier: MPL-2.0
//! Patches: how a configuration is changed without being written anew.
//!
//! Owns: telling the two kinds of patches apart, and laying them over a configuration in their order.
//! Never: opens a file, or says whether the result makes sense; validation does.
//!
//! ```
//! use config::patch::{Patch, apply};
//!
//! let patch = Patch::parse("mtu.yaml", b"machine: {network: {hostname: b}}")?;
//! let text = "version: v1alpha1\nmachine:\n  network: # ours\n    hostname: a # set by hand\n";
//! assert_eq!(apply(text, &[patch])?, text.replace("hostname: a", "hostname: b"));
//! # Ok::<(), config::patch::PatchError>(())
//! ```

mod align;
mod deletions;
mod operations;
mod rewrite;
mod strategic;
mod tree;

use crate::configuration::{Configuration, name_of, sort};
use crate::document::{Document, Extra};
use crate::error::{Fault, LoadError, Path, Problem, Step};
use crate::guard;
use crate::locate::locate;
use crate::memory::Memory;
use crate::pairs::{joined, restore};
use crate::read::read;
use crate::schema::{Cursor, Field as _, Kind, MAX_PROBLEMS};
use crate::stream::{Stream, VERSION, Which, stream};
use crate::value::Value;
use core::fmt;
use deletions::{Orders, close_holes, delete, extract};
use json_patch::PatchOperation;
use rewrite::{Change, rewrite};

/// Which of the two formats a patch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A configuration in part, laid over the whole.
    Strategic,
    /// A list of operations (RFC 6902).
    Json,
}

/// A patch that was read.
#[derive(Clone)]
pub struct Patch {
    name: String,
    text: String,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Strategic(Vec<Part>),
    Json(Vec<PatchOperation>),
}

/// A document of a strategic merge patch.
#[derive(Clone)]
struct Part {
    number: usize,
    which: Which,
    name: String,
    value: Value,
    whole: bool,
    deletions: Vec<deletions::Deletion>,
}

/// Only what it is called: values may be secrets.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch")
            .field("name", &self.name)
            .field("format", &self.format())
            .finish_non_exhaustive()
    }
}

/// Why nothing was patched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError {
    /// The name of the patch; `None` when the configuration was bad before.
    pub patch: Option<String>,
    /// What is wrong, at least one. Positions are in the patch, or in the configuration.
    pub problems: Vec<Problem>,
}

/// One problem per line, each with the name of the patch.
impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            match &self.patch {
                Some(name) => write!(f, "patch {name}: {problem}")?,
                None => write!(f, "configuration: {problem}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for PatchError {}

impl Patch {
    /// Reads a patch, YAML or JSON, and finds out which of the formats it has. `name` is what errors call
    /// it: a file, or where else it came from.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, PatchError> {
        let refuse = |mut problems: Vec<Problem>, text: &str| {
            problems.truncate(MAX_PROBLEMS);
            let positions = problems.iter_mut();
            restore(text, positions.filter_map(|p| p.position.as_mut()));
            locate(text, &mut problems);
            sort(&mut problems);
            PatchError {
                patch: Some(name.to_owned()),
                problems,
            }
        };
        let text = guard::check(text).map_err(|error| refuse(error.problems, ""))?;
        let readable = &*joined(text);
        let body = match parse_json(readable) {
            Ok(Some(operations)) => Body::Json(operations),
            Ok(None) => {
                Body::Strategic(parse_strategic(readable).map_err(|all| refuse(all, text))?)
            }
            Err(problems) => return Err(refuse(problems, text)),
        };
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            body,
        })
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of the formats it has.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.body {
            Body::Strategic(_) => Format::Strategic,
            Body::Json(_) => Format::Json,
        }
    }

    fn refuse(&self, mut problem: Problem) -> PatchError {
        if problem.position.is_none() && !problem.path.0.is_empty() {
            locate(&self.text, core::slice::from_mut(&mut problem));
        }
        PatchError {
            patch: Some(self.name.clone()),
            problems: vec![problem],
        }
    }
}

/// The operations of a text that is one list, `None` for any other.
fn parse_json(text: &str) -> Result<Option<Vec<PatchOperation>>, Vec<Problem>> {
    let mut documents = serde_yaml_ng::Deserializer::from_str(text);
    let Some(first) = documents.next() else {
        return Ok(None);
    };
    let (value, mut problems) = read(first, &Kind::Free, text.len(), &mut Memory::unlimited())
        .map_err(|problem| vec![*problem])?;
    let bad = match &value {
        Value::List(_) if documents.next().is_some() => Fault::NotAPatch,
        Value::List(_) if problems.is_empty() => return operations::operations(&value).map(Some),
        Value::List(_) => return Err(problems),
        Value::Map(map) if map.contains_key("op") && map.contains_key("path") => Fault::NotAPatch,
        Value::Map(_) | Value::Null => return Ok(None),
        Value::Bool(_)
        | Value::Integer(_)
        | Value::Unsigned(_)
        | Value::Float(_)
        | Value::Text(_) => Fault::NotAPatch,
    };
    problems.push(Problem::new(Path::default(), bad));
    Err(problems)
}

fn parse_strategic(text: &str) -> Result<Vec<Part>, Vec<Problem>> {
    if text.contains(deletions::ORDER) {
        // The other parser has no limits, so it only gets what this one took.
        stream(text).map_err(|error| error.problems)?;
    }
    let (rest, mut orders) = extract(text).map_err(|problem| vec![problem])?;
    let Stream {
        pieces,
        mut problems,
        // A document that says nothing changes nothing.
        blank: _,
    } = stream(&rest).map_err(|error| error.problems)?;
    let mut parts: Vec<Part> = Vec::new();
    for mut piece in pieces {
        let orders = orders
            .get_mut(piece.number)
            .map(core::mem::take)
            .unwrap_or_default();
        if let (true, Value::Map(map)) = (orders.whole, &mut piece.value) {
            map.retain(|key, _| matches!(key, "apiVersion" | "kind" | "name" | "version"));
        }
        close_holes(&mut piece.value, &orders);
        piece
            .problems
            .append(&mut check(&piece.which, piece.value.clone()));
        let name = name_of(&piece.value);
        let is_twin = |part: &Part| part.which == piece.which && part.name == name;
        if parts.iter().any(is_twin) {
            let fault = Fault::DuplicateDocument;
            piece.problems.push(Problem::new(Path::default(), fault));
        }
        for problem in &mut piece.problems {
            problem.document = piece.number;
        }
        problems.append(&mut piece.problems);
        let Orders {
            whole, deletions, ..
        } = orders;
        parts.push(Part {
            number: piece.number,
            name,
            which: piece.which,
            value: piece.value,
            whole,
            deletions,
        });
    }
    if problems.is_empty() {
        Ok(parts)
    } else {
        Err(problems)
    }
}

/// What is wrong with the values of a document, whether it is whole or not.
fn check(which: &Which, value: Value) -> Vec<Problem> {
    let mut at = Cursor::default();
    match which {
        Which::Main => {
            let version = Document::take(value, &mut at).version;
            if !version.is_empty() && version != VERSION {
                let fault = Fault::WrongVersion { found: version };
                at.problems.push(Problem::new(Path::new("version"), fault));
            }
        }
        Which::Extra(name) => {
            let _ = Extra::take(name, value, &mut at);
        }
        Which::Newer { .. } => {}
    }
    at.problems
}

/// A document while it is patched.
struct Draft {
    /// Which one of the text it is; `None` for a new one.
    number: Option<usize>,
    which: Which,
    name: String,
    before: Value,
    /// `None` when it is gone.
    after: Option<Value>,
}

/// Lays patches over a configuration, each over what came out of the one before. Comments and order of
/// the text stay where they were; the result loads, whether it is valid the caller asks.
pub fn apply(configuration: &str, patches: &[Patch]) -> Result<String, PatchError> {
    let own = |error: LoadError| PatchError {
        patch: None,
        problems: error.problems,
    };
    Configuration::load(configuration.as_bytes()).map_err(own)?;
    // As a configuration it was checked; the pairs of JSON are of no use to the parser of places.
    let readable = &*joined(configuration);
    let stream = stream(readable).map_err(own)?;
    let drafts = || {
        let pieces = stream.pieces.iter().map(|piece| Draft {
            number: Some(piece.number),
            which: piece.which.clone(),
            name: name_of(&piece.value),
            before: piece.value.clone(),
            after: Some(piece.value.clone()),
        });
        pieces.collect::<Vec<Draft>>()
    };
    let mut patched = drafts();
    for patch in patches {
        patch.apply(&mut patched)?;
    }
    if patched
        .iter()
        .all(|draft| draft.after.as_ref() == Some(&draft.before))
    {
        return Ok(configuration.to_owned());
    }
    let changes: Vec<Change<'_>> = patched.iter().map(Draft::change).collect();
    let text = rewrite(readable, &changes);
    match Configuration::load(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(error) => Err(blame(drafts(), patches, error)),
    }
}

/// Finds the patch after which the configuration does not load any more.
fn blame(mut drafts: Vec<Draft>, patches: &[Patch], error: LoadError) -> PatchError {
    let is_bad = |drafts: &[Draft]| {
        let mut left = drafts
            .iter()
            .filter_map(|d| Some((&d.which, d.after.clone()?)));
        left.any(|(which, value)| !check(which, value).is_empty())
    };
    for patch in patches {
        if let Err(error) = patch.apply(&mut drafts) {
            return error;
        }
        if is_bad(&drafts) {
            return patch.blame(error);
        }
    }
    match patches.last() {
        Some(last) => last.blame(error),
        None => PatchError {
            patch: None,
            problems: error.problems,
        },
    }
}

impl Draft {
    fn change(&self) -> Change<'_> {
        Change {
            number: self.number,
            before: &self.before,
            after: self.after.as_ref(),
            kind: self.which.shape(),
        }
    }
}

impl Patch {
    fn apply(&self, drafts: &mut Vec<Draft>) -> Result<(), PatchError> {
        match &self.body {
            Body::Strategic(parts) => {
                for part in parts {
                    part.apply(drafts).map_err(|mut problem| {
                        problem.document = part.number;
                        self.refuse(problem)
                    })?;
                }
                Ok(())
            }
            Body::Json(operations) if operations.is_empty() => Ok(()),
            Body::Json(operations) => {
                let mut left = drafts.iter_mut().filter(|draft| draft.after.is_some());
                let (Some(draft), None) = (left.next(), left.next()) else {
                    return Err(self.refuse(Problem::new(Path::default(), Fault::MultiDocument)));
                };
                let kind = draft.which.shape();
                let Some(value) = draft.after.as_mut() else {
                    return Ok(());
                };
                operations::apply(value, operations, kind).map_err(|problem| self.refuse(problem))
            }
        }
    }

    /// Says where in the patch a result comes from that does not load.
    fn blame(&self, error: LoadError) -> PatchError {
        let mut problems = error.problems;
        for problem in &mut problems {
            // The position is one in a text that nobody has seen.
            problem.position = None;
            problem.document = 0;
            let mut place = Problem::new(self.origin(&problem.path), Fault::Empty);
            locate(&self.text, core::slice::from_mut(&mut place));
            problem.position = place.position;
        }
        PatchError {
            patch: Some(self.name.clone()),
            problems,
        }
    }

    /// The path in the patch of what made the value at a path of the configuration.
    fn origin(&self, path: &Path) -> Path {
        match &self.body {
            Body::Strategic(_) => path.clone(),
            Body::Json(operations) => {
                let wanted = path.0.iter().map(|step| match step {
                    Step::Key(key) => key.clone(),
                    Step::Index(index) => index.to_string(),
                });
                let wanted: Vec<String> = wanted.collect();
                let is_on_way = |operation: &PatchOperation| {
                    let tokens = operation.path().tokens();
                    let mut pairs = tokens.zip(&wanted);
                    pairs
                        .all(|(token, wanted)| token.decoded() == *wanted || token.decoded() == "-")
                };
                let found = operations.iter().rposition(is_on_way);
                let last = operations.len().saturating_sub(1);
                Path(vec![Step::Index(found.unwrap_or(last))])
            }
        }
    }
}

impl Part {
    fn apply(&self, drafts: &mut Vec<Draft>) -> Result<(), Problem> {
        let own = drafts.iter_mut().find(|draft| {
            draft.after.is_some() && draft.which == self.which && draft.name == self.name
        });
        let kind = self.which.shape();
        let document = self.which.name();
        let missing = |path: Path| Err(Problem::new(path, Fault::NothingToDelete));
        match own {
            Some(draft) if self.whole => {
                draft.after = None;
                Ok(())
            }
            None if self.whole => missing(Path::new("$patch")),
            Some(draft) => {
                let Some(value) = draft.after.as_mut() else {
                    return Ok(());
                };
                for deletion in &self.deletions {
                    delete(value, deletion, document)?;
                }
                strategic::merge(value, &self.value, kind, document)
            }
            None => {
                if let Some(deletion) = self.deletions.first() {
                    return missing(deletion.path.clone());
                }
                let mut value = Value::Null;
                strategic::merge(&mut value, &self.value, kind, document)?;
                drafts.push(Draft {
                    number: None,
                    which: self.which.clone(),
                    name: self.name.clone(),
                    before: Value::Null,
                    after: Some(value),
                });
                Ok(())
            }
        }
    }
}
