// SPDX-License-Identifier: MPL-2.0
//! How the kubelet is to run on this node: its arguments and its configuration file.
//!
//! Owns: `KubeletSpec`: what the system says and what the configuration may change of it.
//! Never: starts one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use resource::{Body, Controller, Desired, Failure, Input, Output, View};
use serde_yaml_ng::{Mapping, Value};

use super::arguments::{self, Arguments};
use crate::resources::{KubeletConfig, KubeletSpec, NodeIp, Nodename};

/// Arguments that are the system's alone.
const FIXED_ARGUMENTS: &[&str] = &[
    "bootstrap-kubeconfig",
    "kubeconfig",
    "container-runtime",
    "container-runtime-endpoint",
    "config",
    "cert-dir",
];

/// Fields of the configuration file that are the system's alone.
const FIXED_FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "staticPodPath",
    "staticPodURL",
    "port",
    "authentication",
    "authorization",
    "cgroupRoot",
    "systemCgroups",
    "kubeletCgroups",
    "rotateCertificates",
    "protectKernelDefaults",
    "containerRuntimeEndpoint",
    "seccompDefault",
];

/// The first kubelet of version 1 that finds the socket of containerd in its configuration file.
const MINOR_WITH_ENDPOINT: u32 = 27;

pub(super) fn controller() -> Controller {
    Controller {
        name: "k8s.KubeletSpecController",
        inputs: vec![
            Input::of::<KubeletConfig>().only("kubelet"),
            Input::of::<Nodename>().only("nodename"),
            Input::of::<NodeIp>().only("kubelet"),
        ],
        outputs: vec![Output::of::<KubeletSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let config = view.get::<KubeletConfig>("kubelet");
    let (Some(config), Some(nodename)) = (config, view.get::<Nodename>("nodename")) else {
        return Ok(());
    };
    let addresses = match config.extra_args.contains_key("node-ip") {
        // The configuration says it itself.
        true => &[][..],
        false => match view.get::<NodeIp>("kubelet") {
            Some(known) => &known.addresses,
            None => return Ok(()),
        },
    };
    let spec = KubeletSpec {
        image: config.image.clone(),
        args: args(config, &nodename.nodename, addresses)?,
        extra_mounts: config.extra_mounts.clone(),
        nodename: nodename.nodename.clone(),
        config: file(config)?,
        credentials: config.credentials.clone(),
    };
    desired.put("kubelet", spec);
    Ok(())
}

fn args(
    config: &KubeletConfig,
    nodename: &str,
    addresses: &[IpAddr],
) -> Result<Vec<String>, Failure> {
    let mut args = arguments::of([
        ("config", "/etc/kubernetes/kubelet.yaml".to_owned()),
        ("cert-dir", "/var/lib/kubelet/pki".to_owned()),
        ("hostname-override", nodename.to_owned()),
    ]);
    let mut say = |all: &[(&str, &str)]| {
        let all = all.iter();
        args.extend(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    };
    if !config.skip_registration {
        say(&[
            (
                "bootstrap-kubeconfig",
                "/etc/kubernetes/bootstrap-kubeconfig",
            ),
            ("kubeconfig", "/etc/kubernetes/kubeconfig-kubelet"),
        ]);
    }
    if !addresses.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        say(&[("node-ip", &addresses.join(","))]);
    }
    if config.cloud_provider_external {
        say(&[("cloud-provider", "external")]);
    }
    if !knows_endpoint(&config.image) {
        say(&[(
            "container-runtime-endpoint",
            "/run/containerd/containerd.sock",
        )]);
    }
    if has_entries(&config.credentials) {
        say(&[
            (
                "image-credential-provider-bin-dir",
                "/usr/local/lib/kubelet/credentialproviders",
            ),
            (
                "image-credential-provider-config",
                "/etc/kubernetes/kubelet-credentialproviderconfig.yaml",
            ),
        ]);
    }
    let written: &Arguments = &config.extra_args;
    arguments::replace("the kubelet", &mut args, written, FIXED_ARGUMENTS)?;
    Ok(arguments::line(&args))
}

/// Whether the kubelet of an image takes the socket of containerd from its configuration file. One
/// whose tag says no version is taken for a new one.
fn knows_endpoint(image: &str) -> bool {
    let tag = image
        .split('@')
        .next()
        .and_then(|name| name.rsplit_once(':'));
    let minor = tag.and_then(|(_, tag)| tag.strip_prefix("v1.")?.split('.').next()?.parse().ok());
    minor.is_none_or(|minor: u32| minor >= MINOR_WITH_ENDPOINT)
}

fn has_entries(value: &Value) -> bool {
    value
        .as_mapping()
        .is_some_and(|mapping| !mapping.is_empty())
}

/// A mapping of the configuration file, by key.
fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = BTreeMap::from(entries).into_iter();
    Value::Mapping(entries.map(|(key, value)| (key.into(), value)).collect())
}

/// The configuration file.
fn file(config: &KubeletConfig) -> Result<Value, Failure> {
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let written = config.extra_config.as_mapping();
    for (key, value) in written.into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        if FIXED_FIELDS.contains(&key) {
            return Err(Failure::new(format_args!(
                "the field {key} of the kubelet's configuration cannot be changed"
            )));
        }
        fields.insert(key.to_owned(), value.clone());
    }
    for (key, value) in defaults(config) {
        let field = fields.entry(key.to_owned());
        match (field.or_insert_with(|| value.clone()), value) {
            // Of these parts each field has a default of its own.
            (Value::Mapping(known), Value::Mapping(own)) if is_merged(key) => {
                for (key, value) in own {
                    known.entry(key).or_insert(value);
                }
            }
            (_written, _default) => {}
        }
    }
    let fixed = fixed(config).into_iter();
    fields.extend(fixed.map(|(key, value)| (key.to_owned(), value)));
    let fields = fields.into_iter();
    let fields: Mapping = fields.map(|(key, value)| (key.into(), value)).collect();
    Ok(Value::Mapping(fields))
}

