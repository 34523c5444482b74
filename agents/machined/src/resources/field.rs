// SPDX-License-Identifier: MPL-2.0
//! Specs that are declared once: the struct, its keys in YAML and its numbers in protobuf.
//!
//! Owns: the `spec!` and `record!` macros, and what a field can hold.
//! Never: leaves a field out that the documents show; what a node does not know it does not claim.

use std::collections::BTreeMap;

use pki::Secret;
use serde_yaml_ng::{Mapping, Value};

use super::protobuf;

/// Something that a field of a spec can hold.
pub(crate) trait Field {
    /// As YAML.
    fn yaml(&self) -> Value;
    /// Writes it as field `number` of a message.
    fn proto(&self, number: u32, out: &mut Vec<u8>);
    /// Whether it is nothing, so that keys with the rule `omit` are left out.
    fn is_empty(&self) -> bool;
    /// What tests compare with the documents: what it holds, as `tests/data/types.txt` says it.
    #[cfg(test)]
    fn form() -> String
    where
        Self: Sized;
}

/// What tests compare with the documents of a field: number, key, form, and whether it may be left
/// out.
#[cfg(test)]
pub(crate) type Declared = (u32, &'static str, String, bool);

/// A mapping with keys of its own.
pub(crate) trait Record {
    /// What tests compare with the documents.
    #[cfg(test)]
    fn declared() -> Vec<Declared>;

    /// As YAML, in the order of the declaration.
    fn mapping(&self) -> Mapping;
    /// Writes the fields of its message.
    fn message(&self, out: &mut Vec<u8>);

    /// Both forms.
    fn encoded(&self) -> Option<resource::Encoded> {
        let mut proto = Vec::new();
        self.message(&mut proto);
        let yaml = serde_yaml_ng::to_string(&Value::Mapping(self.mapping())).ok()?;
        Some(resource::Encoded { yaml, proto })
    }
}

/// Declares what is inside of specs: per field its number, key, name, type, whether an empty one is
/// left out (`omit`) or written (`keep`), and its documentation.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident {
        $( $number:literal $key:literal $field:ident : $type:ty , $rule:ident , $doc:literal ; )*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(crate) struct $name {
            $( #[doc = $doc] pub $field: $type, )*
        }

        impl $crate::resources::field::Record for $name {
            #[cfg(test)]
            fn declared() -> Vec<$crate::resources::field::Declared> {
                vec![$( (
                    $number,
                    $key,
                    <$type as $crate::resources::field::Field>::form(),
                    $crate::resources::field::may_omit!($rule),
                ), )*]
            }

            fn mapping(&self) -> serde_yaml_ng::Mapping {
                let mut mapping = serde_yaml_ng::Mapping::new();
                $( $crate::resources::field::entry(
                    &mut mapping,
                    $key,
                    $crate::resources::field::may_omit!($rule),
                    &self.$field,
                ); )*
                mapping
            }

            fn message(&self, out: &mut Vec<u8>) {
                $( $crate::resources::field::Field::proto(&self.$field, $number, out); )*
            }
        }

        impl $crate::resources::field::Field for $name {
            fn yaml(&self) -> serde_yaml_ng::Value {
                serde_yaml_ng::Value::Mapping($crate::resources::field::Record::mapping(self))
            }

            fn proto(&self, number: u32, out: &mut Vec<u8>) {
                $crate::resources::field::message(self, number, out);
            }

            fn is_empty(&self) -> bool {
                true $( && $crate::resources::field::Field::is_empty(&self.$field) )*
            }

            #[cfg(test)]
            fn form() -> String {
                "record".to_owned()
            }
        }
    };
}
pub(crate) use record;

macro_rules! may_omit {
    (omit) => {
        true
    };
    (keep) => {
        false
    };
}
pub(crate) use may_omit;

