// SPDX-License-Identifier: MPL-2.0
//! Why an image could not be pulled, as one line that says what to do.
//!
//! Owns: every way in which registries fail, and which of them pass by themselves.
//! Never: shows a secret, or more than a line of what a registry says.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::digest::Digest;
use crate::reference::Reference;

/// The most that is shown of what a registry says, in letters.
const SAID_MAX: usize = 160;

/// What failed: the image, and each place that was asked for it.
#[derive(Debug)]
pub struct Error {
    /// The registry of the reference.
    pub registry: String,
    /// Its repository.
    pub repository: String,
    /// The places that were asked, in order, and why each was of no use.
    pub causes: Vec<(String, Cause)>,
}

impl Error {
    /// An error of these causes; of those that read the same, the first is enough.
    pub(crate) fn of(reference: &Reference, causes: Vec<(String, Cause)>) -> Self {
        let mut said = BTreeSet::new();
        let is_news = |(place, cause): &(String, Cause)| said.insert(format!("{place} {cause}"));
        Self {
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            causes: causes.into_iter().filter(is_news).collect(),
        }
    }

    /// Whether it may be better after a while: one place that is back may be enough, whatever the others
    /// said. A mirror that has no such image says nothing of a registry that is away.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.causes.iter().any(|(_, cause)| cause.passes())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot pull {}/{}: ", self.registry, self.repository)?;
        for (number, (place, cause)) in self.causes.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}{place} {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Why one place was of no use. Each prints as what follows its name.
#[derive(Debug)]
pub enum Cause {
    /// A setting for it makes no sense.
    Setting(String),
    /// No connection.
    Unreachable(io::Error),
    /// Its certificate is not believed, or ours is not taken.
    Tls(String),
    /// It answers, but not with TLS.
    NotTls,
    /// It was cut off, or does not speak HTTP.
    Cut(String),
    /// It took too long with this.
    TimedOut(&'static str, Duration),
    /// It has no such image.
    NotThere(&'static str, String),
    /// It wants to know who asks, or knows and says no.
    Denied(u16, String),
    /// It answers no more requests for now; it asks to wait so long.
    Busy(Option<Duration>, String),
    /// It is broken, it says; it may ask to wait so long.
    Broken(u16, Option<Duration>, String),
    /// It answered what a registry does not.
    Strange(u16, String),
    /// It sends from place to place.
    Redirects,
    /// It sends to a place where we do not go.
    BadRedirect(String),
    /// It asks for credentials in a way that is not known, or not safe.
    Challenge(String),
    /// What it sent is not what was asked for.
    WrongDigest {
        /// What it should be.
        what: String,
        /// Its digest.
        wanted: Digest,
        /// That of what came.
        found: Digest,
    },
    /// It sent more or less than it should.
    WrongLength {
        /// What it should be.
        what: String,
        /// Its length.
        wanted: u64,
    },
    /// A document of it is larger than any registry takes.
    TooLarge(String),
    /// A document of it is not what it should be.
    Malformed(String, String),
    /// There is no image for the machine.
    NoPlatform(String, String),
    /// What is there is no image of files.
    NotAnImage(String),
    /// What came could not be kept.
    Keep(io::Error),
}

impl Cause {
    /// Whether it may be better after a while.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Cut(_)
            | Self::TimedOut(..)
            | Self::Busy(..)
            | Self::Broken(..) => true,
            Self::Setting(_)
            | Self::Tls(_)
            | Self::NotTls
            | Self::NotThere(..)
            | Self::Denied(..)
            | Self::Strange(..)
            | Self::Redirects
            | Self::BadRedirect(_)
            | Self::Challenge(_)
            | Self::WrongDigest { .. }
            | Self::WrongLength { .. }
            | Self::TooLarge(_)
            | Self::Malformed(..)
            | Self::NoPlatform(..)
            | Self::NotAnImage(_)
            | Self::Keep(_) => false,
        }
    }

    /// Whether another place cannot be better: the fault is on our side.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Keep(_))
    }

    /// Whether what came is not what was asked for.
    pub(crate) fn is_lie(&self) -> bool {
        matches!(self, Self::WrongDigest { .. } | Self::WrongLength { .. })
    }

    /// The pause that was asked for.
    pub(crate) fn pause(&self) -> Option<Duration> {
        if let Self::Busy(pause, _) | Self::Broken(_, pause, _) = self {
            *pause
        } else {
            None
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(what) => write!(f, "is not set up right ({what})"),
            Self::Unreachable(error) => {
                write!(f, "cannot be reached ({error}); check its name and the network")
            }
            Self::Tls(what) => write!(
                f,
                "is not believed ({what}); name its authority as tls.ca in machine.registries.config"
            ),
            Self::NotTls => f.write_str(
                "does not speak TLS; if that is meant, name it as a mirror with http:// in machine.registries.mirrors",
            ),
            Self::Cut(what) => write!(f, "was cut off ({what}); try again later"),
            Self::TimedOut(what, time) => {
                write!(f, "took longer than {time:?} {what}; try again later, or name a mirror")
            }
            Self::NotThere(what, said) => {
                write!(f, "has no such {what} (404{said}); check the name, the tag and the digest")
            }
            Self::Denied(code, said) => write!(
                f,
                "refuses access ({code}{said}); check the name, and the credentials for it"
            ),
            Self::Busy(Some(pause), said) => write!(
                f,
                "takes no more requests for {pause:?} (429{said}); try again then, or give credentials for it"
            ),
            Self::Busy(None, said) => write!(
                f,
                "takes no more requests now (429{said}); try again later, or give credentials for it"
            ),
            Self::Broken(code, Some(pause), said) => write!(
                f,
                "is in trouble ({code}{said}) and asks for {pause:?}; try again then"
            ),
            Self::Broken(code, None, said) => write!(f, "is in trouble ({code}{said}); try again later"),
            Self::Strange(code, said) => {
                write!(f, "answered {code}{said}, as no registry does; check its name")
            }
            Self::Redirects => f.write_str("sends in circles; tell whoever runs it"),
            Self::BadRedirect(what) => write!(f, "sends where we do not go ({what}); tell whoever runs it"),
            Self::Challenge(what) => {
                write!(f, "asks for credentials in a way that is not taken ({what}); tell whoever runs it")
            }
            Self::WrongDigest { what, wanted, found } => write!(
                f,
                "sent a {what} that is {found} and not {wanted}; it is damaged or forged, and not taken"
            ),
            Self::WrongLength { what, wanted } => write!(
                f,
                "sent a {what} that is not of {wanted} bytes as it should be; it is damaged or forged, and not taken"
            ),
            Self::TooLarge(what) => write!(f, "sent {what} that is too large; it is not taken"),
            Self::Malformed(what, why) if what == "answer" => write!(
                f,
                "sent an answer that is no HTTP ({why}); check that it is a registry"
            ),
            Self::Malformed(what, why) => {
                write!(f, "sent a {what} that is none ({why}); check that it is a registry")
            }
            Self::NoPlatform(wanted, there) => {
                write!(f, "has no image for {wanted}, only for {there}; ask for another architecture")
            }
            Self::NotAnImage(what) => write!(f, "has something else there ({what}); name a container image"),
            Self::Keep(error) => write!(f, "sent what cannot be kept ({error}); make room for it"),
        }
    }
}

