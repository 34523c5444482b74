// SPDX-License-Identifier: MPL-2.0
//! What fields of specs hold besides text and numbers: addresses, keys, words, free values.
//!
//! Owns: their two forms, which are those of the documents.
//! Never: prints a key in a log.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use config::Url;
use pki::Secret;
use serde_yaml_ng::{Mapping, Value};

use super::field::Field;
use super::wire::words::{LAYERS, Words, word};
use super::{Layer, Prefix, protobuf};

impl Field for IpAddr {
    fn yaml(&self) -> Value {
        Value::from(self.to_string())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| octets(*self, inner));
    }

    fn is_empty(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn form() -> String {
        "ip".to_owned()
    }
}

/// `ip` is field 1 of `common.NetIP` and of `common.NetIPPrefix`.
fn octets(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => protobuf::bytes(out, 1, &v4.octets()),
        IpAddr::V6(v6) => protobuf::bytes(out, 1, &v6.octets()),
    }
}

impl Field for Prefix {
    fn yaml(&self) -> Value {
        Value::from(self.to_string())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| {
            octets(self.address, inner);
            protobuf::integer(inner, 2, self.length.into());
        });
    }

    fn is_empty(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn form() -> String {
        "ip-prefix".to_owned()
    }
}

/// A number that people have a word for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Word {
    /// What the kernel and the message have.
    pub number: u32,
    /// What YAML has.
    pub text: String,
}

impl Word {
    /// The one of a number.
    pub(crate) fn of(words: Words, number: u32) -> Self {
        let text = word(words, number);
        Self { number, text }
    }

    /// The one that is written; empty text is the first there is, and so would be a word that the
    /// validation of configurations lets through without being in the table.
    pub(crate) fn written(words: Words, written: &str) -> Self {
        let known = words.iter().find(|(_, text)| *text == written);
        let (number, text) = known.or(words.first()).copied().unwrap_or_default();
        let text = text.to_owned();
        Self { number, text }
    }
}

impl Field for Word {
    fn yaml(&self) -> Value {
        Value::from(self.text.as_str())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::integer(out, number, self.number.into());
    }

    fn is_empty(&self) -> bool {
        self.number == 0
    }

    #[cfg(test)]
    fn form() -> String {
        "word".to_owned()
    }
}

/// An address or network that may not be there, which is empty text in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maybe<T>(pub Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Field> Field for Maybe<T> {
    fn yaml(&self) -> Value {
        self.0.as_ref().map_or_else(|| Value::from(""), Field::yaml)
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        self.0.proto(number, out);
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[cfg(test)]
    fn form() -> String {
        T::form()
    }
}

/// A span of time (`google.protobuf.Duration`), which YAML has as `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// Its length.
    pub nanoseconds: i64,
}

impl Field for Span {
    fn yaml(&self) -> Value {
        let nanoseconds = self.nanoseconds;
        Value::from(config::GoDuration { nanoseconds }.to_string())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        const SECOND: i64 = 1_000_000_000;
        protobuf::message(out, number, |inner| {
            protobuf::signed(inner, 1, self.nanoseconds / SECOND);
            protobuf::signed(inner, 2, self.nanoseconds % SECOND);
        });
    }

    fn is_empty(&self) -> bool {
        self.nanoseconds == 0
    }

    #[cfg(test)]
    fn form() -> String {
        "duration".to_owned()
    }
}

/// Bytes that YAML has as a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Octets(pub Vec<u8>);

impl Field for Octets {
    fn yaml(&self) -> Value {
        Value::Sequence(self.0.iter().map(|octet| Value::from(*octet)).collect())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::bytes(out, number, &self.0);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "bytes-as-int-list".to_owned()
    }
}

/// The address of a network device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HardwareAddr(pub Vec<u8>);

impl Field for HardwareAddr {
    fn yaml(&self) -> Value {
        let octets = self.0.iter().map(|octet| format!("{octet:02x}"));
        Value::from(octets.collect::<Vec<_>>().join(":"))
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::bytes(out, number, &self.0);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "mac".to_owned()
    }
}

/// A certificate with its key, both PEM (`common.PEMEncodedCertificateAndKey`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pair {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its key; empty where the node does not have it.
    pub key: Secret,
}

impl Field for Pair {
    fn yaml(&self) -> Value {
        let crt = BASE64_STANDARD.encode(&self.certificate);
        let key = BASE64_STANDARD.encode(self.key.expose());
        Value::Mapping(
            [("crt".into(), crt.into()), ("key".into(), key.into())]
                .into_iter()
                .collect(),
        )
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| {
            protobuf::bytes(inner, 1, &self.certificate);
            protobuf::bytes(inner, 2, self.key.expose());
        });
    }

    fn is_empty(&self) -> bool {
        self.certificate.is_empty() && self.key.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "pem-cert-and-key".to_owned()
    }
}

/// A private key, PEM (`common.PEMEncodedKey`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Key(pub Secret);

impl Field for Key {
    fn yaml(&self) -> Value {
        let key = BASE64_STANDARD.encode(self.0.expose());
        Value::Mapping(Mapping::from_iter([("key".into(), key.into())]))
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| {
            protobuf::bytes(inner, 1, self.0.expose());
        });
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "pem-key".to_owned()
    }
}

/// A part of the configuration as text, which YAML has as what it says. It may hold keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Written(pub Secret);

impl Field for Written {
    fn yaml(&self) -> Value {
        // Our own emitter wrote it.
        serde_yaml_ng::from_slice(self.0.expose()).unwrap_or_default()
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::bytes(out, number, self.0.expose());
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    fn form() -> String {
        "yaml-text".to_owned()
    }
}

/// A URL (`common.URL`), which YAML has in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebAddress(pub Url);

impl WebAddress {
    /// The whole of it.
    pub(crate) fn text(&self) -> String {
        let Url { scheme, path, .. } = &self.0;
        format!("{scheme}://{}{path}", self.authority())
    }

