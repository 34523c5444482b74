// SPDX-License-Identifier: MPL-2.0
//! New configurations for a cluster.
//!
//! Owns: what a generated configuration says, and from which release on.
//! Never: makes a secret.

use crate::configuration::VERSION;
use crate::document::{
    AdmissionPluginConfig, ApiServerConfig, ClusterConfig, ClusterDiscoveryConfig,
    ClusterNetworkConfig, ControlPlaneConfig, ControllerManagerConfig, DiscoveryRegistriesConfig,
    Document, EtcdConfig, FeaturesConfig, InstallConfig, KubePrism, KubeletConfig, MachineConfig,
    NetworkConfig, NetworkKubeSpan, ProxyConfig, RegistriesConfig, RegistryKubernetesConfig,
    RegistryMirrorConfig, RegistryServiceConfig, SchedulerConfig,
};
use crate::release::{Release, minor_version};
use crate::secrets::SecretsBundle;
use crate::url::Url;
use crate::value::Value;
use core::fmt;
use core::net::Ipv6Addr;

const DEFAULT_PORT: u16 = 6443;
/// The release whose configurations we write and whose images they name.
pub const TALOS_VERSION: &str = "v1.6.7";
pub(crate) const KUBERNETES_VERSION: &str = "1.29.3";

/// What `gen config` can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateOptions {
    /// More names and addresses for the certificates.
    pub additional_sans: Vec<String>,
    /// The domain of services.
    pub dns_domain: String,
    /// The disk to install to.
    pub install_disk: String,
    /// The installer image; empty takes that of the release.
    pub install_image: String,
    /// More kernel arguments.
    pub install_extra_kernel_args: Vec<String>,
    /// Version of Kubernetes, with or without `v`.
    pub kubernetes_version: String,
    /// The release that the configuration is for, `v1.5`; empty takes the newest we know, and newer ones
    /// are written like it.
    pub talos_version: String,
    /// Registries and the URL to pull from instead.
    pub registry_mirrors: Vec<(String, String)>,
    /// What `persist` says.
    pub persist: bool,
    /// Whether members discover each other.
    pub with_cluster_discovery: bool,
    /// Whether the network between nodes is encrypted.
    pub with_kubespan: bool,
    /// Whether pods may run on control plane nodes; `None` says nothing.
    pub allow_scheduling_on_control_planes: Option<bool>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            additional_sans: Vec::new(),
            dns_domain: "cluster.local".to_owned(),
            install_disk: "/dev/sda".to_owned(),
            install_image: String::new(),
            install_extra_kernel_args: Vec::new(),
            kubernetes_version: KUBERNETES_VERSION.to_owned(),
            talos_version: String::new(),
            registry_mirrors: Vec::new(),
            persist: true,
            with_cluster_discovery: true,
            with_kubespan: false,
            allow_scheduling_on_control_planes: None,
        }
    }
}

/// The configurations of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// For control plane nodes.
    pub controlplane: Document,
    /// For workers.
    pub worker: Document,
}

/// Why nothing was generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerateError {
    /// The cluster has no name.
    NoName,
    /// The endpoint is neither a URL nor a host.
    BadEndpoint(String),
    /// Not a version like `v1.6`, or older than we know.
    BadVersion(String),
    /// Not a version of Kubernetes.
    BadKubernetesVersion(String),
    /// The secrets are those of an older release and lack this.
    MissingSecret(&'static str),
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("the cluster needs a name"),
            Self::BadEndpoint(text) => write!(
                f,
                "{text:?} is not a control plane endpoint, which is a URL such as https://10.0.0.1:6443"
            ),
            Self::BadVersion(text) => write!(
                f,
                "{text:?} is not a version from {} on, such as {}",
                Release::OLDEST,
                Release::CURRENT
            ),
            Self::BadKubernetesVersion(text) => {
                write!(f, "{text:?} is not a version of Kubernetes")
            }
            Self::MissingSecret(name) => {
                write!(f, "the secrets have no {name}, as those of older releases")
            }
        }
    }
}

