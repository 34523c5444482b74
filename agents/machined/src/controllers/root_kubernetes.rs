// SPDX-License-Identifier: MPL-2.0
//! What Kubernetes is trusted by.
//!
//! Owns: `KubernetesRootSecrets`, from the configuration of a control plane node.
//! Never: makes a key.

use config::Url;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::roots::{
    address_in, bootstrap_token, dns_domain, endpoint, local_port, pair, service_subnets, text,
};
use super::{cluster, is_control_plane};
use crate::resources::values::{Key, WebAddress};
use crate::resources::{KubernetesRootSecrets, MachineConfig};

pub(super) fn controller() -> Controller {
    Controller {
        name: "secrets.RootKubernetesController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<KubernetesRootSecrets>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = cluster(view).filter(|_| is_control_plane(view)) else {
        return Ok(());
    };
    let (bootstrap_token_id, bootstrap_token_secret) = bootstrap_token(cluster);
    let local = format!("https://localhost:{}", local_port(cluster));
    let api_server = cluster.api_server.as_ref();
    let secrets = KubernetesRootSecrets {
        name: cluster.cluster_name.clone(),
        endpoint: endpoint(cluster),
        local_endpoint: Url::parse(&local).map(WebAddress),
        cert_sans: api_server.map_or_else(Vec::new, |server| server.cert_sans.clone()),
        // The first address of each network of services is that of the API.
        api_server_addresses: service_subnets(cluster)
            .iter()
            .filter_map(|network| address_in(network, 1))
            .collect(),
        dns_domain: dns_domain(cluster),
        ca: cluster.ca.as_ref().map(pair),
        service_account: cluster
            .service_account
            .as_ref()
            .map(|account| Key(account.key.clone())),
        aggregator_ca: cluster.aggregator_ca.as_ref().map(pair),
        aescbc_secret: text(&cluster.aescbc_encryption_secret),
        bootstrap_token_id,
        bootstrap_token_secret,
        secretbox_secret: text(&cluster.secretbox_encryption_secret),
    };
    desired.put("k8s", secrets);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::configuration;

    #[test]
    fn rsrc_133_the_roots_of_kubernetes_are_those_of_the_configuration() {
        let mut bench = Bench::of(controller());
        bench.say(MachineConfig::ID, configuration("type:", "type:"));

        bench.run();

        let secrets = bench.store.get::<KubernetesRootSecrets>("k8s").unwrap();
        assert_eq!(
            (secrets.name.as_str(), secrets.dns_domain.as_str()),
            ("lab", "cluster.local")
        );
        let endpoint = secrets.endpoint.as_ref().unwrap().text();
        assert_eq!(endpoint, "https://10.5.0.2:6443");
        assert_eq!(
            secrets.api_server_addresses,
            ["10.96.0.1".parse::<std::net::IpAddr>().unwrap()]
        );
        assert_eq!(
            (
                secrets.bootstrap_token_id.len(),
                secrets.bootstrap_token_secret.expose().len()
            ),
            (6, 16)
        );
        assert!(secrets.ca.is_some() && secrets.aggregator_ca.is_some());
        assert!(!secrets.service_account.as_ref().unwrap().0.is_empty());
        let said = format!("{secrets:?}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}
