// SPDX-License-Identifier: MPL-2.0
//! The client configuration: `talosconfig`.
//!
//! Owns: contexts, how two files become one, and how a new one is made.
//! Never: looks for a file.

use crate::configuration::{load_one, print};
use crate::error::LoadError;
use crate::scalar::{Base64Bytes, SecretText};
use crate::schema::document;
use core::time::Duration;
use pki::{Authority, Error, Leaf, Secret, UnixTime};
use std::collections::BTreeMap;

document! {
    /// A client configuration file.
    pub struct ClientConfig {
        "context" context: String, keep, "The context that is used when none is named.";
        "contexts" contexts: BTreeMap<String, ClientContext>, keep, "All contexts.";
    }

    /// How to reach one cluster, and as whom.
    pub struct ClientContext {
        "target" target: String, omit, "One endpoint (old spelling).";
        "endpoints" endpoints: Vec<String>, keep, "Nodes to connect to.";
        "nodes" nodes: Vec<String>, omit, "Nodes to ask when none are named.";
        "ca" ca: Base64Bytes, omit, "The authority of the machine API, PEM.";
        "crt" crt: Base64Bytes, omit, "Our certificate, PEM.";
        "key" key: Secret, omit, "Our key, PEM.";
        "auth" auth: ClientAuth, omit, "Other ways to say who we are.";
        "cluster" cluster: String, omit, "The cluster, behind a proxy for many.";
    }

    /// Other ways to say who we are.
    pub struct ClientAuth {
        "basic" basic: Option<ClientBasicAuth>, omit, "User and password.";
        "siderov1" siderov1: Option<ClientSideroAuth>, omit, "A signed identity.";
    }

    /// User and password.
    pub struct ClientBasicAuth {
        "username" username: String, keep, "User.";
        "password" password: SecretText, keep, "Password.";
    }

    /// A signed identity.
    pub struct ClientSideroAuth {
        "identity" identity: String, keep, "Who we are.";
    }
}

impl ClientConfig {
    /// Reads a client configuration; the old `target` becomes an endpoint.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut config: Self = load_one(bytes)?;
        for context in config.contexts.values_mut() {
            let target = std::mem::take(&mut context.target);
            if !target.is_empty() {
                context.endpoints.push(target);
            }
        }
        Ok(config)
    }

    /// Writes a client configuration.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        print(self)
    }

    /// The context that is used when none is named.
    #[must_use]
    pub fn current(&self) -> Option<&ClientContext> {
        self.contexts.get(&self.context)
    }

    /// Makes a configuration with one context, named like the cluster, and a new certificate.
    pub fn for_cluster(
        name: &str,
        endpoints: Vec<String>,
        authority: &Authority,
        roles: &[&str],
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let client = authority.issue(&Leaf::client(roles, lifetime), now)?;
        let context = ClientContext {
            endpoints,
            ca: Base64Bytes(authority.certificate().to_pem()),
            crt: Base64Bytes(client.certificate.to_pem()),
            key: client.key.to_pem()?,
            ..ClientContext::default()
        };
        let contexts = BTreeMap::from([(name.to_owned(), context)]);
        Ok(Self {
            context: name.to_owned(),
            contexts,
        })
    }

    /// Takes over the contexts of another file. A name that is taken gets a number, also when both contexts
    /// are the same (docs: talosctl.md); returns the renamed ones as (from, to). The other's current
    /// context becomes ours.
    pub fn merge(&mut self, other: Self) -> Vec<(String, String)> {
        let mut renamed = Vec::new();
        for (name, context) in other.contexts {
            let mut free = name.clone();
            let mut number = 0u32;
            while self.contexts.contains_key(&free) {
                number = number.saturating_add(1);
                free = format!("{name}-{number}");
            }
            if name == other.context {
                self.context.clone_from(&free);
            }
            self.contexts.insert(free.clone(), context);
            if free != name {
                renamed.push((name, free));
            }
        }
        renamed
    }
}
