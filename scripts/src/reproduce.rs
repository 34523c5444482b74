// SPDX-License-Identifier: MPL-2.0
//! Builds the image a second time, in another folder, and compares every byte.
//!
//! Owns: the copy of the checkout, and the comparison.
//! Never: excuses a difference. The kernel comes from the same cache entry both times; that its
//! build has no path and no time in it is the recipe's promise (docs/decisions/0011-kernel.md).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::places::{Places, install};
use crate::say::Step;
use crate::{boot_image, kernel, programs};

/// Builds the image of `arch` in a folder of another name and depth, and compares it with `out/`.
///
/// # Errors
/// When a file differs, or does not build there.
pub fn run(places: &Places, arch: Arch) -> Result<()> {
    programs::build(places, arch)?;
    boot_image::build(places, arch)?;
    let step = Step::start(format!("{arch}: build the image again, in another folder"));
    let folder =
        std::env::temp_dir().join(format!("ichor-again-{}/deeper/tree", std::process::id()));
    let result = build_copy(places, arch, &folder).and_then(|copy| compare(places, &copy, arch));
    let top = folder.ancestors().nth(2).context("the folder has no top")?;
    std::fs::remove_dir_all(top).with_context(|| format!("cannot delete {}", top.display()))?;
    result?;
    step.done();
    Ok(())
}

/// Copies what is in the repository, changed files as they are, and builds it there.
fn build_copy(places: &Places, arch: Arch, folder: &Path) -> Result<Places> {
    for name in places.tracked_files()? {
        install(&places.root.join(&name), &folder.join(&name))?;
    }
    let copy = Places {
        root: folder.to_path_buf(),
        out: folder.join("results"),
        target: folder.join("objects"),
        cache: places.cache.clone(),
    };
    kernel::build(&copy, arch)?;
    programs::build(&copy, arch)?;
    boot_image::build(&copy, arch)?;
    Ok(copy)
}

/// Compares the files of an image; programs first, because they explain a difference in the rest.
fn compare(places: &Places, copy: &Places, arch: Arch) -> Result<()> {
    let (first, second) = (places.out_of(arch), copy.out_of(arch));
    let programs = std::fs::read_dir(second.join("programs")).context("no programs")?;
    let mut names: Vec<PathBuf> = programs
        .filter_map(Result::ok)
        .map(|entry| Path::new("programs").join(entry.file_name()))
        .collect();
    names.sort();
    names.extend(["rootfs.sqsh", "initramfs"].map(PathBuf::from));
    for name in names {
        let read = |folder: &Path| {
            let path = folder.join(&name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (one, other) = (read(&first)?, read(&second)?);
        if let Some(at) = first_difference(&one, &other) {
            bail!(
                "{arch}: {} differs at byte {at} when built in another folder",
                name.display()
            );
        }
    }
    Ok(())
}

/// Returns the position of the first byte that differs, or is missing in one.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    (one.len() != same || other.len() != same).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_where_it_is() {
        assert_eq!(first_difference(b"same", b"same"), None);
        assert_eq!(first_difference(b"same", b"sane"), Some(2));
        assert_eq!(first_difference(b"same", b"same!"), Some(4));
        assert_eq!(first_difference(b"", b"x"), Some(0));
    }
}
