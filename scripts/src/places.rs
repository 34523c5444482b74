// SPDX-License-Identifier: MPL-2.0
//! Where things are: the checkout, its results, and the cache outside it.
//!
//! Owns: every path outside `target/`, and the key that a cached thing is found by.
//! Never: builds anything.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::command;

/// The folders that a command works with.
#[derive(Clone, Debug)]
pub struct Places {
    /// The checkout.
    pub root: PathBuf,
    /// Results: `out/<arch>/…`.
    pub out: PathBuf,
    /// Where cargo compiles.
    pub target: PathBuf,
    /// What outlives the checkout: kernels, toolchains, compiler cache.
    pub cache: PathBuf,
}

impl Places {
    /// Finds the checkout above the current folder, and the cache of this user.
    ///
    /// # Errors
    /// When the current folder is not inside a checkout.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("kernel-config").is_dir() && folder.join("x").is_file())
            .context("this is not inside a checkout (no ./x and no kernel-config/ above it)")?
            .to_path_buf();
        let folder = |variable: &str, name: &str| {
            std::env::var_os(variable).map_or_else(|| root.join(name), PathBuf::from)
        };
        let out = folder("ICHOR_OUT", "out");
        let target = folder("CARGO_TARGET_DIR", "target");
        let cache = match std::env::var_os("ICHOR_CACHE") {
            Some(folder) => PathBuf::from(folder),
            None => {
                let home = std::env::var_os("HOME").context("HOME is not set; set ICHOR_CACHE")?;
                PathBuf::from(home).join(".cache/ichor")
            }
        };
        Ok(Self {
            root,
            out,
            target,
            cache,
        })
    }

    /// Returns a path as it is shown to people: below the checkout, from there on.
    #[must_use]
    pub fn shown<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Returns the folder of an architecture's results.
    #[must_use]
    pub fn out_of(&self, arch: Arch) -> PathBuf {
        self.out.join(arch.name())
    }

    /// Lists the files that are or would be in the repository, relative to the checkout.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub fn tracked_files(&self) -> Result<Vec<PathBuf>> {
        let mut git = Command::new("git");
        git.current_dir(&self.root).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ]);
        let list = command::output(&mut git)?;
        let files = list.lines().map(PathBuf::from);
        Ok(files
            .filter(|path| self.root.join(path).is_file())
            .collect())
    }

    /// Deletes what was built, and with `cache` also what outlives the checkout.
    ///
    /// # Errors
    /// Says which folder cannot be deleted.
    pub fn clean(&self, cache: bool) -> Result<()> {
        for folder in [&self.out, &self.target, &self.cache]
            .into_iter()
            .take(if cache { 3 } else { 2 })
        {
            if folder.exists() {
                std::fs::remove_dir_all(folder)
                    .with_context(|| format!("cannot delete {}", folder.display()))?;
            }
        }
        Ok(())
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// Says which folder could not be made.
pub fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Puts a file in place in one step, so that a reader never sees half of it.
///
/// # Errors
/// Says which file could not be copied.
pub fn install(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("a file needs a folder")?;
    make_folder(parent)?;
    let staged = to.with_extension(format!("new-{}", std::process::id()));
    std::fs::copy(from, &staged)
        .and_then(|_| std::fs::rename(&staged, to))
        .with_context(|| format!("cannot put {} at {}", from.display(), to.display()))
}

/// Returns the SHA-256 of bytes in hexadecimal, computed by coreutils.
///
/// # Errors
/// When `sha256sum` cannot be run.
pub fn sha256(bytes: &[u8]) -> Result<String> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sha256sum")?;
    // It reads everything before it prints, so writing first cannot block for ever.
    child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(bytes)
        .context("cannot write to sha256sum")?;
    let output = child
        .wait_with_output()
        .context("cannot wait for sha256sum")?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.split_whitespace().next() {
        Some(sum) if output.status.success() && sum.len() == 64 => Ok(sum.to_owned()),
        _ => bail!("sha256sum failed: {}", output.status),
    }
}
