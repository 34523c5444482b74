// SPDX-License-Identifier: MPL-2.0
//! The operator's editor.
//!
//! Owns: which one it is, the file that it gets, and that nobody else reads it.
//! Never: leaves a file behind but one that was asked for.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::leftovers::Leftover;
use crate::places::Environment;
use crate::signals::Editing;
use crate::trouble::Trouble;

/// What is there on every Unix.
const DEFAULT: &str = "vi";
/// Letters with which a command is more than words: a shell reads it then, as with git.
const FOR_A_SHELL: &[u8] = b"|&;<>()$`\\\"' \t\n*?[#~=%";

/// An editor.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    command: OsString,
    temporary: PathBuf,
}

impl Editor {
    /// The one of the environment.
    pub(crate) fn of(environment: &Environment) -> Self {
        let command = environment.editor.clone();
        let temporary = environment.temporary.clone();
        Self {
            command: command.unwrap_or_else(|| DEFAULT.into()),
            temporary: temporary.unwrap_or_else(std::env::temp_dir),
        }
    }

    /// Lets the operator edit a text, and returns what it is then.
    pub(crate) fn edit(&self, text: &[u8]) -> Result<Vec<u8>, Trouble> {
        let folder = Folder::within(&self.temporary)?;
        let path = folder.path.join("machineconfig.yaml");
        write(&path, text).map_err(|error| Trouble::file("write", &path, &error))?;
        let name = self.command.to_string_lossy();
        let editing = Editing::begin();
        let status = self.command_for(&path).status().map_err(|error| {
            Trouble::new(format!("cannot start the editor {name}: {error}"))
                .hint("name another one with $TALOS_EDITOR or $EDITOR")
        })?;
        drop(editing);
        let after = fs::read(&path);
        if !status.success() {
            let trouble = Trouble::new(format!(
                "the editor {name} {}; nothing is applied",
                ending(status)
            ));
            return Err(match after {
                Ok(after) if after != text => match self.keep(&after) {
                    Ok(kept) => trouble.hint(format!("what it left is kept in {}", kept.display())),
                    Err(error) => trouble.hint(format!("what it left could not be kept: {error}")),
                },
                Ok(_) | Err(_) => trouble.hint("name another one with $TALOS_EDITOR or $EDITOR"),
            });
        }
        after.map_err(|error| Trouble::file("read what the editor left in", &path, &error))
    }

    /// Keeps a text that was not applied in a file of its own.
    pub(crate) fn keep(&self, text: &[u8]) -> io::Result<PathBuf> {
        let path = self.temporary.join(format!("{}.yaml", unique()?));
        write(&path, text)?;
        Ok(path)
    }

    fn command_for(&self, path: &Path) -> Command {
        let bytes = self.command.as_bytes();
        if !bytes.iter().any(|byte| FOR_A_SHELL.contains(byte)) {
            let mut command = Command::new(&self.command);
            command.arg(path);
            return command;
        }
        let mut script = self.command.clone();
        script.push(" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("editor").arg(path);
        command
    }
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// A file that only its owner reads.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)
}

/// A name that nobody else has.
fn unique() -> io::Result<String> {
    let random = pki::random_bytes::<8>().map_err(io::Error::other)?;
    Ok(format!("ichorctl-{:016x}", u64::from_le_bytes(*random)))
}

/// A folder that only its owner enters, whatever an editor puts beside the file. It goes with
/// everything in it.
struct Folder {
    path: PathBuf,
    _leftover: Leftover,
}

impl Folder {
    fn within(parent: &Path) -> Result<Self, Trouble> {
        let trouble = |error: io::Error| Trouble::file("make a folder in", parent, &error);
        let path = parent.join(unique().map_err(trouble)?);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(trouble)?;
        Ok(Self {
            _leftover: Leftover::path(&path),
            path,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // There is nobody left to tell; it is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }
}
