// SPDX-License-Identifier: MPL-2.0
//! The machine configuration as machined uses it.
//!
//! Owns: what of the configuration machined acts on, and where it is stored.
//! Never: changes the text that the operator wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use pki::Secret;

use crate::places::Places;
use crate::resources::MachineKind;

/// What machined acts on.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// What it is in its cluster.
    pub kind: MachineKind,
    /// `machine.network.hostname`; empty for none.
    pub hostname: String,
    /// `machine.network.extraHostEntries`.
    pub extra_hosts: Vec<(String, Vec<String>)>,
    /// `machine.sysctls`.
    pub sysctls: BTreeMap<String, String>,
    /// `machine.certSANs`.
    pub cert_sans: Vec<String>,
    /// The certificate of `machine.ca`, PEM, and of the other accepted ones.
    pub ca_certificate: Vec<u8>,
    /// Certificates of the other CAs that clients may come from, PEM.
    pub accepted_cas: Vec<u8>,
    /// The key of `machine.ca`, PEM; empty on workers.
    pub ca_key: Secret,
    /// `machine.features.rbac`.
    pub rbac: bool,
    /// `machine.features.apidCheckExtKeyUsage`.
    pub check_key_usage: bool,
    /// `machine.features.stableHostname`.
    pub stable_hostname: bool,
}

/// A configuration that was accepted: what was written and what it means.
pub(crate) struct Loaded {
    source: Vec<u8>,
    /// What it means to machined.
    pub machine: Machine,
    /// Keys that are accepted and not acted on yet.
    pub unsupported: Vec<String>,
    /// What validation would like to be better.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loaded(******)")
    }
}

impl Loaded {
    /// Makes one from its parts.
    #[must_use]
    pub(crate) fn new(
        source: Vec<u8>,
        machine: Machine,
        unsupported: Vec<String>,
        warnings: Vec<String>,
    ) -> Self {
        Self {
            source,
            machine,
            unsupported,
            warnings,
        }
    }

    /// What was written, byte for byte.
    #[must_use]
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }
}

/// Stores the configuration and keeps the one before it. After a power cut there is the one or the
/// other, whole.
///
/// # Errors
/// The file system's.
pub(crate) fn store(places: &Places, source: &[u8]) -> std::io::Result<()> {
    let path = places.configuration();
    let present = match std::fs::read(&path) {
        Ok(present) if present == source => return Ok(()),
        Ok(present) => Some(present),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(present) = present {
        write_whole(&places.previous_configuration(), &present)?;
    }
    write_whole(&path, source)
}

/// Reads the stored configuration; nothing when there is none.
///
/// # Errors
/// The file system's.
pub(crate) fn stored(places: &Places) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(places.configuration()) {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file that only root reads, so that it is there whole or not at all.
///
/// # Errors
/// The file system's.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    // A leftover of a crash may have other rights.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_stored_configuration_keeps_its_predecessor_and_only_root_reads_it() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        assert_eq!(stored(&places).unwrap(), None);

        store(&places, b"one").unwrap();
        store(&places, b"two").unwrap();
        store(&places, b"two").unwrap();

        assert_eq!(stored(&places).unwrap().unwrap(), b"two");
        let previous = std::fs::read(places.previous_configuration()).unwrap();
        assert_eq!(previous, b"one");
        for path in [places.configuration(), places.previous_configuration()] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_leftover_of_a_crash_is_no_obstacle() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        store(&places, b"one").unwrap();
        std::fs::write(places.configuration().with_extension("new"), b"half").unwrap();

        store(&places, b"two").unwrap();

        assert_eq!(stored(&places).unwrap().unwrap(), b"two");
    }
}
