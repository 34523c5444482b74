// SPDX-License-Identifier: MPL-2.0
//! Comments in a written configuration: what each key is for, and what else there could be.
//!
//! Owns: where a comment stands.
//! Never: changes what the text means to a reader.

use crate::configuration::Configuration;
use crate::document::Document;
use crate::emit::Emitter;
use crate::examples;
use crate::schema::Field as _;

/// Which comments are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comments {
    /// What each key is for: behind a scalar, above anything larger.
    pub docs: bool,
    /// Keys that are not there, with a value each, behind `#`.
    pub examples: bool,
}

impl Comments {
    /// All there are.
    pub const ALL: Self = Self {
        docs: true,
        examples: true,
    };
}

/// A key that is not there.
#[derive(Debug)]
pub(crate) struct Example {
    key: &'static str,
    doc: &'static str,
    text: &'static str,
}

/// The comments of a text that is being written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    comments: Comments,
    key: &'static str,
    /// Explains the last key, until that is done.
    doc: Option<&'static str>,
}

impl Notes {
    pub(crate) fn new(comments: Comments) -> Self {
        Self {
            comments,
            ..Self::default()
        }
    }

    /// A key was written whose value comes next.
    pub(crate) fn begin(&mut self, key: &'static str, doc: &'static str) {
        self.key = key;
        self.doc = self.comments.docs.then_some(doc);
    }

    /// The key of the value that begins; a key of the user has no name here.
    pub(crate) fn key(&mut self) -> &'static str {
        std::mem::take(&mut self.key)
    }

    /// Explains the last key at the end of its line.
    pub(crate) fn explain_behind(&mut self, text: &mut String) {
        self.key = "";
        if let Some(doc) = self.doc.take() {
            text.push_str(" # ");
            text.push_str(doc);
        }
    }

    /// Explains the last key in a line of its own above it.
    pub(crate) fn explain_above(&mut self, text: &mut String) {
        if let Some(doc) = self.doc.take() {
            let start = text.rfind('\n').map_or(0, |at| at.saturating_add(1));
            let line = text.get(start..).unwrap_or_default();
            let indent = line.len().saturating_sub(line.trim_start().len());
            let comment = format!("{:indent$}# {doc}\n", "");
            text.insert_str(start, &comment);
        }
    }

    /// The example of a key, if it is wanted and there is one.
    pub(crate) fn example(
        &self,
        path: impl Iterator<Item = &'static str>,
        key: &'static str,
        doc: &'static str,
    ) -> Option<Example> {
        if !self.comments.examples {
            return None;
        }
        let mut whole = String::new();
        for step in path.filter(|step| !step.is_empty()).chain([key]) {
            if !whole.is_empty() {
                whole.push('.');
            }
            whole.push_str(step);
        }
        let text = examples::of(&whole)?;
        Some(Example { key, doc, text })
    }

    pub(crate) fn write_example(&self, example: &Example, indent: usize, text: &mut String) {
        let mut line = |content: &str| {
            text.push_str(&format!("{:indent$}#", ""));
            if !content.is_empty() {
                text.push(' ');
                text.push_str(content);
            }
            text.push('\n');
        };
        // An empty line would become a part of a block of text above.
        line("");
        if self.comments.docs {
            line(&format!("# {}", example.doc));
        }
        let key = example.key;
        if example.text.contains('\n') {
            line(&format!("{key}:"));
            for part in example.text.lines() {
                line(&format!("    {part}"));
            }
        } else {
            line(&format!("{key}: {}", example.text));
        }
    }
}

impl Document {
    /// Writes the document with comments.
    #[must_use]
    pub fn to_commented_yaml(&self, comments: Comments) -> String {
        let mut out = Emitter::with_comments(comments);
        self.emit(&mut out);
        out.finish()
    }
}

impl Configuration {
    /// Writes all documents anew with comments: the main one first. Comments of the source are lost.
    #[must_use]
    pub fn to_commented_yaml(&self, comments: Comments) -> String {
        let main = self.document().into_iter();
        let mut texts: Vec<String> = main.map(|d| d.to_commented_yaml(comments)).collect();
        for extra in self.extras() {
            let mut out = Emitter::with_comments(comments);
            extra.emit(&mut out);
            texts.push(out.finish());
        }
        texts.join("---\n")
    }
}
