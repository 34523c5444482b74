// SPDX-License-Identifier: MPL-2.0
//! Tar archives as container images have them: POSIX ustar and pax, and GNU's long names.
//!
//! Owns: reading archives strictly.
//! Never: holds more than a header and two names, or knows what an archive is for.

use std::io::{self, Read};

use crate::limits::PATH_MAX;
use crate::problem::Problem;

/// Everything in an archive is a multiple of this.
pub(crate) const BLOCK: usize = 512;
/// The largest header of pax or GNU: names, and attributes of some kilobytes.
const EXTRA_MAX: u64 = 128 * 1024;

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Directory,
    /// The bytes of the target.
    Symlink(Vec<u8>),
    /// Another name for an earlier member.
    Link(Vec<u8>),
    /// What no extension may have, by name.
    Special(&'static str),
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name as it is written, wherever that leads.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Who may do what with it (the bits of chmod(2)).
    pub mode: u32,
    /// The number of its owner.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// How long its content is, in bytes.
    pub len: u64,
    /// Names of extended attributes.
    pub attributes: Vec<String>,
}

/// Reads an archive.
#[derive(Debug)]
pub struct Archive<R> {
    from: R,
    at: u64,
    /// What is left of the member that was read last, with its padding.
    left: u64,
}

/// What longer headers say of the next member.
#[derive(Debug, Default)]
struct Extra {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    len: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    attributes: Vec<String>,
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::new("", what)
}

fn unread(error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        broken("the archive ends too early")
    } else {
        broken(format!("the archive cannot be read: {error}"))
    }
}

impl<R: Read> Archive<R> {
    /// Begins with an archive that is not compressed.
    pub fn new(from: R) -> Self {
        Self {
            from,
            at: 0,
            left: 0,
        }
    }

    /// Where in the archive the content of the last member begins.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The content of the last member.
    pub fn content(&mut self, len: u64) -> Content<'_, R> {
        Content {
            left: len.min(self.left),
            archive: self,
        }
    }

    /// What is behind the archive.
    pub fn into_inner(self) -> R {
        self.from
    }

    fn skip(&mut self) -> Result<(), Problem> {
        let mut buffer = [0; 16 * BLOCK];
        while self.left > 0 {
            let room = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let room = buffer.get_mut(..room).unwrap_or_default();
            self.from.read_exact(room).map_err(|error| unread(&error))?;
            self.left = self.left.saturating_sub(room.len() as u64);
            self.at = self.at.saturating_add(room.len() as u64);
        }
        Ok(())
    }

    /// Reads one block. `None` at the end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Problem> {
        let mut block = [0; BLOCK];
        let mut filled: usize = 0;
        while filled < BLOCK {
            let rest = block.get_mut(filled..).unwrap_or_default();
            match self.from.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(broken("the archive ends too early")),
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unread(&error)),
            }
        }
        self.at = self.at.saturating_add(BLOCK as u64);
        Ok(Some(block))
    }

    /// Reads the next member; what is left of the last one is passed over. `None` at the end.
    ///
    /// # Errors
    /// It is no archive, damaged, or ends too early.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would go on after errors"
    )]
    pub fn next(&mut self) -> Result<Option<Member>, Problem> {
        let mut extra = Extra::default();
        // The headers before a member count as one: some of each kind, not an endless row.
        for _ in 0..8 {
            self.skip()?;
            let Some(block) = self.block()? else {
                // GNU tar ends with two blocks of zeros; some writers leave them out.
                return Ok(None);
            };
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header(&block);
            header.check()?;
            let mut len = header.number("size", 124, 12)?;
            let flag = block.get(156).copied().unwrap_or_default();
            match flag {
                b'L' | b'K' | b'x' | b'g' => {
                    if len > EXTRA_MAX {
                        return Err(broken("a header is longer than 128 KiB"));
                    }
                    self.left = padded(len)?;
                    let mut bytes = Vec::new();
                    self.content(len)
                        .read_to_end(&mut bytes)
                        .map_err(|error| unread(&error))?;
                    match flag {
                        b'L' => extra.name = Some(text(&bytes).to_vec()),
                        b'K' => extra.link = Some(text(&bytes).to_vec()),
                        b'x' => extra.pax(&bytes)?,
                        _ => Extra::default().global(&bytes)?,
                    }
                    continue;
                }
                _ => {}
            }
            len = extra.len.unwrap_or(len);
            let member = header.member(flag, len, extra)?;
            self.left = match member.kind {
                Kind::File => padded(len)?,
                Kind::Directory | Kind::Symlink(_) | Kind::Link(_) | Kind::Special(_) => 0,
            };
            return Ok(Some(member));
        }
        Err(broken("too many headers before a member"))
    }
}

/// The content of a member.
#[derive(Debug)]
pub struct Content<'a, R> {
    archive: &'a mut Archive<R>,
    left: u64,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let room = buffer.get_mut(..room).unwrap_or_default();
        let count = self.archive.from.read(room)? as u64;
        if count == 0 && !room.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count);
        self.archive.left = self.archive.left.saturating_sub(count);
        self.archive.at = self.archive.at.saturating_add(count);
        usize::try_from(count).map_err(io::Error::other)
    }
}

