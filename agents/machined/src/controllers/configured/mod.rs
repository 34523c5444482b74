// SPDX-License-Identifier: MPL-2.0
//! Controllers that read the configuration alone, or nearly so: what it says of parts that other
//! programs will be.
//!
//! A resource here is a wish. Whether something fulfils it, a status says.
//!
//! Owns: the list of them, and how one looks.
//! Never: acts.

mod address_filter;
mod admission_control;
mod api_server;
mod audit_policy;
mod bootstrap_manifests;
mod cluster;
mod controllers;
mod discovery;
mod etcd;
mod extra_manifests;
mod kube_prism;
mod kubelet;
mod kubernetes_access;
mod kubespan;
mod node_ip;
mod node_labels;
mod node_taints;
mod nodename;
mod scheduler;
mod seccomp_profiles;
mod siderolink;
mod static_pods;
mod written;

use config::Document;
use config::document::{ClusterConfig, MachineConfig as Machine};
use resource::{Body, Controller, Desired, Failure, Input, Output, ResourceSpec, View};

use crate::kernel_arguments::KernelArguments;
use crate::resources::MachineConfig;

/// All of them.
pub(super) fn controllers(arguments: &KernelArguments) -> Vec<Controller> {
    vec![
        cluster::controller(),
        discovery::controller(),
        kubespan::controller(),
        kubernetes_access::controller(),
        siderolink::controller(arguments),
        address_filter::controller(),
        kubelet::controller(),
        node_ip::controller(),
        node_labels::controller(),
        node_taints::controller(),
        nodename::controller(),
        seccomp_profiles::controller(),
        static_pods::controller(),
        kube_prism::endpoints(),
        kube_prism::config(),
        etcd::controller(),
        api_server::controller(),
        admission_control::controller(),
        audit_policy::controller(),
        controllers::controller(),
        scheduler::controller(),
        extra_manifests::controller(),
        bootstrap_manifests::controller(),
    ]
}

type Reconcile = fn(&View<'_>, &mut Desired) -> Result<(), Failure>;

/// A controller that makes a `T` of the configuration.
fn of_configuration<T: ResourceSpec>(name: &'static str, reconcile: Reconcile) -> Controller {
    Controller {
        name,
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: vec![Output::of::<T>()],
        body: Body::Pure(reconcile),
    }
}

/// The configuration, key by key.
fn document<'a>(view: &View<'a>) -> Option<&'a Document> {
    let configuration = view.get::<MachineConfig>(MachineConfig::ID)?;
    configuration.0.document()
}

/// What it says of this machine.
pub(super) fn machine<'a>(view: &View<'a>) -> Option<&'a Machine> {
    document(view)?.machine.as_ref()
}

