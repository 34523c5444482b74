// SPDX-License-Identifier: MPL-2.0
//! The index of kernel modules in `/lib/modules/<release>`, in depmod's text formats.
//!
//! `modules.dep` has `path: path path…` lines, where what is needed first stands last;
//! `modules.alias` has `alias PATTERN MODULE`; `modules.softdep` has
//! `softdep MODULE pre: a b post: c`; `modules.builtin` has paths alone. Names are equal when they
//! differ in `-` and `_` only.
//!
//! Owns: one line of each, and which names and devices a line is about.
//! Never: opens a file, or follows a path that leaves its folder.

use heapless::String;

/// The longest name of a module: `MODULE_NAME_LEN` of the kernel, which is 64 bytes less a long,
/// without its NUL.
pub const NAME_MAX: usize = 55;
/// The longest line that is read: a path of 256 bytes with thirty dependencies. Debian's longest,
/// of four thousand modules, has 1.1 kB.
pub const LINE_MAX: usize = 8192;
/// How many steps matching one pattern may take, whatever its stars: device names have less than
/// 512 bytes, and patterns a dozen stars.
const MATCH_STEPS_MAX: usize = 16 * 1024;

/// A module's name, with `_` in place of every `-`, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String<NAME_MAX>);

impl Name {
    /// The name that `text` is, if it can be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut name = String::new();
        for letter in text.chars() {
            let plain = match letter {
                '-' => '_',
                letter if letter.is_ascii_alphanumeric() || letter == '_' => letter,
                _ => return None,
            };
            name.push(plain).ok()?;
        }
        (!name.is_empty()).then_some(Self(name))
    }

    /// The name of the module in the file `path`.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let file = path.rsplit('/').next().unwrap_or(path);
        Self::parse(file.strip_suffix(".ko")?)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line of `modules.dep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependencies<'a> {
    /// The module's file, below the folder of the index.
    pub path: &'a str,
    needs: &'a str,
}

impl<'a> Dependencies<'a> {
    /// The line, if it is one and its paths stay in their folder.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let (path, needs) = line.split_once(':')?;
        let all_inside = needs.split_ascii_whitespace().all(is_inside);
        (is_inside(path) && all_inside).then_some(Self { path, needs })
    }

    /// The files of the modules that it needs, in the order in which they are to be loaded.
    pub fn in_order(&self) -> impl Iterator<Item = &'a str> {
        self.needs.split_ascii_whitespace().rev()
    }
}

/// Whether a path stays below the folder of the index.
fn is_inside(path: &str) -> bool {
    let plain = |step: &str| !matches!(step, "" | "." | "..");
    path.split('/').all(plain)
}

/// A line of `modules.alias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias<'a> {
    /// What the module is for: a device by pattern, or another name.
    pub pattern: &'a str,
    /// Its name.
    pub module: &'a str,
}

impl<'a> Alias<'a> {
    /// The line, if it is one.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.strip_prefix("alias ")?.split_ascii_whitespace();
        let alias = Self {
            pattern: words.next()?,
            module: words.next()?,
        };
        words.next().is_none().then_some(alias)
    }

    /// Whether it is for this device (its `MODALIAS`) or name.
    #[must_use]
    pub fn is_for(&self, wanted: &str) -> bool {
        matches(self.pattern.as_bytes(), wanted.as_bytes())
    }
}

/// A line of `modules.softdep`: modules that are loaded with another one, where they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soft<'a> {
    /// The module that they go with.
    pub module: &'a str,
    rest: &'a str,
}

/// When a module that goes with another is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it.
    Before,
    /// After it.
    After,
}

impl<'a> Soft<'a> {
    /// The line, if it is one.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let (module, rest) = line.strip_prefix("softdep ")?.split_once(' ')?;
        Some(Self { module, rest })
    }

    /// The names of those that are loaded then.
    pub fn with(&self, when: When) -> impl Iterator<Item = &'a str> {
        let mut now = None;
        let words = self.rest.split_ascii_whitespace();
        words.filter(move |word| {
            match *word {
                "pre:" => now = Some(When::Before),
                "post:" => now = Some(When::After),
                _ => return now == Some(when),
            }
            false
        })
    }
}

/// Whether `text` is of `pattern`, as `fnmatch(3)` without flags has it (`*`, `?`, `[a-z]`, `[!a]`),
/// with `-` and `_` outside brackets being one letter. A pattern that takes very long matches nothing.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where the last star was, and what of the text it is tried with next.
    let mut star: Option<(&[u8], &[u8])> = None;
    for _ in 0..MATCH_STEPS_MAX {
        match one(pattern, text) {
            Step::Star(rest) => {
                star = Some((rest, text));
                pattern = rest;
            }
            Step::Yes(next_pattern, next_text) => (pattern, text) = (next_pattern, next_text),
            Step::Done => return true,
            Step::No => {
                let Some((after, from)) = star else {
                    return false;
                };
                let Some((_, rest)) = from.split_first() else {
                    return false;
                };
                star = Some((after, rest));
                (pattern, text) = (after, rest);
            }
        }
    }
    false
}

