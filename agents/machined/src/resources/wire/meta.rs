// SPDX-License-Identifier: MPL-2.0
//! Definitions and namespaces on the wire.
//!
//! Owns: their two forms.
//! Never: knows which there are.

use api::cosi::resource::meta as proto;
use proto::resource_definition_spec::{PrintColumn, Sensitivity as WireSensitivity};
use resource::{Encoded, Sensitivity};
use serde::Serialize;

use super::both;
use crate::resources::{Namespace, ResourceDefinition};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition<'a> {
    #[serde(rename = "type")]
    name: &'a str,
    display_type: &'a str,
    default_namespace: &'a str,
    aliases: &'a [&'a str],
    all_aliases: &'a [String],
    print_columns: Vec<Column<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    sensitivity: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Column<'a> {
    name: &'a str,
    json_path: &'a str,
}

pub(crate) fn definition(spec: &ResourceDefinition) -> Option<Encoded> {
    let kind = spec.0;
    let all_aliases = kind.all_aliases();
    let display = kind.display();
    let (word, number) = match kind.sensitivity {
        Sensitivity::Public => ("", WireSensitivity::NonSensitive),
        Sensitivity::Sensitive => ("sensitive", WireSensitivity::Sensitive),
    };
    let columns = kind.columns.iter();
    let yaml = Definition {
        name: kind.name,
        display_type: &display,
        default_namespace: kind.namespace,
        aliases: kind.aliases,
        all_aliases: &all_aliases,
        print_columns: columns
            .map(|column| Column {
                name: column.name,
                json_path: column.json_path,
            })
            .collect(),
        sensitivity: word,
    };
    let message = proto::ResourceDefinitionSpec {
        resource_type: kind.name.to_owned(),
        display_type: display.clone(),
        default_namespace: kind.namespace.to_owned(),
        aliases: kind.aliases.iter().map(|a| (*a).to_owned()).collect(),
        all_aliases: all_aliases.clone(),
        print_columns: kind
            .columns
            .iter()
            .map(|column| PrintColumn {
                name: column.name.to_owned(),
                json_path: column.json_path.to_owned(),
            })
            .collect(),
        sensitivity: number.into(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct Described<'a> {
    description: &'a str,
}

pub(crate) fn namespace(spec: &Namespace) -> Option<Encoded> {
    let message = proto::NamespaceSpec {
        description: spec.0.to_owned(),
    };
    both(
        &Described {
            description: spec.0,
        },
        &message,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use resource::{AnySpec as _, ResourceSpec as _};

    use crate::resources::{MachineConfig, MachineType};

    #[test]
    fn res_05_a_definition_says_how_a_type_is_called_and_shown() {
        let encoded = ResourceDefinition(MachineType::KIND).encoded().unwrap();

        assert_eq!(
            encoded.yaml,
            "type: MachineTypes.config.talos.dev\n\
             displayType: MachineType\n\
             defaultNamespace: config\n\
             aliases:\n- machinetype\n- mt\n- mts\n\
             allAliases:\n- machinetypes\n- machinetypes.config\n- machinetypes.config.talos\n\
             - machinetype\n- mt\n- mts\n\
             printColumns:\n- name: Type\n  jsonPath: '{@}'\n"
        );
        let encoded = ResourceDefinition(MachineConfig::KIND).encoded().unwrap();
        assert!(
            encoded
                .yaml
                .ends_with("printColumns: []\nsensitivity: sensitive\n")
        );
    }
}
