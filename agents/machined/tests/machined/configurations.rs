// SPDX-License-Identifier: MPL-2.0
//! Configurations that the node of a test is given.
//!
//! Owns: what is generated, and the little that tests look for in it.
//! Never: gives one to a node.

pub(crate) fn now() -> pki::UnixTime {
    pki::UnixTime::from(std::time::SystemTime::now())
}

fn generated() -> config::Generated {
    let bundle = config::SecretsBundle::generate(now()).unwrap();
    let options = config::GenerateOptions::default();
    config::generate("test", "https://10.5.0.2:6443", &bundle, &options).unwrap()
}

/// A configuration that is accepted.
pub(crate) fn configuration(hostname: &str) -> String {
    let mut document = generated().controlplane;
    let machine = document.machine.as_mut().unwrap();
    let network = machine.network.get_or_insert_default();
    network.hostname = hostname.to_owned();
    machine.cert_sans.push("api.example".to_owned());
    machine
        .sysctls
        .insert("kernel.panic".to_owned(), "77".to_owned());
    document.to_yaml()
}

/// The configurations of a control plane and of a worker of one cluster, which is found at `endpoint`.
pub(crate) fn cluster(endpoint: &str) -> (String, String) {
    let bundle = config::SecretsBundle::generate(now()).unwrap();
    let options = config::GenerateOptions::default();
    let generated = config::generate("test", endpoint, &bundle, &options).unwrap();
    (generated.controlplane.to_yaml(), generated.worker.to_yaml())
}
