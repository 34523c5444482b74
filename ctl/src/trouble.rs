// SPDX-License-Identifier: MPL-2.0
//! What went wrong, where, and what to do about it.
//!
//! Owns: the form of every error an operator reads.
//! Never: is swallowed.

use std::fmt;
use std::path::Path;

/// An error as an operator reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    what: String,
    hint: Option<String>,
    foreign_certificate: bool,
}

impl Trouble {
    /// Says what failed, and where.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            foreign_certificate: false,
        }
    }

    /// Adds what to do.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Says which node it is about.
    pub(crate) fn at(self, node: &str) -> Self {
        Self {
            what: format!("{node}: {}", self.what),
            ..self
        }
    }

    /// Notes that the node showed a certificate that is not from our CA.
    pub(crate) fn with_foreign_certificate(self) -> Self {
        Self {
            foreign_certificate: true,
            ..self
        }
    }

    /// Whether the node showed a certificate that is not from our CA, as one does that lost its
    /// configuration.
    pub(crate) fn is_foreign_certificate(&self) -> bool {
        self.foreign_certificate
    }

    /// A file that could not be read or written.
    pub(crate) fn file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {verb} {}: {error}", path.display()))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}