/// What became of the front of a pattern.
enum Step<'p, 't> {
    /// It is a star; the rest follows.
    Star(&'p [u8]),
    /// It fits the front of the text; the rests follow.
    Yes(&'p [u8], &'t [u8]),
    /// Both are at their end.
    Done,
    /// It does not fit.
    No,
}

fn one<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Step<'p, 't> {
    let (head, text_rest) = match text.split_first() {
        Some((head, rest)) => (Some(*head), rest),
        None => (None, text),
    };
    let Some((first, rest)) = pattern.split_first() else {
        return if head.is_none() { Step::Done } else { Step::No };
    };
    match (first, head) {
        (b'*', _) => Step::Star(rest),
        (_, None) => Step::No,
        (b'?', Some(_)) => Step::Yes(rest, text_rest),
        (b'[', Some(letter)) => match set(rest, letter) {
            Some((true, rest)) => Step::Yes(rest, text_rest),
            Some((false, _)) | None => Step::No,
        },
        (first, Some(letter)) if plain(*first) == plain(letter) => Step::Yes(rest, text_rest),
        (_, Some(_)) => Step::No,
    }
}

fn plain(letter: u8) -> u8 {
    if letter == b'-' { b'_' } else { letter }
}

/// Whether `letter` is in the set that `pattern` begins with after its bracket, and what follows
/// the set. `None`: it has no end.
fn set(pattern: &[u8], letter: u8) -> Option<(bool, &[u8])> {
    let (is_not, mut rest) = match pattern.split_first()? {
        (b'!' | b'^', rest) => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    let mut is_first = true;
    loop {
        let (low, after) = rest.split_first()?;
        if *low == b']' && !is_first {
            return Some((found != is_not, after));
        }
        is_first = false;
        rest = after;
        if let [b'-', high, after @ ..] = after
            && *high != b']'
        {
            found |= (*low..=*high).contains(&letter);
            rest = after;
        } else {
            found |= *low == letter;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use super::*;

    #[test]
    fn names_are_equal_but_for_dashes() {
        let name = |text: &str| Name::parse(text).map(|name| name.as_str().to_string());

        assert_eq!(name("usb-storage"), name("usb_storage"));
        assert_eq!(name("xhci-hcd").as_deref(), Some("xhci_hcd"));
        let path = Name::of_path("kernel/drivers/usb/host/xhci-hcd.ko");
        assert_eq!(path.unwrap().as_str(), "xhci_hcd");
        let long = "a".repeat(NAME_MAX + 1);
        for bad in ["", "a/b", "a b", "ä", "..", "a.ko", &long] {
            assert_eq!(name(bad), None, "{bad}");
        }
        for bad in ["a.ko.xz", "a", ".ko", "kernel/"] {
            assert_eq!(Name::of_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_needed_first_stands_last() {
        let line = "kernel/a.ko: kernel/b.ko kernel/c.ko";
        let line = Dependencies::parse(line).unwrap();

        assert_eq!(line.path, "kernel/a.ko");
        let order: Vec<&str> = line.in_order().collect();
        assert_eq!(order, ["kernel/c.ko", "kernel/b.ko"]);
        let alone = Dependencies::parse("extra/x.ko:").unwrap();
        assert_eq!(alone.in_order().count(), 0);
    }

    #[test]
    fn paths_that_leave_their_folder_are_no_lines() {
        for bad in [
            "",
            "kernel/a.ko",
            "/etc/a.ko:",
            "../a.ko:",
            "kernel/../../a.ko:",
            "kernel//a.ko:",
            "kernel/a.ko: /b.ko",
            "kernel/a.ko: ../b.ko",
            ": a.ko",
        ] {
            assert_eq!(Dependencies::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_alias_is_for_its_devices() {
        let line = "alias usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in* ftdi_sio";
        let alias = Alias::parse(line).unwrap();

        assert_eq!(alias.module, "ftdi_sio");
        assert!(alias.is_for("usb:v0403p6001d0400dc00dsc00dp00icFFiscFFipFFin00"));
        assert!(!alias.is_for("usb:v0403p6010d0400dc00dsc00dp00icFFiscFFipFFin00"));
        assert!(!alias.is_for("usb:v0403p6001"));
        for bad in [
            "",
            "alias",
            "alias a",
            "alias a b c",
            "# a comment",
            "aliases a b",
        ] {
            assert_eq!(Alias::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn soft_dependencies_have_their_time() {
        let line = Soft::parse("softdep a pre: b c-d post: e pre: f").unwrap();
        let with = |when| -> Vec<&str> { line.with(when).collect() };

        assert_eq!(line.module, "a");
        assert_eq!(with(When::Before), ["b", "c-d", "f"]);
        assert_eq!(with(When::After), ["e"]);
        let none = Soft::parse("softdep a b").unwrap();
        assert_eq!(none.with(When::Before).count(), 0);
        assert_eq!(Soft::parse("softdep a"), None);
    }

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("a*b*c", "aXbYbZc"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[^a]", "b"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("fs-btrfs", "fs_btrfs"),
            ("net-pf-10", "net-pf-10"),
            (
                "pci:v00001B36d0000000Dsv*sd*bc*sc*i*",
                "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30",
            ),
        ];
        for (pattern, text) in yes {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        let no = [
            ("", "a"),
            ("a", ""),
            ("a?c", "ac"),
            ("[a-c]x", "dx"),
            ("[!a-c]x", "bx"),
            ("[ab", "a"),
            ("[", "["),
            ("a*b", "aXc"),
            ("A", "a"),
        ];
        for (pattern, text) in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let pattern: String = "*a".repeat(2000) + "b";
        let text = "a".repeat(4000);

        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }
}