impl std::error::Error for GenerateError {}

/// Makes the configurations of a new cluster. `endpoint` is its URL; scheme and port may be left out.
pub fn generate(
    name: &str,
    endpoint: &str,
    secrets: &SecretsBundle,
    options: &GenerateOptions,
) -> Result<Generated, GenerateError> {
    if name.is_empty() {
        return Err(GenerateError::NoName);
    }
    let kubernetes = options.kubernetes_version.trim_start_matches('v');
    if minor_version(kubernetes).is_none() {
        let text = options.kubernetes_version.clone();
        return Err(GenerateError::BadKubernetesVersion(text));
    }
    let (url, is_ipv6) = complete_endpoint(endpoint)?;
    let input = Input {
        name,
        url,
        is_ipv6,
        kubernetes,
        secrets,
        options,
        release: release(options)?,
    };
    input.check_secrets()?;
    Ok(Generated {
        controlplane: input.controlplane(),
        worker: input.worker(),
    })
}

/// Adds what an endpoint may leave out, and says whether it was a bare IPv6 address.
fn complete_endpoint(text: &str) -> Result<(Url, bool), GenerateError> {
    let bad = || GenerateError::BadEndpoint(text.to_owned());
    if text.contains("://") {
        return Ok((Url::parse(text).ok_or_else(bad)?, false));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let (text, is_ipv6) = match bare.parse::<Ipv6Addr>() {
        Ok(address) => (format!("[{address}]"), true),
        Err(_) => (text.to_owned(), false),
    };
    let mut url = Url::parse(&format!("https://{text}")).ok_or_else(bad)?;
    url.port = url.port.or(Some(DEFAULT_PORT));
    Ok((url, is_ipv6))
}

impl Document {
    /// Whether the endpoint of the Kubernetes API, if there is one, is reached over https. Any other is
    /// valid by the documents, so no rule says anything about it; but nothing answers there.
    #[must_use]
    pub fn has_secure_endpoint(&self) -> bool {
        let control_plane = self.cluster.as_ref().and_then(|c| c.control_plane.as_ref());
        control_plane
            .and_then(|control_plane| control_plane.endpoint.as_deref())
            .and_then(Url::parse)
            .is_none_or(|url| url.scheme == "https")
    }
}

fn release(options: &GenerateOptions) -> Result<Release, GenerateError> {
    Release::parse(&options.talos_version)
        .ok_or_else(|| GenerateError::BadVersion(options.talos_version.clone()))
}

struct Input<'a> {
    name: &'a str,
    url: Url,
    is_ipv6: bool,
    kubernetes: &'a str,
    secrets: &'a SecretsBundle,
    options: &'a GenerateOptions,
    release: Release,
}

