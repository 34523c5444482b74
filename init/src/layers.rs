// SPDX-License-Identifier: MPL-2.0
//! Layers over the root: what system extensions are in an image.
//!
//! Owns: the list of layers, their mounts, and what became of each.
//! Never: lets a broken layer hold the boot.

use core::ffi::CStr;
use core::fmt::Write as _;

use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::process::{Pid, WaitOptions};
use sys::spawn::Strings;
use sys::start::Arguments;
use sys::text::Text;

use crate::{root, say};

/// Which layers there are, one file name below `/layers/` a line, the undermost first.
const LIST: &CStr = c"/layers.list";
/// The longest list that is read.
const LIST_MAX: usize = 4096;
/// The most layers: what fits the mount options of the overlay, with room.
const LAYERS_MAX: usize = 32;
/// Where machined reads what became of each: a line for each, `NAME ok` or `NAME ERRNO`.
const OUTCOMES: &CStr = c"/run/ichor/layers";
/// What an argument about a layer begins with.
const WORD: &str = "layer=";
/// The longest argument about a layer: a name of a file, and an errno.
const WORD_MAX: usize = 300;

/// The arguments of the second stage: all names together fit the list.
pub type Told = Strings<{ LAYERS_MAX + 2 }, { LIST_MAX + 64 * LAYERS_MAX }>;

/// Mounts the layers over the root. What is wrong with one is said, and it is left out. Returns
/// the arguments of the second stage: its name, and how it went with each layer, in the order of
/// the list.
#[must_use]
pub fn mount() -> Told {
    let mut told = Told::new();
    // It is the first, so it fits.
    let _ = told.push("/sbin/init");
    let mut buffer = [0; LIST_MAX];
    let Some(list) = read_list(&mut buffer) else {
        return told;
    };
    if list.lines().filter(|line| is_layer(line.trim())).count() > LAYERS_MAX {
        say!("layers.list: only the first {LAYERS_MAX} layers are mounted");
    }
    let mut outcomes = mount_each(list);
    let mut lower = Text::<1024>::new();
    // The last layer lies on top, and the overlay wants the topmost first. Numbers are counted
    // from the last of the list too.
    for (number, (name, outcome)) in layers(list).rev().zip(&outcomes).enumerate() {
        match outcome {
            Ok(()) => {
                let _ = write!(lower, "/l/{number}:");
            }
            Err(errno) => say!("layer {name}: left out: {}", sys::errno::name(*errno)),
        }
    }
    if !lower.as_str().is_empty()
        && let Err(errno) = mount_overlay(&lower)
    {
        say!(
            "layers: left out: cannot mount the overlay: {}",
            sys::errno::name(errno)
        );
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            *outcome = Err(errno);
        }
    }
    for (name, outcome) in layers(list).rev().zip(outcomes) {
        let mut word = Text::<WORD_MAX>::new();
        let _ = match outcome {
            Ok(()) => write!(word, "{WORD}{name} ok"),
            Err(errno) => write!(word, "{WORD}{name} {}", sys::errno::name(errno)),
        };
        // As many as there can be fit.
        let _ = told.push(word.as_str());
    }
    told
}

/// Shows in the root what the layers are, as the tool that made the initramfs wrote it down.
pub fn show_extensions() {
    let (from, to) = (c"/extensions.yaml", c"/root/etc/extensions.yaml");
    match sys::mount::mount_bind(from, to) {
        // An image without extensions.
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => say!("extensions.yaml: left out: {}", sys::errno::name(errno)),
    }
}

/// Writes down how it went with each layer, for machined.
pub fn write_down(arguments: Arguments) {
    let words = (1..=LAYERS_MAX).map_while(|index| arguments.get(index));
    let words = words.filter_map(|word| word.to_str().ok()?.strip_prefix(WORD));
    // A node without layers has the file too: what is listed and not in it is not there.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file = match sys::fs::open(OUTCOMES, flags, Mode::from_raw_mode(0o644)) {
        Ok(file) => file,
        Err(errno) => {
            return say!(
                "/run/ichor/layers: cannot be made: {}",
                sys::errno::name(errno)
            );
        }
    };
    for word in words {
        let mut line = Text::<WORD_MAX>::new();
        let _ = writeln!(line, "{word}");
        if let Err(errno) = sys::io::write(&file, line.as_bytes()) {
            say!(
                "{word}: cannot be written down: {}",
                sys::errno::name(errno)
            );
        }
    }
}