fn is_merged(key: &str) -> bool {
    matches!(key, "featureGates" | "logging")
}

/// What the configuration may change.
fn defaults(config: &KubeletConfig) -> Vec<(&'static str, Value)> {
    let dns = config
        .cluster_dns
        .iter()
        .map(|address| address.as_str().into());
    let mut fields = vec![
        ("address", "0.0.0.0".into()),
        ("oomScoreAdj", (-450).into()),
        ("clusterDomain", config.cluster_domain.as_str().into()),
        ("clusterDNS", Value::Sequence(dns.collect())),
        ("serializeImagePulls", false.into()),
        ("failSwapOn", false.into()),
        (
            "systemReserved",
            mapping([
                ("cpu", "50m".into()),
                ("memory", "192Mi".into()),
                ("pid", "100".into()),
                ("ephemeral-storage", "256Mi".into()),
            ]),
        ),
        ("logging", mapping([("format", "json".into())])),
        ("shutdownGracePeriod", "30s".into()),
        ("shutdownGracePeriodCriticalPods", "10s".into()),
        ("streamingConnectionIdleTimeout", "5m0s".into()),
        ("tlsMinVersion", "VersionTLS13".into()),
    ];
    if config.with_quotas {
        let gate = "LocalStorageCapacityIsolationFSQuotaMonitoring";
        fields.push(("featureGates", mapping([(gate, true.into())])));
    }
    fields
}