/// What it says of the cluster, on control plane nodes.
fn control_plane<'a>(view: &View<'a>) -> Option<&'a ClusterConfig> {
    super::cluster(view).filter(|_| super::is_control_plane(view))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use resource::{Engine, Store};

    use super::*;
    use crate::resources::{HostnameStatus, all_types};
    use crate::testing::{configuration, worker};

    /// Everything that follows from a configuration: YAML by `Type/id`.
    fn follows(configuration: MachineConfig) -> BTreeMap<String, String> {
        let mut engine = Engine::new();
        let line = KernelArguments::parse("siderolink.api=grpc://a.example?jointoken=x");
        for controller in controllers(&line) {
            engine.register(controller).unwrap();
        }
        let mut store = Store::new();
        let now = crate::clock::now();
        let hostname = HostnameStatus {
            hostname: "Box_1".to_owned(),
            domainname: "lab.example".to_owned(),
        };
        let configured = Arc::new(configuration);
        store
            .put("t", "config", MachineConfig::ID, configured, now.wall)
            .unwrap();
        store
            .put("t", "network", "hostname", Arc::new(hostname), now.wall)
            .unwrap();
        let ran = engine.run(&mut store, now);
        assert!(ran.failures.is_empty(), "{:?}", ran.failures);
        let mut found = BTreeMap::new();
        for kind in all_types() {
            for resource in store.list_any(kind.namespace, kind) {
                let name = format!("{}/{}", kind.display(), resource.metadata.id);
                found.insert(name, resource.spec.encoded().unwrap().yaml);
            }
        }
        found
    }

    #[test]
    fn what_a_control_plane_node_wishes_is_shown_with_the_keys_of_the_documents() {
        let found = follows(configuration("type:", "type:"));

        for (name, says) in [
            ("Info/current", "clusterName: lab\n"),
            (
                "DiscoveryConfig/cluster",
                "serviceEndpoint: discovery.talos.dev:443\n",
            ),
            (
                "SiderolinkConfig/siderolink",
                "apiEndpoint: grpc://a.example?jointoken=x\n",
            ),
            ("KubernetesAccessConfig/config", "enabled: false\n"),
            (
                "NodeAddressFilter/no-k8s",
                "excludeSubnets:\n- 10.244.0.0/16\n- 10.96.0.0/12\n",
            ),
            (
                "NodeAddressFilter/only-k8s",
                "includeSubnets:\n- 10.244.0.0/16\n",
            ),
            (
                "NodeIPConfig/kubelet",
                "validSubnets:\n- 0.0.0.0/0\nexcludeSubnets:\n- 10.244",
            ),
            (
                "KubeletConfig/kubelet",
                "clusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\n",
            ),
            (
                "KubeletConfig/kubelet",
                "defaultRuntimeSeccompEnabled: true\nskipNodeRegistration: false\nstaticPodListURL: ''\n",
            ),
            (
                "NodeLabelSpec/node-role.kubernetes.io/control-plane",
                "value: ''\n",
            ),
            (
                "NodeTaintSpec/node-role.kubernetes.io/control-plane",
                "effect: NoSchedule\n",
            ),
            ("Nodename/nodename", "nodename: box-1\n"),
            (
                "KubePrismEndpoint/k8s-cluster",
                "- host: 10.5.0.2\n  port: 6443\n- host: localhost\n",
            ),
            (
                "KubePrismConfig/k8s-loadbalancer-config",
                "host: 127.0.0.1\nport: 7445\n",
            ),
            ("EtcdConfig/etcd", "image: gcr.io/etcd-development/etcd:"),
            (
                "APIServerConfig/kube-apiserver",
                "etcdServers:\n- https://localhost:2379\nlocalPort: 6443\n",
            ),
            ("APIServerConfig/kube-apiserver", "cpu: 200m\n"),
            (
                "AdmissionControlConfig/admission-control",
                "- name: PodSecurity\n",
            ),
            ("AuditPolicyConfig/audit-policy", "level: Metadata\n"),
            (
                "ControllerManagerConfig/kube-controller-manager",
                "enabled: true\n",
            ),
            ("SchedulerConfig/kube-scheduler", "config: {}\n"),
            (
                "ExtraManifestsConfig/extra-manifests",
                "extraManifests: []\n",
            ),
        ] {
            let yaml = found
                .get(name)
                .unwrap_or_else(|| panic!("{name}: {found:?}"));
            assert!(yaml.contains(says), "{name}: {yaml}");
        }
    }

    #[test]
    fn what_is_written_goes_where_it_belongs() {
        let found = follows(configuration(
            "machine:\n",
            "machine:\n    pods: [{kind: Pod, metadata: {name: web, namespace: lab}}, {metadata: {name: x}}]\n    \
             nodeLabels: {a: b}\n    nodeTaints: {c: 'd:NoExecute', e: NoSchedule}\n    \
             seccompProfiles: [{name: audit.json, value: {defaultAction: SCMP_ACT_LOG}}]\n",
        ));

        assert_eq!(
            found["StaticPod/lab-web"],
            "kind: Pod\nmetadata:\n  name: web\n  namespace: lab\n"
        );
        assert!(found.contains_key("StaticPod/default-x"));
        assert_eq!(found["NodeLabelSpec/a"], "key: a\nvalue: b\n");
        assert_eq!(
            found["NodeTaintSpec/c"],
            "key: c\neffect: NoExecute\nvalue: d\n"
        );
        assert_eq!(
            found["NodeTaintSpec/e"],
            "key: e\neffect: NoSchedule\nvalue: ''\n"
        );
        assert_eq!(
            found["SeccompProfile/audit.json"],
            "name: audit.json\nvalue:\n  defaultAction: SCMP_ACT_LOG\n"
        );
    }

    #[test]
    fn diag_16_pods_of_two_namespaces_whose_ids_are_the_same_are_both_there() {
        let found = follows(configuration(
            "machine:\n",
            "machine:\n    pods: [{metadata: {name: b-c, namespace: a}}, {metadata: {name: c, namespace: a-b}}]\n",
        ));

        assert!(found["StaticPod/a-b-c"].contains("name: b-c"), "{found:?}");
        assert!(found["StaticPod/a-b/c"].contains("name: c"), "{found:?}");
    }

    #[test]
    fn a_worker_has_nothing_of_a_control_plane() {
        let found = follows(worker());

        let control_plane = found.keys().filter(|name| {
            [
                "APIServer",
                "Etcd",
                "Scheduler",
                "ControllerManager",
                "Audit",
                "Admission",
                "ExtraM",
                "Bootstrap",
            ]
            .iter()
            .any(|part| name.starts_with(part))
        });
        assert_eq!(control_plane.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(!found.contains_key("NodeLabelSpec/node-role.kubernetes.io/control-plane"));
        let endpoints = &found["KubePrismEndpoint/k8s-cluster"];
        assert!(!endpoints.contains("localhost"), "{endpoints}");
    }

    #[test]
    fn without_a_configuration_nothing_follows() {
        let mut engine = Engine::new();
        for controller in controllers(&KernelArguments::default()) {
            engine.register(controller).unwrap();
        }
        let mut store = Store::new();

        let ran = engine.run(&mut store, crate::clock::now());

        assert!(ran.failures.is_empty());
        for kind in all_types() {
            assert_eq!(store.list_any(kind.namespace, kind).count(), 0, "{kind:?}");
        }
    }
}
