// SPDX-License-Identifier: MPL-2.0
//! Types of resources as nodes define them, and the names that operators call them by.
//!
//! Owns: what a name means. A name that was given to a type counts more than the initials of others:
//! `ns` is namespaces, also where there are network statuses. Initials that several types share mean
//! what the documents use them for.
//! Never: guesses between two types: what no document uses is refused.

use api::cosi::resource::meta::ResourceDefinitionSpec;

use crate::resources::path::Template;
use crate::trouble::Trouble;

/// Initials that several types share, and what the samples of the documents mean by them.
const MEANT: &[(&str, &str)] = &[("sp", "StaticPods.kubernetes.talos.dev")];

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its full name.
    pub(crate) name: String,
    /// What tables call it.
    pub(crate) display: String,
    /// Where its resources are.
    pub(crate) namespace: String,
    /// Every short name.
    aliases: Vec<String>,
    /// What a table shows besides the id and the version: heads and where the cells are.
    pub(crate) columns: Vec<(String, Option<Template>)>,
    /// Whether only administrators read it.
    pub(crate) is_sensitive: bool,
}

impl Kind {
    /// Takes a definition for what it means.
    pub(crate) fn of(definition: ResourceDefinitionSpec) -> Self {
        let is_sensitive = definition.sensitivity != 0;
        let columns = definition.print_columns.into_iter().map(|column| {
            // A path that we cannot follow costs its cells, not the table.
            let path = Template::parse(&column.json_path).ok();
            (column.name.to_uppercase(), path)
        });
        Self {
            columns: columns.collect(),
            name: definition.resource_type,
            display: definition.display_type,
            namespace: definition.default_namespace,
            aliases: definition.all_aliases,
            is_sensitive,
        }
    }

    /// What it is called when nobody wants more than one name: its words in the plural without the group,
    /// if the node knows it by that.
    pub(crate) fn usual_name(&self) -> String {
        let word = self.name.split('.').next().unwrap_or_default();
        let usual = if self.is_called(word) {
            word
        } else {
            self.name.as_str()
        };
        usual.to_ascii_lowercase()
    }

    /// Everything it is called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name)
            .chain(&self.aliases)
            .map(String::as_str)
    }

    fn is_called(&self, named: &str) -> bool {
        let mut aliases = self.aliases.iter();
        aliases.any(|alias| alias.eq_ignore_ascii_case(named))
    }

    /// Whether `named` is no more than its initials, with an `s` or without, which every type of
    /// several words is called by.
    fn has_initials(&self, named: &str) -> bool {
        let word = self.name.split('.').next().unwrap_or_default();
        let initials = word.chars().filter(char::is_ascii_uppercase);
        let initials: String = initials.collect();
        let many = format!("{initials}s");
        initials.len() > 1
            && [initials, many]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(named))
    }
}

/// Finds the type that a name means.
pub(crate) fn resolve<'k>(named: &str, kinds: &'k [Kind]) -> Result<&'k Kind, Trouble> {
    let mut whole = kinds.iter();
    if let Some(exact) = whole.find(|kind| kind.name.eq_ignore_ascii_case(named)) {
        return Ok(exact);
    }
    let mut meant: Vec<&Kind> = kinds.iter().filter(|kind| kind.is_called(named)).collect();
    let given = |kind: &&&Kind| !kind.has_initials(named);
    if meant.iter().filter(given).count() == 1 {
        meant.retain(|kind| !kind.has_initials(named));
    }
    let of_documents = MEANT
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(named));
    if let Some((_, name)) = of_documents
        && meant.iter().any(|kind| kind.name == *name)
    {
        meant.retain(|kind| kind.name == *name);
    }
    match meant[..] {
        [kind] => Ok(kind),
        [] => Err(
            Trouble::new(format!("there is no type of resource {named:?}"))
                .hint("`ichorctl get rd` lists those that the node has"),
        ),
        _ => {
            let names: Vec<&str> = meant.iter().map(|kind| kind.name.as_str()).collect();
            Err(Trouble::new(format!(
                "{named:?} is short for several types of resources: {}",
                names.join(", ")
            ))
            .hint("use a longer name"))
        }
    }
}