/// What is the system's alone.
fn fixed(config: &KubeletConfig) -> Vec<(&'static str, Value)> {
    let registers = !config.skip_registration;
    let enabled = |is_enabled: bool| mapping([("enabled", is_enabled.into())]);
    let authority = mapping([("clientCAFile", "/etc/kubernetes/pki/ca.crt".into())]);
    // Who does not register has nobody to ask what a caller may.
    let mode = if registers { "Webhook" } else { "AlwaysAllow" };
    let mut fields = vec![
        ("apiVersion", "kubelet.config.k8s.io/v1beta1".into()),
        ("kind", "KubeletConfiguration".into()),
        ("port", 10250.into()),
        (
            "authentication",
            mapping([
                ("x509", authority),
                ("webhook", enabled(registers)),
                ("anonymous", enabled(false)),
            ]),
        ),
        ("authorization", mapping([("mode", mode.into())])),
        ("cgroupRoot", "/".into()),
        ("systemCgroups", "/system".into()),
        ("kubeletCgroups", "/podruntime/kubelet".into()),
        ("rotateCertificates", true.into()),
        ("protectKernelDefaults", true.into()),
    ];
    if knows_endpoint(&config.image) {
        let socket = "unix:///run/containerd/containerd.sock";
        fields.push(("containerRuntimeEndpoint", socket.into()));
    }
    if !config.without_folder {
        fields.push(("staticPodPath", "/etc/kubernetes/manifests".into()));
    }
    if !config.static_pods.is_empty() {
        fields.push(("staticPodURL", config.static_pods.as_str().into()));
    }
    if config.seccomp_default {
        fields.push(("seccompDefault", true.into()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    fn config(extra: &str) -> KubeletConfig {
        KubeletConfig {
            image: "ghcr.io/siderolabs/kubelet:v1.29.3".to_owned(),
            cluster_dns: vec!["10.96.0.10".to_owned()],
            cluster_domain: "cluster.local".to_owned(),
            extra_config: serde_yaml_ng::from_str(extra).unwrap(),
            seccomp_default: true,
            ..KubeletConfig::default()
        }
    }

    /// A node that is called `box`, and of which Kubernetes knows these addresses.
    fn node(addresses: &[&str]) -> Bench {
        let mut bench = Bench::of(controller());
        bench.say(
            "nodename",
            Nodename {
                nodename: "box".to_owned(),
                ..Nodename::default()
            },
        );
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        let addresses: Vec<IpAddr> = addresses.collect();
        if !addresses.is_empty() {
            bench.say("kubelet", NodeIp { addresses });
        }
        bench
    }

    fn spec(bench: &Bench) -> Option<KubeletSpec> {
        bench.store.get::<KubeletSpec>("kubelet").cloned()
    }

    #[test]
    fn rsrc_038_a_kubelet_has_the_arguments_and_the_file_of_the_documents() {
        let mut bench = node(&["10.5.0.2", "fd00::2"]);
        bench.say("kubelet", config("{}"));

        assert!(bench.run().failures.is_empty());

        let spec = spec(&bench).unwrap();
        assert_eq!(
            spec.args,
            [
                "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubeconfig",
                "--cert-dir=/var/lib/kubelet/pki",
                "--config=/etc/kubernetes/kubelet.yaml",
                "--hostname-override=box",
                "--kubeconfig=/etc/kubernetes/kubeconfig-kubelet",
                "--node-ip=10.5.0.2,fd00::2",
            ]
        );
        assert_eq!(spec.nodename, "box");
        assert_eq!(
            serde_yaml_ng::to_string(&spec.config).unwrap(),
            "address: 0.0.0.0\napiVersion: kubelet.config.k8s.io/v1beta1\n\
             authentication:\n  anonymous:\n    enabled: false\n  webhook:\n    enabled: true\n\
             \x20 x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\n\
             authorization:\n  mode: Webhook\ncgroupRoot: /\nclusterDNS:\n- 10.96.0.10\n\
             clusterDomain: cluster.local\n\
             containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n\
             failSwapOn: false\nkind: KubeletConfiguration\nkubeletCgroups: /podruntime/kubelet\n\
             logging:\n  format: json\noomScoreAdj: -450\nport: 10250\n\
             protectKernelDefaults: true\nrotateCertificates: true\nseccompDefault: true\n\
             serializeImagePulls: false\nshutdownGracePeriod: 30s\n\
             shutdownGracePeriodCriticalPods: 10s\nstaticPodPath: /etc/kubernetes/manifests\n\
             streamingConnectionIdleTimeout: 5m0s\nsystemCgroups: /system\n\
             systemReserved:\n  cpu: 50m\n  ephemeral-storage: 256Mi\n  memory: 192Mi\n\
             \x20 pid: '100'\ntlsMinVersion: VersionTLS13\n"
        );
    }

    #[test]
    fn rsrc_038_the_configuration_changes_what_it_may_and_nothing_else() {
        let mut bench = node(&["10.5.0.2"]);
        let written = "{failSwapOn: true, maxPods: 7, logging: {verbosity: 2}, \
                       featureGates: {A: false}, systemReserved: {cpu: 1}}";
        let file = |bench: &Bench| serde_yaml_ng::to_string(&spec(bench).unwrap().config).unwrap();
        bench.say(
            "kubelet",
            KubeletConfig {
                with_quotas: true,
                static_pods: "http://127.0.0.1:1234/".to_owned(),
                without_folder: true,
                ..config(written)
            },
        );
        assert!(bench.run().failures.is_empty());
        for part in [
            "failSwapOn: true\n",
            "maxPods: 7\n",
            "featureGates:\n  A: false\n  LocalStorageCapacityIsolationFSQuotaMonitoring: true\n",
            "logging:\n  verbosity: 2\n  format: json\n",
            "systemReserved:\n  cpu: 1\n",
            "staticPodURL: http://127.0.0.1:1234/\n",
        ] {
            assert!(file(&bench).contains(part), "{}", file(&bench));
        }
        assert!(!file(&bench).contains("staticPodPath"));
        assert!(!file(&bench).contains("memory"));

        for fixed in FIXED_FIELDS {
            let mut bench = node(&["10.5.0.2"]);
            bench.say("kubelet", config(&format!("{{{fixed}: x}}")));
            assert_eq!(bench.run().failures.len(), 1, "{fixed}");
        }
    }

    #[test]
    fn rsrc_038_arguments_are_refused_where_they_are_fixed_and_wait_for_addresses() {
        let with = |name: &str| KubeletConfig {
            extra_args: arguments::of([(name, "x".to_owned())]),
            ..config("{}")
        };
        let mut bench = node(&[]);
        bench.say("kubelet", config("{}"));
        bench.run();
        assert_eq!(spec(&bench), None);

        bench.say("kubelet", with("node-ip"));
        bench.run();
        let args = spec(&bench).unwrap().args;
        assert!(args.iter().any(|arg| arg == "--node-ip=x"), "{args:?}");

        for (change, present) in [
            (
                KubeletConfig {
                    skip_registration: true,
                    ..with("node-ip")
                },
                &[("mode: AlwaysAllow", true), ("--kubeconfig", false)][..],
            ),
            (
                KubeletConfig {
                    cloud_provider_external: true,
                    credentials: serde_yaml_ng::from_str("{kind: a}").unwrap(),
                    ..with("node-ip")
                },
                &[
                    ("--cloud-provider=external", true),
                    ("--image-credential-provider-bin-dir=/usr/local", true),
                ],
            ),
            (
                KubeletConfig {
                    image: "kubelet:v1.26.9@sha256:ab".to_owned(),
                    ..with("node-ip")
                },
                &[
                    ("--container-runtime-endpoint=/run/containerd", true),
                    ("containerRuntimeEndpoint", false),
                ],
            ),
        ] {
            bench.say("kubelet", change);
            bench.run();
            let spec = spec(&bench).unwrap();
            let file = serde_yaml_ng::to_string(&spec.config).unwrap();
            let all = format!("{}\n{file}", spec.args.join("\n"));
            for (part, is_there) in present {
                assert_eq!(all.contains(part), *is_there, "{part}: {all}");
            }
        }

        for fixed in FIXED_ARGUMENTS {
            let mut change = with(fixed);
            change
                .extra_args
                .insert("node-ip".to_owned(), "x".to_owned());
            let mut bench = node(&[]);
            bench.say("kubelet", change);
            assert_eq!(bench.run().failures.len(), 1, "{fixed}");
        }
    }
}
