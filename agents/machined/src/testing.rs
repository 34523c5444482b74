// SPDX-License-Identifier: MPL-2.0
//! What unit tests begin with: a folder of their own, a container.
//!
//! Owns: making the folder and taking it away.
//! Never: is part of the program.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that is gone with its owner.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("machined-unit-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

/// A container whose document ends with `more`.
pub(crate) fn container(more: &str) -> config::ContainerSpec {
    let text =
        format!("apiVersion: v1alpha1\nkind: ContainerConfig\nname: web\nimage:\n  ref: a\n{more}");
    let loaded = config::Configuration::load(text.as_bytes()).unwrap();
    let Some(config::Extra::ContainerConfig(written)) = loaded.extras().first() else {
        panic!("no container");
    };
    config::ContainerSpec::from_document(written).unwrap()
}
