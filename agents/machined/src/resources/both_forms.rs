// SPDX-License-Identifier: MPL-2.0
//! Reads what a spec encodes to, both forms side by side, by the fields that the documents give it.
//!
//! Owns: what agrees: keys and their order, numbers, and values that are the same in both.
//! Never: is part of the program.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use resource::ResourceSpec;
use serde_yaml_ng::{Mapping, Value};

use super::documented::{Documented, FieldLine, documented};

/// A value of a message.
#[derive(Debug, Clone, PartialEq)]
enum Wire {
    Number(u64),
    Float(f64),
    Bytes(Vec<u8>),
}

/// Takes a message apart (protobuf.dev, "Encoding").
fn read(mut bytes: &[u8]) -> Vec<(u32, Wire)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return value;
            }
        }
        panic!("no end");
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)),
            1 => {
                let (eight, rest) = bytes.split_first_chunk().unwrap();
                bytes = rest;
                Wire::Float(f64::from_le_bytes(*eight))
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Wire::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((u32::try_from(tag >> 3).unwrap(), value));
    }
    fields
}

fn of(fields: &[(u32, Wire)], number: u32) -> Vec<Wire> {
    let found = fields.iter().filter(|(known, _)| *known == number);
    found.map(|(_, value)| value.clone()).collect()
}

/// The number of one value; what is absent is zero.
fn number(wires: &[Wire]) -> u64 {
    match wires {
        [] => 0,
        [Wire::Number(number)] => *number,
        other => panic!("no number: {other:?}"),
    }
}

/// The bytes of one value; what is absent is empty.
fn bytes(wires: &[Wire]) -> Vec<u8> {
    match wires {
        [] => Vec::new(),
        [Wire::Bytes(bytes)] => bytes.clone(),
        other => panic!("no bytes: {other:?}"),
    }
}

/// Whether text is the word of a number, or the words of its bits.
fn is_word(enumeration: &str, text: &str, number: u64, is_flags: bool) -> bool {
    let all = include_str!("../../tests/data/words.txt");
    let mine = all.lines().filter_map(|line| {
        let rest = line.strip_prefix(enumeration)?.strip_prefix(' ')?;
        let (number, word) = rest.split_once(' ')?;
        Some((number.parse::<u64>().unwrap(), word))
    });
    let mine: Vec<(u64, &str)> = mine.collect();
    assert!(!mine.is_empty(), "{enumeration} has no words");
    if is_flags {
        let set = mine.iter().filter(|(bit, _)| number & bit != 0);
        let set: Vec<&str> = set.map(|(_, word)| *word).collect();
        return set.join(",") == text;
    }
    mine.contains(&(number, text))
}

/// Whether both forms of a value say the same.
fn agrees(form: &str, yaml: &Value, wires: &[Wire]) -> bool {
    let text = yaml.as_str().unwrap_or_default();
    if let Some(inner) = form.strip_suffix('?') {
        return match yaml.is_null() {
            true => wires.is_empty(),
            false => agrees(inner, yaml, wires),
        };
    }
    if let Some(inner) = form
        .strip_prefix("list<")
        .and_then(|rest| rest.strip_suffix('>'))
    {
        let list = yaml.as_sequence().unwrap();
        let mut each = list.iter().zip(wires);
        return list.len() == wires.len()
            && each.all(|(yaml, wire)| agrees(inner, yaml, std::slice::from_ref(wire)));
    }
    if let Some(name) = form.strip_prefix("struct:") {
        let (fields, message) = (&documented()[name].fields, read(&bytes(wires)));
        compare(name, fields, yaml.as_mapping().unwrap(), &message);
        return true;
    }
    if let Some(name) = form.strip_prefix("enum:") {
        return is_word(name, text, number(wires), false);
    }
    if let Some(name) = form.strip_prefix("flags:") {
        return is_word(name, text, number(wires), true);
    }
    is_same(form, yaml, text, wires)
}

