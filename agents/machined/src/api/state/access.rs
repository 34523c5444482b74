// SPDX-License-Identifier: MPL-2.0
//! Who may read which resource, and the words of refusals.
//!
//! Owns: the rules beyond those of the method: types, sensitive types, namespaces.
//! Never: says more of a type that is not shown than of one that does not exist.

use ::api::rbac::{Role, Roles, WRITE_ACCESS};
use resource::{Kind, Sensitivity};
use tonic::Status;

use crate::resources;

/// As much of a name as a refusal repeats: names come from outside and travel in a header.
const NAME_MAX: usize = 128;
/// Bytes of an id: the longest are made of a path, of at most 255 bytes a name.
const ID_MAX: usize = 4096;

/// Decides about reading a type in a namespace.
///
/// # Errors
/// The caller may not; this is the answer.
pub(super) fn read(
    roles: Roles,
    namespace: &str,
    kind: &str,
) -> Result<(&'static str, &'static Kind), Status> {
    let kind = resources::shown(kind).ok_or_else(|| {
        Status::permission_denied(format!(
            "resource type {} is not registered on this node",
            clipped(kind)
        ))
    })?;
    if kind.sensitivity == Sensitivity::Sensitive && !roles.contains(Role::Admin) {
        return Err(Status::permission_denied("not authorized"));
    }
    let namespace = resources::namespace(namespace).ok_or_else(|| {
        Status::permission_denied(format!(
            "namespace {} is not registered on this node",
            clipped(namespace)
        ))
    })?;
    Ok((namespace, kind))
}

/// Checks an id that is asked for: no resource has a longer one, and a watch keeps it.
///
/// # Errors
/// It is too long; this is the answer.
pub(super) fn check_id(id: &str) -> Result<(), Status> {
    if id.len() > ID_MAX {
        return Err(Status::invalid_argument(format!(
            "id: longer than {ID_MAX} bytes"
        )));
    }
    Ok(())
}

/// Nobody writes through the API.
pub(super) fn read_only() -> Status {
    Status::permission_denied(WRITE_ACCESS)
}

/// There is no such resource.
pub(super) fn not_found(namespace: &str, kind: &Kind, id: &str) -> Status {
    Status::not_found(format!(
        "resource {}({namespace}/{}) does not exist",
        kind.name,
        clipped(id)
    ))
}

/// A name from outside in quotes, no longer than a message should be.
fn clipped(name: &str) -> String {
    let kept: String = name.chars().take(NAME_MAX).collect();
    let dots = if kept.len() < name.len() { "…" } else { "" };
    format!("{kept:?}{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    const MC: &str = "MachineConfigs.config.talos.dev";
    const SERVICES: &str = "Services.v1alpha1.talos.dev";

    fn code(roles: &[Role], namespace: &str, kind: &str) -> Option<Code> {
        read(Roles::of(roles), namespace, kind)
            .err()
            .map(|status| status.code())
    }

    #[test]
    fn an_id_that_no_resource_has_is_refused_for_its_length() {
        assert!(check_id(&"i".repeat(ID_MAX)).is_ok());
        let refused = check_id(&"i".repeat(ID_MAX + 1)).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with("id: longer than"));
    }

    #[test]
    fn sensitive_types_are_for_administrators_though_the_method_is_for_readers() {
        let denied = Some(Code::PermissionDenied);
        for (roles, namespace, kind, expected) in [
            (&[Role::Admin][..], "config", MC, None),
            (&[Role::Reader], "config", MC, denied),
            (&[Role::Operator, Role::Reader], "config", MC, denied),
            (&[], "config", MC, denied),
            (&[Role::Reader], "runtime", SERVICES, None),
            (&[Role::Admin], "nowhere", SERVICES, denied),
            (&[Role::Admin], "", SERVICES, denied),
            (&[Role::Admin], "runtime", "", denied),
            (&[Role::Admin], "runtime", "services", denied),
            (
                &[Role::Admin],
                "runtime",
                "Teapots.v1alpha1.talos.dev",
                denied,
            ),
            // machined has them, for itself.
            (
                &[Role::Admin],
                "network",
                "DHCPLeases.net.ichor.dev",
                denied,
            ),
            (
                &[Role::Operator],
                "secrets",
                "ApiCertificates.secrets.talos.dev",
                denied,
            ),
            // Known, though nothing makes one.
            (
                &[Role::Reader],
                "k8s",
                "StaticPods.kubernetes.talos.dev",
                None,
            ),
        ] {
            assert_eq!(code(roles, namespace, kind), expected, "{namespace} {kind}");
        }
    }

    #[test]
    fn a_refusal_repeats_only_the_beginning_of_a_name() {
        let long = "ü".repeat(1_000_000);

        for refused in [
            read(Roles::of(&[Role::Admin]), "config", &long).unwrap_err(),
            read(Roles::of(&[Role::Admin]), &long, MC).unwrap_err(),
            not_found("config", resources::shown(MC).unwrap(), &long),
        ] {
            assert!(
                refused.message().len() < 1000,
                "{}",
                refused.message().len()
            );
            assert!(refused.message().contains('…'));
        }
    }
}
