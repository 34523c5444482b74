// SPDX-License-Identifier: MPL-2.0
//! What Kubernetes calls the node.
//!
//! Owns: `Nodename`.
//! Never: registers one.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::machine;
use crate::resources::{HostnameStatus, MachineConfig, Nodename};

pub(super) fn controller() -> Controller {
    Controller {
        name: "k8s.NodenameController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<HostnameStatus>(),
        ],
        outputs: vec![Output::of::<Nodename>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut all = view.list::<HostnameStatus>();
    let hostname = all.find(|found| found.metadata.id == HostnameStatus::ID);
    let (Some(machine), Some(hostname)) = (machine(view), hostname) else {
        return Ok(());
    };
    let kubelet = machine.kubelet.as_ref();
    let in_full = kubelet.is_some_and(|kubelet| kubelet.register_with_fqdn == Some(true));
    let name = match in_full {
        true => hostname.spec.full(),
        false => hostname.spec.hostname.clone(),
    };
    let nodename = Nodename {
        nodename: of_kubernetes(&name)?,
        hostname_version: hostname.metadata.version.to_string(),
        skip_registration: kubelet.is_some_and(|found| found.skip_node_registration == Some(true)),
    };
    desired.put("nodename", nodename);
    Ok(())
}

/// A host name with the letters that names of Kubernetes have.
fn of_kubernetes(hostname: &str) -> Result<String, Failure> {
    let lower = hostname.to_lowercase().replace('_', "-");
    let kept = lower.chars().filter(|letter| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.')
    });
    let name: String = kept.collect();
    match name.trim_matches(['-', '.']) {
        "" => Err(Failure::new(format_args!(
            "the host name {hostname:?} has no letter that a name of Kubernetes may have"
        ))),
        name => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsrc_046_a_name_has_only_letters_that_kubernetes_takes() {
        for (hostname, expected) in [
            ("box", Some("box")),
            ("My_Box.Lab", Some("my-box.lab")),
            ("-a b-", Some("ab")),
            ("...", None),
            ("ü", None),
        ] {
            assert_eq!(
                of_kubernetes(hostname).ok().as_deref(),
                expected,
                "{hostname}"
            );
        }
    }
}
