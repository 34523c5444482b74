// SPDX-License-Identifier: MPL-2.0
//! Reading sysfs.
//!
//! Owns: the folder `/sys` and how much of a file is read.
//! Never: writes to sysfs.

use core::fmt::Write as _;
use core::mem::MaybeUninit;

use heapless::{String, Vec};
use sys::fd::OwnedFd;
use sys::fs::{self, Mode, OFlags, RawDir};
use sys::io;

/// The most bytes of one attribute that are read; the longest is a page of vital product data,
/// and what it says first is what counts.
pub const ATTRIBUTE_MAX: usize = 512;

/// What an attribute holds; empty when it is not there.
pub type Attribute = Vec<u8, ATTRIBUTE_MAX>;
/// A path below `/sys`.
pub type DevicePath = String<512>;

/// The folder `/sys`.
#[derive(Debug)]
pub struct Sysfs(OwnedFd);

impl Sysfs {
    /// Opens it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<Self> {
        folder(c"/sys").map(Self)
    }

    /// Reads the attribute `name` of the device at `devpath`.
    #[must_use]
    pub fn read(&self, devpath: &str, name: &str) -> Attribute {
        let mut attribute = Attribute::new();
        let mut path = String::<600>::new();
        if write!(path, "{}/{name}", devpath.trim_start_matches('/')).is_err() {
            return attribute;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let Ok(file) = fs::openat(&self.0, path.as_str(), flags, Mode::empty()) else {
            return attribute;
        };
        let mut buffer = [0; ATTRIBUTE_MAX];
        let len = io::read(&file, &mut buffer[..]).unwrap_or(0);
        let _ = attribute.extend_from_slice(buffer.get(..len).unwrap_or_default());
        attribute
    }

    /// An attribute that is a number.
    #[must_use]
    pub fn number(&self, devpath: &str, name: &str) -> Option<u32> {
        let attribute = self.read(devpath, name);
        core::str::from_utf8(&attribute).ok()?.trim().parse().ok()
    }

    /// The path of the device that a link below `/sys/dev` stands for: `block`, `8:0`.
    #[must_use]
    pub fn device(&self, class: &str, number: &str) -> Option<DevicePath> {
        let mut link = String::<64>::new();
        write!(link, "dev/{class}/{number}").ok()?;
        let mut space = [MaybeUninit::uninit(); 512];
        let (target, _) = fs::readlinkat_raw(&self.0, link.as_str(), &mut space[..]).ok()?;
        let mut devices = core::str::from_utf8(target).ok()?;
        while let Some(rest) = devices.strip_prefix("../") {
            devices = rest;
        }
        let mut path = DevicePath::new();
        write!(path, "/{devices}").ok()?;
        Some(path)
    }

    /// Calls `visit` with the name of everything in a folder below `/sys`.
    pub fn list(&self, path: &str, mut visit: impl FnMut(&str)) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = path.trim_start_matches('/');
        let Ok(folder) = fs::openat(&self.0, path, flags, Mode::empty()) else {
            return;
        };
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&folder, &mut space);
        while let Some(Ok(entry)) = entries.next() {
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                visit(name);
            }
        }
    }
}

/// Opens a folder.
///
/// # Errors
/// The kernel's.
pub fn folder(path: &core::ffi::CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty())
}
