// SPDX-License-Identifier: MPL-2.0
//! Examples of keys that a generated configuration leaves out.
//!
//! Owns: one value for each key that many will want to add.
//! Never: shows a value that a node would refuse.

/// The example of the key at `path`.
pub(crate) fn of(path: &str) -> Option<&'static str> {
    let at = EXAMPLES.binary_search_by(|(known, _)| (*known).cmp(path));
    at.ok()
        .and_then(|at| EXAMPLES.get(at))
        .map(|(_, text)| *text)
}

/// Path and value, sorted by path. Together they are a valid configuration of a control plane node.
pub(crate) const EXAMPLES: &[(&str, &str)] = &[
    ("cluster.adminKubeconfig", "certLifetime: 1h\n"),
    ("cluster.allowSchedulingOnControlPlanes", "true"),
    (
        "cluster.apiServer.env",
        "HTTPS_PROXY: http://10.0.0.9:3128\n",
    ),
    (
        "cluster.apiServer.extraArgs",
        "feature-gates: ServerSideApply=true\n",
    ),
    (
        "cluster.apiServer.extraVolumes",
        "- hostPath: /var/lib/auth\n  mountPath: /etc/kubernetes/auth\n  readonly: true\n",
    ),
    ("cluster.controlPlane.localAPIServerPort", "6443"),
    (
        "cluster.controllerManager.extraArgs",
        "node-cidr-mask-size: \"25\"\n",
    ),
    ("cluster.coreDNS", "disabled: true\n"),
    ("cluster.etcd.advertisedSubnets", "- 10.0.0.0/8\n"),
    ("cluster.etcd.extraArgs", "election-timeout: \"5000\"\n"),
    ("cluster.etcd.image", "gcr.io/etcd-development/etcd:v3.5.11"),
    (
        "cluster.externalCloudProvider",
        "enabled: true\nmanifests:\n    - https://example.org/cloud.yaml\n",
    ),
    ("cluster.extraManifestHeaders", "Token: \"1234567\"\n"),
    (
        "cluster.network.cni",
        "name: custom\nurls:\n    - https://example.org/cni.yaml\n",
    ),
    ("cluster.proxy.disabled", "false"),
    ("cluster.proxy.extraArgs", "proxy-mode: iptables\n"),
    ("cluster.scheduler.extraArgs", "v: \"2\"\n"),
    ("machine.controlPlane", "scheduler:\n    disabled: false\n"),
    (
        "machine.disks",
        "- device: /dev/sdb\n  partitions:\n    - mountpoint: /var/mnt/extra\n      size: 100 GB\n",
    ),
    ("machine.env", "https_proxy: http://10.0.0.9:3128\n"),
    (
        "machine.features.kubernetesTalosAPIAccess",
        "enabled: true\nallowedRoles:\n    - os:reader\nallowedKubernetesNamespaces:\n    - kube-system\n",
    ),
    (
        "machine.files",
        "- content: hello\n  permissions: 0o644\n  path: /var/etc/greeting\n  op: create\n",
    ),
    (
        "machine.install.diskSelector",
        "size: '>= 32GB'\nmodel: WDC*\n",
    ),
    (
        "machine.install.extraKernelArgs",
        "- console=ttyS1\n- panic=10\n",
    ),
    ("machine.kernel", "modules:\n    - name: btrfs\n"),
    ("machine.kubelet.clusterDNS", "- 10.96.0.10\n"),
    ("machine.kubelet.extraArgs", "max-pods: \"200\"\n"),
    ("machine.kubelet.extraConfig", "serverTLSBootstrap: true\n"),
    (
        "machine.kubelet.extraMounts",
        "- destination: /var/lib/storage\n  type: bind\n  source: /var/lib/storage\n  options:\n    - bind\n    - rshared\n    - rw\n",
    ),
    (
        "machine.kubelet.nodeIP",
        "validSubnets:\n    - 10.0.0.0/8\n    - '!10.0.0.3/32'\n",
    ),
    (
        "machine.logging",
        "destinations:\n    - endpoint: tcp://10.0.0.9:12345\n      format: json_lines\n",
    ),
    ("machine.network.disableSearchDomain", "true"),
    (
        "machine.network.extraHostEntries",
        "- ip: 10.0.0.9\n  aliases:\n    - files.example.org\n    - files\n",
    ),
    ("machine.network.hostname", "node-1"),
    (
        "machine.network.interfaces",
        "- interface: eth0\n  addresses:\n    - 10.0.0.2/24\n  routes:\n    - network: 0.0.0.0/0\n      gateway: 10.0.0.1\n  mtu: 1500\n",
    ),
    ("machine.network.kubespan", "enabled: true\n"),
    ("machine.network.nameservers", "- 9.9.9.9\n- 2620:fe::fe\n"),
    ("machine.nodeLabels", "rack: a1\n"),
    ("machine.nodeTaints", "dedicated: storage:NoSchedule\n"),
    (
        "machine.pods",
        "- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: web\n  spec:\n    containers:\n        - name: web\n          image: nginx\n",
    ),
    (
        "machine.registries.config",
        "registry.example.org:\n    auth:\n        username: reader\n        password: secret\n",
    ),
    (
        "machine.registries.mirrors",
        "docker.io:\n    endpoints:\n        - https://mirror.example.org\n",
    ),
    (
        "machine.seccompProfiles",
        "- name: audit.json\n  value:\n    defaultAction: SCMP_ACT_LOG\n",
    ),
    ("machine.sysctls", "net.ipv4.ip_forward: \"1\"\n"),
    (
        "machine.sysfs",
        "devices.system.cpu.cpu0.cpufreq.scaling_governor: performance\n",
    ),
    (
        "machine.systemDiskEncryption",
        "ephemeral:\n    provider: luks2\n    keys:\n        - nodeID: {}\n          slot: 0\n",
    ),
    (
        "machine.time",
        "servers:\n    - time.example.org\nbootTimeout: 2m0s\n",
    ),
    (
        "machine.udev",
        "rules:\n    - SUBSYSTEM==\"drm\", KERNEL==\"renderD*\", GROUP=\"44\", MODE=\"0660\"\n",
    ),
];

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::Document;
    use crate::schema::{Field as _, Kind};

    /// Whether the format has a key there.
    fn exists(path: &str) -> bool {
        let mut kind = Document::KIND;
        path.split('.').all(|step| {
            let Kind::Struct(entries) = kind else {
                return false;
            };
            let entry = entries.iter().find(|entry| entry.key == step);
            entry.map(|entry| kind = entry.kind).is_some()
        })
    }

    #[test]
    fn examples_are_sorted_and_of_keys_that_exist() {
        assert!(EXAMPLES.is_sorted_by(|one, next| one.0 < next.0));
        for (path, _) in EXAMPLES {
            assert!(exists(path), "{path}");
        }
    }
}
