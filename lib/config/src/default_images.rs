// SPDX-License-Identifier: MPL-2.0
//! The images that a cluster with generated configurations takes.
//!
//! Owns: their names and versions.
//! Never: pulls one.

use crate::generate::{KUBERNETES_VERSION, TALOS_VERSION};

/// Images that the configuration does not name; their versions are those of the release.
const OTHERS: [&str; 4] = [
    "ghcr.io/siderolabs/flannel:v0.23.0",
    "ghcr.io/siderolabs/install-cni:v1.6.0-2-g9234398",
    "registry.k8s.io/coredns/coredns:v1.11.1",
    "gcr.io/etcd-development/etcd:v3.5.11",
];

/// Returns the image of the installer.
#[must_use]
pub fn installer() -> String {
    format!("ghcr.io/siderolabs/installer:{TALOS_VERSION}")
}

/// Returns the image of the kubelet.
#[must_use]
pub fn kubelet() -> String {
    format!("ghcr.io/siderolabs/kubelet:v{KUBERNETES_VERSION}")
}

/// Returns every image, once each.
#[must_use]
pub fn all() -> Vec<String> {
    let mut images: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    for name in [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
    ] {
        images.push(format!("registry.k8s.io/{name}:v{KUBERNETES_VERSION}"));
    }
    images.push(kubelet());
    images.push(installer());
    images
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenerateOptions, SecretsBundle, generate};
    use pki::UnixTime;

    #[test]
    fn cmd_054_every_image_that_a_generated_configuration_names_is_listed() {
        let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
        let options = GenerateOptions::default();
        let made = generate("home", "https://10.0.0.2:6443", &secrets, &options).unwrap();
        let text = made.controlplane.to_yaml() + &made.worker.to_yaml();

        let images = all();
        let named = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("image: "));
        let mut count = 0_usize;
        for image in named {
            count = count.saturating_add(1);
            assert!(images.iter().any(|listed| listed == image), "{image}");
        }
        assert!(count >= 6, "{count}");
    }
}