fn padded(len: u64) -> Result<u64, Problem> {
    len.checked_next_multiple_of(BLOCK as u64)
        .ok_or_else(|| broken("a member is too long"))
}

/// What is before the first zero.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

struct Header<'b>(&'b [u8; BLOCK]);

impl Header<'_> {
    fn field(&self, at: usize, len: usize) -> &[u8] {
        self.0.get(at..at.saturating_add(len)).unwrap_or_default()
    }

    fn number(&self, what: &str, at: usize, len: usize) -> Result<u64, Problem> {
        let field = self.field(at, len);
        let bad = || broken(format!("the {what} in a header is not a number"));
        if let Some((first @ (0x80 | 0xff), rest)) = field.split_first() {
            // GNU's binary numbers; negative ones mean nothing here.
            if *first == 0xff {
                return Err(bad());
            }
            return rest
                .iter()
                .try_fold(0_u64, |number, byte| {
                    number.checked_mul(256)?.checked_add(u64::from(*byte))
                })
                .ok_or_else(bad);
        }
        let digits = field
            .split(|byte| matches!(byte, 0 | b' '))
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        digits
            .iter()
            .try_fold(0_u64, |number, digit| match digit {
                b'0'..=b'7' => number
                    .checked_mul(8)?
                    .checked_add(u64::from(digit.wrapping_sub(b'0'))),
                _ => None,
            })
            .ok_or_else(bad)
    }

    fn check(&self) -> Result<(), Problem> {
        let wanted = self.number("checksum", 148, 8)?;
        let sum: u64 = self
            .0
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if (148..156).contains(&at) {
                    u64::from(b' ')
                } else {
                    u64::from(*byte)
                }
            })
            .sum();
        if sum == wanted {
            Ok(())
        } else {
            Err(broken("not a tar archive, or a damaged one"))
        }
    }

    fn member(&self, flag: u8, len: u64, extra: Extra) -> Result<Member, Problem> {
        let name = extra.name.unwrap_or_else(|| self.name());
        let link = extra
            .link
            .unwrap_or_else(|| text(self.field(157, 100)).to_vec());
        let id = |value: Option<u32>, what, at| match value {
            Some(id) => Ok(id),
            None => u32::try_from(self.number(what, at, 8)?)
                .map_err(|_| broken(format!("the {what} in a header is too large"))),
        };
        let kind = match flag {
            0 if name.last() == Some(&b'/') => Kind::Directory,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::Link(link),
            b'2' => Kind::Symlink(link),
            b'3' => Kind::Special("a character device"),
            b'4' => Kind::Special("a block device"),
            b'5' => Kind::Directory,
            b'6' => Kind::Special("a fifo"),
            b'S' => Kind::Special("a sparse file"),
            _ => Kind::Special("of a kind that is not known"),
        };
        if name.len() > PATH_MAX {
            let name = String::from_utf8_lossy(&name).into_owned();
            return Err(Problem::new(name, "the name is too long"));
        }
        let mode = self.number("mode", 100, 8)? & 0o7777;
        Ok(Member {
            name,
            kind,
            mode: u32::try_from(mode).unwrap_or(0),
            uid: id(extra.uid, "owner", 108)?,
            gid: id(extra.gid, "group", 116)?,
            len,
            attributes: extra.attributes,
        })
    }

    /// The name; POSIX has its beginning apart.
    fn name(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        let prefix = text(self.field(345, 155));
        if self.field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }
}

impl Extra {
    /// Reads the lines of a pax header: `<length> <key>=<value>\n`.
    fn pax(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let bad = || broken("a pax header is malformed");
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let (digits, _) = rest.split_at(space);
            let len: usize = str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(bad)?;
            let (line, later) = rest.split_at_checked(len).ok_or_else(bad)?;
            let line = line.get(space.saturating_add(1)..).ok_or_else(bad)?;
            let line = line.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = line.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let (key, value) = line.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            self.record(str::from_utf8(key).map_err(|_| bad())?, value)?;
            rest = later;
        }
        Ok(())
    }

    fn record(&mut self, key: &str, value: &[u8]) -> Result<(), Problem> {
        let number = || -> Option<u64> { str::from_utf8(value).ok()?.parse().ok() };
        let bad = || broken(format!("{key} in a pax header is not a number"));
        match key {
            "path" => self.name = Some(value.to_vec()),
            "linkpath" => self.link = Some(value.to_vec()),
            "size" => self.len = Some(number().ok_or_else(bad)?),
            "uid" | "gid" => {
                let id = number().and_then(|id| u32::try_from(id).ok());
                let id = Some(id.ok_or_else(bad)?);
                if key == "uid" {
                    self.uid = id;
                } else {
                    self.gid = id;
                }
            }
            _ if key.starts_with("GNU.sparse.") => {
                return Err(broken("sparse files are not taken"));
            }
            _ => {
                if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                    self.attributes.push(name.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Reads a header for all members: comments are fine, names and lengths are not.
    fn global(mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.pax(bytes)?;
        if self.name.is_some()
            || self.link.is_some()
            || self.len.is_some()
            || self.uid.is_some()
            || self.gid.is_some()
        {
            return Err(broken(
                "a pax header for all members says more than comments",
            ));
        }
        Ok(())
    }
}
