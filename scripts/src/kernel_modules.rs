// SPDX-License-Identifier: MPL-2.0
//! What the kernel build makes besides the kernel: modules, and the extensions that bring them.
//!
//! Owns: `kernel-config/modules.list`, and `out/<arch>/extensions/<name>.tar`.
//! Never: signs a module, or packs one of another build than the kernel's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use extension::{Extension, pack};

use crate::arch::Arch;
use crate::kernel::Built;
use crate::places::{Places, install, make_folder};

/// The list, below the checkout.
const LIST: &str = "kernel-config/modules.list";
/// What a packed set of extensions was made from, beside them.
const KEY: &str = ".key";
/// What the root of every node has: which modules are a part of its kernel.
pub const FOR_THE_ROOT: &[&str] = &["modules.builtin"];
/// What belongs to the kernel and not to one module.
const ABOUT: &[&str] = &[
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
];

/// An extension of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    /// Its name.
    name: String,
    /// What it adds.
    description: String,
    /// The names of its modules, as their files have them.
    modules: Vec<String>,
}

/// Reads the list.
fn parse(text: &str) -> Result<Vec<Listed>> {
    let mut all: Vec<Listed> = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_prefix("extension ") {
            let (name, description) = head
                .split_once(": ")
                .with_context(|| format!("line {number}: expected extension NAME: DESCRIPTION"))?;
            ensure!(
                all.iter().all(|one| one.name != name),
                "line {number}: {name} is there twice"
            );
            all.push(Listed {
                name: name.to_owned(),
                description: description.to_owned(),
                modules: Vec::new(),
            });
            continue;
        }
        ensure!(
            !line.contains([' ', '/', ':']),
            "line {number}: expected the name of a module"
        );
        ensure!(
            seen.insert(line.to_owned()),
            "line {number}: {line} is there twice"
        );
        let last = all.last_mut();
        last.with_context(|| format!("line {number}: {line} is in no extension"))?
            .modules
            .push(line.to_owned());
    }
    Ok(all)
}

/// Copies what `make modules_install` made, but for its links into the folder of the build.
///
/// # Errors
/// When there is something else than modules and what is said about them.
pub fn keep(from: &Path, to: &Path) -> Result<()> {
    for entry in
        std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?
    {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let kind = entry.file_type().context("cannot tell a file's type")?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            keep(&path, &target)?;
        } else if kind.is_file() {
            let name = entry.file_name();
            let is_known = path.extension().is_some_and(|extension| extension == "ko")
                || ABOUT.iter().any(|about| name == *about);
            ensure!(is_known, "the kernel build installed {}", path.display());
            install(&path, &target)?;
        }
    }
    Ok(())
}

/// Finds the modules below a folder: each by its name, with its path from there.
fn find(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(at) = left.pop() {
        for entry in
            std::fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))?
        {
            let path = entry.context("cannot read a folder")?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ko") {
                let name = path.file_stem().and_then(|stem| stem.to_str());
                let name = name.context("a module has no name")?.to_owned();
                found.insert(name, path.strip_prefix(folder)?.to_path_buf());
            }
        }
    }
    Ok(found)
}

/// Lists the modules that the list and the build do not both have.
fn differences(listed: &[Listed], built: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let named: BTreeSet<&String> = listed.iter().flat_map(|one| &one.modules).collect();
    let made: BTreeSet<&String> = built.keys().collect();
    let missing = named
        .difference(&made)
        .map(|name| format!("{name}: in the list, and not built: switch it on in modules.config"));
    let surplus = made
        .difference(&named)
        .map(|name| format!("{name}: built, and in no extension of the list"));
    missing.chain(surplus).collect()
}

