// SPDX-License-Identifier: MPL-2.0
//! System extensions on the wire.
//!
//! Owns: their two forms. What the list of the image does not say is left out.
//! Never: knows whether an extension is there.

use api::talos::resource::definitions::extensions as proto;
use resource::Encoded;
use serde::Serialize;

use super::both;
use crate::resources::ExtensionStatus;

#[derive(Serialize)]
struct Layer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility: Option<Compatibility<'a>>,
}

#[derive(Serialize)]
struct Compatibility<'a> {
    talos: Constraint<'a>,
}

#[derive(Serialize)]
struct Constraint<'a> {
    version: &'a str,
}

pub(crate) fn extension_status(spec: &ExtensionStatus) -> Option<Encoded> {
    let compatible = spec.compatible_talos.as_deref();
    let yaml = Layer {
        image: spec.image.as_deref(),
        metadata: Metadata {
            name: &spec.name,
            version: &spec.version,
            author: spec.author.as_deref(),
            description: spec.description.as_deref(),
            compatibility: compatible.map(|version| Compatibility {
                talos: Constraint { version },
            }),
        },
    };
    let message = proto::Layer {
        image: spec.image.clone().unwrap_or_default(),
        metadata: Some(proto::Metadata {
            name: spec.name.clone(),
            version: spec.version.clone(),
            author: spec.author.clone().unwrap_or_default(),
            description: spec.description.clone().unwrap_or_default(),
            compatibility: compatible.map(|version| proto::Compatibility {
                talos: Some(proto::Constraint {
                    version: version.to_owned(),
                }),
            }),
        }),
    };
    both(&yaml, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn xtn_05_a_spec_has_the_fields_of_the_documents_in_their_order() {
        let spec = ExtensionStatus {
            image: Some("000.a.sqsh".to_owned()),
            name: "a".to_owned(),
            version: "v1".to_owned(),
            author: Some("Somebody".to_owned()),
            description: Some("One line.\nAnother.\n".to_owned()),
            compatible_talos: Some(">= v1.0.0".to_owned()),
        };

        let encoded = extension_status(&spec).unwrap();

        assert_eq!(
            encoded.yaml,
            "image: 000.a.sqsh\n\
             metadata:\n  name: a\n  version: v1\n  author: Somebody\n\
             \x20 description: |\n    One line.\n    Another.\n\
             \x20 compatibility:\n    talos:\n      version: '>= v1.0.0'\n"
        );
        let message = proto::Layer::decode(encoded.proto.as_slice()).unwrap();
        let metadata = message.metadata.unwrap();
        assert_eq!(
            (message.image, metadata.name),
            ("000.a.sqsh".to_owned(), "a".to_owned())
        );
        let talos = metadata.compatibility.unwrap().talos.unwrap();
        assert_eq!(talos.version, ">= v1.0.0");
    }

    #[test]
    fn sysx_13_what_the_list_does_not_say_is_left_out() {
        let spec = ExtensionStatus {
            image: None,
            name: "schematic".to_owned(),
            version: "37".to_owned(),
            author: None,
            description: None,
            compatible_talos: None,
        };

        let encoded = extension_status(&spec).unwrap();

        assert_eq!(
            encoded.yaml,
            "metadata:\n  name: schematic\n  version: '37'\n"
        );
    }
}
