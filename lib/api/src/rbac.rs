// SPDX-License-Identifier: MPL-2.0
//! Roles of callers, and whether a set of roles opens a method.
//!
//! Owns: the role names, the set of roles one caller has, the rule of impersonation.
//! Never: reads a certificate or a request; the caller brings the strings.

use std::fmt;

use crate::methods::{Maintenance, Method};

/// What a caller's certificate, or an impersonator's metadata, says it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Everything.
    Admin = 0,
    /// Running the node, without secrets and configuration.
    Operator = 1,
    /// Looking, without secrets.
    Reader = 2,
    /// Taking etcd snapshots.
    EtcdBackup = 3,
    /// Opens nothing by itself; lets the caller name other roles in metadata.
    Impersonator = 4,
}

impl Role {
    /// Every role, in the order of their bits.
    pub const ALL: [Self; 5] = [
        Self::Admin,
        Self::Operator,
        Self::Reader,
        Self::EtcdBackup,
        Self::Impersonator,
    ];

    /// Returns the name in certificates and metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "os:admin",
            Self::Operator => "os:operator",
            Self::Reader => "os:reader",
            Self::EtcdBackup => "os:etcd:backup",
            Self::Impersonator => "os:impersonator",
        }
    }

    /// Reads a name; `None` for a role we do not know, which therefore opens nothing.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The roles of one caller, or those that a method admits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// No role at all.
    pub const NONE: Self = Self(0);
    /// Every role that opens something: what a caller has when RBAC is off.
    pub const EVERY: Self =
        Self::of(&[Role::Admin, Role::Operator, Role::Reader, Role::EtcdBackup]);

    /// Makes a set from a list.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut rest = roles;
        while let [first, tail @ ..] = rest {
            bits |= first.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Collects the known ones among `names`.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names
            .into_iter()
            .filter_map(|name| Role::parse(name.trim()))
            .fold(Self::NONE, Self::with)
    }

    /// Returns the set with `role` in it.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// Says whether `role` is in the set.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Says whether the two sets share a role.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Lists the roles of the set.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }

    /// Applies `os:impersonator`: such a caller's metadata replaces its roles when it names any.
    /// Without that role what the metadata says is ignored.
    #[must_use]
    pub fn impersonate<'a>(self, metadata: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = metadata.into_iter().peekable();
        if self.contains(Role::Impersonator) && names.peek().is_some() {
            Self::parse(names)
        } else {
            self
        }
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Role::name)).finish()
    }
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None of the caller's roles opens the method.
    NotAuthorized,
    /// The node is in maintenance mode and does not serve the method there.
    NotInMaintenance,
    /// The method would write a resource, and the node is asked by whom it does not know.
    WriteAccess,
}

/// What everybody is told who would write a resource through the API.
pub const WRITE_ACCESS: &str = "write access is not allowed";

/// Decides on a configured node.
pub fn admit(method: &Method, roles: Roles) -> Result<(), Refusal> {
    if method.roles.intersects(roles) {
        Ok(())
    } else {
        Err(Refusal::NotAuthorized)
    }
}

