// SPDX-License-Identifier: MPL-2.0
//! How parts of the configuration that stand in several places become fields of resources.
//!
//! Owns: those conversions, and the images of the release.
//! Never: decides which resource has them.

use std::collections::BTreeMap;

use config::Value;
use config::document::{MachineConfig, ResourcesConfig, VolumeMountConfig};
use serde_yaml_ng::{Mapping, Value as Yaml};

use crate::resources::{ExtraVolume, PodResources};

/// The Kubernetes that the release brings when the configuration names no image.
const KUBERNETES: &str = "v1.29.3";

/// An image as it is written, or that of the release.
pub(super) fn kubernetes_image(written: Option<&String>, name: &str) -> String {
    let written = written.filter(|image| !image.is_empty());
    written
        .cloned()
        .unwrap_or_else(|| format!("registry.k8s.io/{name}:{KUBERNETES}"))
}

/// What a pod may use; `cpu` and `memory` are what it gets when nothing is written.
pub(super) fn resources(
    written: Option<&ResourcesConfig>,
    cpu: &str,
    memory: &str,
) -> PodResources {
    let mut requests = texts(written.map(|written| &written.requests));
    for (name, default) in [("cpu", cpu), ("memory", memory)] {
        requests
            .entry(name.to_owned())
            .or_insert_with(|| default.to_owned());
    }
    PodResources {
        requests,
        limits: texts(written.map(|written| &written.limits)),
    }
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Map(map)) = value else {
        return BTreeMap::new();
    };
    let entries = map.iter().filter_map(|(key, value)| {
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::List(_) | Value::Map(_) => return None,
        };
        Some((key.clone(), text))
    });
    entries.collect()
}

/// Folders of the node in a pod.
pub(super) fn volumes(written: &[VolumeMountConfig]) -> Vec<ExtraVolume> {
    let volumes = written.iter().map(|volume| ExtraVolume {
        // Kubernetes wants names for them, and the configuration has none.
        name: volume.mount_path.trim_matches('/').replace('/', "-"),
        host_path: volume.host_path.clone(),
        mount_path: volume.mount_path.clone(),
        read_only: volume.read_only,
    });
    volumes.collect()
}

/// A free part of the configuration; nothing is an empty mapping.
pub(super) fn free(value: &Value) -> Yaml {
    let value = yaml(value);
    if value.is_null() {
        return Yaml::Mapping(Mapping::new());
    }
    value
}

fn yaml(value: &Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(flag) => Yaml::from(*flag),
        Value::Integer(number) => Yaml::from(*number),
        Value::Unsigned(number) => Yaml::from(*number),
        Value::Float(number) => Yaml::from(*number),
        Value::Text(text) => Yaml::from(text.as_str()),
        Value::List(list) => Yaml::Sequence(list.iter().map(yaml).collect()),
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, value)| (Yaml::from(key.as_str()), yaml(value)));
            Yaml::Mapping(entries.collect())
        }
    }
}

/// Networks that count, and those after a `!`, which do not.
pub(super) fn split_subnets(written: &[String]) -> (Vec<String>, Vec<String>) {
    let (excluded, valid): (Vec<_>, Vec<_>) =
        written.iter().partition(|subnet| subnet.starts_with('!'));
    let bare = |subnet: &String| subnet.trim_start_matches('!').to_owned();
    (
        valid.into_iter().map(bare).collect(),
        excluded.into_iter().map(bare).collect(),
    )
}

/// Addresses that control plane nodes share: no node is reached by one for sure.
pub(super) fn shared_addresses(machine: &MachineConfig) -> Vec<String> {
    let network = machine.network.iter();
    let links = network.flat_map(|network| &network.interfaces);
    links
        .flat_map(|link| {
            let own = link.vip.iter();
            own.chain(link.vlans.iter().filter_map(|vlan| vlan.vip.as_ref()))
        })
        .map(|vip| vip.ip.clone())
        .collect()
}