/// The address in the bytes of a message.
fn address(wires: &[Wire]) -> String {
    match <[u8; 4]>::try_from(&bytes(wires)[..]) {
        Ok(v4) => std::net::Ipv4Addr::from(v4).to_string(),
        Err(_) => match <[u8; 16]>::try_from(&bytes(wires)[..]) {
            Ok(v6) => std::net::Ipv6Addr::from(v6).to_string(),
            Err(_) => String::new(),
        },
    }
}

/// Whether both forms of a value that has no parts of other forms say the same.
fn is_same(form: &str, yaml: &Value, text: &str, wires: &[Wire]) -> bool {
    let inner = || read(&bytes(wires));
    match form {
        "string" => text.as_bytes() == bytes(wires),
        "bool" => u64::from(yaml.as_bool().unwrap()) == number(wires),
        "uint8" | "uint16" | "uint32" | "uint64" => yaml.as_u64().unwrap() == number(wires),
        "int64" => yaml.as_i64().unwrap().to_le_bytes() == number(wires).to_le_bytes(),
        "float64" => match wires {
            [] => yaml.as_f64() == Some(0.0),
            wires => [Wire::Float(yaml.as_f64().unwrap())] == wires,
        },
        "mac" => {
            let octets = bytes(wires);
            let octets = octets.iter().map(|octet| format!("{octet:02x}"));
            octets.collect::<Vec<_>>().join(":") == text
        }
        "ip" => address(&of(&inner(), 1)) == text,
        "ip-prefix" if text.is_empty() => wires.is_empty(),
        "ip-prefix" => {
            let length = number(&of(&inner(), 2));
            format!("{}/{length}", address(&of(&inner(), 1))) == text
        }
        "bytes-as-int-list" => {
            let octets: Vec<Value> = bytes(wires).into_iter().map(Value::from).collect();
            yaml.as_sequence() == Some(&octets)
        }
        "url-object" => {
            let whole = String::from_utf8(bytes(&of(&inner(), 1))).unwrap();
            let part = |key: &str| yaml.get(key).unwrap().as_str().unwrap().to_owned();
            whole.starts_with(&format!(
                "{}://{}{}",
                part("scheme"),
                part("host"),
                part("path")
            ))
        }
        "pem-cert-and-key" => {
            let decoded =
                |key: &str| BASE64_STANDARD.decode(yaml.get(key).unwrap().as_str().unwrap());
            decoded("crt").unwrap() == bytes(&of(&inner(), 1))
                && decoded("key").unwrap() == bytes(&of(&inner(), 2))
        }
        other => panic!("nobody compares {other}"),
    }
}

/// Compares what a record is in both forms.
fn compare(name: &str, fields: &[FieldLine], yaml: &Mapping, message: &[(u32, Wire)]) {
    let keys: Vec<&str> = yaml.keys().map(|key| key.as_str().unwrap()).collect();
    let documented = fields.iter().map(|field| field.1);
    let expected: Vec<&str> = documented.filter(|key| keys.contains(key)).collect();
    assert_eq!(keys, expected, "{name}: keys, or their order");
    for (number, _) in message {
        let known = fields.iter().any(|field| field.0 == *number);
        assert!(known, "{name}: no field has the number {number}");
    }
    for (number, key, form, may_omit) in fields {
        let wires = of(message, *number);
        match yaml.get(*key) {
            None => {
                assert!(*may_omit, "{name}: {key} is absent");
                assert_eq!(wires, [], "{name}: {key} is in the message alone");
            }
            Some(value) => {
                let same = agrees(form, value, &wires);
                assert!(same, "{name}: {key} is {value:?} and {wires:?}");
            }
        }
    }
}

/// Compares both forms of a spec with each other and with the fields of its type.
pub(super) fn check<T: ResourceSpec>(spec: &T) {
    let name = T::KIND.name;
    let Documented { fields, yaml, .. } = documented().remove(name).unwrap();
    assert_eq!(yaml, None, "{name} has no fields in YAML");
    let encoded = spec.encode().unwrap();

    let mapping: Mapping = serde_yaml_ng::from_str(&encoded.yaml).unwrap();

    compare(name, &fields, &mapping, &read(&encoded.proto));
}
