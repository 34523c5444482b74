// SPDX-License-Identifier: MPL-2.0
//! The command line of `gen`.
//!
//! Owns: its flags, defaults and help texts.
//! Never: does anything.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Gen {
    /// Generate a certificate authority that signs itself: NAME.crt, NAME.key, NAME.sha256
    #[command(after_help = "Example: ichorctl gen ca --organization home")]
    Ca(GenCa),
    /// Generate the configurations of a cluster
    #[command(
        after_help = "Example: ichorctl gen config home https://10.0.0.2:6443 --with-secrets secrets.yaml"
    )]
    Config(Box<GenConfig>),
    /// Generate a client certificate from a request: NAME.crt
    #[command(after_help = "Example: ichorctl gen crt --ca ca --csr admin.csr --name admin")]
    Crt(GenCrt),
    /// Generate a request for a certificate, beside its key: admin.csr for admin.key
    #[command(after_help = "Example: ichorctl gen csr --key admin.key --roles os:reader")]
    Csr(GenCsr),
    /// Generate an Ed25519 key: NAME.key
    #[command(after_help = "Example: ichorctl gen key --name admin")]
    Key {
        /// Name of the file, without .key
        #[arg(long)]
        name: PathBuf,
    },
    /// Generate an Ed25519 key and a certificate that it signs itself: NAME.crt, NAME.key
    #[command(after_help = "Example: ichorctl gen keypair --organization home --ip 10.0.0.2")]
    Keypair {
        /// Address that the certificate is for
        #[arg(long, value_name = "ADDRESS")]
        ip: Option<IpAddr>,
        /// Organisation in the certificate, and name of the files
        #[arg(long, value_name = "NAME", value_parser = organization)]
        organization: String,
    },
    /// Generate the secrets of a cluster, to be kept
    #[command(after_help = "Example: ichorctl gen secrets -o secrets.yaml")]
    Secrets(GenSecrets),
}

#[derive(Debug, Args)]
pub(crate) struct GenCa {
    /// How many hours it is valid
    #[arg(long, default_value_t = 87_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) hours: u32,
    /// Organisation in the certificate, and name of the files
    #[arg(long, value_name = "NAME", value_parser = organization)]
    pub(crate) organization: String,
    /// With an RSA key instead of an Ed25519 one
    #[arg(long)]
    pub(crate) rsa: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenCrt {
    /// Authority that signs: files CA.crt and CA.key
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// The request
    #[arg(long, value_name = "FILE")]
    pub(crate) csr: PathBuf,
    /// How many hours it is valid
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) hours: u32,
    /// Name of the file, without .crt
    #[arg(long)]
    pub(crate) name: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct GenCsr {
    /// Address that the certificate is for
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<IpAddr>,
    /// The key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// What its owner may do
    #[arg(long, value_delimiter = ',', default_value = "os:admin")]
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GenSecrets {
    /// Take the secrets of this configuration of a control plane node
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_kubernetes_pki", "talos_version"])]
    pub(crate) from_controlplane_config: Option<PathBuf>,
    /// Take the authorities of a Kubernetes cluster from its folder, such as /etc/kubernetes/pki
    #[arg(short = 'p', long, value_name = "FOLDER")]
    pub(crate) from_kubernetes_pki: Option<PathBuf>,
    /// With it: the token with which kubelets join; else a new one
    #[arg(
        short = 't',
        long,
        value_name = "TOKEN",
        requires = "from_kubernetes_pki"
    )]
    pub(crate) kubernetes_bootstrap_token: Option<String>,
    /// Where to write them; - is standard output
    #[arg(short, long, default_value = "secrets.yaml", value_name = "FILE")]
    pub(crate) output_file: PathBuf,
    /// Release that the secrets are for, such as v1.2
    #[arg(long, default_value = "", value_name = "VERSION")]
    pub(crate) talos_version: String,
}

#[derive(Debug, Args)]
pub(crate) struct GenConfig {
    /// Name of the cluster
    pub(crate) name: String,
    /// URL of the Kubernetes API; port 6443 when it is a control plane node
    pub(crate) endpoint: String,
    /// More names and addresses in the certificate of the Kubernetes API
    #[arg(long, value_delimiter = ',')]
    pub(crate) additional_sans: Vec<String>,
    /// Domain of services
    #[arg(long, default_value = "cluster.local")]
    pub(crate) dns_domain: String,
    /// Disk to install to
    #[arg(long, default_value = "/dev/sda")]
    pub(crate) install_disk: String,
    /// Image to install from; else that of this release
    #[arg(long, default_value = "")]
    pub(crate) install_image: String,
    /// Version of Kubernetes; else that of this release
    #[arg(long)]
    pub(crate) kubernetes_version: Option<String>,
    /// Folder to write to, or with one type a file, or - for standard output
    #[arg(short, long, alias = "output-dir", value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// What to write
    #[arg(
        short = 't',
        long,
        value_delimiter = ',',
        default_value = "controlplane,worker,talosconfig"
    )]
    pub(crate) output_types: Vec<OutputType>,
    /// What machine.persist says
    #[arg(
        short,
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) persist: bool,
    /// Registries and where to pull from instead: HOST=URL
    #[arg(long, value_delimiter = ',', value_parser = mirror)]
    pub(crate) registry_mirror: Vec<(String, String)>,
    /// Release that the configuration is for, such as v1.5
    #[arg(long, default_value = "")]
    pub(crate) talos_version: String,
    /// Version of the configuration's format
    #[arg(long, default_value = "v1alpha1", value_parser = ["v1alpha1"])]
    pub(crate) version: String,
    /// Let members discover each other
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) with_cluster_discovery: bool,
    /// Encrypt the network between nodes
    #[arg(long)]
    pub(crate) with_kubespan: bool,
    /// Use the secrets of this file, which `gen secrets` made
    #[arg(long, value_name = "FILE")]
    pub(crate) with_secrets: Option<PathBuf>,
    /// Explain each key in comments
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) with_docs: bool,
    /// Show keys that are left out, with an example each, in comments
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) with_examples: bool,
    /// Patch for all configurations: text, or @FILE, or @- for standard input
    #[arg(long, value_name = "PATCH")]
    pub(crate) config_patch: Vec<String>,
    /// Patches for control plane nodes
    #[arg(long, value_name = "PATCH")]
    pub(crate) config_patch_control_plane: Vec<String>,
    /// Patches for workers
    #[arg(long, value_name = "PATCH")]
    pub(crate) config_patch_worker: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputType {
    Controlplane,
    Worker,
    Talosconfig,
}

fn mirror(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((host, url)) if !host.is_empty() && !url.is_empty() => {
            Ok((host.to_owned(), url.to_owned()))
        }
        _ => Err("HOST=URL is wanted".to_owned()),
    }
}

/// The organisation is the name of files, too.
fn organization(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('/') || text.starts_with('.') {
        Err("a name that a file can have is wanted".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
