// SPDX-License-Identifier: MPL-2.0
//! Who may call what, once TLS has said who it is.
//!
//! Owns: the decision about one call, and the words in which it is refused.
//! Never: looks at a message.

use api::methods::{self, Method};
use api::quota::Share;
use api::rbac::{self, Refusal, Role, Roles};
use api::wire::Code;

use crate::refused::Refused;

/// What is known of the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody showed a certificate, and nobody was asked to.
    Stranger,
    /// A certificate of the machine CA says these roles.
    Known(Roles),
}

impl Caller {
    /// The roles that machined is told.
    pub(crate) fn roles<'a>(self, metadata: impl IntoIterator<Item = &'a str>) -> Roles {
        match self {
            Self::Stranger => Roles::of(&[Role::Reader]),
            Self::Known(roles) => roles.impersonate(metadata),
        }
    }

    /// How much of what is shared it may have. Another node speaks for callers of any role.
    pub(crate) fn share(self) -> Share {
        match self {
            Self::Stranger => Share::Common,
            Self::Known(roles) if roles.contains(Role::Impersonator) => Share::Whole,
            Self::Known(roles) => Share::of(roles),
        }
    }

    /// Whether what this caller says about the origin of a call is believed.
    pub(crate) fn speaks_for_others(self) -> bool {
        match self {
            Self::Stranger => false,
            Self::Known(roles) => roles.contains(Role::Impersonator),
        }
    }
}

/// Decides about one call. `roles` are those of [`Caller::roles`].
pub(crate) fn admit(path: &str, caller: Caller, roles: Roles) -> Result<&'static Method, Refused> {
    let method = methods::find(path)
        // trustd has a door of its own.
        .filter(|method| method.service() != "securityapi.SecurityService")
        .ok_or_else(|| unknown(path))?;
    let verdict = match caller {
        Caller::Stranger => rbac::admit_in_maintenance(method, roles),
        Caller::Known(_) => rbac::admit(method, roles),
    };
    verdict.map(|()| method).map_err(|refusal| match refusal {
        Refusal::NotAuthorized => Refused::new(Code::PermissionDenied, "not authorized"),
        Refusal::NotInMaintenance => Refused::new(
            Code::Unimplemented,
            "not available in maintenance mode: apply a configuration first",
        ),
        Refusal::WriteAccess => Refused::new(Code::PermissionDenied, rbac::WRITE_ACCESS),
    })
}

fn unknown(path: &str) -> Refused {
    // The path is the client's own text, so it is not repeated when it is long.
    if path.len() <= 100 {
        Refused::new(
            Code::Unimplemented,
            format!("this node has no method {path}"),
        )
    } else {
        Refused::new(Code::Unimplemented, "this node has no such method")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str, caller: Caller) -> Option<u32> {
        admit(path, caller, caller.roles([]))
            .err()
            .map(|refused| refused.code)
    }

    #[test]
    fn an_unknown_method_is_unimplemented_for_everybody() {
        for caller in [
            Caller::Stranger,
            Caller::Known(Roles::NONE),
            Caller::Known(Roles::EVERY),
        ] {
            for path in [
                "/machine.MachineService/Nothing",
                "/machine.machineservice/Version",
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "/securityapi.SecurityService/Certificate",
                "/",
                "",
            ] {
                assert_eq!(code(path, caller), Some(12), "{path} {caller:?}");
            }
        }
    }

    #[test]
    fn a_certificate_without_a_role_is_not_authorized() {
        let refused = admit(
            "/machine.MachineService/Version",
            Caller::Known(Roles::NONE),
            Roles::NONE,
        )
        .unwrap_err();

        assert_eq!(
            refused,
            Refused::new(Code::PermissionDenied, "not authorized")
        );
    }

    #[test]
    fn a_stranger_gets_the_maintenance_methods_and_no_other() {
        for method in methods::METHODS {
            let expected = match method.maintenance {
                methods::Maintenance::Anyone => None,
                methods::Maintenance::ReadOnly => Some(7),
                methods::Maintenance::Admins | methods::Maintenance::Closed => Some(12),
            };
            assert_eq!(
                code(method.path, Caller::Stranger),
                expected,
                "{}",
                method.path
            );
        }
    }

    #[test]
    fn a_stranger_cannot_name_its_own_roles() {
        assert_eq!(
            Caller::Stranger.roles(["os:admin"]),
            Roles::of(&[Role::Reader])
        );
    }

    #[test]
    fn a_long_path_is_not_echoed() {
        let path = format!("/{}", "a".repeat(5000));

        assert!(
            admit(&path, Caller::Stranger, Roles::NONE)
                .unwrap_err()
                .message
                .len()
                < 100
        );
    }
}
