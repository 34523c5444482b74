// SPDX-License-Identifier: MPL-2.0
//! The images of the node: a folder with two files for each, named by the digest of its manifest.
//!
//! `sha256-<hex>.sqsh` is the root and `sha256-<hex>.json` what is known of it. Both are written under
//! other names, flushed and renamed, the record last: an image is there when its record is. What else is
//! found at a start is removed.
//!
//! Owns: the folder.
//! Never: counts an image that is not whole, or removes one that a container may be started with.

pub(crate) mod plan;
pub(crate) mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oci::{Digest, Reference};

use self::plan::{Held, Medium, Want};
use self::record::{RECORD_MAX, Record};

const ROOT: &str = "sqsh";
const RECORD: &str = "json";
/// What names of files begin with that are still written.
const NEW: &str = ".new-";
/// What tells a file system in memory (`TMPFS_MAGIC`, statfs(2)).
const TMPFS: u64 = 0x0102_1994;
/// How much of a file system in memory images may take, in quarters: the rest is for what runs.
const QUARTERS: u64 = 3;

/// An image that is there.
#[derive(Debug)]
struct Image {
    record: Record,
    used_at: u64,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    images: BTreeMap<String, Image>,
    /// References that containers name; `None` until somebody said so.
    wanted: Option<BTreeSet<String>>,
    /// Roots that containers run with; `None` while some are not known.
    roots: Option<BTreeSet<PathBuf>>,
    count: u64,
}

/// A root that is being written.
#[derive(Debug)]
pub(crate) struct New {
    path: PathBuf,
}

impl Drop for New {
    fn drop(&mut self) {
        // It was renamed, or is not wanted.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom {
    pub(crate) wanted: u64,
    pub(crate) free: u64,
    pub(crate) medium: Medium,
}

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let (wanted, free) = (mib(self.wanted), self.free >> 20);
        match self.medium {
            Medium::Memory => write!(
                f,
                "the image needs about {wanted} MiB, and /var, which is in memory, has {free} MiB for images"
            ),
            Medium::Disk => write!(
                f,
                "the image needs about {wanted} MiB, and /var has {free} MiB"
            ),
        }
    }
}

