// SPDX-License-Identifier: MPL-2.0
//! Keys, and what follows from the configuration: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "EtcdSecrets.secrets.talos.dev" in "secrets", Sensitive,
        ["etcdsecret", "es"], [];
    "KubernetesDynamicCerts.secrets.talos.dev" in "secrets", Sensitive,
        ["kubernetesdynamiccert", "kdc", "kdcs"], [];
    "KubernetesSecrets.secrets.talos.dev" in "secrets", Sensitive,
        ["kubernetessecret", "ks"], [];
}
