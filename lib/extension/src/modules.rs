// SPDX-License-Identifier: MPL-2.0
//! The kernel modules that an extension brings along.
//!
//! Owns: what each says about itself, and what no kernel of ours would take.
//! Never: knows which kernel a node has; modules say for which one they are.

use std::collections::BTreeMap;

use crate::arch::Arch;
use crate::elf;
use crate::files::{Files, Kind};
use crate::problem::Problem;
use crate::spool::Spool;

/// Where modules are.
pub(crate) const MODULES: &str = "rootfs/lib/modules/";
/// The longest name: what the kernel takes (`MODULE_NAME_LEN`).
const NAME_MAX: usize = 55;
/// The longest path that a line of the index can have.
const PATH_MAX: usize = 256;
/// The most modules of one extension: a whole distribution has four thousand.
const MODULES_MAX: usize = 8192;
/// The most that modules of one extension say about themselves.
const INFORMATION_MAX: usize = 32 << 20;
/// The longest list of the order of modules.
const ORDER_MAX: u64 = 1 << 20;
/// The most problems with modules that are told: whoever packs them has all of them wrong at once.
const PROBLEMS_MAX: usize = 20;
/// What packed modules end in.
const PACKED: &[&str] = &[".ko.gz", ".ko.xz", ".ko.zst"];

/// A kernel module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its file, below `/lib/modules/<release>`.
    pub path: String,
    /// Its name, with `_` in place of every `-`.
    pub name: String,
    /// The names of modules that it cannot do without.
    pub depends: Vec<String>,
    /// Devices that it is for, and other names of it.
    pub aliases: Vec<String>,
    /// `pre: a post: b`: what is loaded with it, where it is there.
    pub soft: Vec<String>,
}

/// The modules of an extension: all for one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// What `uname -r` says of that kernel.
    pub release: String,
    /// The modules, in order of their paths.
    pub all: Vec<Module>,
    /// Their order as the build of the kernel had it (`modules.order`); not each may be in it.
    pub order: Vec<String>,
}

/// The name of a module, as the kernel has it.
pub(crate) fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// Finds all modules, and what is wrong with them.
pub(crate) fn find(files: &Files, spool: &Spool, arch: Arch) -> (Modules, Vec<Problem>) {
    let mut modules = Modules::default();
    let mut problems = Vec::new();
    let mut names = BTreeMap::new();
    let mut information: usize = 0;
    for (at, node) in &files.0 {
        if problems.len() >= PROBLEMS_MAX {
            problems.push(Problem::new(MODULES, "and maybe more modules"));
            break;
        }
        let Some((release, path)) = at
            .strip_prefix(MODULES)
            .and_then(|inside| inside.split_once('/'))
        else {
            continue;
        };
        if PACKED.iter().any(|end| path.ends_with(end)) {
            let what = "is packed, and nodes take modules as they are: unpack it";
            problems.push(Problem::new(at, what));
        }
        if !path.ends_with(".ko") {
            continue;
        }
        // Any other kind of entry would lead somewhere else.
        let Kind::File { content, len } = node.kind else {
            problems.push(Problem::new(at, "is no file"));
            continue;
        };
        match read(spool, content, len, path, release, arch) {
            Ok((module, size)) => {
                information = information.saturating_add(size);
                if modules.all.len() >= MODULES_MAX || information > INFORMATION_MAX {
                    problems.push(Problem::new(at, "there are too many modules"));
                    break;
                }
                if modules.release.is_empty() {
                    release.clone_into(&mut modules.release);
                }
                if modules.release != release {
                    let what = format!("is for another kernel than others: {}", modules.release);
                    problems.push(Problem::new(at, what));
                } else if let Some(other) = names.insert(module.name.clone(), path) {
                    problems.push(Problem::new(at, format!("{other} is of the same name")));
                } else {
                    modules.all.push(module);
                }
            }
            Err(what) => problems.push(Problem::new(at, what)),
        }
    }
    modules.order = order(files, spool, &modules.release);
    (modules, problems)
}

