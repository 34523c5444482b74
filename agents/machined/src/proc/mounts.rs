// SPDX-License-Identifier: MPL-2.0
//! Mounted file systems and their sizes.
//!
//! Owns: `/proc/self/mounts` and statfs(2).
//! Never: waits for a file system that does not answer: only local ones are asked.

use api::machine::MountStat;

use crate::places::Places;

/// File systems of other machines.
const REMOTE: &[&str] = &["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "fuse"];

/// Lists them in the order they were mounted.
#[must_use]
pub(crate) fn all(places: &Places) -> Vec<MountStat> {
    listed(places)
        .into_iter()
        .map(|mount| {
            let size = if mount.is_remote() {
                None
            } else {
                sys::fs::statvfs(mount.target.as_str()).ok()
            };
            let bytes = |blocks: fn(&sys::fs::StatVfs) -> u64| {
                size.as_ref()
                    .map_or(0, |size| blocks(size).saturating_mul(size.f_frsize))
            };
            MountStat {
                filesystem: mount.source,
                size: bytes(|size| size.f_blocks),
                available: bytes(|size| size.f_bavail),
                mounted_on: mount.target,
            }
        })
        .collect()
}

/// A mounted file system, without its size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// Its device, or what stands for one.
    pub source: String,
    /// Where it is.
    pub target: String,
    /// What it is written as.
    pub kind: String,
    /// How it is mounted, with commas.
    pub options: String,
}

impl Mounted {
    /// Whether it is another machine's: asking it may take for ever.
    #[must_use]
    pub(crate) fn is_remote(&self) -> bool {
        REMOTE.contains(&self.kind.as_str())
    }
}

/// Lists them without asking any.
pub(crate) fn listed(places: &Places) -> Vec<Mounted> {
    let text = std::fs::read_to_string(places.at("/proc/self/mounts")).unwrap_or_default();
    parse(&text)
}

pub(crate) fn parse(text: &str) -> Vec<Mounted> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ').map(unescaped);
            Some(Mounted {
                source: words.next()?,
                target: words.next()?,
                kind: words.next()?,
                options: words.next().unwrap_or_default(),
            })
        })
        .collect()
}

/// Undoes the kernel's `\040` and the like (seq_path).
fn unescaped(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let byte = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .filter(u8::is_ascii);
        match byte {
            Some(byte) => {
                text.push(char::from(byte));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                text.push('\\');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_031_mounts_are_read_with_their_escapes() {
        let text = "/dev/loop0 / squashfs ro 0 0\ntmpfs /a\\040b tmpfs rw 0 0\nbad\n\
            x\\134y /c\\d t rw 0 0\n";

        let all = parse(text);

        assert_eq!(all.len(), 3);
        assert_eq!(all.get(1).unwrap().target, "/a b");
        assert_eq!(all.get(2).unwrap().source, "x\\y");
        assert_eq!(all.get(2).unwrap().target, "/c\\d");
    }

    #[test]
    fn the_root_has_a_size() {
        let all = all(&Places::node());

        let root = all.iter().rev().find(|mount| mount.mounted_on == "/");
        assert!(root.unwrap().size > 0);
    }
}
