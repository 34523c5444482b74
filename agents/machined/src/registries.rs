// SPDX-License-Identifier: MPL-2.0
//! `machine.registries`, as imaged reads it.
//!
//! Owns: the form of what is handed over.
//! Never: checks it; what makes no sense fails the images that it is about, with a reason.

use config::document::{RegistriesConfig, RegistryConfig};
use serde_json::{Map, Value, json};

use crate::configuration::Content;

/// Writes what the configuration says of registries.
pub(crate) fn written(registries: Option<&RegistriesConfig>) -> Content {
    let mut mirrors = Map::new();
    let mut config = Map::new();
    if let Some(registries) = registries {
        for (name, mirror) in &registries.mirrors {
            let mirror = json!({
                "endpoints": mirror.endpoints,
                "override_path": mirror.override_path == Some(true),
            });
            mirrors.insert(name.clone(), mirror);
        }
        for (name, registry) in &registries.config {
            config.insert(name.clone(), registry_of(registry));
        }
    }
    Content::new(&json!({ "mirrors": mirrors, "config": config }).to_string())
}

fn registry_of(registry: &RegistryConfig) -> Value {
    let pem = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let tls = registry.tls.clone().unwrap_or_default();
    let identity = tls.client_identity.unwrap_or_default();
    let auth = registry.auth.clone().unwrap_or_default();
    json!({
        "ca": pem(&tls.ca.0),
        "insecure_skip_verify": tls.insecure_skip_verify == Some(true),
        "certificate": pem(&identity.crt.0),
        "key": pem(identity.key.expose()),
        "username": auth.username,
        "password": auth.password.expose(),
        "auth": auth.auth.expose(),
        "identity_token": auth.identity_token.expose(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_imaged_reads_and_is_not_shown() {
        let text = "version: v1alpha1\nmachine:\n  registries:\n    mirrors:\n      docker.io:\n        \
                    endpoints: ['http://10.0.2.2:5000']\n    config:\n      a.example:\n        auth:\n          \
                    username: u\n          password: secret\n";
        let loaded = config::Configuration::load(text.as_bytes()).unwrap();
        let machine = loaded.document().unwrap().machine.as_ref().unwrap();

        let content = written(machine.registries.as_ref());

        assert_eq!(
            content.expose(),
            "{\"config\":{\"a.example\":{\"auth\":\"\",\"ca\":\"\",\"certificate\":\"\",\"identity_token\":\"\",\
             \"insecure_skip_verify\":false,\"key\":\"\",\"password\":\"secret\",\"username\":\"u\"}},\"mirrors\":\
             {\"docker.io\":{\"endpoints\":[\"http://10.0.2.2:5000\"],\"override_path\":false}}}"
        );
        assert!(!format!("{content:?}").contains("secret"));
        assert_eq!(written(None).expose(), "{\"config\":{},\"mirrors\":{}}");
    }
}