/// Reads one module; says how much it says about itself.
fn read(
    spool: &Spool,
    content: u64,
    len: u64,
    path: &str,
    release: &str,
    arch: Arch,
) -> Result<(Module, usize), String> {
    let stem = path
        .rsplit('/')
        .next()
        .and_then(|file| file.strip_suffix(".ko"));
    let name = plain(stem.unwrap_or_default());
    if !is_name(&name) || path.len() > PATH_MAX || !path.bytes().all(is_in_paths) {
        return Err("cannot be the path of a module".to_owned());
    }
    let file = elf::read(spool, content, len).map_err(|error| error.to_string())?;
    match file.arch {
        Some(of) if of == arch => {}
        Some(of) => return Err(format!("is for {of}, not for {arch}")),
        None => return Err(format!("is for another processor than {arch}")),
    }
    if !file.is_signed {
        return Err(
            "is not signed, and nodes refuse it: modules are made by the build of the \
                    kernel (docs/extensions.md)"
                .to_owned(),
        );
    }
    let text = String::from_utf8(file.information)
        .map_err(|_| "says something about itself that is not text".to_owned())?;
    let mut module = Module {
        path: path.to_owned(),
        name,
        depends: Vec::new(),
        aliases: Vec::new(),
        soft: Vec::new(),
    };
    let mut version = None;
    for (key, value) in text.split('\0').filter_map(|pair| pair.split_once('=')) {
        match key {
            "depends" => {
                let names = value.split(',').filter(|name| !name.is_empty());
                module.depends = names.map(plain).collect();
            }
            "alias" => module.aliases.push(value.to_owned()),
            "softdep" => module.soft.push(value.to_owned()),
            "vermagic" => version = value.split(' ').next(),
            _ => {}
        }
    }
    let is_line = |text: &String| !text.is_empty() && !text.contains(char::is_control);
    let is_word = |text: &String| is_line(text) && !text.contains(' ');
    if !module.depends.iter().all(|name| is_name(name))
        || !module.aliases.iter().all(is_word)
        || !module.soft.iter().all(is_line)
    {
        return Err("says something about itself that no module says".to_owned());
    }
    match version {
        Some(version) if version == release => Ok((module, text.len())),
        Some(version) => Err(format!(
            "is for the kernel {version}, and lies in {release}"
        )),
        None => Err("says not for which kernel it is (vermagic)".to_owned()),
    }
}

/// Whether the kernel would call a module so.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(is_plain)
}

