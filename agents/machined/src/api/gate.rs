// SPDX-License-Identifier: MPL-2.0
//! Who may call what, checked again behind apid, before anything of a request is read.
//!
//! Owns: applying the table of `api` to a request's path and roles.
//! Never: opens a method that the table does not open.

use ::api::methods::{self, Method};
use ::api::rbac::{self, Roles};
use ::api::wire::ROLE;
use http::HeaderMap;
use tonic::Status;

/// Decides about a request, and says which method it is for.
///
/// # Errors
/// It is not let in; this is the answer.
pub(super) fn admit(path: &str, roles: Roles, configured: bool) -> Result<&'static Method, Status> {
    let Some(method) = methods::find(path) else {
        return Err(Status::unimplemented(format!("unknown method {path}")));
    };
    let decision = if configured {
        rbac::admit(method, roles)
    } else {
        rbac::admit_in_maintenance(method, roles)
    };
    match decision {
        Ok(()) => Ok(method),
        Err(rbac::Refusal::NotAuthorized) => Err(Status::permission_denied("not authorized")),
        Err(rbac::Refusal::NotInMaintenance) => Err(Status::unimplemented(
            "API is not implemented in maintenance mode",
        )),
        Err(rbac::Refusal::WriteAccess) => Err(Status::permission_denied(rbac::WRITE_ACCESS)),
    }
}

/// The roles that apid says the caller has.
pub(super) fn roles(headers: &HeaderMap) -> Roles {
    let named = headers.get_all(ROLE).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    Roles::parse(named.flat_map(|value| value.split(',')))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn code(path: &str, roles: &[&str], configured: bool) -> Option<Code> {
        let mut headers = HeaderMap::new();
        for role in roles {
            headers.append(ROLE, role.parse().unwrap());
        }
        admit(path, super::roles(&headers), configured)
            .err()
            .map(|status| status.code())
    }

    #[test]
    fn the_table_is_applied_to_every_value_of_the_metadata() {
        const VERSION: &str = "/machine.MachineService/Version";
        const REBOOT: &str = "/machine.MachineService/Reboot";
        const APPLY: &str = "/machine.MachineService/ApplyConfiguration";
        const DESTROY: &str = "/cosi.resource.State/Destroy";
        let denied = Some(Code::PermissionDenied);
        let absent = Some(Code::Unimplemented);
        for (path, roles, configured, expected) in [
            (VERSION, &["os:reader"][..], true, None),
            (VERSION, &["x", "os:admin"], true, None),
            (VERSION, &["x,os:admin"], true, None),
            (VERSION, &[], true, denied),
            (VERSION, &["os:impersonator"], true, denied),
            (VERSION, &["os:reader"], false, absent),
            (REBOOT, &["os:reader"], true, denied),
            (REBOOT, &["os:operator"], true, None),
            (REBOOT, &["os:operator"], false, absent),
            (APPLY, &[], false, None),
            (APPLY, &["os:reader"], true, denied),
            (DESTROY, &["os:reader"], false, denied),
            (DESTROY, &["os:admin"], false, denied),
            (DESTROY, &["os:admin"], true, None),
            (
                "/machine.MachineService/Nothing",
                &["os:admin"],
                true,
                absent,
            ),
            ("/", &["os:admin"], true, absent),
            ("", &["os:admin"], false, absent),
        ] {
            assert_eq!(code(path, roles, configured), expected, "{path} {roles:?}");
        }
    }
}
