// SPDX-License-Identifier: MPL-2.0
//! An image that is there, as machined is told about it.
//!
//! Owns: who its program runs as, and whether a message can hold it.
//! Never: reads the image; its record says everything.

use proto::heapless;
use proto::images::Ready;

use crate::command::{self, Command};
use crate::pull::Wanted;
use crate::store::Store;
use crate::users::{self, Identity, Known};

/// Everything that `Ready` borrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    path: String,
    digest: String,
    size: u64,
    command: Command,
    environment: Vec<String>,
    working_folder: String,
    lowest_port: u16,
    who: Identity,
}

impl Present {
    /// The image of a name, for what is wanted of it.
    ///
    /// # Errors
    /// It is not there, or has no such user or program.
    pub(crate) fn of(store: &Store, name: &str, wanted: &Wanted) -> Result<Self, String> {
        let record = store
            .record(name)
            .ok_or_else(|| "the image is gone".to_owned())?;
        let known = Known {
            passwd: &record.passwd,
            group: &record.group,
            own: &record.run.user,
        };
        Ok(Self {
            path: store.root(name).display().to_string(),
            digest: record.digest.clone(),
            size: record.size,
            command: command::command(&record.run, &wanted.entrypoint, &wanted.args)?,
            environment: record.run.environment.clone(),
            working_folder: record.run.working_folder.clone(),
            lowest_port: record.run.lowest_port.unwrap_or(0),
            who: users::identify(known, &wanted.user, &wanted.group)?,
        })
    }

    /// As it is told.
    ///
    /// # Errors
    /// The image says more of its program than init could be told.
    pub(crate) fn ready(&self) -> Result<Ready<'_>, String> {
        Ok(Ready {
            path: &self.path,
            digest: &self.digest,
            size: self.size,
            program: &self.command.program,
            args: list("command", &self.command.args)?,
            environment: list("environment", &self.environment)?,
            working_folder: &self.working_folder,
            lowest_port: self.lowest_port,
            uid: self.who.uid,
            gid: self.who.gid,
            groups: self.who.groups.iter().copied().collect(),
        })
    }
}

fn list<'a, const N: usize>(
    what: &str,
    texts: &'a [String],
) -> Result<heapless::Vec<&'a str, N>, String> {
    if texts.len() > N {
        let count = texts.len();
        return Err(format!(
            "the {what} of the image has {count} parts, at most {N} are possible"
        ));
    }
    Ok(texts.iter().map(String::as_str).collect())
}
