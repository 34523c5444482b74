// SPDX-License-Identifier: MPL-2.0
//! Where everything is that machined touches.
//!
//! Owns: the paths, in one value, so that a test can have a node of its own in a folder.
//! Never: reads an environment variable.

use std::path::{Path, PathBuf};

/// The root of a node's files, and the addresses of its agents.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/` on a node.
    root: PathBuf,
    /// Where apid listens, asked as its health check.
    pub apid: std::net::SocketAddr,
    /// Where trustd listens: asked here as its health check, and by its port on control planes.
    pub trustd: std::net::SocketAddr,
    /// The UDP port of time servers.
    pub ntp_port: u16,
}

impl Places {
    /// The node's own.
    #[must_use]
    pub fn node() -> Self {
        Self::under("/")
    }

    /// Those of a node whose root is at `root`.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            apid: (std::net::Ipv4Addr::LOCALHOST, api::wire::APID_PORT).into(),
            trustd: (std::net::Ipv4Addr::LOCALHOST, api::wire::TRUSTD_PORT).into(),
            // RFC 5905 §16.
            ntp_port: 123,
        }
    }

    /// A path of the node, wherever its root is.
    #[must_use]
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The stored configuration.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.at("/system/state/config.yaml")
    }

    /// The one before it.
    #[must_use]
    pub fn previous_configuration(&self) -> PathBuf {
        self.at("/system/state/config.previous.yaml")
    }

    /// The one that the next start of the machine takes.
    #[must_use]
    pub fn staged_configuration(&self) -> PathBuf {
        self.at("/system/state/config.staged.yaml")
    }

    /// The one that the next start of the machine tries.
    #[must_use]
    pub fn trial_configuration(&self) -> PathBuf {
        self.at("/system/state/config.trial.yaml")
    }

    /// The one that this start of the machine tries.
    #[must_use]
    pub fn tried_configuration(&self) -> PathBuf {
        self.at("/system/state/config.tried.yaml")
    }

    /// What tells this node from all others.
    #[must_use]
    pub fn node_identity(&self) -> PathBuf {
        self.at("/system/state/node-identity.yaml")
    }

    /// The device of the STATE partition, where udevd has found one.
    #[must_use]
    pub fn state_device(&self) -> PathBuf {
        self.at("/dev/disk/by-partlabel/STATE")
    }

    /// The device of the META partition, where udevd has found one.
    #[must_use]
    pub fn meta_device(&self) -> PathBuf {
        self.at("/dev/disk/by-partlabel/META")
    }

    /// META of a machine without that partition, as long as the machine runs.
    #[must_use]
    pub fn meta_in_memory(&self) -> PathBuf {
        self.at("/run/ichor/machined.meta")
    }

    /// Says that what is stored is on a disk, as long as the machine runs.
    #[must_use]
    pub fn state_is_mounted(&self) -> PathBuf {
        self.at("/run/ichor/machined.state")
    }

    /// Says that the boot sequence ran to its end since the machine started.
    #[must_use]
    pub fn booted(&self) -> PathBuf {
        self.at("/run/ichor/machined.booted")
    }

    /// Says that a configuration is on trial, which ends with machined.
    #[must_use]
    pub fn trial(&self) -> PathBuf {
        self.at("/run/ichor/machined.trial")
    }

    /// Says that a configuration was left to the next start since the machine started.
    #[must_use]
    pub fn left_to_next_start(&self) -> PathBuf {
        self.at("/run/ichor/machined.left")
    }

    /// What kernel parameters were before machined set them, as long as the machine runs.
    #[must_use]
    pub fn kernel_parameters_before(&self) -> PathBuf {
        self.at("/run/ichor/machined.kernel-parameters")
    }

    /// How far logs were sent, as long as the machine runs.
    #[must_use]
    pub fn shipped(&self) -> PathBuf {
        self.at("/run/ichor/machined.shipped")
    }

    /// The modules that the kernel has loaded; not there in a kernel without modules.
    #[must_use]
    pub fn loaded_modules(&self) -> PathBuf {
        self.at("/proc/modules")
    }

    /// What is wanted of an extension service, while that is not what init was told.
    #[must_use]
    pub fn wanted(&self, id: &str) -> PathBuf {
        self.at(format!("/run/ichor/machined.{id}"))
    }

    /// What an extension service or container was started with, in a form that says nothing of it.
    #[must_use]
    pub fn started_with(&self, id: &str) -> PathBuf {
        self.at(format!("/run/ichor/machined.{id}.started"))
    }

    /// Descriptions of extension services.
    #[must_use]
    pub fn extension_services(&self) -> PathBuf {
        self.at("/usr/local/etc/containers")
    }

    /// The list of the system extensions in the image.
    #[must_use]
    pub fn extensions(&self) -> PathBuf {
        self.at("/etc/extensions.yaml")
    }

    /// How init fared with each layer over the root, where there are layers.
    #[must_use]
    pub fn layers(&self) -> PathBuf {
        self.at("/run/ichor/layers")
    }

    /// Files that other programs see in `/etc`.
    #[must_use]
    pub fn etc(&self) -> PathBuf {
        self.at("/system/etc")
    }

    /// The kernel's command line.
    #[must_use]
    pub fn kernel_arguments(&self) -> PathBuf {
        self.at("/proc/cmdline")
    }
}
