// SPDX-License-Identifier: MPL-2.0
//! Layers over the root: the archive that follows an initramfs.
//!
//! The kernel unpacks archives one after the other into the same place, so that a root gets layers
//! without being unpacked: `layers/<name>`, and a `layers.list` that replaces the empty one.
//!
//! Owns: where layers are in an initramfs, and what init takes (`init/src/root.rs`).
//! Never: reads a squashfs.

use std::io::{self, Seek, Write};

use crate::cpio::{self, Archive, Kind, Stream};

/// The list of layers, the lowest first: a file name a line.
pub const LIST: &str = "layers.list";
/// Says which kernel the initramfs is for: what `uname -r` says there. Nodes do not read it.
pub const KERNEL_RELEASE: &str = "kernel.release";
/// The longest release of a kernel, in bytes (`__NEW_UTS_LEN`, uname(2)).
const RELEASE_MAX: usize = 64;
/// The folder of the layers.
const FOLDER: &str = "layers";
/// The program that takes the list.
const INIT: &str = "init";
/// The root that layers lie over.
const ROOT: &str = "rootfs.sqsh";
/// The most layers that init mounts.
pub const LAYERS_MAX: usize = 32;
/// The longest list that init reads.
pub const LIST_MAX: usize = 4096;
/// The longest file name.
const NAME_MAX: usize = 255;

