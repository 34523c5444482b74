// SPDX-License-Identifier: MPL-2.0
//! What sysfs says of links: their drivers, how fast they are, and which ways at a time.
//!
//! It is read when a link is told, so nothing is kept.
//!
//! Owns: the folder `/sys/class/net`, and what is in its files.
//! Never: needs it: a link without these files is told all the same.

use core::fmt::Write as _;
use core::mem::MaybeUninit;

use heapless::String;
use proto::net::{DUPLEX_UNKNOWN, Hardware};
use sys::fd::OwnedFd;
use sys::fs::{self, Mode, OFlags};
use sys::io;

/// The longest path below the folder: a link's name, and the longest file.
const PATH_MAX: usize = 64;
/// The longest file that says something: a speed, or a mode.
const FILE_MAX: usize = 16;
/// The longest target of a link to a driver.
const TARGET_MAX: usize = 256;
/// The longest name of a driver that is told.
pub type Driver = String<{ proto::net::DRIVER_NAME_MAX }, u8>;

/// The folder `/sys/class/net`, or none.
#[derive(Debug, Default)]
pub struct Sysfs(Option<OwnedFd>);

impl Sysfs {
    /// Opens the folder. Where there is none, nothing is known of any link.
    #[must_use]
    pub fn open() -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self(fs::open(c"/sys/class/net", flags, Mode::empty()).ok())
    }

    /// The driver of the link of this name; empty for a virtual one.
    #[must_use]
    pub fn driver(&self, link: &str) -> Driver {
        let folder = self.0.as_ref();
        folder
            .and_then(|folder| driver(folder, link))
            .unwrap_or_default()
    }

    /// What there is to say of the link of this name; its driver is asked.
    #[must_use]
    pub fn hardware(&self, link: &str) -> Hardware {
        let Some(folder) = &self.0 else {
            return Hardware::UNKNOWN;
        };
        let mut text = [0; FILE_MAX];
        let speed_mbit = speed(read(folder, link, "speed", &mut text));
        let duplex = duplex(read(folder, link, "duplex", &mut text));
        Hardware {
            driver: self.driver(link),
            speed_mbit,
            duplex,
        }
    }
}

/// The name of a link's driver; `None` for virtual links, and for names longer than any that is told.
fn driver(folder: &OwnedFd, link: &str) -> Option<Driver> {
    let mut space = [MaybeUninit::uninit(); TARGET_MAX];
    let path = path(link, "device/driver")?;
    let (target, _) = fs::readlinkat_raw(folder, path.as_str(), &mut space[..]).ok()?;
    let (_, name) = core::str::from_utf8(target).ok()?.rsplit_once('/')?;
    Driver::try_from(name).ok()
}

/// What a file of a link says; nothing when it cannot be read, as that of a speed while the link
/// is down.
fn read<'t>(folder: &OwnedFd, link: &str, file: &str, text: &'t mut [u8]) -> &'t str {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = path(link, file)
        .and_then(|path| fs::openat(folder, path.as_str(), flags, Mode::empty()).ok());
    let len = opened.and_then(|file| io::read(&file, &mut *text).ok());
    let read = text.get(..len.unwrap_or(0)).unwrap_or_default();
    core::str::from_utf8(read).unwrap_or_default().trim_ascii()
}

/// The path of a file of a link.
fn path(link: &str, file: &str) -> Option<String<PATH_MAX>> {
    let mut path = String::new();
    write!(path, "{link}/{file}").ok()?;
    Some(path)
}

/// The speed that a text says; the kernel writes what a driver does not know as -1.
fn speed(text: &str) -> u32 {
    text.parse().map_or(0, i32::cast_unsigned)
}

/// The duplex mode that a text says.
fn duplex(text: &str) -> u8 {
    match text {
        "half" => 0,
        "full" => 1,
        _ => DUPLEX_UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_that_the_driver_does_not_know_is_another_than_none() {
        assert_eq!(speed("1000"), 1000);
        assert_eq!(speed("-1"), proto::net::SPEED_UNKNOWN);
        assert_eq!(speed(""), 0);
        assert_eq!(speed("fast"), 0);
    }

    #[test]
    fn a_duplex_mode_is_the_number_of_its_word() {
        assert_eq!(duplex("half"), 0);
        assert_eq!(duplex("full"), 1);
        assert_eq!(duplex("unknown"), DUPLEX_UNKNOWN);
        assert_eq!(duplex(""), DUPLEX_UNKNOWN);
    }

    #[test]
    fn without_the_folder_nothing_is_known() {
        assert_eq!(Sysfs::default().hardware("eth0"), Hardware::UNKNOWN);
    }
}
