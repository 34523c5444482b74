// SPDX-License-Identifier: MPL-2.0
//! The pods of the configuration that the kubelet of this node is to run.
//!
//! Owns: `StaticPod`.
//! Never: runs one.

use std::collections::BTreeSet;

use config::Value;
use resource::{Controller, Desired, Failure, View};

use super::written::free;
use super::{machine, of_configuration};
use crate::resources::StaticPod;

pub(super) fn controller() -> Controller {
    of_configuration::<StaticPod>("k8s.StaticPodConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut ids = BTreeSet::new();
    let pods = machine(view).map_or(&[][..], |machine| &machine.pods);
    for pod in pods {
        let metadata = |key| under(pod, "metadata").and_then(|found| under(found, key));
        let Some(Value::Text(name)) = metadata("name") else {
            // Kubernetes refuses it, too.
            continue;
        };
        let namespace = match metadata("namespace") {
            Some(Value::Text(namespace)) => namespace.as_str(),
            Some(_) | None => "default",
        };
        let id = format!("{namespace}-{name}");
        // That is the documents' id. Pods of two namespaces can share one; none is to get lost.
        let is_new = ids.insert(id.clone());
        let id = if is_new {
            id
        } else {
            format!("{namespace}/{name}")
        };
        desired.put(id, StaticPod { pod: free(pod) });
    }
    Ok(())
}

/// What a mapping has under a key.
fn under<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Map(map) => map
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Unsigned(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_) => None,
    }
}