    fn authority(&self) -> String {
        let host = match self.0.host.contains(':') {
            true => format!("[{}]", self.0.host),
            false => self.0.host.clone(),
        };
        match self.0.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

impl Field for WebAddress {
    fn yaml(&self) -> Value {
        let (before, fragment) = self.0.path.split_once('#').unwrap_or((&self.0.path, ""));
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        let text = |text: &str| Value::from(text);
        Value::Mapping(Mapping::from_iter([
            (text("scheme"), text(&self.0.scheme)),
            (text("opaque"), text("")),
            (text("user"), Value::Null),
            (text("host"), text(&self.authority())),
            (text("path"), text(path)),
            (text("rawpath"), text("")),
            (text("omithost"), Value::from(false)),
            (text("forcequery"), Value::from(false)),
            (text("rawquery"), text(query)),
            (text("fragment"), text(fragment)),
            (text("rawfragment"), text("")),
        ]))
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| {
            protobuf::bytes(inner, 1, self.text().as_bytes());
        });
    }

    fn is_empty(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn form() -> String {
        "url-object".to_owned()
    }
}

impl Layer {
    /// Its number (`enums.NetworkConfigLayer`).
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Default => 0,
            Self::Cmdline => 1,
            // 2 is the platform's, of which there is none.
            Self::Operator => 3,
            Self::Configuration => 4,
        }
    }
}

impl Field for Layer {
    fn yaml(&self) -> Value {
        Value::from(word(LAYERS, self.number()))
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::integer(out, number, self.number().into());
    }

    fn is_empty(&self) -> bool {
        *self == Self::Default
    }

    #[cfg(test)]
    fn form() -> String {
        "word".to_owned()
    }
}

/// Free parts of a configuration (`google.protobuf.Struct`).
impl Field for Value {
    fn yaml(&self) -> Value {
        if self.is_null() {
            return Self::Mapping(Mapping::new());
        }
        self.clone()
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| structure(self, inner));
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Mapping(mapping) => mapping.is_empty(),
            Self::Sequence(list) => list.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Tagged(_) => false,
        }
    }

    #[cfg(test)]
    fn form() -> String {
        "map<string,any>".to_owned()
    }
}

/// The fields of a `Struct`: an entry for each key. Only a mapping has keys.
fn structure(value: &Value, out: &mut Vec<u8>) {
    for (key, value) in value.as_mapping().into_iter().flatten() {
        protobuf::message(out, 1, |entry| {
            protobuf::bytes(entry, 1, key.as_str().unwrap_or_default().as_bytes());
            protobuf::message(entry, 2, |inner| dynamic(value, inner));
        });
    }
}

/// The one field of a `google.protobuf.Value`. The configuration's depth is bounded, so is this.
fn dynamic(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Tagged(_) => protobuf::integer(out, 1, 0),
        Value::Number(number) => protobuf::double(out, 2, number.as_f64().unwrap_or(0.0)),
        Value::String(text) => protobuf::bytes(out, 3, text.as_bytes()),
        Value::Bool(flag) => protobuf::integer(out, 4, u64::from(*flag)),
        Value::Mapping(_) => protobuf::message(out, 5, |inner| structure(value, inner)),
        Value::Sequence(list) => protobuf::message(out, 6, |inner| {
            for value in list {
                protobuf::message(inner, 1, |inner| dynamic(value, inner));
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_address_is_whole_for_programs_and_in_parts_for_people() {
        let parse = |text: &str| WebAddress(Url::parse(text).unwrap());
        let address = parse("https://[fd00::1]:6443/api?x=1#y");

        let yaml = serde_yaml_ng::to_string(&address.yaml()).unwrap();
        let mut proto = Vec::new();
        address.proto(1, &mut proto);

        assert!(yaml.contains("scheme: https\n"), "{yaml}");
        assert!(
            yaml.contains("host: '[fd00::1]:6443'\npath: /api\n"),
            "{yaml}"
        );
        assert!(yaml.contains("rawquery: x=1\nfragment: y\n"), "{yaml}");
        assert!(proto.ends_with(b"https://[fd00::1]:6443/api?x=1#y"));
        assert_eq!(parse("http://a.example").text(), "http://a.example");
    }

    #[test]
    fn what_is_free_is_a_struct_that_other_programs_read() {
        use prost_types::value::Kind;
        let value: Value =
            serde_yaml_ng::from_str("a: 1\nb: [x, true, null]\nc: {d: 0.5}\n").unwrap();
        let mut proto = Vec::new();

        structure(&value, &mut proto);

        let read: prost_types::Struct = prost::Message::decode(&proto[..]).unwrap();
        let field = |name: &str| read.fields[name].kind.clone().unwrap();
        assert_eq!(field("a"), Kind::NumberValue(1.0));
        let Kind::ListValue(list) = field("b") else {
            panic!("{read:?}");
        };
        let kinds: Vec<_> = list
            .values
            .into_iter()
            .filter_map(|value| value.kind)
            .collect();
        assert_eq!(
            kinds,
            [
                Kind::StringValue("x".to_owned()),
                Kind::BoolValue(true),
                Kind::NullValue(0)
            ]
        );
        let Kind::StructValue(inner) = field("c") else {
            panic!("{read:?}");
        };
        assert_eq!(inner.fields["d"].kind, Some(Kind::NumberValue(0.5)));
        assert_eq!(Value::Null.yaml(), Value::Mapping(Mapping::new()));
    }
}
