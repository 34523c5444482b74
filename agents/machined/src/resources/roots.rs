// SPDX-License-Identifier: MPL-2.0
//! What the keys of a cluster come from, as the configuration has it.
//!
//! Owns: the authorities, tokens and names.
//! Never: prints a key.

use std::net::IpAddr;

use pki::Secret;

use super::field::spec;
use super::values::{Key, Pair, WebAddress};

spec! {
    /// What the machine API is trusted by. Its id is `os`.
    OsRootSecrets,
    "OSRootSecrets.secrets.talos.dev" in "secrets",
    ["osrootsecret", "osrs"],
    [],
    Sensitive,
    {
        1 "ca" ca: Option<Pair>, keep, "The authority; workers have no key of it.";
        2 "certSANIPs" addresses: Vec<IpAddr>, keep, "More addresses for the certificate of the API.";
        3 "certSANDNSNames" dns_names: Vec<String>, keep, "More names for it.";
        4 "token" token: Secret, keep, "With which nodes join.";
    }
}

spec! {
    /// What etcd is trusted by. Its id is `etcd`.
    EtcdRootSecrets,
    "EtcdRootSecrets.secrets.talos.dev" in "secrets",
    ["etcdrootsecret", "ers"],
    [],
    Sensitive,
    {
        1 "etcdCA" ca: Option<Pair>, keep, "The authority.";
    }
}

spec! {
    /// What Kubernetes is trusted by. Its id is `k8s`.
    KubernetesRootSecrets,
    "KubernetesRootSecrets.secrets.talos.dev" in "secrets",
    ["kubernetesrootsecret", "krs"],
    [],
    Sensitive,
    {
        1 "name" name: String, keep, "The name of the cluster.";
        2 "endpoint" endpoint: Option<WebAddress>, keep, "Where everybody finds the API.";
        3 "local_endpoint" local_endpoint: Option<WebAddress>, keep, "Where this node finds its own.";
        4 "certSANs" cert_sans: Vec<String>, keep, "More names and addresses for the certificate of the API.";
        14 "apiServerIPs" api_server_addresses: Vec<IpAddr>, keep, "Its addresses among the services.";
        6 "dnsDomain" dns_domain: String, keep, "The domain of services.";
        7 "ca" ca: Option<Pair>, keep, "The authority.";
        8 "serviceAccount" service_account: Option<Key>, keep, "What signs the tokens of service accounts.";
        9 "aggregatorCA" aggregator_ca: Option<Pair>, keep, "The authority of the aggregation layer.";
        10 "aesCBCEncryptionSecret" aescbc_secret: Secret, keep, "The key of secrets in etcd (old way).";
        11 "bootstrapTokenID" bootstrap_token_id: String, keep, "The public half of the token with which kubelets join.";
        12 "bootstrapTokenSecret" bootstrap_token_secret: Secret, keep, "The other half.";
        13 "secretboxEncryptionSecret" secretbox_secret: Secret, keep, "The key of secrets in etcd.";
    }
}

spec! {
    /// What the kubelet joins with. Its id is `kubelet`.
    KubeletSecrets,
    "KubeletSecrets.secrets.talos.dev" in "secrets",
    ["kubeletsecret", "ks"],
    [],
    Sensitive,
    {
        1 "endpoint" endpoint: Option<WebAddress>, keep, "Where it finds the API.";
        2 "ca" ca: Option<Pair>, keep, "The authority, without its key.";
        3 "bootstrapTokenID" bootstrap_token_id: String, keep, "The public half of its token.";
        4 "bootstrapTokenSecret" bootstrap_token_secret: Secret, keep, "The other half.";
    }
}

spec! {
    /// The authority of a node without a configuration, made for as long as it waits for one. Its
    /// id is `maintenance`.
    MaintenanceRootSecrets,
    "MaintenanceRootSecrets.secrets.talos.dev" in "secrets",
    ["maintenancerootsecret", "mrs"],
    [],
    Sensitive,
    {
        1 "ca" ca: Option<Pair>, keep, "The authority.";
    }
}

spec! {
    /// What a node without a configuration opens the door with. Its id is `maintenance`.
    MaintenanceServiceCertificate,
    "MaintenanceServiceCertificates.secrets.talos.dev" in "secrets",
    ["maintenanceservicecertificate", "msc", "mscs"],
    [],
    Sensitive,
    {
        1 "ca" ca: Option<Pair>, keep, "The authority, without its key.";
        2 "server" server: Option<Pair>, keep, "The certificate and its key.";
    }
}
