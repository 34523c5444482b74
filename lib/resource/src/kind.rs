// SPDX-License-Identifier: MPL-2.0
//! What a type of resource is, apart from its instances.
//!
//! Owns: the facts of a type and what follows from its name, and the faces of a spec: typed for
//! controllers, any for the store, encoded for those who ask from outside.
//! Never: knows how a spec is encoded; its type does.

use std::any::Any;
use std::fmt::{self, Debug};

/// A column of a table of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub name: &'static str,
    /// Where in the spec its value is (JSONPath).
    pub json_path: &'static str,
}

/// Who may read resources of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Every reader.
    Public,
    /// Administrators only: it holds secrets.
    Sensitive,
}

/// The facts of a type of resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its full name: `HostnameStatuses.net.talos.dev`.
    pub name: &'static str,
    /// Where its resources are unless somebody says otherwise.
    pub namespace: &'static str,
    /// Short names for the command line.
    pub aliases: &'static [&'static str],
    /// What a table of it shows besides its id and version.
    pub columns: &'static [Column],
    /// Who may read it.
    pub sensitivity: Sensitivity,
}

impl Kind {
    /// Returns the id of its definition: its name in lower case.
    #[must_use]
    pub fn definition_id(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Returns its name as a table shows it: one of it, without the suffix.
    #[must_use]
    pub fn display(&self) -> String {
        // The other plurals lose one letter: `Types`, `Leases`.
        const PLURALS: &[(&str, &str)] = &[
            ("sses", "ss"),
            ("uses", "us"),
            ("shes", "sh"),
            ("ies", "y"),
            ("s", ""),
        ];
        let plural = self.plural();
        let mut stems = PLURALS
            .iter()
            .filter_map(|(end, one)| Some(format!("{}{one}", plural.strip_suffix(end)?)));
        stems.next().unwrap_or_else(|| plural.to_owned())
    }

    /// Lists every short name: the plural, the plural with more and more of the suffix, the
    /// aliases.
    #[must_use]
    pub fn all_aliases(&self) -> Vec<String> {
        let mut labels: Vec<&str> = self.name.split('.').collect();
        // With its last label it is the whole name.
        labels.pop();
        let mut found = Vec::new();
        let mut longer = String::new();
        for label in labels {
            if !longer.is_empty() {
                longer.push('.');
            }
            longer.push_str(&label.to_ascii_lowercase());
            found.push(longer.clone());
        }
        found.extend(self.aliases.iter().map(|alias| (*alias).to_owned()));
        found
    }

    fn plural(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// A spec as those see it who ask from outside.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// As YAML.
    pub yaml: String,
    /// As the type's protobuf message; empty for a type that has none.
    pub proto: Vec<u8>,
}

/// Only how long it is: a spec may hold secrets.
impl Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("yaml", &self.yaml.len())
            .field("proto", &self.proto.len())
            .finish()
    }
}

/// The content of one type of resource.
pub trait ResourceSpec: Debug + Clone + PartialEq + Send + Sync + 'static {
    /// The facts of the type.
    const KIND: &'static Kind;

    /// Encodes the spec; `None` for a type that nobody outside is shown.
    fn encode(&self) -> Option<Encoded> {
        None
    }
}

/// A spec whose type only its kind tells. Implemented for every [`ResourceSpec`].
pub trait AnySpec: Debug + Send + Sync + 'static {
    /// Returns the facts of the type.
    fn kind(&self) -> &'static Kind;
    /// Says whether `other` has the same type and content.
    fn same(&self, other: &dyn AnySpec) -> bool;
    /// Returns the spec for a downcast.
    fn as_any(&self) -> &dyn Any;
    /// Encodes the spec; `None` for a type that nobody outside is shown.
    fn encoded(&self) -> Option<Encoded>;
}

impl<T: ResourceSpec> AnySpec for T {
    fn kind(&self) -> &'static Kind {
        T::KIND
    }

    fn same(&self, other: &dyn AnySpec) -> bool {
        other.as_any().downcast_ref::<T>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn encoded(&self) -> Option<Encoded> {
        self.encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str, aliases: &'static [&'static str]) -> Kind {
        Kind {
            name,
            namespace: "test",
            aliases,
            columns: &[],
            sensitivity: Sensitivity::Public,
        }
    }

    #[test]
    fn res_05_a_type_is_shown_as_one_of_its_kind() {
        for (name, display, id) in [
            (
                "MachineConfigs.config.talos.dev",
                "MachineConfig",
                "machineconfigs.config.talos.dev",
            ),
            (
                "HostnameStatuses.net.talos.dev",
                "HostnameStatus",
                "hostnamestatuses.net.talos.dev",
            ),
            (
                "NodeAddresses.net.talos.dev",
                "NodeAddress",
                "nodeaddresses.net.talos.dev",
            ),
            (
                "MachineTypes.config.talos.dev",
                "MachineType",
                "machinetypes.config.talos.dev",
            ),
            (
                "CertSANs.secrets.talos.dev",
                "CertSAN",
                "certsans.secrets.talos.dev",
            ),
            (
                "DHCPLeases.net.ichor.dev",
                "DHCPLease",
                "dhcpleases.net.ichor.dev",
            ),
            (
                "Identities.cluster.talos.dev",
                "Identity",
                "identities.cluster.talos.dev",
            ),
            (
                "LinkRefreshes.net.talos.dev",
                "LinkRefresh",
                "linkrefreshes.net.talos.dev",
            ),
            ("Odd", "Odd", "odd"),
        ] {
            let kind = named(name, &[]);
            assert_eq!(kind.display(), display);
            assert_eq!(kind.definition_id(), id);
        }
    }

    #[test]
    fn res_06_a_type_has_longer_and_longer_names_and_its_aliases() {
        let kind = named("ResourceDefinitions.meta.cosi.dev", &["rd", "rds"]);

        assert_eq!(
            kind.all_aliases(),
            [
                "resourcedefinitions",
                "resourcedefinitions.meta",
                "resourcedefinitions.meta.cosi",
                "rd",
                "rds"
            ]
        );
        assert_eq!(named("Odd", &["o"]).all_aliases(), ["o"]);
    }
}
