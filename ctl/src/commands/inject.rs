// SPDX-License-Identifier: MPL-2.0
//! `inject serviceaccount`: pods that may use the machine API.
//!
//! Owns: what is added to a manifest: a service account beside it, its secret as a volume, the mounts.
//! Never: changes what it does not know, or adds anything twice.

use serde::Deserialize as _;
use serde_yaml_ng::{Deserializer, Mapping, Value};

use crate::args_machine::Inject;
use crate::places::{self, Environment};
use crate::screen::Screen;
use crate::trouble::Trouble;

/// Where a client in a pod looks for its configuration.
const MOUNT_PATH: &str = "/var/run/secrets/talos.dev";
/// The name of the volume in the pod.
const VOLUME: &str = "talos-secrets";
/// What the name of the service account and its secret adds to that of the workload.
const SUFFIX: &str = "-talos-secrets";

pub(crate) fn run(
    what: &Inject,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let Inject::Serviceaccount { file, roles } = what;
    let bytes = places::read_input(file, environment)?;
    let text = core::str::from_utf8(&bytes)
        .map_err(|_| Trouble::new(format!("{} is not UTF-8", file.display())))?;
    let documents =
        inject(text, roles).map_err(|why| Trouble::new(format!("{}: {why}", file.display())))?;
    for document in documents {
        let text = serde_yaml_ng::to_string(&document)
            .map_err(|error| Trouble::new(format!("cannot write a manifest: {error}")))?;
        screen.print(format_args!("{text}---\n"));
    }
    Ok(())
}

/// Adds the service account to all manifests of a text.
fn inject(text: &str, roles: &[String]) -> Result<Vec<Value>, String> {
    let mut manifests = Vec::new();
    for document in Deserializer::from_str(text) {
        let document =
            Value::deserialize(document).map_err(|error| format!("not YAML: {error}"))?;
        if !document.is_null() {
            manifests.push(document);
        }
    }
    if manifests.is_empty() {
        return Err("there is no manifest in it".to_owned());
    }
    let known: Vec<Value> = manifests
        .iter()
        .filter(|m| is_account(m))
        .cloned()
        .collect();
    let mut documents = Vec::new();
    let mut has_pods = false;
    for mut manifest in manifests {
        let account = inject_one(&mut manifest, roles)?;
        has_pods |= account.is_some();
        documents.push(manifest);
        documents.extend(account.filter(|account| !known.contains(account)));
    }
    if has_pods {
        Ok(documents)
    } else {
        Err("there is nothing with pods in it".to_owned())
    }
}

fn is_account(document: &Value) -> bool {
    let is = |key: &str, text: &str| document.get(key).and_then(Value::as_str) == Some(text);
    is("kind", "ServiceAccount") && is("apiVersion", "talos.dev/v1alpha1")
}

