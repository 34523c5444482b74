// SPDX-License-Identifier: MPL-2.0
//! Resources of files and mounts.
//!
//! Owns: what is written below `/etc`, and which partitions are mounted.
//! Never: writes a file.

use super::field::spec;
use super::values::Octets;

spec! {
    /// A file that is to be below `/etc`. Its id is its path there.
    EtcFileSpec,
    "EtcFileSpecs.files.talos.dev" in "files",
    ["etcfilespec", "efs"],
    [],
    Public,
    {
        1 "contents" contents: Octets, keep, "What is in it.";
        2 "mode" mode: u32, keep, "Its permission bits.";
    }
}

spec! {
    /// A file that was written. Its id is that of its spec.
    EtcFileStatus,
    "EtcFileStatuses.files.talos.dev" in "files",
    ["etcfilestatus", "efs"],
    [],
    Public,
    {
        1 "specVersion" spec_version: String, keep, "The version of the spec that is in it.";
    }
}

spec! {
    /// A partition that is mounted. Its id is its label.
    MountStatus,
    "MountStatuses.runtime.talos.dev" in "runtime",
    ["mounts", "mountstatus", "ms"],
    ["Source" = "{.source}", "Target" = "{.target}", "Filesystem Type" = "{.filesystemType}"],
    Public,
    {
        1 "source" source: String, keep, "Its device.";
        2 "target" target: String, keep, "Where it is.";
        3 "filesystemType" filesystem_type: String, keep, "What it is written as.";
        4 "options" options: Vec<String>, keep, "How it is mounted.";
        5 "encrypted" encrypted: bool, keep, "Whether it can be read with a key only.";
        6 "encryptionProviders" encryption_providers: Vec<String>, omit, "Where that key may come from.";
    }
}