/// Decides in maintenance mode, where nobody shows a certificate.
pub fn admit_in_maintenance(method: &Method, roles: Roles) -> Result<(), Refusal> {
    match method.maintenance {
        Maintenance::Anyone => Ok(()),
        Maintenance::Admins if roles.contains(Role::Admin) => Ok(()),
        Maintenance::ReadOnly => Err(Refusal::WriteAccess),
        Maintenance::Admins | Maintenance::Closed => Err(Refusal::NotInMaintenance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods;

    fn method(path: &str) -> &'static Method {
        methods::find(path).unwrap()
    }

    #[test]
    fn role_names_round_trip_and_unknown_ones_open_nothing() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        for name in ["", "admin", "os:Admin", "os:root", "os:admin\0", "OS:ADMIN"] {
            assert_eq!(Roles::parse([name]), Roles::NONE, "{name}");
        }
    }

    #[test]
    fn a_reader_looks_but_does_not_change() {
        let reader = Roles::of(&[Role::Reader]);

        assert_eq!(
            admit(method("/machine.MachineService/Version"), reader),
            Ok(())
        );
        for path in [
            "Reboot",
            "ApplyConfiguration",
            "ServiceStop",
            "Read",
            "Reset",
        ] {
            let path = format!("/machine.MachineService/{path}");
            assert_eq!(
                admit(method(&path), reader),
                Err(Refusal::NotAuthorized),
                "{path}"
            );
        }
    }

    #[test]
    fn an_operator_reboots_but_does_not_configure() {
        let operator = Roles::of(&[Role::Operator]);

        assert_eq!(
            admit(method("/machine.MachineService/Reboot"), operator),
            Ok(())
        );
        assert!(
            admit(
                method("/machine.MachineService/ApplyConfiguration"),
                operator
            )
            .is_err()
        );
    }

    #[test]
    fn the_backup_role_opens_the_snapshot_and_nothing_else() {
        let backup = Roles::of(&[Role::EtcdBackup]);
        let open: Vec<_> = methods::METHODS
            .iter()
            .filter(|m| admit(m, backup).is_ok())
            .map(|m| m.path)
            .collect();

        assert_eq!(open, ["/machine.MachineService/EtcdSnapshot"]);
    }

    #[test]
    fn no_role_and_impersonator_alone_open_nothing() {
        for roles in [Roles::NONE, Roles::of(&[Role::Impersonator])] {
            assert!(
                methods::METHODS.iter().all(|m| admit(m, roles).is_err()),
                "{roles:?}"
            );
        }
    }

    #[test]
    fn an_admin_may_call_everything_that_machined_serves() {
        let admin = Roles::of(&[Role::Admin]);

        for m in methods::METHODS
            .iter()
            .filter(|m| m.service() != "securityapi.SecurityService")
        {
            assert_eq!(admit(m, admin), Ok(()), "{}", m.path);
        }
    }

    #[test]
    fn metadata_replaces_roles_only_for_an_impersonator() {
        let plain = Roles::of(&[Role::Reader]);
        let actor = Roles::of(&[Role::Reader, Role::Impersonator]);

        assert_eq!(plain.impersonate(["os:admin"]), plain);
        assert_eq!(actor.impersonate([]), actor);
        assert_eq!(
            actor.impersonate(["os:operator"]),
            Roles::of(&[Role::Operator])
        );
        assert_eq!(actor.impersonate(["nonsense"]), Roles::NONE);
    }

    #[test]
    fn maintenance_serves_only_what_the_table_opens() {
        let reader = Roles::of(&[Role::Reader]);
        let open: Vec<_> = methods::METHODS
            .iter()
            .filter(|m| admit_in_maintenance(m, reader).is_ok())
            .map(|m| m.path)
            .collect();

        assert_eq!(
            open,
            [
                "/machine.MachineService/ApplyConfiguration",
                "/machine.MachineService/GenerateConfiguration",
                "/cosi.resource.State/Get",
                "/cosi.resource.State/List",
                "/cosi.resource.State/Watch",
                "/storage.StorageService/Disks",
            ]
        );
        for roles in [reader, Roles::of(&[Role::Admin])] {
            let refused = |m: &&Method| admit_in_maintenance(m, roles) == Err(Refusal::WriteAccess);
            let refused: Vec<_> = methods::METHODS.iter().filter(refused).collect();
            let names: Vec<_> = refused.iter().map(|m| (m.service(), m.name())).collect();
            assert_eq!(
                names,
                ["Create", "Destroy", "Update"].map(|name| ("cosi.resource.State", name))
            );
        }
        let version = method("/machine.MachineService/Version");
        assert_eq!(
            admit_in_maintenance(version, Roles::of(&[Role::Admin])),
            Ok(())
        );
    }
}