/// Seconds of UNIX time.
pub(crate) fn now() -> u64 {
    seconds(SystemTime::now())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl Store {
    /// Looks through the folder; returns also the names of what was not whole and is gone.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Vec<String>)> {
        let mut store = Self {
            folder: folder.to_owned(),
            images: BTreeMap::new(),
            wanted: None,
            roots: None,
            count: 0,
        };
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                files.insert(name);
            }
        }
        let records = files
            .iter()
            .filter_map(|file| file.strip_suffix(".json"))
            .filter(|name| is_name(name));
        for name in records {
            if let Some(image) = store.read(name) {
                store.images.insert(name.to_owned(), image);
            }
        }
        let mut leftovers = Vec::new();
        for file in files {
            let name = file.split_once('.').map_or("", |(name, _)| name);
            let is_ours = file.starts_with(NEW) || is_name(name);
            if is_ours && !store.images.contains_key(name) {
                fs::remove_file(folder.join(&file))?;
                leftovers.push(file);
            }
        }
        Ok((store, leftovers))
    }

    /// Reads the record of an image whose root is whole.
    fn read(&self, name: &str) -> Option<Image> {
        let path = self.file(name, RECORD);
        let mut bytes = Vec::new();
        let file = File::open(&path).ok()?;
        let used_at = seconds(file.metadata().ok()?.modified().ok()?);
        file.take(RECORD_MAX).read_to_end(&mut bytes).ok()?;
        let record = Record::parse(&bytes)?;
        let root = fs::metadata(self.file(name, ROOT)).ok()?;
        (root.is_file() && root.len() == record.size).then_some(Image { record, used_at })
    }

    fn file(&self, name: &str, end: &str) -> PathBuf {
        self.folder.join(format!("{name}.{end}"))
    }

    /// The name of an image by the digest of its manifest.
    pub(crate) fn name_of(manifest: &Digest) -> String {
        manifest.to_string().replace(':', "-")
    }

    /// The root of an image.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.file(name, ROOT)
    }

    /// What is known of an image.
    pub(crate) fn record(&self, name: &str) -> Option<&Record> {
        self.images.get(name).map(|image| &image.record)
    }

    /// All images, each with the references that mean it now. One that none means any more has its
    /// repository and digest for a name.
    pub(crate) fn named(&self) -> Vec<(String, &Record)> {
        let mut all = Vec::new();
        for (name, image) in &self.images {
            let record = &image.record;
            let references = record.references.keys();
            let mut current = references
                .filter(|reference| self.find(reference) == Some(name))
                .peekable();
            if current.peek().is_none() {
                let first = record.references.keys().next();
                let parsed = first.and_then(|reference| Reference::parse(reference).ok());
                let place = parsed.map_or_else(String::new, |reference| {
                    format!("{}/{}", reference.registry(), reference.repository())
                });
                all.push((format!("{place}@{}", record.digest), record));
            }
            all.extend(current.map(|reference| (reference.clone(), record)));
        }
        all
    }

    /// The image that a reference meant last, or that has the digest which it names.
    pub(crate) fn find(&self, reference: &str) -> Option<&str> {
        let meant = self.images.iter().filter_map(|(name, image)| {
            let at = image.record.references.get(reference)?;
            Some((at, name))
        });
        if let Some((_, name)) = meant.max() {
            return Some(name);
        }
        let (_, digest) = reference.split_once('@')?;
        let mut all = self.images.iter();
        all.find(|(_, image)| image.record.digest == digest)
            .map(|(name, _)| name.as_str())
    }

    /// Notes that an image is what a reference means, and that it is used.
    pub(crate) fn note(&mut self, name: &str, reference: &str, now: u64) -> io::Result<()> {
        let Some(image) = self.images.get(name) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut record = image.record.clone();
        record.note(reference, now);
        self.put(name, record, now)
    }

    /// Notes that an operator asked for an image by itself.
    pub(crate) fn order(&mut self, name: &str, now: u64) -> io::Result<()> {
        let Some(image) = self.images.get(name) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut record = image.record.clone();
        record.ordered_at = Some(now);
        self.put(name, record, now)
    }

    /// Notes that an image is used. Its file's time says so, which is no reason to fail.
    pub(crate) fn touch(&mut self, name: &str, now: u64) {
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(now));
        if let (Some(image), Some(at)) = (self.images.get_mut(name), at) {
            image.used_at = now;
            let times = FileTimes::new().set_modified(at);
            let file = OpenOptions::new().write(true).open(self.file(name, RECORD));
            let _unmarked = file.and_then(|file| file.set_times(times));
        }
    }

    /// Begins a root. What is written to it and not committed goes.
    pub(crate) fn begin(&mut self) -> io::Result<(New, File)> {
        let path = self.new_path();
        let file = open_new(&path)?;
        Ok((New { path }, file))
    }

    /// A file without a name, for what is needed for a while.
    pub(crate) fn scratch(&mut self) -> io::Result<File> {
        let path = self.new_path();
        let file = open_new(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }

    fn new_path(&mut self) -> PathBuf {
        self.count = self.count.saturating_add(1);
        self.folder.join(format!("{NEW}{}", self.count))
    }

    /// Makes a root that is whole and flushed an image of the store.
    pub(crate) fn commit(&mut self, new: New, name: &str, record: Record) -> io::Result<()> {
        let root = self.file(name, ROOT);
        fs::rename(&new.path, &root)?;
        let kept = self.put(name, record, now());
        if kept.is_err() {
            // A root without a record is nothing, and takes room.
            let _left = fs::remove_file(root);
        }
        kept
    }

    /// Writes a record, so that there is the old or the new one.
    fn put(&mut self, name: &str, record: Record, now: u64) -> io::Result<()> {
        let bytes = record.emit()?;
        let new = New {
            path: self.new_path(),
        };
        let mut file = open_new(&new.path)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new.path, self.file(name, RECORD))?;
        File::open(&self.folder)?.sync_all()?;
        let image = Image {
            record,
            used_at: now,
        };
        self.images.insert(name.to_owned(), image);
        Ok(())
    }

    /// Takes in which references are wanted and which roots are in use, and removes the images that are
    /// not kept. Returns how many those were, and their bytes.
    pub(crate) fn keep(
        &mut self,
        wanted: BTreeSet<String>,
        roots: Option<BTreeSet<PathBuf>>,
        now: u64,
    ) -> (u16, u64) {
        self.wanted = Some(wanted);
        self.roots = roots;
        let medium = self.space().map_or(Medium::Disk, |space| space.medium);
        let mut removed = (0_u16, 0_u64);
        for name in plan::outlived(&self.held(), medium, now) {
            let size = self.record(&name).map_or(0, |record| record.size);
            if self.remove(&name).is_ok() {
                removed.0 = removed.0.saturating_add(1);
                removed.1 = removed.1.saturating_add(size);
            }
        }
        removed
    }

    /// Sees to it that so many bytes fit.
    pub(crate) fn make_room(&mut self, wanted: u64) -> Result<(), NoRoom> {
        let Ok(space) = self.space() else {
            // Writing will tell.
            return Ok(());
        };
        let held = self.held();
        let used = held.iter().map(|image| image.size);
        let free = space.for_images(used.fold(0, u64::saturating_add));
        let going = plan::room(&held, free, wanted).ok_or(NoRoom {
            wanted,
            free,
            medium: space.medium,
        })?;
        for name in going {
            let _left = self.remove(&name);
        }
        Ok(())
    }

    /// Removes an image. Its record goes first: a root without one is nothing. A container that runs
    /// keeps its root until it ends.
    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file(name, RECORD))?;
        self.images.remove(name);
        fs::remove_file(self.file(name, ROOT))
    }

    fn held(&self) -> Vec<Held> {
        let want = |name: &str, image: &Image| {
            let Some(wanted) = &self.wanted else {
                return Want::Old;
            };
            let mut means = wanted.iter().map(|reference| self.find(reference));
            let mut references = image.record.references.keys();
            let may_run = match &self.roots {
                Some(roots) => roots.contains(&self.root(name)),
                None => references.any(|reference| wanted.contains(reference)),
            };
            if means.any(|current| current == Some(name)) {
                Want::Current
            } else if may_run {
                Want::Old
            } else {
                Want::None
            }
        };
        self.images
            .iter()
            .map(|(name, image)| Held {
                name: name.clone(),
                size: image.record.size,
                used_at: image.used_at,
                ordered_at: image.record.ordered_at,
                want: want(name, image),
            })
            .collect()
    }

    fn space(&self) -> io::Result<Space> {
        let found = sys::fs::statfs(&self.folder)?;
        let block = u64::try_from(found.f_bsize).unwrap_or(0);
        let is_memory = u64::try_from(found.f_type) == Ok(TMPFS);
        Ok(Space {
            all: found.f_blocks.saturating_mul(block),
            free: found.f_bavail.saturating_mul(block),
            medium: if is_memory {
                Medium::Memory
            } else {
                Medium::Disk
            },
        })
    }
}

/// Where the store is, and how large that is, in bytes.
#[derive(Debug, Clone, Copy)]
struct Space {
    all: u64,
    free: u64,
    medium: Medium,
}

impl Space {
    /// What is left for images of which so many bytes are there.
    fn for_images(self, used: u64) -> u64 {
        match self.medium {
            Medium::Disk => self.free,
            Medium::Memory => {
                let most = (self.all / 4).saturating_mul(QUARTERS);
                most.saturating_sub(used).min(self.free)
            }
        }
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // The sandbox opens a root as user 0 without the rights of another user.
    let options = options.read(true).write(true).create(true).truncate(true);
    options.mode(0o644).open(path)
}

/// Whether a text is the name of an image.
fn is_name(text: &str) -> bool {
    let digest = text.replacen('-', ":", 1);
    Digest::parse(&digest).is_some()
}

#[cfg(test)]
mod tests;
