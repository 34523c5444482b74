// SPDX-License-Identifier: MPL-2.0
//! Real programs to test with, from Debian's packages of the node's architecture.
//!
//! Owns: fetching packages, which apt checks, and unpacking them into a folder.
//! Never: installs anything, or runs a package's scripts.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::arch::Arch;
use xtask::command;
use xtask::places::Places;

/// Unpacks `packages`, without what they depend on, into `target`.
///
/// # Errors
/// A package cannot be had.
pub fn unpack(places: &Places, arch: Arch, packages: &[&str], target: &Path) -> Result<()> {
    // apt looks at what is there before it fetches anything, and checks it as it would what it fetches.
    let fetched = places.cache.join("packages").join(arch.name());
    std::fs::create_dir_all(&fetched)
        .with_context(|| format!("cannot make {}", fetched.display()))?;
    for package in packages {
        let archive = fetch(&fetched, arch, package)?;
        let mut unpack = Command::new("dpkg-deb");
        command::run(
            unpack
                .arg("--extract")
                .arg(fetched.join(archive))
                .arg(target),
        )?;
    }
    Ok(())
}

/// Fetches one package and returns the name of its file.
fn fetch(folder: &Path, arch: Arch, package: &str) -> Result<String> {
    let wanted = format!("{package}:{}", arch.name());
    let apt = |folder: &Path, arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(folder)
            .args(["-qq", "-o", "APT::Sandbox::User=root"]);
        apt.args(arguments);
        apt
    };
    if command::run(&mut apt(folder, &["download", &wanted])).is_err() {
        // The list of packages is missing, or older than the archive.
        command::run(&mut apt(folder, &["update"]))?;
        command::run(&mut apt(folder, &["download", &wanted]))?;
    }
    // What it is called, apt says where it is not yet: an address, the name, the length, a hash.
    let elsewhere = tempfile::tempdir()?;
    let said = command::output(&mut apt(
        elsewhere.path(),
        &["download", "--print-uris", &wanted],
    ))?;
    let name = said.split_whitespace().nth(1);
    let name = name.with_context(|| format!("{wanted}: apt-get says nothing of it"))?;
    ensure!(
        folder.join(name).is_file(),
        "{wanted}: apt-get fetched no {name}"
    );
    Ok(name.to_owned())
}
