// SPDX-License-Identifier: MPL-2.0
//! What a document is, before it is read as that.
//!
//! Owns: telling the documents of a file apart.
//! Never: reads a value that does not tell.

use core::fmt;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::read::Key;

/// What tells documents apart.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) kind: Option<String>,
    pub(crate) api_version: Option<String>,
    /// Whether it has any key.
    pub(crate) has_keys: bool,
    /// Whether it has a key that only the main document has.
    pub(crate) is_main: bool,
}

/// Reads of a document only what tells what it is. `None` for one with nothing in it.
pub(crate) fn head(
    document: serde_yaml_ng::Deserializer<'_>,
) -> Result<Option<Head>, serde_yaml_ng::Error> {
    document.deserialize_option(HeadVisitor)
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Option<Head>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_none<E>(self) -> Result<Option<Head>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Head>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<Head>, D::Error> {
        from.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Head>, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<Key>()? {
            head.has_keys = true;
            match key.0.as_str() {
                "kind" => head.kind = Some(map.next_value::<Key>()?.0),
                "apiVersion" => head.api_version = Some(map.next_value::<Key>()?.0),
                other => {
                    head.is_main |= matches!(
                        other,
                        "version" | "machine" | "cluster" | "debug" | "persist"
                    );
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
        }
        Ok(Some(head))
    }
}