/// Why layers cannot be added.
#[derive(Debug)]
pub enum Error {
    /// It is packed, and ours never are.
    Packed,
    /// It is not an archive, or one without init and root.
    NotOurs,
    /// Its init is for a processor that no node has.
    OtherMachine,
    /// It has layers already.
    HasLayers,
    /// A name of a layer that init would not find.
    BadName(String),
    /// More layers, or longer names, than init takes.
    TooMany,
    /// An entry of the archive is refused.
    Archive(String, cpio::Error),
    /// Writing failed.
    Io(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Packed => f.write_str("it is packed; an initramfs of ours is not"),
            Self::NotOurs => f.write_str("it is not an initramfs with init and rootfs.sqsh"),
            Self::OtherMachine => f.write_str("its init is for neither amd64 nor arm64"),
            Self::HasLayers => f.write_str("it has layers already; begin with one that has none"),
            Self::BadName(name) => write!(f, "{name:?} cannot be the name of a layer"),
            Self::TooMany => write!(
                f,
                "more than {LAYERS_MAX} layers, or more than {LIST_MAX} bytes of names"
            ),
            Self::Archive(name, error) => write!(f, "{name}: {error}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A processor that there are images for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    Amd64,
    /// ARMv8, 64 bits.
    Arm64,
}

impl Machine {
    /// That of a program; none if it is no ELF file (System V ABI, "ELF Header").
    fn of_program(program: &[u8]) -> Result<Option<Self>, Error> {
        if !program.starts_with(b"\x7fELF") {
            return Ok(None);
        }
        // EI_DATA says the order of bytes, also that of `e_machine`.
        let little = program.get(5) == Some(&1);
        match program.get(18..20) {
            Some([0x3e, 0]) if little => Ok(Some(Self::Amd64)),
            Some([0xb7, 0]) if little => Ok(Some(Self::Arm64)),
            Some(_) | None => Err(Error::OtherMachine),
        }
    }
}

/// An initramfs that layers can be added to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// How much of it is to be kept.
    pub len: usize,
    /// The processor that its init is for; none if that is no program.
    pub machine: Option<Machine>,
    /// The release of its kernel; none if it does not say so.
    pub kernel: Option<String>,
}

/// The release that a file says, if it is one.
fn release_of(file: &[u8]) -> Option<String> {
    let text = str::from_utf8(file).ok()?.trim_end();
    let is_release = (1..=RELEASE_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/');
    is_release.then(|| text.to_owned())
}

/// Checks that layers can be added to an initramfs.
///
/// # Errors
/// When it is none of ours, or has layers.
pub fn check_base(initramfs: &[u8]) -> Result<Base, Error> {
    const PACKED: &[&[u8]] = &[&[0x1f, 0x8b], b"\xfd7zXZ", &[0x28, 0xb5, 0x2f, 0xfd]];
    if PACKED.iter().any(|magic| initramfs.starts_with(magic)) {
        return Err(Error::Packed);
    }
    let (archive, len) = Archive::parse_prefix(initramfs).map_err(|_| Error::NotOurs)?;
    let file = |name| match archive.get(name).map(|entry| &entry.kind) {
        Some(Kind::File(bytes)) => Ok(bytes.as_slice()),
        Some(Kind::Directory | Kind::Symlink(_)) | None => Err(Error::NotOurs),
    };
    let machine = Machine::of_program(file(INIT)?)?;
    file(ROOT)?;
    let list = archive.get(LIST).map(|entry| &entry.kind);
    let rest = initramfs.get(len..).unwrap_or_default();
    if rest.iter().any(|byte| *byte != 0)
        || list.is_some_and(|list| *list != Kind::File(Vec::new()))
        || archive.get(FOLDER).is_some()
    {
        return Err(Error::HasLayers);
    }
    let kernel = file(KERNEL_RELEASE).ok().and_then(release_of);
    Ok(Base {
        len,
        machine,
        kernel,
    })
}

/// Checks that init would take layers of these names, the lowest first.
///
/// # Errors
/// When one is no name or is there twice, or there are too many.
pub fn check_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<(), Error> {
    let mut list = List::default();
    names.into_iter().try_for_each(|name| list.add(name))
}

/// The list as init reads it.
#[derive(Debug, Default)]
struct List {
    text: String,
    count: usize,
}

impl List {
    fn add(&mut self, name: &str) -> Result<(), Error> {
        let is_plain = !name.contains(['/', '\0']) && !name.contains(char::is_whitespace);
        if !is_plain
            || matches!(name, "" | "." | "..")
            || name.starts_with('#')
            || name.len() > NAME_MAX
        {
            return Err(Error::BadName(name.to_owned()));
        }
        if self.text.lines().any(|other| other == name) {
            return Err(Error::Archive(name.to_owned(), cpio::Error::Duplicate));
        }
        self.text.push_str(name);
        self.text.push('\n');
        self.count = self.count.saturating_add(1);
        if self.count > LAYERS_MAX || self.text.len() > LIST_MAX {
            return Err(Error::TooMany);
        }
        Ok(())
    }
}

/// The archive that is being written.
#[derive(Debug)]
pub struct Layers<W> {
    archive: Stream<W>,
    list: List,
}

impl<W: Write + Seek> Layers<W> {
    /// Begins where `out` is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(out: W) -> Result<Self, Error> {
        let mut archive = Stream::new(out);
        archive.folder(FOLDER, 0o755)?;
        Ok(Self {
            archive,
            list: List::default(),
        })
    }

    /// Adds a layer above those before it; `write` writes its squashfs.
    ///
    /// # Errors
    /// When its name is no name or is there already, there are too many, or writing failed.
    pub fn add<E: From<Error>>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut W) -> Result<(), E>,
    ) -> Result<(), E> {
        self.list.add(name)?;
        let path = format!("{FOLDER}/{name}");
        let place = self.archive.begin(&path, 0o444).map_err(Error::Io)?;
        write(self.archive.out())?;
        self.archive
            .end(place)
            .map_err(Error::Io)?
            .map_err(|error| Error::Archive(path, error))?;
        Ok(())
    }

    /// Writes the list, other files of the top, and the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, files: &[(&str, &[u8])]) -> Result<W, Error> {
        let list = std::mem::take(&mut self.list.text);
        for (name, bytes) in [(LIST, list.as_bytes())].iter().chain(files) {
            let place = self.archive.begin(name, 0o444)?;
            self.archive.out().write_all(bytes)?;
            self.archive
                .end(place)?
                .map_err(|error| Error::Archive((*name).to_owned(), error))?;
        }
        Ok(self.archive.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpio::Entry;
    use std::io::Cursor;

    fn base(list: Option<&[u8]>) -> Vec<u8> {
        let mut archive = Archive::new();
        for name in ["init", "rootfs.sqsh"] {
            archive.add(name, file(name.as_bytes())).unwrap();
        }
        if let Some(list) = list {
            archive.add(LIST, file(list)).unwrap();
        }
        archive.emit().unwrap()
    }

    fn file(bytes: &[u8]) -> Entry {
        Entry {
            kind: Kind::File(bytes.to_vec()),
            mode: 0o444,
            uid: 0,
            gid: 0,
        }
    }

    fn with(names: &[&str]) -> Result<Vec<u8>, Error> {
        let mut layers = Layers::begin(Cursor::new(Vec::new()))?;
        for name in names {
            layers.add(name, |out| -> Result<(), Error> {
                Ok(out.write_all(name.as_bytes())?)
            })?;
        }
        let out = layers.finish(&[("extensions.yaml", b"layers: []\n")])?;
        Ok(out.into_inner())
    }

    #[test]
    fn sysx_06_layers_are_files_and_lines_in_order() {
        let bytes = with(&["b.sqsh", "a.sqsh"]).unwrap();

        let archive = Archive::parse(&bytes).unwrap();
        assert_eq!(archive.get(LIST), Some(&file(b"b.sqsh\na.sqsh\n")));
        assert_eq!(archive.get("layers/a.sqsh"), Some(&file(b"a.sqsh")));
        assert_eq!(archive.get("extensions.yaml"), Some(&file(b"layers: []\n")));
        assert_eq!(archive.get("layers").map(|entry| entry.mode), Some(0o755));
        assert_eq!(bytes.len() % 512, 0);
    }

    #[test]
    fn names_that_init_would_not_find_are_refused() {
        let long = "n".repeat(NAME_MAX + 1);
        for name in ["", ".", "..", "a/b", "a b", " a", "#a", "a\n", "a\0", &long] {
            assert!(matches!(with(&[name]), Err(Error::BadName(_))), "{name:?}");
        }
        assert!(matches!(with(&["a", "a"]), Err(Error::Archive(..))));
        let names: Vec<String> = (0..=LAYERS_MAX).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(with(&names[..LAYERS_MAX]).is_ok());
        assert!(matches!(with(&names), Err(Error::TooMany)));
    }

    #[test]
    fn names_that_init_would_not_take_are_known_before_anything_is_written() {
        let names: Vec<String> = (0..=LAYERS_MAX).map(|number| number.to_string()).collect();
        let names = || names.iter().map(String::as_str);
        assert!(check_names(names().take(LAYERS_MAX)).is_ok());
        assert!(matches!(check_names(names()), Err(Error::TooMany)));

        // With its end of line each takes 256 bytes of the list.
        let long: Vec<String> = (10..=26)
            .map(|number| format!("{number}{}", "n".repeat(NAME_MAX - 2)))
            .collect();
        let long = || long.iter().map(String::as_str);
        assert!(check_names(long().take(16)).is_ok());
        assert!(matches!(check_names(long()), Err(Error::TooMany)));
        assert!(matches!(check_names(["a b"]), Err(Error::BadName(_))));
    }

    #[test]
    fn an_initramfs_says_which_kernel_it_is_for() {
        for (text, kernel) in [
            (&b"6.12.1-ichor\n"[..], Some("6.12.1-ichor")),
            (b"6.12.1", Some("6.12.1")),
            (b"", None),
            (b"\n", None),
            (b"6.12.1 6.13", None),
            (b"../x", None),
            (b"6.\xff", None),
            (&[b'6'; RELEASE_MAX + 1], None),
        ] {
            let mut archive = Archive::new();
            for name in ["init", "rootfs.sqsh"] {
                archive.add(name, file(name.as_bytes())).unwrap();
            }
            archive.add(KERNEL_RELEASE, file(text)).unwrap();

            let base = check_base(&archive.emit().unwrap()).unwrap();

            assert_eq!(base.kernel.as_deref(), kernel, "{text:?}");
        }
    }

    #[test]
    fn only_an_initramfs_of_ours_without_layers_is_taken() {
        for list in [None, Some(&b""[..])] {
            let mut bytes = base(list);
            let len = bytes.len();
            bytes.extend([0; 3]);
            let Base {
                len: kept,
                machine,
                kernel,
            } = check_base(&bytes).unwrap();
            assert_eq!((machine, kernel), (None, None));
            assert!(kept <= len && Archive::parse(&bytes[..kept]).is_ok());
        }
        let twice = [base(None), with(&["a"]).unwrap()].concat();
        for (bytes, wanted) in [
            (base(Some(b"a\n")), Error::HasLayers),
            (twice, Error::HasLayers),
            (vec![0x1f, 0x8b, 8], Error::Packed),
            (b"\xfd7zXZ\0".to_vec(), Error::Packed),
            (Vec::new(), Error::NotOurs),
            (b"07070".to_vec(), Error::NotOurs),
            (Archive::new().emit().unwrap(), Error::NotOurs),
        ] {
            let error = check_base(&bytes).unwrap_err();
            assert_eq!(error.to_string(), wanted.to_string());
        }
    }

    #[test]
    fn the_processor_of_an_initramfs_is_that_of_its_init() {
        let program = |order: u8, machine: [u8; 2]| {
            let mut bytes = b"\x7fELF\x02\0\x01".to_vec();
            bytes[5] = order;
            bytes.resize(18, 0);
            bytes.extend(machine);
            bytes
        };
        let machine = |init: &[u8]| {
            let mut archive = Archive::new();
            archive.add("init", file(init)).unwrap();
            archive.add("rootfs.sqsh", file(b"root")).unwrap();
            check_base(&archive.emit().unwrap()).map(|base| base.machine)
        };

        assert_eq!(machine(b"text").unwrap(), None);
        for (bytes, wanted) in [([0x3e, 0], Machine::Amd64), ([0xb7, 0], Machine::Arm64)] {
            assert_eq!(machine(&program(1, bytes)).unwrap(), Some(wanted));
        }
        for init in [
            program(1, [0xf3, 0]),
            program(2, [0, 0x3e]),
            program(2, [0x3e, 0]),
            b"\x7fELF".to_vec(),
        ] {
            assert!(matches!(machine(&init), Err(Error::OtherMachine)));
        }
    }
}
