// SPDX-License-Identifier: MPL-2.0
//! The links below `/dev`.
//!
//! The links are their own table: a link's target is its owner. So nothing is kept in memory, a
//! restart forgets nothing, and there are at most [`LINKS_MAX`] of them.
//!
//! When two devices claim one name, the first keeps it, as long as it is there.
//!
//! Owns: making and removing links.
//! Never: touches anything in `/dev` that is not a link of its own folders.

use core::fmt::Write as _;
use core::mem::MaybeUninit;

use heapless::String;
use sys::fd::OwnedFd;
use sys::fs::{self, AtFlags, Mode, OFlags, RawDir};
use sys::io::{self, Errno};
use wire::uevent::NODE_MAX;

use crate::names::{LINK_MAX, Links};

/// The folders of links, and how a target steps back to `/dev` from there.
const FOLDERS: &[(&str, &str)] = &[
    ("disk/by-id", "../../"),
    ("disk/by-label", "../../"),
    ("disk/by-partlabel", "../../"),
    ("disk/by-partuuid", "../../"),
    ("disk/by-path", "../../"),
    ("disk/by-uuid", "../../"),
    ("mapper", "../"),
];

/// The most links: a disk full of partitions that all have every name is about 800.
const LINKS_MAX: u32 = 2048;

/// The target of a link: the way back and a node.
type Target = String<{ NODE_MAX + 8 }>;

/// The links.
#[derive(Debug)]
pub struct Tree {
    dev: OwnedFd,
    count: u32,
    /// Whether a device was ever refused a name that another has: when names become free, all
    /// devices must be asked again.
    pub contested: bool,
}

impl Tree {
    /// The links below the folder `dev`; those whose device is gone are removed.
    #[must_use]
    pub fn open(dev: OwnedFd) -> Self {
        let mut tree = Self {
            dev,
            count: 0,
            contested: false,
        };
        tree.prune();
        tree
    }

    /// The folder `/dev`.
    #[must_use]
    pub const fn dev(&self) -> &OwnedFd {
        &self.dev
    }

    /// Removes links whose device is gone and counts the others.
    pub fn prune(&mut self) {
        self.count = 0;
        for (folder, back) in FOLDERS {
            let removed = self.sweep(folder, |dev, _, target| {
                let node = target.strip_prefix(back).unwrap_or(target);
                fs::statat(dev, node, AtFlags::SYMLINK_NOFOLLOW).is_err()
            });
            self.count = self.count.saturating_add(removed.kept);
        }
    }

    /// Makes `links` the links of `node`: removes others that it has, adds what is missing.
    /// Returns whether a name became free.
    pub fn set(&mut self, node: &str, links: &Links) -> bool {
        let mut freed = 0_u32;
        for (folder, back) in FOLDERS {
            let mut ours = Target::new();
            let _ = write!(ours, "{back}{node}");
            let swept = self.sweep(folder, |_, name, target| {
                let mut link = String::<LINK_MAX>::new();
                let _ = write!(link, "{folder}/{name}");
                target == ours && !links.contains(&link)
            });
            freed = freed.saturating_add(swept.removed);
        }
        self.count = self.count.saturating_sub(freed);
        for link in links {
            let Some((folder, back)) = FOLDERS.iter().find(|(folder, _)| {
                link.strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
            }) else {
                continue;
            };
            if let Err(errno) = self.claim(folder, back, link, node) {
                let errno = sys::errno::name(errno);
                sys::say!("udevd: cannot make /dev/{link}: {errno}");
            }
        }
        freed > 0
    }

    /// Gives `link` to `node` unless another device that is there has it.
    fn claim(&mut self, folder: &str, back: &str, link: &str, node: &str) -> io::Result<()> {
        let mut target = Target::new();
        write!(target, "{back}{node}").map_err(|_| Errno::NAMETOOLONG)?;
        if let Ok(owner) = self.target(link) {
            if owner == target {
                return Ok(());
            }
            let owner = owner.strip_prefix(back).unwrap_or(&owner);
            if fs::statat(&self.dev, owner, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                self.contested = true;
                sys::say!("udevd: /dev/{link} stays with {owner}; {node} claims it too");
                return Ok(());
            }
            fs::unlinkat(&self.dev, link, AtFlags::empty())?;
            self.count = self.count.saturating_sub(1);
        }
        if self.count >= LINKS_MAX {
            return Err(Errno::NOSPC);
        }
        self.make_folder(folder)?;
        fs::symlinkat(target.as_str(), &self.dev, link)?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Makes a folder of links, and the one above it.
    fn make_folder(&self, folder: &str) -> io::Result<()> {
        let above = folder.split_once('/').map(|(above, _)| above);
        for path in above.into_iter().chain([folder]) {
            match fs::mkdirat(&self.dev, path, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Where a link points.
    fn target(&self, link: &str) -> io::Result<Target> {
        read_link(&self.dev, link)
    }

    /// Visits every link of a folder and removes those that `goes` says.
    fn sweep(&self, folder: &str, goes: impl Fn(&OwnedFd, &str, &str) -> bool) -> Swept {
        let mut swept = Swept::default();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let Ok(open) = fs::openat(&self.dev, folder, flags, Mode::empty()) else {
            return swept;
        };
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&open, &mut space);
        while let Some(Ok(entry)) = entries.next() {
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            // What is no link is not ours: /dev/mapper/control.
            let Ok(target) = read_link(&open, name) else {
                continue;
            };
            if goes(&self.dev, name, &target) && fs::unlinkat(&open, name, AtFlags::empty()).is_ok()
            {
                swept.removed = swept.removed.saturating_add(1);
            } else {
                swept.kept = swept.kept.saturating_add(1);
            }
        }
        swept
    }
}

/// What a sweep did.
#[derive(Debug, Default, Clone, Copy)]
struct Swept {
    removed: u32,
    kept: u32,
}

/// Where the link `name` in `folder` points.
fn read_link(folder: &OwnedFd, name: &str) -> io::Result<Target> {
    let mut space = [MaybeUninit::uninit(); NODE_MAX + 8];
    let (target, _) = fs::readlinkat_raw(folder, name, &mut space[..])?;
    let target = core::str::from_utf8(target).map_err(|_| Errno::INVAL)?;
    Target::try_from(target).map_err(|_| Errno::NAMETOOLONG)
}
