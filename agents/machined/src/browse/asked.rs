// SPDX-License-Identifier: MPL-2.0
//! A path that a client names.
//!
//! Owns: what a path may look like, and the words and codes of what the kernel says about one.
//! Never: asks the kernel anything.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

use sys::io::Errno;
use tonic::{Code, Status};

use crate::places::Places;

/// As long as a path may be (`PATH_MAX` of path_resolution(7), which counts the NUL).
const LEN_MAX: usize = 4095;

/// A path in its shortest form, and where it is for the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The path as the client knows it; without a slash at its end, but for the root.
    pub shown: String,
    /// The same for the kernel. A slash at its end is kept: it asks for the folder behind a link.
    pub at: CString,
}

impl Asked {
    /// Reads a path.
    ///
    /// # Errors
    /// It is not one that is looked at: `InvalidArgument`, with the reason.
    pub(crate) fn parse(text: &str, places: &Places) -> Result<Self, Status> {
        let refuse = |refusal| {
            let start: String = text.chars().take(64).collect();
            Status::invalid_argument(format!("path {start:?}: {refusal}"))
        };
        let (shown, wants_folder) = clean(text).map_err(refuse)?;
        let mut at = places.at(&shown).into_os_string().into_vec();
        if wants_folder && !at.ends_with(b"/") {
            at.push(b'/');
        }
        let at = CString::new(at).map_err(|_| refuse(Refusal::Nul))?;
        Ok(Self { shown, at })
    }

    /// Reads a path that may leave out the slash at its beginning: Talos puts one before it where
    /// it looks at names, for `List` and `DiskUsage`.
    ///
    /// # Errors
    /// As [`Asked::parse`].
    pub(crate) fn parse_from_root(text: &str, places: &Places) -> Result<Self, Status> {
        if text.starts_with('/') {
            Self::parse(text, places)
        } else {
            Self::parse(&format!("/{text}"), places)
        }
    }

    /// The last part of the path; `.` for the root.
    pub(crate) fn base(&self) -> &str {
        match self.shown.rsplit_once('/') {
            Some((_, base)) if !base.is_empty() => base,
            _ => ".",
        }
    }

    /// The path of something below, as the client knows it.
    pub(crate) fn below(&self, relative: &str) -> String {
        match self.shown.as_str() {
            "/" => format!("/{relative}"),
            shown => format!("{shown}/{relative}"),
        }
    }
}

/// Why a path is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Relative,
    Upwards,
    Nul,
    TooLong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative => f.write_str("not absolute; begin it with /"),
            Self::Upwards => f.write_str("\"..\" is refused; name the path that is meant"),
            Self::Nul => f.write_str("has a zero byte"),
            Self::TooLong => write!(f, "longer than {LEN_MAX} bytes"),
        }
    }
}

/// Takes out what changes nothing; says too whether the path asks for a folder.
fn clean(text: &str) -> Result<(String, bool), Refusal> {
    if text.len() > LEN_MAX {
        return Err(Refusal::TooLong);
    }
    if text.contains('\0') {
        return Err(Refusal::Nul);
    }
    let Some(inside) = text.strip_prefix('/') else {
        return Err(Refusal::Relative);
    };
    let mut shown = String::with_capacity(text.len());
    for part in inside.split('/') {
        match part {
            "" | "." => {}
            // A link on the way could make it lead anywhere.
            ".." => return Err(Refusal::Upwards),
            part => {
                shown.push('/');
                shown.push_str(part);
            }
        }
    }
    let wants_folder = inside.ends_with('/') || inside.ends_with("/.");
    if shown.is_empty() {
        shown.push('/');
    }
    Ok((shown, wants_folder))
}

/// What the kernel said about a path, for a line of its own.
pub(crate) fn told(verb: &str, path: &str, errno: Errno) -> String {
    format!("cannot {verb} {path}: {}", io::Error::from(errno))
}

/// The same as the answer to a call.
pub(crate) fn status(verb: &str, path: &str, errno: Errno) -> Status {
    let code = match errno {
        Errno::NOENT => Code::NotFound,
        Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::ISDIR => Code::InvalidArgument,
        // It is the node that may not; another role of the caller would not help.
        Errno::ACCESS | Errno::PERM | Errno::NXIO | Errno::NODEV => Code::FailedPrecondition,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => Code::ResourceExhausted,
        _ => Code::Internal,
    };
    Status::new(code, told(verb, path, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_keep_whether_they_ask_for_a_folder() {
        for (text, shown, wants_folder) in [
            ("/", "/", false),
            ("//", "/", true),
            ("/.", "/", false),
            ("/a", "/a", false),
            ("/a/", "/a", true),
            ("//a/.//b/.", "/a/b", true),
            ("/a/...", "/a/...", false),
            ("/a b/ö", "/a b/ö", false),
        ] {
            assert_eq!(clean(text), Ok((shown.to_owned(), wants_folder)), "{text}");
        }
    }

    #[test]
    fn paths_that_are_no_place_are_refused() {
        let long = format!("/{}", "x".repeat(LEN_MAX));
        for (text, refusal) in [
            ("", Refusal::Relative),
            ("a", Refusal::Relative),
            ("..", Refusal::Relative),
            ("/..", Refusal::Upwards),
            ("/a/../b", Refusal::Upwards),
            ("/a/..", Refusal::Upwards),
            ("/a\0b", Refusal::Nul),
            (&long, Refusal::TooLong),
        ] {
            assert_eq!(clean(text), Err(refusal), "{text}");
        }
    }

    #[test]
    fn a_path_from_the_root_may_leave_out_its_first_slash_and_nothing_else() {
        let places = Places::under("/node");
        let shown = |text| {
            let asked = Asked::parse_from_root(text, &places);
            asked.map(|asked| asked.shown).ok()
        };

        for (text, found) in [
            ("", Some("/")),
            (".", Some("/")),
            ("var", Some("/var")),
            ("var/log/", Some("/var/log")),
            ("/var", Some("/var")),
            ("../etc", None),
            ("a\0b", None),
        ] {
            assert_eq!(shown(text).as_deref(), found, "{text:?}");
        }
    }

    #[test]
    fn what_is_below_is_named_from_the_root() {
        let places = Places::under("/node");
        let root = Asked::parse("/", &places).unwrap();
        let folder = Asked::parse("/a/b/", &places).unwrap();

        assert_eq!((root.base(), root.below("x")), (".", "/x".to_owned()));
        assert_eq!(
            (folder.base(), folder.below("x/y")),
            ("b", "/a/b/x/y".to_owned())
        );
        assert_eq!(folder.at.as_c_str(), c"/node/a/b/");
    }
}
