// SPDX-License-Identifier: MPL-2.0
//! Writing tar archives, always the same way.
//!
//! Owns: POSIX headers with time 0, and pax headers for what does not fit them.
//! Never: asks for the time or for who runs it.

use std::io::{self, Read, Write};

use crate::tar::BLOCK;

/// An archive that is being written.
pub(crate) struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    pub(crate) fn folder(&mut self, name: &str, mode: u32, ids: (u32, u32)) -> io::Result<()> {
        self.header(&format!("{name}/"), b'5', mode, ids, 0, "")
    }

    pub(crate) fn symlink(
        &mut self,
        name: &str,
        mode: u32,
        ids: (u32, u32),
        target: &str,
    ) -> io::Result<()> {
        self.header(name, b'2', mode, ids, 0, target)
    }

    pub(crate) fn file(
        &mut self,
        name: &str,
        mode: u32,
        ids: (u32, u32),
        len: u64,
        from: &mut dyn Read,
    ) -> io::Result<()> {
        self.header(name, b'0', mode, ids, len, "")?;
        if io::copy(&mut from.take(len), &mut self.out)? != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pad(len)
    }

    /// Ends the archive.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }

    fn header(
        &mut self,
        name: &str,
        flag: u8,
        mode: u32,
        ids: (u32, u32),
        len: u64,
        link: &str,
    ) -> io::Result<()> {
        let mut records = String::new();
        let (mut short, mut target) = (name, link);
        let (mut uid, mut gid) = ids;
        if name.len() > NAME_LEN {
            records.push_str(&record("path", name));
            short = "long";
        }
        if link.len() > NAME_LEN {
            records.push_str(&record("linkpath", link));
            target = "long";
        }
        if uid > ID_MAX {
            records.push_str(&record("uid", &uid.to_string()));
            uid = 0;
        }
        if gid > ID_MAX {
            records.push_str(&record("gid", &gid.to_string()));
            gid = 0;
        }
        if !records.is_empty() {
            let len = records.len() as u64;
            self.out
                .write_all(&posix("pax", b'x', 0o644, (0, 0), len, ""))?;
            self.out.write_all(records.as_bytes())?;
            self.pad(len)?;
        }
        self.out
            .write_all(&posix(short, flag, mode, (uid, gid), len, target))
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        let over = len.checked_rem(BLOCK as u64).unwrap_or(0);
        let over = usize::try_from(over).unwrap_or(0);
        let zeros = [0; BLOCK];
        let zeros = zeros.get(over..).filter(|_| over > 0);
        self.out.write_all(zeros.unwrap_or_default())
    }
}

/// The longest name and target in a POSIX header.
const NAME_LEN: usize = 100;
/// The largest owner in a POSIX header: seven octal digits.
const ID_MAX: u32 = 0o7_777_777;

/// A record of a pax header; its length counts itself.
fn record(key: &str, value: &str) -> String {
    let bare = key.len().saturating_add(value.len()).saturating_add(3);
    let mut len = bare;
    loop {
        let whole = bare.saturating_add(len.to_string().len());
        if whole == len {
            return format!("{len} {key}={value}\n");
        }
        len = whole;
    }
}

/// A header of which everything fits.
fn posix(name: &str, flag: u8, mode: u32, ids: (u32, u32), len: u64, link: &str) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        let end = at.saturating_add(bytes.len());
        if let Some(field) = block.get_mut(at..end) {
            field.copy_from_slice(bytes);
        }
    };
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, format!("{:07o}\0", ids.0).as_bytes());
    put(116, format!("{:07o}\0", ids.1).as_bytes());
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[flag]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(field) = block.get_mut(148..156) {
        field.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::{Archive, Kind};

    #[test]
    fn what_is_written_is_read_back() {
        let long = "a/".repeat(300) + "b";
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.folder("a", 0o755, (1, 2)).unwrap();
        writer
            .file(&long, 0o644, (70_000, 4_000_000_000), 3, &mut &b"abc"[..])
            .unwrap();
        writer.symlink("l", 0o777, (0, 0), &long).unwrap();
        writer
            .file("block", 0o4755, (0, 0), 512, &mut &[7; 512][..])
            .unwrap();
        writer.finish().unwrap();

        let mut archive = Archive::new(bytes.as_slice());
        let mut next = || archive.next().unwrap().unwrap();
        assert_eq!((next().name, long.len()), (b"a/".to_vec(), 601));
        let file = next();
        assert_eq!(file.name, long.as_bytes());
        assert_eq!((file.uid, file.gid, file.len), (70_000, 4_000_000_000, 3));
        assert_eq!(next().kind, Kind::Symlink(long.into_bytes()));
        let block = next();
        assert_eq!((block.mode, block.len), (0o4755, 512));
        assert_eq!(archive.next().unwrap(), None);
    }
}