/// What a registry said, as a part of a line: `, <text>`, or nothing.
pub(crate) fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let Ok(Said { errors }) = serde_json::from_slice(body) else {
        return String::new();
    };
    let Some(first) = errors.first() else {
        return String::new();
    };
    let text = if first.message.is_empty() {
        &first.code
    } else {
        &first.message
    };
    if text.is_empty() {
        return String::new();
    }
    format!(", {}", line(text))
}

/// A text of others, fit for a line of ours.
pub(crate) fn line(text: &str) -> String {
    let plain = |letter: char| match letter {
        _ if letter.is_control() => ' ',
        // What changes how the rest of a line is shown (Unicode annex 9).
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ => letter,
    };
    text.trim().chars().take(SAID_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_names_registry_repository_and_places() {
        let reference = Reference::parse("a:b").unwrap();
        let error = Error::of(
            &reference,
            vec![
                (
                    "http://10.5.0.1:5000".to_owned(),
                    Cause::NotThere("manifest", String::new()),
                ),
                (
                    "https://registry-1.docker.io".to_owned(),
                    Cause::Denied(401, ", no".to_owned()),
                ),
            ],
        );
        assert_eq!(
            error.to_string(),
            "cannot pull docker.io/library/a: http://10.5.0.1:5000 has no such manifest (404); check the name, \
             the tag and the digest; https://registry-1.docker.io refuses access (401, no); check the name, and \
             the credentials for it"
        );
    }

    #[test]
    fn what_a_registry_says_is_a_part_of_a_line() {
        let of = |text: &str| said(text.as_bytes());
        assert_eq!(
            of(r#"{"errors":[{"code":"DENIED","message":"no\n\u001b[31m way"}]}"#),
            ", no  [31m way"
        );
        assert_eq!(of(r#"{"errors":[{"code":"DENIED"}]}"#), ", DENIED");
        for text in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"errors":[{}]}"#] {
            assert_eq!(of(text), "", "{text}");
        }
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "a".repeat(10_000));
        assert_eq!(of(&long).len(), SAID_MAX + 2);
    }
}
