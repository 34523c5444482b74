// SPDX-License-Identifier: MPL-2.0
//! The command line of `extension` and `image`.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do with system extensions.
#[derive(Debug, Subcommand)]
pub(crate) enum Extension {
    /// Make a folder to begin an extension with
    #[command(after_help = "Example: ichorctl extension new hello --service")]
    New {
        /// What it is called, and its folder
        name: String,
        /// With a service, and a place for its program
        #[arg(long)]
        service: bool,
    },
    /// Make a layer (*.sqsh) or a container image (*.tar) of an extension
    #[command(
        after_help = "Examples: ichorctl extension pack ./hello -o hello.sqsh\n          \
                      ichorctl extension pack ./hello -o hello.tar --arch arm64"
    )]
    Pack {
        #[command(flatten)]
        source: Source,
        /// Where to write it; its ending says what: .sqsh or .tar
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Check extensions: folders, OCI layouts, archives of images, or images in registries
    #[command(
        after_help = "Examples: ichorctl extension validate ./hello hello.tar\n          \
                      ichorctl extension validate ghcr.io/siderolabs/gvisor:v1.0.0"
    )]
    Validate {
        /// The extensions: as folders, OCI layouts, archives of images, or references of images in registries
        #[arg(required = true)]
        sources: Vec<String>,
        #[command(flatten)]
        platform: Platform,
        #[command(flatten)]
        pulling: Pulling,
    },
}

/// An extension.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// A folder with manifest.yaml and rootfs/, an OCI layout, an archive of an image, or the reference of
    /// an image in a registry
    #[arg(value_name = "PATH|REFERENCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) platform: Platform,
    #[command(flatten)]
    pub(crate) pulling: Pulling,
}

/// How images are pulled.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Pulling {
    /// Machine configuration, or a part of one, whose machine.registries says how to pull images;
    /// credentials are also taken from docker's config.json
    #[arg(long, value_name = "FILE")]
    pub(crate) registries: Option<PathBuf>,
}

/// What it is for.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Platform {
    /// Architecture of the nodes; else that of this machine
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
}

impl Platform {
    /// The architecture that was asked for.
    pub(crate) fn arch(self) -> extension::Arch {
        self.arch
            .map_or_else(extension::Arch::of_host, extension::Arch::from)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    Amd64,
    Arm64,
}

impl From<Arch> for extension::Arch {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::Amd64 => Self::Amd64,
            Arch::Arm64 => Self::Arm64,
        }
    }
}

/// What to do with images, and where.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// Which images of nodes: those of containers of the configuration, or those of Kubernetes
    #[arg(long, global = true, default_value = "cri", value_name = "NAMESPACE")]
    pub(crate) namespace: Namespace,
    #[command(subcommand)]
    pub(crate) what: OfImage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Namespace {
    System,
    Cri,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(crate) enum OfImage {
    /// List the images that a cluster with default configurations takes
    #[command(after_help = "Example: ichorctl image default")]
    Default,
    /// Add system extensions to an initramfs
    #[command(
        after_help = "Example: ichorctl image extend initramfs -o initramfs.new \\\n           \
                      --extension ghcr.io/siderolabs/gvisor:v1.0.0 --extension ./hello"
    )]
    Extend(Extend),
    /// Show the images that nodes have
    #[command(
        visible_aliases = ["l", "ls"],
        after_help = "Example: ichorctl -n 10.0.0.2 image list --namespace system"
    )]
    List,
    /// Have nodes pull an image
    #[command(
        after_help = "Example: ichorctl -n 10.0.0.2 image pull --namespace system busybox:1.36"
    )]
    Pull {
        /// The image
        image: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Extend {
    /// The initramfs of a release
    pub(crate) initramfs: PathBuf,
    /// Extension to add, in order: a folder, OCI layout or archive, with the reference that it has
    /// in a registry before it, or the reference alone to pull it
    #[arg(
        long,
        visible_alias = "system-extension-image",
        value_name = "[REFERENCE=]PATH|REFERENCE"
    )]
    pub(crate) extension: Vec<String>,
    /// Id of the schematic that the image is made of
    #[arg(long, value_name = "ID")]
    pub(crate) schematic: Option<String>,
    /// Where to write the new initramfs
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Architecture of the nodes; that of the initramfs, which says it itself
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    #[command(flatten)]
    pub(crate) pulling: Pulling,
}