/// Makes `out/<arch>/extensions/<name>.tar` for every extension of the list, unless they are there.
///
/// # Errors
/// When the list and the build differ, or an extension is not sound.
pub fn pack(places: &Places, arch: Arch, built: &Built) -> Result<()> {
    let list = places.root.join(LIST);
    let text = std::fs::read_to_string(&list)
        .with_context(|| format!("cannot read {}", list.display()))?;
    let listed = parse(&text).with_context(|| format!("in {}", list.display()))?;
    let folder = places.out_of(arch).join("extensions");
    let key = format!("{}\n{text}", built.key);
    let key_file = folder.join(KEY);
    if std::fs::read_to_string(&key_file).is_ok_and(|made| made == key) {
        return Ok(());
    }
    let modules = built.modules()?;
    let found = find(&modules)?;
    let wrong = differences(&listed, &found);
    ensure!(
        wrong.is_empty(),
        "{LIST} and the modules of {arch}:\n  {}",
        wrong.join("\n  ")
    );
    make_folder(&folder)?;
    for one in &listed {
        let stage = folder.join(format!("{}.stage", one.name));
        lay_out(one, built, &modules, &found, &stage)?;
        pack_one(arch, &stage, &folder.join(format!("{}.tar", one.name)))?;
        std::fs::remove_dir_all(&stage)
            .with_context(|| format!("cannot remove {}", stage.display()))?;
    }
    std::fs::write(&key_file, key).with_context(|| format!("cannot write {}", key_file.display()))
}

/// Lays an extension out as a folder.
fn lay_out(
    one: &Listed,
    built: &Built,
    modules: &Path,
    found: &BTreeMap<String, PathBuf>,
    stage: &Path,
) -> Result<()> {
    let release = built.release()?;
    let target = stage.join("rootfs/lib/modules").join(&release);
    for name in &one.modules {
        let path = found
            .get(name)
            .with_context(|| format!("{name} was not built"))?;
        install(&modules.join(path), &target.join(path))?;
    }
    for about in ABOUT {
        install(&modules.join(about), &target.join(about))?;
    }
    let mut manifest = String::from("version: v1alpha1\nmetadata:\n");
    let _ = writeln!(manifest, "  name: {}", one.name);
    let _ = writeln!(manifest, "  version: {release}");
    let _ = writeln!(manifest, "  author: Ichor");
    let _ = writeln!(manifest, "  description: \"{}\"", one.description);
    let path = stage.join("manifest.yaml");
    std::fs::write(&path, manifest).with_context(|| format!("cannot write {}", path.display()))
}

/// Packs a folder as a container image.
fn pack_one(arch: Arch, stage: &Path, target: &Path) -> Result<()> {
    let arch = match arch {
        Arch::Amd64 => extension::Arch::Amd64,
        Arch::Arm64 => extension::Arch::Arm64,
    };
    let temporary = stage.parent().context("a folder has a parent")?;
    let extension = match Extension::read(stage, arch, temporary) {
        Ok(extension) => extension,
        Err(problems) => {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("{}:\n  {}", stage.display(), said.join("\n  "))
        }
    };
    let staged = target.with_extension("new");
    let mut file =
        File::create(&staged).with_context(|| format!("cannot write {}", staged.display()))?;
    pack::write_image(&extension, arch, temporary, &mut file, &mut |_| {})
        .with_context(|| format!("cannot write {}", staged.display()))?;
    std::fs::rename(&staged, target)
        .with_context(|| format!("cannot put {} in place", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_list_names_extensions_and_their_modules() {
        let listed = parse(
            "# Why.\nextension usb: Hosts.\nusbcore\nxhci-hcd\n\nextension nbd: Disks.\nnbd\n",
        );

        let listed = listed.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].name, "usb");
        assert_eq!(listed[0].description, "Hosts.");
        assert_eq!(listed[0].modules, ["usbcore", "xhci-hcd"]);
        assert_eq!(listed[1].modules, ["nbd"]);
    }

    #[test]
    fn a_list_that_is_wrong_is_refused_with_its_line() {
        assert_eq!(refusal("nbd\n"), "line 1: nbd is in no extension");
        assert_eq!(
            refusal("extension nbd\n"),
            "line 1: expected extension NAME: DESCRIPTION"
        );
        assert_eq!(
            refusal("extension a: A.\nb\nextension a: B.\n"),
            "line 3: a is there twice"
        );
        assert_eq!(
            refusal("extension a: A.\nb\nextension c: C.\nb\n"),
            "line 4: b is there twice"
        );
        assert_eq!(
            refusal("extension a: A.\nkernel/drivers/b.ko\n"),
            "line 2: expected the name of a module"
        );
    }

    #[test]
    fn a_module_that_only_one_of_both_knows_is_named() {
        let listed = parse("extension a: A.\nboth\nlisted\n").unwrap();
        let built = ["both", "made"].map(|name| (name.to_owned(), PathBuf::new()));

        let said = differences(&listed, &BTreeMap::from(built));

        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("listed: in the list, and not built"));
        assert!(said[1].starts_with("made: built, and in no extension"));
    }
}
