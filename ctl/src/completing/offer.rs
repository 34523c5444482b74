// SPDX-License-Identifier: MPL-2.0
//! What is offered for a word.
//!
//! Owns: which words a shell may be given, how many, and the form of the answer.
//! Never: lets what a node or a file says be anything but one plain word to a shell.

use std::collections::BTreeMap;
use std::fmt;

use crate::harmless;

/// More than anybody looks through.
pub(crate) const WORDS_MAX: usize = 1000;
/// Longer than names are: paths of Linux end here (PATH_MAX).
const WORD_MAX: usize = 4096;
/// What fits beside a word on a terminal.
const ABOUT_MAX: usize = 60;

/// A word, and what is said about it beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) word: String,
    pub(crate) about: String,
}

/// What the shell adds of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    No,
    /// The files and folders of this machine.
    Yes,
    /// Its folders.
    Folders,
}

/// Words that begin with what is typed.
#[derive(Debug)]
pub(crate) struct Offer {
    /// What stands before each in the same word: the other items of a list.
    before: String,
    typed: String,
    words: BTreeMap<String, String>,
    pub(crate) files: Files,
}

impl Offer {
    /// An offer for one word; of a list for its last item.
    pub(crate) fn of(typed: &str, delimiter: Option<char>) -> Self {
        let at = delimiter.and_then(|delimiter| typed.rfind(delimiter));
        let (before, typed) = match at {
            Some(at) => typed.split_at(at.saturating_add(1)),
            None => ("", typed),
        };
        Self {
            before: before.to_owned(),
            typed: typed.to_owned(),
            words: BTreeMap::new(),
            files: Files::No,
        }
    }

    /// What is typed of the word.
    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether no more is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.words.len() >= WORDS_MAX
    }

    /// Takes a word of our own.
    pub(crate) fn take(&mut self, word: &str, about: &str) {
        let is_there = self.before.split(',').any(|item| item == word);
        if word.starts_with(&self.typed) && !is_there && !self.is_full() {
            self.words.insert(word.to_owned(), about.to_owned());
        }
    }

    /// Takes a word of a node or of a file, if it is one that a shell takes for no more than that.
    pub(crate) fn hear(&mut self, said: &Said) {
        if is_plain(&said.word) {
            let about: String = said.about.chars().take(ABOUT_MAX).collect();
            self.take(&said.word, &harmless::line(&about));
        }
    }

    /// Whether there is a word, so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// Whether a word means itself in every shell, wherever it stands: no blanks and quotes, nothing that
/// is a pattern, a variable or an order, no letter that looks like another one, and no flag.
fn is_plain(word: &str) -> bool {
    let may_be = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@+,=%".contains(letter);
    let is_short = !word.is_empty() && word.len() <= WORD_MAX;
    is_short && !word.starts_with(['-', '=']) && word.chars().all(may_be)
}

/// Nothing follows the word at once.
const NO_SPACE: u8 = 2;
/// The shell adds no files.
const NO_FILES: u8 = 4;
/// The shell adds folders.
const FOLDERS: u8 = 16;

/// The answer as the scripts read it, which is that of cobra's `__complete`: a line for each word, what it
/// is about behind a tabulator, and what the shell is to do behind a colon.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut orders = match self.files {
            Files::No => NO_FILES,
            Files::Yes => 0,
            Files::Folders => FOLDERS,
        };
        for (word, about) in &self.words {
            if word.ends_with(['/', '=']) {
                orders |= NO_SPACE;
            }
            let mark = if about.is_empty() { "" } else { "\t" };
            writeln!(f, "{}{word}{mark}{about}", self.before)?;
        }
        writeln!(f, ":{orders}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str, about: &str) -> Said {
        Said {
            word: word.to_owned(),
            about: about.to_owned(),
        }
    }

    #[test]
    fn words_of_others_are_plain_or_dropped() {
        let mut offer = Offer::of("", None);
        for word in [
            "",
            "a b",
            "a\tb",
            "a\nb",
            "a\x1b[2J",
            "$(reboot)",
            "`reboot`",
            "a;b",
            "a|b",
            "a&b",
            "a>b",
            "a'b",
            "a\"b",
            "a\\b",
            "a*",
            "a?",
            "[a]",
            "{a}",
            "!a",
            "~a",
            "#a",
            "-a",
            "=a",
            "é",
            "a\u{202e}b",
            &"a".repeat(WORD_MAX + 1),
        ] {
            offer.hear(&said(word, ""));
        }
        assert!(offer.is_empty(), "{offer}");

        for word in ["eth0/10.0.2.15/24", "fd00::1", "/etc/a_b-c+d@e%f.g,h=i"] {
            offer.hear(&said(word, "\x1b]0;title\x07 and more"));
        }
        assert_eq!(
            offer.to_string(),
            "/etc/a_b-c+d@e%f.g,h=i\t ]0;title  and more\n\
             eth0/10.0.2.15/24\t ]0;title  and more\n\
             fd00::1\t ]0;title  and more\n:4\n"
        );
    }

    #[test]
    fn only_what_begins_as_it_is_typed_is_offered_and_never_too_much() {
        let mut offer = Offer::of("1", None);
        for number in 0..10_000 {
            offer.hear(&said(&number.to_string(), &"x".repeat(1000)));
        }

        let text = offer.to_string();
        assert!(offer.is_full());
        assert_eq!(text.lines().count(), WORDS_MAX + 1);
        assert!(text.lines().all(|line| line.starts_with(['1', ':'])));
        assert!(text.lines().all(|line| line.len() < 100));
    }

    #[test]
    fn the_last_item_of_a_list_is_completed_and_the_others_stay() {
        let mut offer = Offer::of("a,b,c", Some(','));
        for word in ["a", "ca", "c", "cb"] {
            offer.take(word, "");
        }
        assert_eq!(offer.to_string(), "a,b,c\na,b,ca\na,b,cb\n:4\n");

        let mut offer = Offer::of("a,", Some(','));
        offer.take("a", "");
        offer.take("b", "");
        assert_eq!(offer.to_string(), "a,b\n:4\n");
    }

    #[test]
    fn nothing_follows_a_word_that_goes_on() {
        for (word, files, orders) in [
            ("/etc/", Files::No, ":6\n"),
            ("jsonpath=", Files::No, ":6\n"),
            ("json", Files::Yes, ":0\n"),
            ("json", Files::Folders, ":16\n"),
        ] {
            let mut offer = Offer::of("", None);
            offer.files = files;
            offer.take(word, "");
            assert!(offer.to_string().ends_with(orders), "{offer}");
        }
    }
}
