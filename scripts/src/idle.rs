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
        let program = std::env::current_exe().context("cannot tell which program this is")?;
        let child = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(program)
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
