// SPDX-License-Identifier: MPL-2.0
//! Images of disks with partitions for the node's state and META, as an installer leaves them.
//!
//! Owns: the partition table and the file system.
//! Never: writes into what a node wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const MIB: u64 = 1 << 20;
/// Where the partition begins.
const OFFSET: u64 = MIB;
/// How long it is: the least that `mkfs.xfs` takes. What is not written takes no room.
const LENGTH: u64 = 300 * MIB;

/// What is on the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A new XFS, as the documents have it.
    Xfs,
    /// A new ext4.
    Ext4,
    /// Nothing that is a file system.
    Noise,
}

/// Which partitions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    State,
    /// META comes behind STATE, and is blank.
    StateAndMeta,
}

/// Makes a disk with a partition that is labelled `STATE`, in `folder`.
///
/// # Errors
/// A tool fails.
pub fn with_state(folder: &Path, content: Content) -> Result<PathBuf> {
    make(folder, content, Layout::State)
}

/// The same with an XFS and a partition that is labelled `META`, on which nothing was written yet.
///
/// # Errors
/// A tool fails.
pub fn with_state_and_meta(folder: &Path) -> Result<PathBuf> {
    make(folder, Content::Xfs, Layout::StateAndMeta)
}

fn make(folder: &Path, content: Content, layout: Layout) -> Result<PathBuf> {
    let disk = folder.join("disk");
    let file = File::create(&disk).with_context(|| disk.display().to_string())?;
    file.set_len(OFFSET + LENGTH + 2 * MIB)?;
    partition(&disk, layout)?;
    let state = folder.join("partition");
    File::create(&state)?.set_len(LENGTH)?;
    match content {
        Content::Xfs => tool("mkfs.xfs", &["-q", "-L", "STATE"], &state)?,
        Content::Ext4 => tool("mkfs.ext4", &["-q", "-F", "-L", "STATE"], &state)?,
        Content::Noise => fs::write(&state, vec![0xa5; 256 * 1024])?,
    }
    let mut file = OpenOptions::new().write(true).open(&disk)?;
    file.seek(SeekFrom::Start(OFFSET))?;
    copy_sparsely(&state, &mut file)?;
    fs::remove_file(&state)?;
    Ok(disk)
}

fn partition(disk: &Path, layout: Layout) -> Result<()> {
    let row = |start: u64, len: u64, name: &str| {
        format!(
            "start={}, size={}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name={name}\n",
            start / 512,
            len / 512
        )
    };
    let mut table = format!("label: gpt\n{}", row(OFFSET, LENGTH, "STATE"));
    if layout == Layout::StateAndMeta {
        table.push_str(&row(OFFSET + LENGTH, MIB, "META"));
    }
    let mut sfdisk = Command::new("sfdisk")
        .arg("--quiet")
        .arg(disk)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sfdisk")?;
    let mut input = sfdisk.stdin.take().context("sfdisk has no input")?;
    input.write_all(table.as_bytes())?;
    drop(input);
    ensure!(sfdisk.wait()?.success(), "sfdisk failed");
    Ok(())
}

fn tool(name: &str, arguments: &[&str], file: &Path) -> Result<()> {
    let status = Command::new(name).args(arguments).arg(file).status();
    let status = status.with_context(|| format!("cannot start {name}"))?;
    ensure!(status.success(), "{name}: {status}");
    Ok(())
}

/// Copies a file and leaves out what is zero.
fn copy_sparsely(from: &Path, to: &mut File) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let len = io::Read::read(&mut from, &mut block)?;
        let read = block.get(..len).unwrap_or_default();
        if read.is_empty() {
            return Ok(());
        }
        if read.iter().all(|byte| *byte == 0) {
            to.seek_relative(i64::try_from(len).unwrap_or(0))?;
        } else {
            to.write_all(read)?;
        }
    }
}