/// A type with other names, for tests.
#[cfg(test)]
pub(crate) fn kind(name: &str, aliases: &[&str]) -> Kind {
    Kind::of(ResourceDefinitionSpec {
        resource_type: name.to_owned(),
        all_aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..ResourceDefinitionSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn res_06_a_type_is_found_by_any_of_its_names_and_never_guessed() {
        let kinds = [
            kind(
                "RouteStatuses.net.talos.dev",
                &["routestatuses", "route", "rs"],
            ),
            kind("ResolverStatuses.net.talos.dev", &["resolvers", "rs"]),
            // Its alias is another one's whole name.
            kind("Odd.dev", &["routestatuses.net.talos.dev"]),
        ];
        let found = |named| resolve(named, &kinds).map(|kind| kind.name.as_str());

        for named in [
            "route",
            "Route",
            "RouteStatuses.net.talos.dev",
            "routestatuses.net.talos.dev",
        ] {
            assert_eq!(found(named), Ok("RouteStatuses.net.talos.dev"), "{named}");
        }
        let both = found("rs").unwrap_err().to_string();
        assert!(
            both.contains("RouteStatuses.net.talos.dev, ResolverStatuses.net.talos.dev"),
            "{both}"
        );
        for named in ["", "r", "route ", "nothing", "\0"] {
            assert!(found(named).is_err(), "{named}");
        }
    }

    /// What nodes define, as the documents have it.
    fn documented() -> Vec<Kind> {
        let text = include_str!("../../../agents/machined/tests/data/types.txt");
        let mut kinds: Vec<Kind> = Vec::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("type"), Some(name)) => {
                    // The plural, and the plural with more and more of the suffix.
                    let dots = name.match_indices('.').map(|(at, _)| &name[..at]);
                    let names: Vec<String> = dots.map(str::to_lowercase).collect();
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    kinds.push(kind(name, &names));
                }
                (Some("record"), _) => break,
                (Some("alias"), Some(alias)) => {
                    kinds.last_mut().unwrap().aliases.push(alias.to_owned());
                }
                _ => {}
            }
        }
        kinds
    }

    #[test]
    fn res_06_every_name_in_a_sample_of_the_documents_means_what_it_does_there() {
        let kinds = documented();
        assert_eq!(kinds.len(), 113);

        for (named, plural) in [
            ("address", "AddressStatuses"),
            ("addresses", "AddressStatuses"),
            ("addressspecs", "AddressSpecs"),
            (
                "admissioncontrolconfigs.kubernetes.talos.dev",
                "AdmissionControlConfigs",
            ),
            ("affiliates", "Affiliates"),
            ("extensions", "ExtensionStatuses"),
            ("hostnamespec", "HostnameSpecs"),
            ("hostnamestatus", "HostnameStatuses"),
            ("identities", "Identities"),
            ("kubespanendpoints", "KubeSpanEndpoints"),
            ("kubespanidentities", "KubeSpanIdentities"),
            ("kubespanpeerspecs", "KubeSpanPeerSpecs"),
            ("kubespanpeerstatuses", "KubeSpanPeerStatuses"),
            ("links", "LinkStatuses"),
            ("machineconfig", "MachineConfigs"),
            ("machinetype", "MachineTypes"),
            ("manifests", "Manifests"),
            ("mc", "MachineConfigs"),
            ("member", "Members"),
            ("members", "Members"),
            ("meta", "MetaKeys"),
            ("namespaces", "Namespaces"),
            ("networkstatus", "NetworkStatuses"),
            ("nodeaddresses", "NodeAddresses"),
            ("nodename", "Nodenames"),
            ("ns", "Namespaces"),
            ("operatorspecs", "OperatorSpecs"),
            ("rd", "ResourceDefinitions"),
            ("resolvers", "ResolverStatuses"),
            ("resourcedefinitions", "ResourceDefinitions"),
            ("routes", "RouteStatuses"),
            ("seccompprofiles", "SeccompProfiles"),
            ("securitystate", "SecurityStates"),
            ("sp", "StaticPods"),
            ("staticpods", "StaticPods"),
            ("staticpodstatus", "StaticPodStatuses"),
            ("svc", "Services"),
            ("timeservers", "TimeServerStatuses"),
            ("timestatus", "TimeStatuses"),
        ] {
            let found = resolve(named, &kinds).map(|kind| kind.name.as_str());
            let found = found.unwrap_or_else(|error| panic!("{named}: {error}"));
            assert_eq!(found.split('.').next(), Some(plural), "{named}");
        }
    }

    #[test]
    fn res_06_what_no_document_uses_is_refused_with_all_that_it_could_mean() {
        let kinds = documented();

        for named in [
            "acs", "as", "dcs", "efs", "es", "hs", "kps", "ks", "ksps", "ls", "mrs", "ms", "msc",
            "mscs", "ps", "rs", "sc", "scs", "sps", "ss", "tss",
        ] {
            let error = resolve(named, &kinds).unwrap_err().to_string();
            assert!(
                error.contains("is short for several types"),
                "{named}: {error}"
            );
        }
    }

    #[test]
    fn res_06_a_name_that_was_given_counts_more_than_initials() {
        let kinds = [
            kind("Namespaces.meta.cosi.dev", &["namespaces", "ns"]),
            kind("NetworkStatuses.net.talos.dev", &["netstatus", "ns"]),
            kind("NodeStatuses.kubernetes.talos.dev", &["nodestatus", "ns"]),
            kind("Processors.hardware.talos.dev", &["processors", "cpus"]),
            kind("CPUStats.perf.talos.dev", &["cpustat", "cpus"]),
            kind("MemoryStats.perf.talos.dev", &["memorystat", "ms"]),
            kind("MountStatuses.runtime.talos.dev", &["mounts", "ms"]),
        ];
        let found = |named| resolve(named, &kinds).map(|kind| kind.name.as_str());

        assert_eq!(found("ns"), Ok("Namespaces.meta.cosi.dev"));
        assert_eq!(found("cpus"), Ok("Processors.hardware.talos.dev"));
        assert!(found("ms").is_err());
    }
}
