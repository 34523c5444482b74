// SPDX-License-Identifier: MPL-2.0
//! The root: a squashfs from the initramfs, layers over it, and the move into it.
//!
//! The kernel keeps the files behind the loop devices for as long as they are mounted, so their
//! names can go and their memory is used once.
//!
//! Owns: everything between the initramfs and the root.
//! Never: lets a broken layer hold the boot.

use core::convert::Infallible;
use core::ffi::CStr;
use core::fmt::Write as _;

use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::mount::{MountFlags, UnmountFlags};
use sys::spawn::Strings;
use sys::text::Text;

use crate::fatal::Fatal;
use crate::say;

/// The root's file in the initramfs.
const ROOTFS: &CStr = c"/rootfs.sqsh";
/// Which layers there are, one file name below `/layers/` a line, the undermost first.
const LAYERS_LIST: &CStr = c"/layers.list";
/// The most layers: what fits the mount options of the overlay, with room.
const LAYERS_MAX: usize = 32;
/// The longest list that is read.
const LAYERS_LIST_MAX: usize = 4096;
/// Where the root is mounted, and what it is called in messages.
pub const ROOT: &CStr = c"/root";
/// Nothing in the image is a device or changes users.
const READ_ONLY: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NODEV)
    .union(MountFlags::NOSUID);

/// Mounts the root.
///
/// # Errors
/// When it is not there or not a squashfs: nothing can go on without it.
pub fn mount() -> Result<(), Fatal> {
    mount_squashfs(ROOTFS, ROOT).map_err(Fatal::during("mount", "/rootfs.sqsh"))
}

/// Mounts a squashfs file, read-only.
fn mount_squashfs(file: &CStr, at: &CStr) -> Result<(), Errno> {
    make_folder(at)?;
    let image = sys::fs::open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let device = sys::loop_device::attach_read_only(&image)?;
    sys::mount::mount(device.path.as_str(), at, c"squashfs", READ_ONLY, None)
}

/// Mounts the layers over the root. What is wrong with one is said, and it is left out.
pub fn mount_layers() {
    let mut buffer = [0; LAYERS_LIST_MAX];
    let Some(list) = read_list(&mut buffer) else {
        return;
    };
    let mut lower = Text::<1024>::new();
    let mut count: usize = 0;
    // The last layer lies on top, and the overlay wants the topmost first.
    for name in layers(list).rev() {
        match mount_layer(name, count) {
            Ok(()) => {
                let _ = write!(lower, "/l/{count}:");
                count = count.saturating_add(1);
            }
            Err(errno) => say!("layer {name}: left out: {}", sys::errno::name(errno)),
        }
    }
    if count > 0
        && let Err(errno) = mount_overlay(&lower)
    {
        say!(
            "layers: left out: cannot mount the overlay: {}",
            sys::errno::name(errno)
        );
    }
}

