// SPDX-License-Identifier: MPL-2.0
//! What resources say about a machine.
//!
//! Owns: which resources are read for the overview, and which words are taken from them.
//! Never: invents a word: what a node does not have is not there.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

use crate::units::harmless;

/// Types that are read for the overview, each with its namespace.
pub(crate) const WANTED: &[(&str, &str)] = &[
    ("hardware", "SystemInformations.hardware.talos.dev"),
    ("hardware", "Processors.hardware.talos.dev"),
    ("cluster", "Infos.cluster.talos.dev"),
    ("cluster", "Members.cluster.talos.dev"),
    ("runtime", "MachineStatuses.runtime.talos.dev"),
    ("config", "MachineTypes.config.talos.dev"),
    ("k8s", "KubeletSpecs.kubernetes.talos.dev"),
    ("k8s", "StaticPodStatuses.kubernetes.talos.dev"),
    ("runtime", "Services.v1alpha1.talos.dev"),
    ("network", "HostnameStatuses.net.talos.dev"),
    ("network", "NodeAddresses.net.talos.dev"),
    ("network", "RouteStatuses.net.talos.dev"),
    ("network", "NetworkStatuses.net.talos.dev"),
    ("network", "ResolverStatuses.net.talos.dev"),
    ("network", "TimeServerStatuses.net.talos.dev"),
];

/// More resources of a type are counted, not kept.
const KEPT_MAX: usize = 256;
/// Longer texts are cut, in letters.
const WORD_MAX: usize = 200;
/// The pods of a control plane, in the order of the documents.
const COMPONENTS: [&str; 3] = ["apiserver", "controller-manager", "scheduler"];

/// Resources by type: their ids and specs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Kind {
    count: usize,
    kept: Vec<(String, Value)>,
}

