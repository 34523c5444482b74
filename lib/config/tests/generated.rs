// SPDX-License-Identifier: MPL-2.0
//! What the generators make: loadable, complete, in Talos's shape.
//!
//! Owns: the promises of `gen config`, `gen secrets` and the client configuration.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{
    Circumstances, ClientConfig, Configuration, Document, GenerateError, GenerateOptions,
    Generated, MachineType, Mode, SecretsBundle, Strictness, generate,
};
use pki::{Authority, Identity, UnixTime};
use std::time::Duration;

const NOW: UnixTime = UnixTime(1_790_000_000);
const YEAR: Duration = Duration::from_secs(8_760 * 3_600);

fn made(options: &GenerateOptions) -> (SecretsBundle, Generated) {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let generated = generate("home", "10.0.0.1", &secrets, options).unwrap();
    (secrets, generated)
}

fn for_release(version: &str) -> Generated {
    let options = GenerateOptions {
        talos_version: version.to_owned(),
        ..GenerateOptions::default()
    };
    made(&options).1
}

/// The lines of a text with everything behind the first colon cut off.
fn keys(document: &Document) -> Vec<String> {
    let text = document.to_yaml();
    text.lines()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn generated_configurations_load_and_print_the_same() {
    let (_, generated) = made(&GenerateOptions::default());
    for document in [&generated.controlplane, &generated.worker] {
        let text = document.to_yaml();
        let loaded = Configuration::load(text.as_bytes()).unwrap();

        assert_eq!(loaded.document(), Some(document));
        assert_eq!(loaded.source(), text);
        assert_eq!(loaded.to_yaml(), text);
    }
}

#[test]
fn generated_configurations_are_valid_everywhere_even_when_strict() {
    for version in ["", "v1.6", "v1.5.0", "1.3", "v1.2", "v1.0", "v0.14", "v0.8"] {
        let generated = for_release(version);
        for document in [&generated.controlplane, &generated.worker] {
            for mode in [Mode::Metal, Mode::Cloud, Mode::Container] {
                let report = document.validate(Circumstances {
                    mode,
                    installed: false,
                });
                assert!(
                    report.is_usable(Strictness::Strict),
                    "{version} {mode}: {report}"
                );
            }
        }
    }
}

#[test]
fn a_worker_has_no_key_that_could_sign() {
    let (_, generated) = made(&GenerateOptions::default());
    let text = generated.worker.to_yaml();

    let keys: Vec<&str> = text
        .lines()
        .filter(|l| l.trim().starts_with("key:"))
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter().all(|line| line.trim() == "key: \"\""),
        "{keys:?}"
    );
    for secret in [
        "aggregatorCA",
        "serviceAccount",
        "etcd:",
        "secretbox",
        "clusterName",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn the_sections_stand_in_the_order_that_talos_writes() {
    let (_, generated) = made(&GenerateOptions::default());
    let keys = keys(&generated.controlplane);
    let top = |depth: usize, from: &str| -> Vec<String> {
        let start = keys.iter().position(|key| key == from).unwrap() + 1;
        let rest = keys[start..]
            .iter()
            .take_while(|key| key.starts_with("    "));
        rest.filter(|key| key.len() - key.trim_start().len() == depth)
            .map(|key| key.trim().to_owned())
            .collect()
    };

    assert_eq!(
        top(4, "machine"),
        [
            "type",
            "token",
            "ca",
            "certSANs",
            "kubelet",
            "network",
            "install",
            "registries",
            "features"
        ]
    );
    assert_eq!(
        top(4, "cluster"),
        [
            "id",
            "secret",
            "controlPlane",
            "clusterName",
            "network",
            "token",
            "secretboxEncryptionSecret",
            "ca",
            "aggregatorCA",
            "serviceAccount",
            "apiServer",
            "controllerManager",
            "proxy",
            "scheduler",
            "discovery",
            "etcd",
            "extraManifests",
            "inlineManifests",
        ]
    );
}

#[test]
fn options_reach_the_fields_they_are_for() {
    let options = GenerateOptions {
        additional_sans: vec!["node.home".to_owned()],
        dns_domain: "home.arpa".to_owned(),
        install_disk: "/dev/vda".to_owned(),
        install_image: "example.org/installer:1".to_owned(),
        kubernetes_version: "v1.28.0".to_owned(),
        registry_mirrors: vec![("docker.io".to_owned(), "http://10.0.0.9".to_owned())],
        with_kubespan: true,
        with_cluster_discovery: true,
        allow_scheduling_on_control_planes: Some(true),
        ..GenerateOptions::default()
    };
    let (_, generated) = made(&options);
    let (machine, cluster) = (
        generated.controlplane.machine.unwrap(),
        generated.controlplane.cluster.unwrap(),
    );

    assert_eq!(machine.cert_sans, ["node.home"]);
    assert_eq!(
        cluster.api_server.unwrap().cert_sans,
        ["10.0.0.1", "node.home"]
    );
    assert_eq!(cluster.network.unwrap().dns_domain, "home.arpa");
    let install = machine.install.unwrap();
    assert_eq!(
        (install.disk.as_str(), install.image.as_str()),
        ("/dev/vda", "example.org/installer:1")
    );
    assert!(machine.kubelet.unwrap().image.ends_with(":v1.28.0"));
    assert_eq!(
        machine.registries.unwrap().mirrors["docker.io"].endpoints,
        ["http://10.0.0.9"]
    );
    assert_eq!(
        machine.network.unwrap().kubespan.unwrap().enabled,
        Some(true)
    );
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
}

#[test]
fn older_releases_get_only_what_they_know() {
    for (version, key, is_there) in [
        ("v1.6", "        kubePrism", true),
        ("v1.5", "        kubePrism", false),
        ("v1.5", "        diskQuotaSupport", true),
        ("v1.4", "        diskQuotaSupport", false),
        ("v1.3", "    secretboxEncryptionSecret", true),
        ("v1.2", "    secretboxEncryptionSecret", false),
        ("v1.2", "    aescbcEncryptionSecret", true),
        ("v1.2", "            k8s.gcr.io", true),
        ("v1.3", "            k8s.gcr.io", false),
        ("v1.1", "        stableHostname", false),
        ("v1.0", "        admissionControl", false),
        ("v0.13", "    discovery", false),
    ] {
        let keys = keys(&for_release(version).controlplane);
        assert_eq!(keys.iter().any(|k| k == key), is_there, "{version} {key}");
    }
}

#[test]
fn an_endpoint_may_lack_scheme_and_port() {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    for (endpoint, expected, pods) in [
        ("10.0.0.1", "https://10.0.0.1:6443", "10.244.0.0/16"),
        (
            "home.example.org:443",
            "https://home.example.org:443",
            "10.244.0.0/16",
        ),
        (
            "https://10.0.0.1:6443",
            "https://10.0.0.1:6443",
            "10.244.0.0/16",
        ),
        ("https://10.0.0.1", "https://10.0.0.1", "10.244.0.0/16"),
        // As validation: a warning says that no API is reached so.
        ("http://10.0.0.1", "http://10.0.0.1", "10.244.0.0/16"),
        (
            "https://[fe80::1%25eth0]:6443",
            "https://[fe80::1%25eth0]:6443",
            "10.244.0.0/16",
        ),
        ("fd00::1", "https://[fd00::1]:6443", "fc00:db8:10::/56"),
        (
            "https://[fd00::1]:6443",
            "https://[fd00::1]:6443",
            "10.244.0.0/16",
        ),
    ] {
        let made = generate("home", endpoint, &secrets, &GenerateOptions::default()).unwrap();
        let cluster = made.worker.cluster.unwrap();

        assert_eq!(cluster.control_plane.unwrap().endpoint.unwrap(), expected);
        assert_eq!(cluster.network.unwrap().pod_subnets, [pods]);
    }
}

#[test]
fn what_cannot_be_generated_is_refused() {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let options = GenerateOptions::default();
    assert_eq!(
        generate("", "10.0.0.1", &secrets, &options),
        Err(GenerateError::NoName)
    );
    for endpoint in ["", "https://", "a b", "10.0.0.1:0", "10.0.0.1:port"] {
        let refused = generate("home", endpoint, &secrets, &options);
        assert!(
            matches!(refused, Err(GenerateError::BadEndpoint(_))),
            "{endpoint:?}"
        );
    }
    for version in ["1", "latest", "v0.7", "v1.x"] {
        let options = GenerateOptions {
            talos_version: version.to_owned(),
            ..GenerateOptions::default()
        };
        let refused = generate("home", "10.0.0.1", &secrets, &options);
        assert!(
            matches!(refused, Err(GenerateError::BadVersion(_))),
            "{version}"
        );
    }
    let options = GenerateOptions {
        kubernetes_version: "new".to_owned(),
        ..GenerateOptions::default()
    };
    let refused = generate("home", "10.0.0.1", &secrets, &options);
    assert!(matches!(
        refused,
        Err(GenerateError::BadKubernetesVersion(_))
    ));
}

#[test]
fn secrets_have_their_forms_and_survive_their_file() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let text = secrets.to_yaml();

    assert_eq!(SecretsBundle::load(text.as_bytes()).unwrap(), secrets);
    assert_eq!(URL_SAFE.decode(&secrets.cluster.id).unwrap().len(), 32);
    assert_eq!(
        STANDARD
            .decode(secrets.cluster.secret.expose())
            .unwrap()
            .len(),
        32
    );
    let sealed = secrets.secrets.secretboxencryptionsecret.expose();
    assert_eq!(STANDARD.decode(sealed).unwrap().len(), 32);
    for token in [&secrets.secrets.bootstraptoken, &secrets.trustdinfo.token] {
        let (id, secret) = token.expose().split_once('.').unwrap();
        assert_eq!((id.len(), secret.len()), (6, 16));
    }
    for key in [
        "bootstraptoken",
        "trustdinfo",
        "k8saggregator",
        "k8sserviceaccount",
        "os",
        "etcd",
    ] {
        assert!(text.contains(&format!("{key}:")), "{key}");
    }
}

#[test]
fn a_secrets_file_with_a_typo_or_two_documents_is_refused() {
    let text = SecretsBundle::generate(NOW).unwrap().to_yaml();

    let typo = SecretsBundle::load(text.replace("trustdinfo", "trustinfo").as_bytes());
    assert!(
        typo.unwrap_err()
            .to_string()
            .starts_with("trustinfo: unknown key, line ")
    );
    assert!(SecretsBundle::load(format!("{text}---\n{text}").as_bytes()).is_err());
    assert!(SecretsBundle::load(b"").is_err());
    assert!(SecretsBundle::load(b"[]").is_err());
}

#[test]
fn debug_shows_no_secret() {
    let (secrets, generated) = made(&GenerateOptions::default());
    let client = client(&secrets, "home");

    let spec = Configuration::from_document(generated.controlplane.clone())
        .spec()
        .unwrap();
    let shown = format!("{secrets:?} {generated:?} {client:?} {spec:?}");
    for secret in [
        secrets.cluster.secret.expose(),
        secrets.trustdinfo.token.expose(),
        secrets.secrets.bootstraptoken.expose(),
        secrets.secrets.secretboxencryptionsecret.expose(),
        "PRIVATE",
    ] {
        assert!(!shown.contains(secret));
    }
}

fn client(secrets: &SecretsBundle, name: &str) -> ClientConfig {
    let authority = secrets.machine_authority().unwrap();
    let endpoints = vec!["127.0.0.1".to_owned()];
    ClientConfig::for_cluster(name, endpoints, &authority, &["os:admin"], YEAR, NOW).unwrap()
}

#[test]
fn a_client_configuration_lets_its_owner_in_as_admin_for_a_year() {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let config = client(&secrets, "home");

    let context = config.current().unwrap();
    let identity = Identity::from_pem(&context.crt.0, context.key.expose()).unwrap();
    assert_eq!(identity.certificate.organizations(), ["os:admin"]);
    assert_eq!(identity.certificate.not_after(), NOW.after(YEAR));
    assert_eq!(context.ca, secrets.certs.os.crt);
    assert_eq!(context.endpoints, ["127.0.0.1"]);
    assert_eq!(
        ClientConfig::load(config.to_yaml().as_bytes()).unwrap(),
        config
    );
}

#[test]
fn the_old_target_becomes_an_endpoint() {
    let text = "context: a\ncontexts:\n  a:\n    target: 10.0.0.1\n    endpoints: [10.0.0.2]\n";

    let config = ClientConfig::load(text.as_bytes()).unwrap();
    assert_eq!(
        config.current().unwrap().endpoints,
        ["10.0.0.2", "10.0.0.1"]
    );
}

#[test]
fn cli_02_merging_keeps_all_contexts_of_one_name_and_switches_to_the_new_one() {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let (mut ours, theirs) = (client(&secrets, "home"), client(&secrets, "home"));

    let renamed = ours.merge(theirs.clone());
    assert_eq!(renamed, [("home".to_owned(), "home-1".to_owned())]);
    assert_eq!(ours.context, "home-1");
    assert_eq!(ours.current(), theirs.current());
    assert_eq!(
        ours.merge(theirs),
        [("home".to_owned(), "home-2".to_owned())]
    );
    assert_eq!(ours.contexts.len(), 3);
    assert_eq!(ours.contexts.get("home-1"), ours.contexts.get("home-2"));
}

#[test]
fn a_damaged_client_configuration_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "context: a\ncontext: b\n",
            "context: the key is there twice, line 2 column 1",
        ),
        (
            "contexts:\n  a:\n    ca: '%'\n",
            "contexts.a.ca: not base64, line 3 column 5",
        ),
        (
            "contexts: [a]\n",
            "contexts: wrong type, expected a mapping, line 1 column 1",
        ),
        (
            "contexts:\n  a:\n    nods: []\n",
            "contexts.a.nods: unknown key, line 3 column 5",
        ),
    ] {
        assert_eq!(
            ClientConfig::load(text.as_bytes()).unwrap_err().to_string(),
            expected
        );
    }
}

#[test]
fn the_spec_of_a_generated_configuration_says_what_a_node_needs() {
    let (secrets, generated) = made(&GenerateOptions::default());
    let spec = Configuration::from_document(generated.controlplane)
        .spec()
        .unwrap();

    assert_eq!(spec.machine_type, MachineType::ControlPlane);
    assert_eq!(spec.token, secrets.trustdinfo.token);
    let authority: Authority = spec.authority.authority().unwrap();
    assert_eq!(authority.certificate().to_pem(), secrets.certs.os.crt.0);
    assert_eq!(spec.cluster.name, "home");
    assert_eq!(spec.cluster.endpoint.unwrap().host, "10.0.0.1");
    assert!(spec.features.rbac && spec.features.stable_hostname);
    assert_eq!(spec.features.kube_prism_port, Some(7445));
    assert!(spec.search_domain);
    assert_eq!(spec.time.servers, ["pool.ntp.org"]);
    let worker = Configuration::from_document(generated.worker)
        .spec()
        .unwrap();
    assert_eq!(worker.machine_type, MachineType::Worker);
    assert!(worker.authority.key.is_empty());
}