/// Removes the initramfs's names for the layers.
pub(crate) fn free() {
    let mut buffer = [0; LIST_MAX];
    if let Some(list) = read_list(&mut buffer) {
        for name in layers(list) {
            let mut path = Text::<300>::new();
            let _ = write!(path, "/layers/{name}");
            let _ = sys::fs::unlink(path.as_str());
        }
    }
    let _ = sys::fs::unlink(LIST);
}

/// The list of layers; an image without layers has none.
fn read_list(buffer: &mut [u8; LIST_MAX]) -> Option<&str> {
    let file = sys::fs::open(LIST, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
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
    let first_lines = list.split_inclusive('\n').take_while(|line| {
        count = count.saturating_add(usize::from(is_layer(line.trim())));
        count <= LAYERS_MAX
    });
    let end = first_lines.fold(0_usize, |end, line| end.saturating_add(line.len()));
    let list = list.get(..end).unwrap_or(list);
    list.lines().map(str::trim).filter(|line| is_layer(line))
}

/// Whether a line names a layer.
fn is_layer(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// Mounts each layer at its number, counted from the last of the list, all at the same time: a mount
/// is mostly waiting, for the kernel to make a device and to read through it.
fn mount_each(list: &str) -> [Result<(), Errno>; LAYERS_MAX] {
    let mut outcomes = [Ok(()); LAYERS_MAX];
    if let Err(errno) = root::make_folder(c"/l") {
        return [Err(errno); LAYERS_MAX];
    }
    let mut children = [const { None }; LAYERS_MAX];
    let all = layers(list).rev().zip(&mut outcomes).zip(&mut children);
    for (number, ((name, outcome), child)) in (0..).zip(all) {
        let mount = || mount_layer(name, number);
        let code = |errno: Errno| u8::try_from(errno.raw_os_error()).unwrap_or(u8::MAX);
        let in_child = || mount().map_or_else(code, |()| 0);
        match sys::spawn::spawn(sys::spawn::Placement::BESIDE, &[], in_child, code) {
            Ok(spawned) => *child = Some(spawned.pid),
            // No child, so it is done here and now.
            Err(_) => *outcome = mount(),
        }
    }
    for (child, outcome) in children.iter().zip(&mut outcomes) {
        if let Some(pid) = child {
            *outcome = outcome_of(*pid);
        }
    }
    outcomes
}

/// Waits for the child that mounts a layer: it ends with the error's number, or 0.
fn outcome_of(child: Pid) -> Result<(), Errno> {
    let (_, status) =
        sys::process::waitpid(Some(child), WaitOptions::empty())?.ok_or(Errno::CHILD)?;
    match status.exit_status() {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(errno)),
        None => Err(Errno::INTR),
    }
}

/// Mounts one layer at its number. The root has the first loop device.
fn mount_layer(name: &str, number: u16) -> Result<(), Errno> {
    if name.contains('/') || name == "." || name == ".." {
        return Err(Errno::INVAL);
    }
    let (mut file, mut at) = (Text::<300>::new(), Text::<16>::new());
    let _ = write!(file, "/layers/{name}\0");
    let _ = write!(at, "/l/{number}\0");
    let text = |bytes| CStr::from_bytes_until_nul(bytes).map_err(|_| Errno::NAMETOOLONG);
    let device = number.saturating_add(1);
    root::mount_squashfs(text(file.as_bytes())?, text(at.as_bytes())?, device)
}

/// Mounts the layers and, undermost, the root, over the root.
fn mount_overlay(lower: &Text<1024>) -> Result<(), Errno> {
    let mut options = Text::<1100>::new();
    let _ = write!(options, "lowerdir={lower}/root\0");
    let options = CStr::from_bytes_until_nul(options.as_bytes()).map_err(|_| Errno::TOOBIG)?;
    sys::mount::mount(
        c"overlay",
        root::ROOT,
        c"overlay",
        root::READ_ONLY,
        Some(options),
    )
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
        assert_eq!(layers(&list).next_back(), Some("31"));
    }

    #[test]
    fn comments_do_not_count_as_layers() {
        let list: String = (0..LAYERS_MAX)
            .map(|number| std::format!("# layer {number}\n\n{number}\n"))
            .collect();

        assert_eq!(layers(&list).count(), LAYERS_MAX);
    }

    #[test]
    fn no_list_is_no_layers() {
        for list in ["", "\n\n", "#", "   "] {
            assert_eq!(layers(list).count(), 0, "{list:?}");
        }
    }
}
