// SPDX-License-Identifier: MPL-2.0
//! The published schema and its validator.
//!
//! Owns: the few keys that the schema leaves out although Talos reads them.
//! Never: knows a rule.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema as published, without its texts.
pub(crate) const TEXT: &str = include_str!("v1alpha1.json");

/// Keys that Talos reads and writes and its published schema does not know: it hides what is old, and
/// `persist`.
const HIDDEN: &[&str] = &[
    "/persist",
    "/cluster/allowSchedulingOnMasters",
    "/cluster/etcd/subnet",
    "/machine/install/bootloader",
];

/// Judges documents by the schema.
pub(crate) struct Judge {
    schemas: Schemas,
    root: SchemaIndex,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let schema: Value = serde_json::from_str(TEXT).unwrap();
        let at = schema["$id"].as_str().unwrap().to_owned();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(&at, schema).unwrap();
        let mut schemas = Schemas::new();
        let root = compiler.compile(&at, &mut schemas).unwrap();
        Self { schemas, root }
    }

    /// Why a document is not valid, if it is not.
    pub(crate) fn objection(&self, document: &Value) -> Option<String> {
        let verdict = self.schemas.validate(document, self.root);
        verdict.err().map(|error| error.to_string())
    }

    /// The same for the text of one.
    pub(crate) fn objection_to_text(&self, text: &str) -> Option<String> {
        let mut document: Value = serde_yaml_ng::from_str(text).unwrap();
        for hidden in HIDDEN {
            let (parent, key) = hidden.rsplit_once('/').unwrap();
            let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.and_then(|parent| parent.remove(key));
        }
        self.objection(&document)
    }
}
