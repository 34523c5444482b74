// SPDX-License-Identifier: MPL-2.0
//! What fields of specs hold besides text and numbers: addresses, keys, times, words.
//!
//! Owns: their two forms, which are those of the documents.
//! Never: prints a key in a log.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use config::Url;
use pki::Secret;
use serde_yaml_ng::{Mapping, Value};

use super::field::Field;
use super::{Layer, Prefix, protobuf};
use crate::clock::Took;

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
}

/// A time span in nanoseconds, which may be below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Nanos(pub i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Written as logs have it: `1m30.5s`, `-2µs`.
impl Field for Nanos {
    fn yaml(&self) -> Value {
        let sign = if self.0 < 0 { "-" } else { "" };
        Value::from(match self.0.unsigned_abs() {
            0 => "0s".to_owned(),
            nanos => format!("{sign}{}", Took(Duration::from_nanos(nanos))),
        })
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        protobuf::message(out, number, |inner| {
            // Both have the sign of the whole.
            protobuf::signed(inner, 1, self.0.checked_div(NANOS_PER_SECOND).unwrap_or(0));
            protobuf::signed(inner, 2, self.0.checked_rem(NANOS_PER_SECOND).unwrap_or(0));
        });
    }

    fn is_empty(&self) -> bool {
        self.0 == 0
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
}

/// Who wishes something (`enums.NetworkConfigLayer`).
impl Field for Layer {
    fn yaml(&self) -> Value {
        Value::from(self.name())
    }

    fn proto(&self, number: u32, out: &mut Vec<u8>) {
        let layer = match self {
            Self::Default => 0,
            Self::Cmdline => 1,
            // 2 is the platform's, of which there is none.
            Self::Operator => 3,
            Self::Configuration => 4,
        };
        protobuf::integer(out, number, layer);
    }

    fn is_empty(&self) -> bool {
        *self == Self::Default
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
    fn a_time_below_zero_keeps_its_sign_in_both_parts() {
        let mut proto = Vec::new();

        Nanos(-1_500_000_000).proto(1, &mut proto);

        assert_eq!(Nanos(-1_500_000_000).yaml(), Value::from("-1.5s"));
        let sent = prost_types::Duration {
            seconds: -1,
            nanos: -500_000_000,
        };
        assert_eq!(
            proto.get(2..).unwrap(),
            prost::Message::encode_to_vec(&sent)
        );
    }
}
