// SPDX-License-Identifier: MPL-2.0
//! What unit tests begin with: a folder of their own, a configuration, a container.
//!
//! Owns: making the folder and taking it away.
//! Never: is part of the program.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::resources::MachineConfig;

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

/// The configuration of a control plane node, with `changed` in place of a part of its text.
pub(crate) fn configuration(part: &str, changed: &str) -> MachineConfig {
    let text = generated().controlplane.to_yaml();
    assert!(text.contains(part), "{part} is not in {text}");
    loaded(&text.replacen(part, changed, 1))
}

/// The configuration of a worker that signs its own certificates.
pub(crate) fn worker() -> MachineConfig {
    let mut made = generated();
    let ca = made.controlplane.machine.unwrap().ca;
    made.worker.machine.as_mut().unwrap().ca = ca;
    loaded(&made.worker.to_yaml())
}

fn generated() -> config::Generated {
    let now = pki::UnixTime::from(std::time::SystemTime::now());
    let secrets = config::SecretsBundle::generate(now).unwrap();
    let options = config::GenerateOptions::default();
    config::generate("lab", "https://10.5.0.2:6443", &secrets, &options).unwrap()
}

fn loaded(text: &str) -> MachineConfig {
    let loaded = crate::lower::load(text.as_bytes(), "metal").unwrap();
    MachineConfig(std::sync::Arc::new(loaded))
}