/// Declares a type of resource: the facts of the type as in `kind!`, then its fields as in
/// `record!`.
macro_rules! spec {
    ($(#[$meta:meta])* $name:ident,
     $type:literal in $namespace:literal, [$($alias:literal),*],
     [$($column:literal = $path:literal),*], $sensitivity:ident,
     { $($fields:tt)* }) => {
        $crate::resources::field::record! { $(#[$meta])* $name { $($fields)* } }
        $crate::resources::kind!(
            $name,
            $type in $namespace,
            [$($alias),*],
            [$($column = $path),*],
            $sensitivity,
            $crate::resources::field::Record::encoded
        );
    };
}
pub(crate) use spec;

/// Declares a type of resource without fields: that it is there is all it says.
macro_rules! signal {
    ($(#[$meta:meta])* $name:ident,
     $type:literal in $namespace:literal, [$($alias:literal),*]) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name;
        $crate::resources::kind!(
            $name,
            $type in $namespace,
            [$($alias),*],
            [],
            Public,
            $crate::resources::field::nothing
        );
    };
}
pub(crate) use signal;

/// A spec without fields.
#[expect(clippy::unnecessary_wraps, reason = "as every encoder of a spec")]
pub(crate) fn nothing<T>(_spec: &T) -> Option<resource::Encoded> {
    Some(resource::Encoded {
        yaml: "{}\n".to_owned(),
        proto: Vec::new(),
    })
}

/// The key of a record whose keys stand among those around it.
const INLINE: &str = "-";

/// Puts a field under its key, unless it is empty and may be left out.
pub(crate) fn entry(mapping: &mut Mapping, key: &str, may_omit: bool, field: &dyn Field) {
    if may_omit && field.is_empty() {
        return;
    }
    match (key, field.yaml()) {
        (INLINE, Value::Mapping(inner)) => mapping.extend(inner),
        (key, value) => {
            mapping.insert(Value::from(key), value);
        }
    }
}

/// Writes a record as a field.
pub(crate) fn message(record: &impl Record, number: u32, out: &mut Vec<u8>) {
    protobuf::message(out, number, |inner| record.message(inner));
}

impl Field for String {
    fn yaml(&self) -> Value {
        Value::from(self.as_str())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::bytes(out, number, self.as_bytes());
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "string".to_owned()
    }
}

/// Text: what is secret in our types is text on the wire.
impl Field for Secret {
    fn yaml(&self) -> Value {
        Value::from(String::from_utf8_lossy(self.expose()).as_ref())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::bytes(out, number, self.expose());
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "string".to_owned()
    }
}

impl Field for bool {
    fn yaml(&self) -> Value {
        Value::from(*self)
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::integer(out, number, u64::from(*self));
    }

    fn is_empty(&self) -> bool {
        !*self
    }

    #[cfg(test)]
    fn form() -> String {
        "bool".to_owned()
    }
}

macro_rules! unsigned {
    ($($type:ty)*) => { $(
        impl Field for $type {
            fn yaml(&self) -> Value {
                Value::from(*self)
            }

            fn proto(&self, number: u32, out: &mut Vec<u8>) {
                protobuf::integer(out, number, u64::from(*self));
            }

            fn is_empty(&self) -> bool {
                *self == 0
            }

            #[cfg(test)]
            fn form() -> String {
                "unsigned".to_owned()
            }
        }
    )* };
}
unsigned!(u16 u32 u64);

impl Field for i64 {
    fn yaml(&self) -> Value {
        Value::from(*self)
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::signed(out, number, *self);
    }

    fn is_empty(&self) -> bool {
        *self == 0
    }

    #[cfg(test)]
    fn form() -> String {
        "signed".to_owned()
    }
}

impl Field for f64 {
    fn yaml(&self) -> Value {
        Value::from(*self)
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::double(out, number, *self);
    }

    fn is_empty(&self) -> bool {
        *self == 0.0
    }

    #[cfg(test)]
    fn form() -> String {
        "float".to_owned()
    }
}

/// Nothing is `null`.
impl<T: Field> Field for Option<T> {
    fn yaml(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::yaml)
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(field) = self {
            field.proto(number, out);
        }
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }

    #[cfg(test)]
    fn form() -> String {
        format!("{}?", T::form())
    }
}

/// One field after the other: nothing here is a list of numbers, which would be packed.
impl<T: Field> Field for Vec<T> {
    fn yaml(&self) -> Value {
        Value::Sequence(self.iter().map(Field::yaml).collect())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        for field in self {
            field.proto(number, out);
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        format!("list<{}>", T::form())
    }
}

impl Field for BTreeMap<String, String> {
    fn yaml(&self) -> Value {
        let entries = self.iter();
        let entries = entries.map(|(key, value)| (key.yaml(), value.yaml()));
        Value::Mapping(entries.collect())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        for (key, value) in self {
            protobuf::message(out, number, |inner| {
                key.proto(1, inner);
                value.proto(2, inner);
            });
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "map<string,string>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::resources::Prefix;
    use crate::resources::values::{HardwareAddr, Octets, Pair};

    record! {
        /// One of each.
        All {
            1 "text" text: String, omit, "a";
            2 "count" count: u32, keep, "b";
            3 "below" below: i64, omit, "c";
            4 "addresses" addresses: Vec<IpAddr>, keep, "d";
            5 "network" network: Option<Prefix>, keep, "e";
            6 "labels" labels: BTreeMap<String, String>, keep, "f";
            7 "raw" raw: Octets, keep, "g";
            8 "card" card: HardwareAddr, keep, "h";
            9 "pair" pair: Option<Pair>, keep, "i";
            10 "hidden" hidden: Secret, keep, "k";
        }
    }

    #[test]
    fn one_declaration_gives_both_forms() {
        let all = All {
            text: String::new(),
            count: 7,
            below: -1,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            network: Some(Prefix {
                address: "10.0.0.0".parse().unwrap(),
                length: 8,
            }),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            raw: Octets(vec![1, 255]),
            card: HardwareAddr(vec![0x52, 0x54, 0]),
            pair: Some(Pair {
                certificate: b"c".to_vec(),
                key: Secret::new(b"k".to_vec()),
            }),
            hidden: Secret::new(b"s".to_vec()),
        };

        let encoded = all.encoded().unwrap();

        assert_eq!(
            encoded.yaml,
            "count: 7\nbelow: -1\naddresses:\n- 10.0.0.1\nnetwork: 10.0.0.0/8\nlabels:\n  a: b\n\
             raw:\n- 1\n- 255\ncard: 52:54:00\npair:\n  crt: Yw==\n  key: aw==\n\
             hidden: s\n"
        );
        assert_eq!(
            encoded.proto.get(..9).unwrap(),
            [0x0a, 0, 0x10, 7, 0x18, 0xff, 0xff, 0xff, 0xff]
        );
        let said = format!("{all:?}");
        assert!(!said.contains("107"), "a key is printed: {said}");
    }

    #[test]
    fn what_is_empty_is_left_out_only_where_the_documents_do_so() {
        let encoded = All::default().encoded().unwrap();

        assert!(!encoded.yaml.contains("text"), "{}", encoded.yaml);
        assert!(
            encoded
                .yaml
                .contains("count: 0\naddresses: []\nnetwork: null\nlabels: {}\n")
        );
    }
}