impl Input<'_> {
    /// `value` from release `since` on, else nothing.
    fn since<T>(&self, since: (u32, u32), value: T) -> Option<T> {
        (self.release >= Release::new(since.0, since.1)).then_some(value)
    }

    /// Refuses secrets that lack what this release needs.
    fn check_secrets(&self) -> Result<(), GenerateError> {
        let certs = &self.secrets.certs;
        let missing = |since, name, is_missing: bool| match self.since(since, name) {
            Some(name) if is_missing => Err(GenerateError::MissingSecret(name)),
            _ => Ok(()),
        };
        let aggregator = certs.k8saggregator.crt.0.is_empty();
        missing((0, 9), "certs.k8saggregator", aggregator)?;
        let account = certs.k8sserviceaccount.key.is_empty();
        missing((0, 9), "certs.k8sserviceaccount", account)
    }

    fn controlplane(&self) -> Document {
        let certs = &self.secrets.certs;
        let mut document = self.shared("controlplane");
        if let Some(machine) = &mut document.machine {
            machine.ca = Some(certs.os.clone());
        }
        if let Some(cluster) = &mut document.cluster {
            self.name.clone_into(&mut cluster.cluster_name);
            self.encryption(cluster);
            cluster.ca = Some(certs.k8s.clone());
            cluster.aggregator_ca = self.since((0, 9), certs.k8saggregator.clone());
            cluster.service_account = self.since((0, 9), certs.k8sserviceaccount.clone());
            cluster.api_server = Some(self.api_server());
            cluster.controller_manager = Some(ControllerManagerConfig {
                image: self.image("kube-controller-manager"),
                ..ControllerManagerConfig::default()
            });
            cluster.proxy = Some(ProxyConfig {
                image: self.image("kube-proxy"),
                ..ProxyConfig::default()
            });
            cluster.scheduler = Some(SchedulerConfig {
                image: self.image("kube-scheduler"),
                ..SchedulerConfig::default()
            });
            cluster.etcd = Some(EtcdConfig {
                ca: Some(certs.etcd.clone()),
                ..EtcdConfig::default()
            });
            cluster.extra_manifests = Some(Vec::new());
            cluster.inline_manifests = Some(Vec::new());
            let scheduling = self.options.allow_scheduling_on_control_planes;
            if self.release >= Release::new(1, 2) {
                cluster.allow_scheduling_on_control_planes = scheduling;
            } else {
                cluster.allow_scheduling_on_masters = scheduling;
            }
        }
        document
    }

    /// Secrets in etcd: releases before 1.3 know only the older cipher.
    fn encryption(&self, cluster: &mut ClusterConfig) {
        let secrets = &self.secrets.secrets;
        if self.release >= Release::new(1, 3) && !secrets.secretboxencryptionsecret.is_empty() {
            cluster.secretbox_encryption_secret = secrets.secretboxencryptionsecret.clone();
        } else if secrets.aescbcencryptionsecret.is_empty() {
            // Secrets of a newer release; both are 32 random bytes in base64.
            cluster.aescbc_encryption_secret = secrets.secretboxencryptionsecret.clone();
        } else {
            cluster.aescbc_encryption_secret = secrets.aescbcencryptionsecret.clone();
        }
    }

    fn worker(&self) -> Document {
        let certs = &self.secrets.certs;
        let mut document = self.shared("worker");
        if let Some(machine) = &mut document.machine {
            machine.ca = Some(certs.os.without_key());
        }
        if let Some(cluster) = &mut document.cluster {
            cluster.ca = Some(certs.k8s.without_key());
        }
        document
    }

    fn shared(&self, kind: &str) -> Document {
        Document {
            version: VERSION.to_owned(),
            debug: Some(false),
            persist: Some(self.options.persist),
            machine: Some(self.machine(kind)),
            cluster: Some(self.cluster()),
        }
    }

    fn machine(&self, kind: &str) -> MachineConfig {
        let options = self.options;
        MachineConfig {
            kind: kind.to_owned(),
            token: self.secrets.trustdinfo.token.clone(),
            cert_sans: options.additional_sans.clone(),
            kubelet: Some(KubeletConfig {
                image: format!("ghcr.io/siderolabs/kubelet:v{}", self.kubernetes),
                default_runtime_seccomp_profile_enabled: self.since((1, 2), true),
                disable_manifests_directory: self.since((1, 3), true),
                ..KubeletConfig::default()
            }),
            network: Some(NetworkConfig {
                kubespan: options.with_kubespan.then(|| NetworkKubeSpan {
                    enabled: Some(true),
                    ..NetworkKubeSpan::default()
                }),
                ..NetworkConfig::default()
            }),
            install: Some(InstallConfig {
                disk: options.install_disk.clone(),
                image: if options.install_image.is_empty() {
                    format!("ghcr.io/siderolabs/installer:{TALOS_VERSION}")
                } else {
                    options.install_image.clone()
                },
                extra_kernel_args: options.install_extra_kernel_args.clone(),
                wipe: Some(false),
                ..InstallConfig::default()
            }),
            registries: Some(self.registries()),
            features: Some(FeaturesConfig {
                rbac: self.since((0, 11), true),
                stable_hostname: self.since((1, 2), true),
                apid_check_ext_key_usage: self.since((1, 3), true),
                disk_quota_support: self.since((1, 5), true),
                kube_prism: self.since(
                    (1, 6),
                    KubePrism {
                        enabled: Some(true),
                        port: 7445,
                    },
                ),
                ..FeaturesConfig::default()
            }),
            ..MachineConfig::default()
        }
    }

    fn registries(&self) -> RegistriesConfig {
        let mut registries = RegistriesConfig::default();
        let mut add = |host: &str, url: &str| {
            let mirror: &mut RegistryMirrorConfig =
                registries.mirrors.entry(host.to_owned()).or_default();
            mirror.endpoints.push(url.to_owned());
        };
        if self.release == Release::new(1, 2) {
            // The old name of the registry was about to go away.
            add("k8s.gcr.io", "https://registry.k8s.io");
            add("k8s.gcr.io", "https://k8s.gcr.io");
        }
        for (host, url) in &self.options.registry_mirrors {
            add(host, url);
        }
        registries
    }

    fn cluster(&self) -> ClusterConfig {
        let (pods, services) = if self.is_ipv6 {
            ("fc00:db8:10::/56", "fc00:db8:20::/112")
        } else {
            ("10.244.0.0/16", "10.96.0.0/12")
        };
        ClusterConfig {
            id: self.secrets.cluster.id.clone(),
            secret: self.secrets.cluster.secret.clone(),
            control_plane: Some(ControlPlaneConfig {
                endpoint: Some(self.url.to_string()),
                ..ControlPlaneConfig::default()
            }),
            network: Some(ClusterNetworkConfig {
                dns_domain: self.options.dns_domain.clone(),
                pod_subnets: vec![pods.to_owned()],
                service_subnets: vec![services.to_owned()],
                ..ClusterNetworkConfig::default()
            }),
            token: self.secrets.secrets.bootstraptoken.clone(),
            discovery: self.since(
                (0, 14),
                ClusterDiscoveryConfig {
                    enabled: Some(self.options.with_cluster_discovery),
                    registries: DiscoveryRegistriesConfig {
                        kubernetes: RegistryKubernetesConfig {
                            disabled: self.since((1, 2), true),
                        },
                        service: RegistryServiceConfig::default(),
                    },
                },
            ),
            ..ClusterConfig::default()
        }
    }

    fn image(&self, name: &str) -> String {
        format!("registry.k8s.io/{name}:v{}", self.kubernetes)
    }

    fn api_server(&self) -> ApiServerConfig {
        let mut cert_sans = vec![self.url.host_name().to_owned()];
        cert_sans.extend(self.options.additional_sans.iter().cloned());
        let security = AdmissionPluginConfig {
            name: "PodSecurity".to_owned(),
            configuration: pod_security(),
        };
        ApiServerConfig {
            image: self.image("kube-apiserver"),
            cert_sans,
            disable_pod_security_policy: self.since((1, 0), true),
            admission_control: self.since((1, 1), security).into_iter().collect(),
            audit_policy: self.since((1, 3), audit_policy()).unwrap_or_default(),
            ..ApiServerConfig::default()
        }
    }
}

fn pod_security() -> Value {
    let none = || Value::List(Vec::new());
    Value::map([
        (
            "apiVersion",
            "pod-security.admission.config.k8s.io/v1alpha1".into(),
        ),
        ("kind", "PodSecurityConfiguration".into()),
        (
            "defaults",
            Value::map([
                ("enforce", "baseline".into()),
                ("enforce-version", "latest".into()),
                ("audit", "restricted".into()),
                ("audit-version", "latest".into()),
                ("warn", "restricted".into()),
                ("warn-version", "latest".into()),
            ]),
        ),
        (
            "exemptions",
            Value::map([
                ("namespaces", Value::List(vec!["kube-system".into()])),
                ("runtimeClasses", none()),
                ("usernames", none()),
            ]),
        ),
    ])
}

fn audit_policy() -> Value {
    Value::map([
        ("apiVersion", "audit.k8s.io/v1".into()),
        ("kind", "Policy".into()),
        (
            "rules",
            Value::List(vec![Value::map([("level", "Metadata".into())])]),
        ),
    ])
}
