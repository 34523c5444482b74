// SPDX-License-Identifier: MPL-2.0
//! Packs the root: reads `rootfs/*.list`, gathers each file from its origin, makes a squashfs.
//!
//! Owns: the call of mksquashfs, with fixed times and owners.
//! Never: takes a file that no list names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use image::root_list::{self, Origin, Root};

use crate::arch::Arch;
use crate::command;
use crate::kernel;
use crate::places::{Places, make_folder, sha256};
use crate::programs;

/// How mksquashfs is called. LZ4, because every program is unpacked while the node boots and
/// Zstandard takes five times as long (docs/decisions/0013).
const SQUASHFS: &[&str] = &[
    "-comp",
    "lz4",
    "-Xhc",
    "-noappend",
    "-no-xattrs",
    "-no-exports",
    "-mkfs-time",
    "0",
    "-all-time",
    "0",
    "-root-mode",
    "755",
    "-root-uid",
    "0",
    "-root-gid",
    "0",
    "-quiet",
    "-no-progress",
];

/// Makes `out/<arch>/rootfs.sqsh`, unless it was made from the same inputs already.
///
/// # Errors
/// When a list is wrong, an origin is missing, or mksquashfs fails.
pub fn build(places: &Places, arch: Arch) -> Result<PathBuf> {
    let target = places.out_of(arch).join("rootfs.sqsh");
    pack(places, arch, &places.root.join("rootfs"), &target)?;
    Ok(target)
}

/// Packs a folder of lists, whose `tree:` origins lie in its `files/`, into a squashfs, unless
/// `target` was made from the same inputs already.
///
/// # Errors
/// When a list is wrong, an origin is missing, or mksquashfs fails.
pub fn pack(places: &Places, arch: Arch, lists: &Path, target: &Path) -> Result<()> {
    let root = read_lists(places, arch, lists)?;
    let contents = gather(places, arch, &lists.join("files"), &root)?;
    make_folder(target.parent().context("a file needs a folder")?)?;
    let key_file = target.with_extension("key");
    let key = key(&root, &contents)?;
    if target.is_file() && std::fs::read_to_string(&key_file).is_ok_and(|text| text == key) {
        return Ok(());
    }
    let stage = target.with_extension("stage");
    remove_folder(&stage)?;
    let definitions = stage_root(&stage, &root, &contents)?;
    let staged = target.with_extension("new");
    let len = contents.values().map(|bytes| bytes.len() as u64).sum();
    squash(&stage, &definitions, len, &staged)?;
    remove_folder(&stage)?;
    std::fs::rename(&staged, target)
        .with_context(|| format!("cannot put {} in place", target.display()))?;
    std::fs::write(&key_file, key).with_context(|| format!("cannot write {}", key_file.display()))
}

/// What stands in lists for the kernel's release (`uname -r`).
const RELEASE: &str = "@kernel-release@";

/// Reads every list of a folder, in order of name.
fn read_lists(places: &Places, arch: Arch, folder: &Path) -> Result<Root> {
    let mut root = Root::new();
    for path in files_of(folder)? {
        if path
            .extension()
            .is_some_and(|extension| extension == "list")
        {
            let mut text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if text.contains(RELEASE) {
                text = text.replace(RELEASE, &kernel::release(places, arch)?);
            }
            root_list::parse(&text, &mut root).with_context(|| path.display().to_string())?;
        }
    }
    ensure!(!root.is_empty(), "there is no list in {}", folder.display());
    Ok(root)
}

/// Returns the files of a folder in order of name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry
            .with_context(|| format!("cannot read {}", folder.display()))?
            .path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the content of every file of the root.
fn gather(
    places: &Places,
    arch: Arch,
    tree: &Path,
    root: &Root,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for (path, line) in root {
        let bytes = match &line.origin {
            Origin::Directory | Origin::Link(_) => continue,
            Origin::Program(name) => read(&programs::folder(places, arch).join(name)),
            Origin::Tree(name) => read(&tree.join(name)),
            Origin::Package(name, folder) => read_package(name, Path::new(folder)),
            Origin::Kernel(name) => read(&kernel::modules_of_root(places, arch).join(name)),
        };
        contents.insert(path.clone(), bytes.with_context(|| format!("for {path}"))?);
    }
    Ok(contents)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Joins the files that a Debian package has in a folder; others in that folder do not count.
fn read_package(package: &str, folder: &Path) -> Result<Vec<u8>> {
    let list = command::output(Command::new("dpkg-query").args(["-L", package]))?;
    let mut files: Vec<&Path> = list
        .lines()
        .map(Path::new)
        .filter(|path| path.parent() == Some(folder))
        .collect();
    files.sort();
    let mut joined = Vec::new();
    for file in files {
        joined.extend(read(file)?);
        if !joined.ends_with(b"\n") {
            joined.push(b'\n');
        }
    }
    if joined.is_empty() {
        bail!("package {package} has no file in {}", folder.display());
    }
    Ok(joined)
}

/// Names everything that the squashfs depends on.
fn key(root: &Root, contents: &BTreeMap<String, Vec<u8>>) -> Result<String> {
    let version = command::output(Command::new("mksquashfs").arg("-version"))?;
    let block = image::squashfs::BLOCK_MAX;
    let mut inputs = format!("{version}\n{SQUASHFS:?} {block}\n{root:?}\n").into_bytes();
    for (path, bytes) in contents {
        inputs.extend_from_slice(format!("{path} {}\n", bytes.len()).as_bytes());
        inputs.extend_from_slice(bytes);
    }
    sha256(&inputs)
}

/// Lays the files out in a folder, and returns the definitions that give them owners and modes.
fn stage_root(stage: &Path, root: &Root, contents: &BTreeMap<String, Vec<u8>>) -> Result<String> {
    make_folder(stage)?;
    let mut definitions = String::new();
    for (path, line) in root {
        let name = path.trim_start_matches('/');
        let at = stage.join(name);
        let context = || format!("cannot stage {path}");
        match &line.origin {
            Origin::Directory => make_folder(&at)?,
            Origin::Link(target) => {
                symlink(target, &at).with_context(context)?;
            }
            Origin::Program(_) | Origin::Tree(_) | Origin::Package(..) | Origin::Kernel(_) => {
                let bytes = contents.get(path).with_context(context)?;
                std::fs::write(&at, bytes).with_context(context)?;
                let mode = std::fs::Permissions::from_mode(0o644);
                std::fs::set_permissions(&at, mode).with_context(context)?;
            }
        }
        let _ = writeln!(
            definitions,
            "{name} m {:o} {} {}",
            line.mode, line.uid, line.gid
        );
    }
    Ok(definitions)
}

/// Packs a folder whose files have `len` bytes in all.
fn squash(stage: &Path, definitions: &str, len: u64, target: &Path) -> Result<()> {
    let definitions_file = target.with_extension("definitions");
    std::fs::write(&definitions_file, definitions).context("cannot write the definitions")?;
    command::output(
        Command::new("mksquashfs")
            .arg(stage)
            .arg(target)
            .args(SQUASHFS)
            .args(["-b", &image::squashfs::block_for(len).to_string()])
            .arg("-pf")
            .arg(&definitions_file)
            .env_remove("SOURCE_DATE_EPOCH"),
    )?;
    std::fs::remove_file(&definitions_file).context("cannot remove the definitions")
}

fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
