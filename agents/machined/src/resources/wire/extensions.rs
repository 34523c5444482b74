// SPDX-License-Identifier: MPL-2.0
//! System extensions on the wire.
//!
//! Owns: their two forms. What the list of the image does not say is empty.
//! Never: knows whether an extension is there.

use resource::Encoded;

use crate::resources::ExtensionStatus;
use crate::resources::field::{Record as _, record};

record! {
    /// An extension.
    Extension {
        1 "image" image: String, keep, "The file of its layer.";
        2 "metadata" metadata: Metadata, keep, "What its makers say.";
    }
}

record! {
    /// What the makers of an extension say.
    Metadata {
        1 "name" name: String, keep, "Its name.";
        2 "version" version: String, keep, "Its version.";
        3 "author" author: String, keep, "Who made it.";
        4 "description" description: String, keep, "What it is for.";
        5 "compatibility" compatibility: Compatibility, keep, "What it works with.";
    }
}

record! {
    /// What an extension works with.
    Compatibility {
        1 "talos" talos: Constraint, keep, "Which versions of the system.";
    }
}

record! {
    /// Which versions.
    Constraint {
        1 "version" version: String, keep, "`>= v1.0.0`.";
    }
}

pub(crate) fn extension_status(spec: &ExtensionStatus) -> Option<Encoded> {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let talos = Constraint {
        version: said(&spec.compatible_talos),
    };
    let metadata = Metadata {
        name: spec.name.clone(),
        version: spec.version.clone(),
        author: said(&spec.author),
        description: said(&spec.description),
        compatibility: Compatibility { talos },
    };
    let image = said(&spec.image);
    Extension { image, metadata }.encoded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::talos::resource::definitions::extensions as proto;
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
    fn sysx_13_what_the_list_does_not_say_is_empty() {
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
            "image: ''\nmetadata:\n  name: schematic\n  version: '37'\n  author: ''\n\
             \x20 description: ''\n  compatibility:\n    talos:\n      version: ''\n"
        );
    }
}