/// Whether a path with it can stand in a line of the index.
fn is_in_paths(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

/// Reads the order of modules, if it is there and can be read; it decides nothing but order.
fn order(files: &Files, spool: &Spool, release: &str) -> Vec<String> {
    let node = files.0.get(&format!("{MODULES}{release}/modules.order"));
    let Some(Kind::File { content, .. }) = node.map(|node| &node.kind) else {
        return Vec::new();
    };
    let bytes = spool.read(*content, ORDER_MAX).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::tests::module;
    use crate::files::Node;

    const SAID: &str = "name=ftdi_sio\ndepends=usbserial,usb-core\nalias=usb:v0403p6001*\n\
                        alias=usb:v0403p6010*\nsoftdep=pre: a post: b\nparm=debug:Say more (bool)\n\
                        vermagic=6.12.1-ichor SMP mod_unload \n";

    fn look(entries: &[(&str, &[u8])]) -> (Modules, Vec<String>) {
        let mut spool = Spool::new(&std::env::temp_dir()).unwrap();
        let mut files = Files::default();
        for (at, bytes) in entries {
            let len = bytes.len() as u64;
            let content = spool.add(&mut &bytes[..], len).unwrap();
            let kind = Kind::File { content, len };
            files.0.insert(
                format!("{MODULES}{at}"),
                Node {
                    kind,
                    ..Node::folder()
                },
            );
        }
        let (modules, problems) = find(&files, &spool, Arch::Amd64);
        (modules, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn sysx_10_what_modules_say_about_themselves_is_read() {
        let good = module(0x3e, SAID, true);

        let (modules, problems) = look(&[
            ("6.12.1-ichor/kernel/ftdi_sio.ko", &good),
            (
                "6.12.1-ichor/modules.order",
                b"kernel/b.ko\nkernel/ftdi_sio.ko\n",
            ),
        ]);

        assert_eq!(problems, [""; 0]);
        assert_eq!(modules.release, "6.12.1-ichor");
        assert_eq!(modules.order, ["kernel/b.ko", "kernel/ftdi_sio.ko"]);
        let [found] = modules.all.as_slice() else {
            panic!("{modules:?}");
        };
        assert_eq!(
            (found.path.as_str(), found.name.as_str()),
            ("kernel/ftdi_sio.ko", "ftdi_sio")
        );
        assert_eq!(found.depends, ["usbserial", "usb_core"]);
        assert_eq!(found.aliases, ["usb:v0403p6001*", "usb:v0403p6010*"]);
        assert_eq!(found.soft, ["pre: a post: b"]);
    }

    #[test]
    fn img_13_a_module_that_nodes_would_refuse_is_named() {
        let other = SAID.replace("6.12.1", "6.1.0");
        let silent = SAID.replace("vermagic", "version");
        let spaced = SAID.replace("alias=usb", "alias=us b");
        for (bytes, said) in [
            (module(0x3e, SAID, false), "is not signed"),
            (module(0xb7, SAID, true), "is for arm64, not for amd64"),
            (module(8, SAID, true), "is for another processor"),
            (
                module(0x3e, &other, true),
                "is for the kernel 6.1.0-ichor, and lies in 6.12.1-ichor",
            ),
            (module(0x3e, &silent, true), "says not for which kernel"),
            (module(0x3e, &spaced, true), "that no module says"),
            (b"text".to_vec(), "is no kernel module"),
        ] {
            let (modules, problems) = look(&[("6.12.1-ichor/a.ko", &bytes)]);
            assert_eq!(modules.all, []);
            let place = "rootfs/lib/modules/6.12.1-ichor/a.ko: ";
            assert!(
                problems.len() == 1 && problems[0].starts_with(place) && problems[0].contains(said),
                "{said}: {problems:?}"
            );
        }
    }

    #[test]
    fn what_cannot_stand_in_an_index_is_named() {
        let good = module(0x3e, SAID, true);
        let moved = module(0x3e, &SAID.replace("6.12.1-ichor", "6.1.0"), true);
        for (entries, said) in [
            (
                vec![("6.12.1-ichor/a b.ko", good.as_slice())],
                "cannot be the path",
            ),
            (vec![("6.12.1-ichor/x:y/a.ko", &good)], "cannot be the path"),
            (vec![("6.12.1-ichor/a.ko.xz", &good)], "is packed"),
            (
                vec![
                    ("6.12.1-ichor/a-b.ko", &good),
                    ("6.12.1-ichor/x/a_b.ko", &good),
                ],
                "of the same name",
            ),
            (
                vec![("6.1.0/a.ko", &moved), ("6.12.1-ichor/b.ko", &good)],
                "for another kernel than others",
            ),
        ] {
            let (_, problems) = look(&entries);
            assert!(
                problems.len() == 1 && problems[0].contains(said),
                "{said}: {problems:?}"
            );
        }
    }

    #[test]
    fn of_many_problems_some_are_told() {
        let names: Vec<String> = (0..100)
            .map(|number| format!("6.12.1/m{number}.ko"))
            .collect();
        let entries: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), &b""[..])).collect();

        let (_, problems) = look(&entries);

        assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    }
}
