// SPDX-License-Identifier: MPL-2.0
//! Work of `./x` that is done beside other work, when no processor has anything better to do.
//!
//! Machines of tests wait most of the time, and miss their deadlines when something keeps them from
//! running. What the kernel's idle policy runs (sched(7), `SCHED_IDLE`) takes only what they leave.
//!
//! Owns: the processes that work, and what they said.
//! Never: hides that one failed.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::places::Places;

/// A command of `./x` that is under way.
#[derive(Debug)]
pub struct Idle {
    arguments: String,
    /// Gone when it has been waited for.
    child: Option<Child>,
}

impl Idle {
    /// Starts `./x` with `arguments`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(places: &Places, arguments: &[&str]) -> Result<Self> {
        // Not this program itself: when its tests were built, another one came into its place.
        let child = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(places.root.join("x"))
            .args(arguments)
            .current_dir(&places.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start chrt")?;
        Ok(Self {
            arguments: arguments.join(" "),
            child: Some(child),
        })
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it failed; with what it said.
    pub fn wait(mut self) -> Result<()> {
        let child = self.child.take().context("it has been waited for")?;
        let output = child.wait_with_output().context("cannot wait")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("./x {}: {}\n{said}", self.arguments, output.status);
        }
        Ok(())
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn with_x(text: &str) -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("x");
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let places = Places {
            root: folder.path().to_path_buf(),
            out: folder.path().join("out"),
            target: folder.path().join("target"),
            cache: folder.path().join("cache"),
        };
        (folder, places)
    }

    #[test]
    fn it_runs_when_nobody_else_wants_to_and_a_failure_is_said_with_its_words() {
        let (_folder, places) = with_x("#!/bin/sh\nchrt --pid $$ >&2\necho $1 fails >&2\nexit 3\n");

        let failed = Idle::start(&places, &["this"]).unwrap().wait();

        let said = failed.unwrap_err().to_string();
        assert!(said.contains("./x this: exit status: 3"), "{said}");
        assert!(said.contains("SCHED_IDLE"), "{said}");
        assert!(said.contains("this fails"), "{said}");
    }

    #[test]
    fn what_ends_well_is_no_failure() {
        let (_folder, places) = with_x("#!/bin/sh\nexit 0\n");

        assert!(Idle::start(&places, &["this"]).unwrap().wait().is_ok());
    }
}