/// A line of the overview: what it is called, and what it is if the node says so.
pub(crate) type Row = (&'static str, Option<String>);

impl Facts {
    /// Takes a resource. A text that is no YAML says nothing.
    pub(crate) fn take(&mut self, kind: &'static str, id: &str, yaml: &str) {
        let of = self.kinds.entry(kind).or_default();
        of.count = of.count.saturating_add(1);
        if of.kept.len() < KEPT_MAX {
            let value = serde_yaml_ng::from_str(yaml).unwrap_or_default();
            of.kept.push((id.to_owned(), value));
        }
    }

    fn all(&self, kind: &str) -> &[(String, Value)] {
        let found = self.kinds.iter().find(|(name, _)| name.starts_with(kind));
        found.map_or(&[], |(_, kind)| &kind.kept)
    }

    fn first(&self, kind: &str, path: &[&str]) -> Option<String> {
        self.all(kind).first().and_then(|(_, spec)| at(spec, path))
    }

    fn of(&self, kind: &str, id: &str, path: &[&str]) -> Option<String> {
        let mut all = self.all(kind).iter();
        all.find(|(is, _)| is == id)
            .and_then(|(_, spec)| at(spec, path))
    }

    /// The model of the processor.
    pub(crate) fn processor(&self) -> Option<String> {
        self.first("Processors.", &["productName"])
    }

    /// The machine itself.
    pub(crate) fn machine(&self) -> Vec<Row> {
        let members = self.kinds.get("Members.cluster.talos.dev");
        let ready = self.first("MachineStatuses.", &["status", "ready"]);
        let ready = ready.map(|ready| match ready.as_str() {
            "true" => "yes".to_owned(),
            _ => self
                .unmet()
                .map_or("no".to_owned(), |why| format!("no: {why}")),
        });
        vec![
            ("UUID", self.first("SystemInformations.", &["uuid"])),
            ("CLUSTER", self.first("Infos.", &["clusterName"])),
            ("STAGE", self.first("MachineStatuses.", &["stage"])),
            ("READY", ready),
            ("TYPE", self.first("MachineTypes.", &[])),
            ("MEMBERS", members.map(|members| members.count.to_string())),
        ]
    }

    /// What keeps the machine from being ready.
    fn unmet(&self) -> Option<String> {
        let (_, spec) = self.all("MachineStatuses.").first()?;
        let unmet = spec.get("status")?.get("unmetConditions")?.as_sequence()?;
        let names: Vec<String> = unmet
            .iter()
            .filter_map(|condition| at(condition, &["name"]))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Kubernetes on the machine.
    pub(crate) fn kubernetes(&self) -> Vec<Row> {
        let image = self.of("KubeletSpecs.", "kubelet", &["image"]);
        let version = image.and_then(|image| {
            let name = image.split('@').next().unwrap_or_default().to_owned();
            let (_, tag) = name.rsplit_once(':')?;
            (!tag.contains('/')).then(|| tag.to_owned())
        });
        let kubelet = self
            .of("Services.", "kubelet", &["healthy"])
            .map(|healthy| {
                let word = if healthy == "true" {
                    "healthy"
                } else {
                    "unhealthy"
                };
                word.to_owned()
            });
        let mut rows = vec![("KUBERNETES", version), ("KUBELET", kubelet)];
        if self
            .first("MachineTypes.", &[])
            .is_some_and(|kind| kind != "worker")
        {
            let names = ["APISERVER", "CONTROLLER", "SCHEDULER"];
            for (name, component) in names.into_iter().zip(COMPONENTS) {
                rows.push((name, self.pod(component)));
            }
        }
        rows
    }

    /// Whether the pod of a component is ready.
    fn pod(&self, component: &str) -> Option<String> {
        let mut pods = self.all("StaticPodStatuses.").iter();
        let (_, spec) = pods.find(|(id, _)| id.contains(component))?;
        let status = spec.get("podStatus").or_else(|| spec.get("podstatus"))?;
        let mut conditions = status.get("conditions")?.as_sequence()?.iter();
        let ready =
            conditions.find(|condition| at(condition, &["type"]).as_deref() == Some("Ready"))?;
        let is_ready = at(ready, &["status"])? == "True";
        Some(if is_ready { "healthy" } else { "unhealthy" }.to_owned())
    }

    /// Its network.
    pub(crate) fn network(&self) -> Vec<Row> {
        let hostname = self.first("HostnameStatuses.", &["hostname"]).map(|name| {
            match self.first("HostnameStatuses.", &["domainname"]) {
                Some(domain) if !domain.is_empty() => format!("{name}.{domain}"),
                Some(_) | None => name,
            }
        });
        let addresses = self
            .of("NodeAddresses.", "routed", &["addresses"])
            .or_else(|| self.of("NodeAddresses.", "current", &["addresses"]));
        vec![
            ("HOST", hostname),
            ("IP", addresses),
            ("GW", self.gateways()),
            ("CONNECTIVITY", self.connectivity()),
            ("DNS", self.first("ResolverStatuses.", &["dnsServers"])),
            ("NTP", self.first("TimeServerStatuses.", &["timeServers"])),
        ]
    }

    fn gateways(&self) -> Option<String> {
        let mut found: Vec<String> = Vec::new();
        for (_, route) in self.all("RouteStatuses.") {
            let is_default =
                at(route, &["dst"]).is_none_or(|to| to.is_empty() || to.ends_with("/0"));
            if let Some(gateway) = at(route, &["gateway"])
                && is_default
                && !gateway.is_empty()
                && !found.contains(&gateway)
            {
                found.push(gateway);
            }
        }
        (!found.is_empty()).then(|| found.join(", "))
    }

    fn connectivity(&self) -> Option<String> {
        let (_, status) = self.all("NetworkStatuses.").first()?;
        let missing: Vec<&str> = [
            ("addressReady", "address"),
            ("connectivityReady", "connectivity"),
            ("hostnameReady", "host name"),
            ("etcFilesReady", "files in /etc"),
        ]
        .into_iter()
        .filter(|(key, _)| at(status, &[key]).as_deref() != Some("true"))
        .map(|(_, name)| name)
        .collect();
        Some(if missing.is_empty() {
            "OK".to_owned()
        } else {
            format!("missing: {}", missing.join(", "))
        })
    }
}

/// The text at a place of a spec; those of a list are joined.
fn at(spec: &Value, path: &[&str]) -> Option<String> {
    let mut value = spec;
    for key in path {
        value = value.get(key)?;
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Sequence(items) => {
            let texts: Vec<String> = items.iter().filter_map(|item| at(item, &[])).collect();
            texts.join(", ")
        }
        Value::Null | Value::Mapping(_) | Value::Tagged(_) => return None,
    };
    Some(harmless(&text).chars().take(WORD_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(rows: &[Row]) -> String {
        let rows = rows
            .iter()
            .map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("-")));
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn dash_03_a_node_without_resources_has_every_row_and_no_word() {
        let facts = Facts::default();
        for rows in [facts.machine(), facts.kubernetes(), facts.network()] {
            assert!(!rows.is_empty());
            assert!(rows.iter().all(|(_, value)| value.is_none()), "{rows:?}");
        }
    }

    #[test]
    fn dash_03_every_row_of_the_documents_is_taken_from_its_resource() {
        let mut facts = Facts::default();
        for (kind, id, yaml) in [
            (
                "SystemInformations.hardware.talos.dev",
                "systeminformation",
                "uuid: 8d1c-1",
            ),
            ("Infos.cluster.talos.dev", "current", "clusterName: home"),
            ("Members.cluster.talos.dev", "a", "hostname: a"),
            ("Members.cluster.talos.dev", "b", "hostname: b"),
            (
                "MachineStatuses.runtime.talos.dev",
                "machine",
                "stage: running\nstatus:\n  ready: false\n  unmetConditions:\n  - name: services\n    reason: x",
            ),
            (
                "MachineTypes.config.talos.dev",
                "machine-type",
                "controlplane",
            ),
            (
                "KubeletSpecs.kubernetes.talos.dev",
                "kubelet",
                "image: r.example:5000/kubelet:v1.29.0",
            ),
            (
                "Services.v1alpha1.talos.dev",
                "kubelet",
                "running: true\nhealthy: true",
            ),
            (
                "StaticPodStatuses.kubernetes.talos.dev",
                "kube-system/kube-apiserver-a",
                "podStatus: {conditions: [{type: Ready, status: 'True'}]}",
            ),
            (
                "StaticPodStatuses.kubernetes.talos.dev",
                "kube-system/kube-scheduler-a",
                "podStatus: {conditions: [{type: Ready, status: 'False'}]}",
            ),
            (
                "HostnameStatuses.net.talos.dev",
                "hostname",
                "hostname: a\ndomainname: lan",
            ),
            (
                "NodeAddresses.net.talos.dev",
                "current",
                "addresses: [10.0.0.2/24, fd00::2/64]",
            ),
            (
                "RouteStatuses.net.talos.dev",
                "1",
                "dst: 10.0.0.0/24\ngateway: ''",
            ),
            (
                "RouteStatuses.net.talos.dev",
                "2",
                "dst: ''\ngateway: 10.0.0.1",
            ),
            (
                "NetworkStatuses.net.talos.dev",
                "status",
                "addressReady: true\nconnectivityReady: false\nhostnameReady: true\netcFilesReady: true",
            ),
            (
                "ResolverStatuses.net.talos.dev",
                "resolvers",
                "dnsServers: [1.1.1.1, 9.9.9.9]",
            ),
            (
                "TimeServerStatuses.net.talos.dev",
                "timeservers",
                "timeServers: [pool.example]",
            ),
        ] {
            facts.take(kind, id, yaml);
        }

        assert_eq!(
            words(&facts.machine()),
            "UUID 8d1c-1\nCLUSTER home\nSTAGE running\nREADY no: services\nTYPE controlplane\nMEMBERS 2"
        );
        assert_eq!(
            words(&facts.kubernetes()),
            "KUBERNETES v1.29.0\nKUBELET healthy\nAPISERVER healthy\nCONTROLLER -\nSCHEDULER unhealthy"
        );
        assert_eq!(
            words(&facts.network()),
            "HOST a.lan\nIP 10.0.0.2/24, fd00::2/64\nGW 10.0.0.1\n\
             CONNECTIVITY missing: connectivity\nDNS 1.1.1.1, 9.9.9.9\nNTP pool.example"
        );
    }

    #[test]
    fn what_a_node_says_cannot_draw_and_is_bounded() {
        let mut facts = Facts::default();
        for _ in 0..1000 {
            facts.take("Members.cluster.talos.dev", "a", "hostname: a");
        }
        facts.take(
            "Infos.cluster.talos.dev",
            "current",
            "clusterName: \"\\e[2J\"",
        );
        facts.take(
            "MachineTypes.config.talos.dev",
            "machine-type",
            ": : no yaml [",
        );
        let long = format!("uuid: {}", "x".repeat(10_000));
        facts.take(
            "SystemInformations.hardware.talos.dev",
            "systeminformation",
            &long,
        );

        assert_eq!(facts.all("Members.").len(), KEPT_MAX);
        let rows = facts.machine();
        assert!(words(&rows).contains("CLUSTER  [2J\n"), "{rows:?}");
        assert!(words(&rows).ends_with("TYPE -\nMEMBERS 1000"), "{rows:?}");
        assert!(words(&rows).len() < 400);
    }
}