/// Where the description of the pods is, by kind of manifest.
fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "DaemonSet"
        | "Deployment"
        | "Job"
        | "ReplicaSet"
        | "ReplicationController"
        | "StatefulSet" => Some(&["spec", "template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// Changes one manifest, if it has pods, and returns the service account that goes with it.
fn inject_one(document: &mut Value, roles: &[String]) -> Result<Option<Value>, String> {
    let kind = document
        .get("kind")
        .and_then(Value::as_str)
        .ok_or("not a manifest: it has no kind")?
        .to_owned();
    let Some(path) = pod_path(&kind) else {
        return Ok(None);
    };
    let metadata = document.get("metadata");
    let of = |key| {
        metadata
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
    };
    let name = of("name").ok_or_else(|| format!("the {kind} has no metadata.name"))?;
    let name = format!("{name}{SUFFIX}");
    let account = account(&name, of("namespace"), roles);
    let mut pod = document;
    for step in path {
        pod = pod
            .get_mut(*step)
            .ok_or_else(|| format!("the {kind} has no {}", path.join(".")))?;
    }
    let pod = pod
        .as_mapping_mut()
        .ok_or_else(|| format!("the {kind} has no {}", path.join(".")))?;
    let containers = pod
        .get_mut("containers")
        .and_then(Value::as_sequence_mut)
        .filter(|containers| !containers.is_empty())
        .ok_or_else(|| format!("the {kind} has no {}.containers", path.join(".")))?;
    for container in containers {
        let container = container
            .as_mapping_mut()
            .ok_or("a container is not a mapping")?;
        let mount = mapping([("mountPath", MOUNT_PATH.into()), ("name", VOLUME.into())]);
        add(container, "volumeMounts", mount)?;
    }
    // Nodes of the control plane, too, are nodes that somebody may want to ask about.
    add(pod, "tolerations", mapping([("operator", "Exists".into())]))?;
    let secret = mapping([("secretName", name.into())]);
    add(
        pod,
        "volumes",
        mapping([("name", VOLUME.into()), ("secret", secret)]),
    )?;
    Ok(Some(account))
}

/// Adds an item to a list that may not be there yet, and not twice.
fn add(mapping: &mut Mapping, key: &str, item: Value) -> Result<(), String> {
    let list = mapping
        .entry(key.into())
        .or_insert_with(|| Value::Sequence(Vec::new()));
    if list.is_null() {
        *list = Value::Sequence(Vec::new());
    }
    let list = list
        .as_sequence_mut()
        .ok_or_else(|| format!("{key} is not a list"))?;
    if !list.contains(&item) {
        list.push(item);
    }
    Ok(())
}

fn account(name: &str, namespace: Option<&str>, roles: &[String]) -> Value {
    let mut metadata = Mapping::new();
    metadata.insert("name".into(), name.into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    let roles: Vec<Value> = roles.iter().map(|role| role.as_str().into()).collect();
    mapping([
        ("apiVersion", "talos.dev/v1alpha1".into()),
        ("kind", "ServiceAccount".into()),
        ("metadata", Value::Mapping(metadata)),
        ("spec", mapping([("roles", Value::Sequence(roles))])),
    ])
}

fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Mapping(
        entries
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
    name: web
    namespace: prod
spec:
    template:
        spec:
            containers:
                - name: one
                - name: two
                  volumeMounts:
                      - {name: data, mountPath: /data}
            volumes:
                - name: data
";

    fn roles() -> Vec<String> {
        vec!["os:reader".to_owned()]
    }

    fn text(documents: &[Value]) -> String {
        let texts = documents
            .iter()
            .map(|d| serde_yaml_ng::to_string(d).unwrap());
        texts.collect::<Vec<String>>().join("---\n")
    }

    #[test]
    fn cmd_058_each_container_gets_the_mount_and_the_account_stands_beside() {
        let made = inject(DEPLOYMENT, &roles()).unwrap();

        let pod = &made[0]["spec"]["template"]["spec"];
        for container in pod["containers"].as_sequence().unwrap() {
            let mount = container["volumeMounts"]
                .as_sequence()
                .unwrap()
                .last()
                .unwrap();
            assert_eq!(mount["mountPath"], "/var/run/secrets/talos.dev");
            assert_eq!(mount["name"], "talos-secrets");
        }
        assert_eq!(
            pod["volumes"][1]["secret"]["secretName"],
            "web-talos-secrets"
        );
        assert_eq!(pod["tolerations"][0]["operator"], "Exists");
        assert_eq!(made[1]["kind"], "ServiceAccount");
        assert_eq!(made[1]["metadata"]["name"], "web-talos-secrets");
        assert_eq!(made[1]["metadata"]["namespace"], "prod");
        assert_eq!(made[1]["spec"]["roles"][0], "os:reader");
    }

    #[test]
    fn pods_are_found_in_every_kind_of_workload_and_others_stay() {
        let pods = "spec: {containers: [{name: a}]}";
        for (kind, spec) in [
            ("Pod", pods.to_owned()),
            ("StatefulSet", format!("spec: {{template: {{{pods}}}}}")),
            (
                "CronJob",
                format!("spec: {{jobTemplate: {{spec: {{template: {{{pods}}}}}}}}}"),
            ),
        ] {
            let manifest = format!("kind: {kind}\nmetadata: {{name: x}}\n{spec}\n");
            assert_eq!(inject(&manifest, &roles()).unwrap().len(), 2, "{kind}");
        }
        let service = "kind: Service\nmetadata: {name: s}\nspec: {ports: [80]}\n";
        let made = inject(&format!("{service}---\n{DEPLOYMENT}---\n"), &roles()).unwrap();
        let kinds: Vec<&str> = made.iter().map(|d| d["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["Service", "Deployment", "ServiceAccount"]);
        let alone: Value = serde_yaml_ng::from_str(service).unwrap();
        assert_eq!(made[0], alone);
    }

    #[test]
    fn injecting_twice_adds_nothing_to_the_pods() {
        let once = inject(DEPLOYMENT, &roles()).unwrap();

        assert_eq!(inject(&text(&once[..1]), &roles()).unwrap(), once);
        assert_eq!(inject(&text(&once), &roles()).unwrap(), once);
    }

    #[test]
    fn what_has_no_pods_is_refused_with_a_reason() {
        for (manifest, reason) in [
            ("", "no manifest"),
            ("---\n---\n", "no manifest"),
            ("a: [", "not YAML"),
            ("a: b", "no kind"),
            ("- a", "no kind"),
            ("kind: Service\nmetadata: {name: a}", "nothing with pods"),
            ("kind: Pod\nspec: {containers: [{}]}", "no metadata.name"),
            ("kind: Pod\nmetadata: {name: a}", "no spec"),
            ("kind: Pod\nmetadata: {name: a}\nspec: 7", "no spec"),
            (
                "kind: Pod\nmetadata: {name: a}\nspec: {}",
                "no spec.containers",
            ),
            (
                "kind: Pod\nmetadata: {name: a}\nspec: {containers: []}",
                "no spec.containers",
            ),
            (
                "kind: Pod\nmetadata: {name: a}\nspec: {containers: [7]}",
                "not a mapping",
            ),
            (
                "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{}], volumes: 7}",
                "volumes is not a list",
            ),
        ] {
            let why = inject(manifest, &roles()).unwrap_err();
            assert!(why.contains(reason), "{manifest}: {why}");
        }
    }
}