/// The list of layers; an image without layers has none.
fn read_list(buffer: &mut [u8; LAYERS_LIST_MAX]) -> Option<&str> {
    let file = sys::fs::open(LAYERS_LIST, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = sys::io::read(&file, &mut buffer[..]).ok()?;
    let text = core::str::from_utf8(buffer.get(..len)?).ok();
    if text.is_none() {
        say!("layers.list: left out: not text");
    }
    text
}

/// The names in a list: lines that are neither empty nor comments, as many as there may be.
fn layers(list: &str) -> impl DoubleEndedIterator<Item = &str> {
    let mut count: usize = 0;
    let end = list
        .match_indices('\n')
        .find_map(|(at, _)| {
            count = count.saturating_add(1);
            (count >= LAYERS_MAX).then_some(at)
        })
        .unwrap_or(list.len());
    let list = list.get(..end).unwrap_or(list);
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Mounts one layer at its number.
fn mount_layer(name: &str, number: usize) -> Result<(), Errno> {
    if name.contains('/') || name == "." || name == ".." {
        return Err(Errno::INVAL);
    }
    make_folder(c"/l")?;
    let (mut file, mut at) = (Text::<300>::new(), Text::<16>::new());
    let _ = write!(file, "/layers/{name}\0");
    let _ = write!(at, "/l/{number}\0");
    let text = |bytes| CStr::from_bytes_until_nul(bytes).map_err(|_| Errno::NAMETOOLONG);
    mount_squashfs(text(file.as_bytes())?, text(at.as_bytes())?)
}

/// Mounts the layers and, undermost, the root, over the root.
fn mount_overlay(lower: &Text<1024>) -> Result<(), Errno> {
    let mut options = Text::<1100>::new();
    let _ = write!(options, "lowerdir={lower}/root\0");
    let options = CStr::from_bytes_until_nul(options.as_bytes()).map_err(|_| Errno::TOOBIG)?;
    sys::mount::mount(c"overlay", ROOT, c"overlay", READ_ONLY, Some(options))
}

/// Makes a folder of the initramfs.
fn make_folder(at: &CStr) -> Result<(), Errno> {
    match sys::fs::mkdir(at, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Removes the initramfs's names for what is mounted or was run, so that their memory is not kept
/// twice. What cannot be removed stays.
pub fn free_initramfs() {
    let mut buffer = [0; LAYERS_LIST_MAX];
    if let Some(list) = read_list(&mut buffer) {
        for name in layers(list) {
            let mut path = Text::<300>::new();
            let _ = write!(path, "/layers/{name}");
            let _ = sys::fs::unlink(path.as_str());
        }
    }
    for path in [ROOTFS, LAYERS_LIST, c"/init"] {
        let _ = sys::fs::unlink(path);
    }
}

/// Moves the early mounts into the root and makes it the root.
///
/// # Errors
/// The kernel's.
pub fn enter() -> Result<(), Fatal> {
    for (from, to) in [
        (c"/dev", c"/root/dev"),
        (c"/proc", c"/root/proc"),
        (c"/sys", c"/root/sys"),
    ] {
        sys::mount::mount_move(from, to).map_err(Fatal::during("move", "the early mounts"))?;
    }
    // The initramfs cannot be left by pivot_root(2); the root is moved over it instead
    // (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
    sys::process::chdir(ROOT)
        .and_then(|()| sys::mount::mount_move(c".", c"/"))
        .and_then(|()| sys::process::chroot(c"."))
        .and_then(|()| sys::process::chdir(c"/"))
        .map_err(Fatal::during("switch to", "/root"))
}

/// Becomes `/sbin/init` of the root.
///
/// # Errors
/// Whenever it returns.
pub fn become_second_stage() -> Result<Infallible, Fatal> {
    let mut arguments = Strings::<2, 32>::new();
    let environment = Strings::<1, 1>::new();
    let errno = match arguments.push("/sbin/init") {
        Ok(()) => sys::spawn::exec(c"/sbin/init", &arguments, &environment),
        Err(errno) => errno,
    };
    Err(Fatal::during("run", "/sbin/init")(errno))
}

/// Unmounts one mount point for good; used when the machine goes down.
///
/// # Errors
/// The kernel's: `BUSY` while it is used.
pub fn unmount(at: &CStr) -> Result<(), Errno> {
    sys::mount::unmount(at, UnmountFlags::NOFOLLOW)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec::Vec;

    use super::{LAYERS_MAX, layers};

    #[test]
    fn layers_are_lines_that_say_something() {
        let names: Vec<_> = layers("# two\na.sqsh\n\n  b.sqsh \n").collect();

        assert_eq!(names, ["a.sqsh", "b.sqsh"]);
    }

    #[test]
    fn layers_are_limited() {
        let list: String = (0..100).map(|number| std::format!("{number}\n")).collect();

        assert_eq!(layers(&list).count(), LAYERS_MAX);
    }

    #[test]
    fn no_list_is_no_layers() {
        for list in ["", "\n\n", "#", "   "] {
            assert_eq!(layers(list).count(), 0, "{list:?}");
        }
    }
}
