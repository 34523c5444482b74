// SPDX-License-Identifier: MPL-2.0
//! Requests of the API that are nearly good, made from its own description.
//!
//! Owns: what a field may hold: nothing, too much, what means something, and what cannot be.
//! Never: knows what a method does; a method that is new is made requests for, too.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::mutate::{Dice, mutate};

/// How deep messages in messages go.
const DEPTH_MAX: usize = 5;
/// How long the text is that is too long for anything, in bytes.
const LONG: usize = 200_000;
/// How often a field may be repeated.
const TIMES_MAX: usize = 40;

/// What means something in a request: services, links, files, resources, roles, keys, endings.
const WORDS: &[&str] = &[
    "",
    "apid",
    "machined",
    "trustd",
    "ext-hello",
    "kernel",
    "system",
    "cri",
    "lo",
    "eth0",
    "/",
    "/proc",
    "/system/state/config.yaml",
    "/etc/../proc/cmdline",
    "../..",
    "/dev/null",
    "\0",
    "runtime",
    "network",
    "secrets",
    "MachineStatuses.runtime.talos.dev",
    "LinkStatuses.net.talos.dev",
    "OSRoots.secrets.talos.dev",
    "machinestatus",
    "ms",
    "machine",
    "os:admin",
    "os:reader",
    "os:nobody",
    "127.0.0.1",
    "::1",
    "[::1]:1",
    "localhost",
    "https://127.0.0.1:6443",
    "v1.29.1",
    "127.0.0.1:5000/a:b",
    "*",
    "(",
    "a=b,!c",
    "%s%n",
    "\u{202e}",
    "{\"a\":[",
    "version: v1alpha1\nmachine:\n  type: worker\n",
    "- op: add\n  path: /machine/sysctls\n  value: {}\n",
];

/// Numbers at which something ends.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    6,
    10,
    48,
    255,
    256,
    4096,
    65_536,
    262_145,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// The messages of the API.
#[derive(Debug)]
pub struct Schema {
    messages: BTreeMap<String, DescriptorProto>,
    /// The name of the request's message, by the method's path.
    requests: BTreeMap<String, String>,
    /// Texts and bytes that are taken somewhere, besides the words.
    texts: Vec<Vec<u8>>,
}

impl Schema {
    /// The API as it is, and `texts` that clients send to it.
    ///
    /// # Errors
    /// The description cannot be read.
    pub fn of_api(texts: Vec<Vec<u8>>) -> Result<Self, prost::DecodeError> {
        let set = FileDescriptorSet::decode(api::DESCRIPTORS)?;
        let mut schema = Self {
            messages: BTreeMap::new(),
            requests: BTreeMap::new(),
            texts,
        };
        for file in &set.file {
            let package = format!(".{}", file.package());
            for message in &file.message_type {
                schema.add(&package, message);
            }
            for service in &file.service {
                for method in &service.method {
                    let service = format!("{}.{}", file.package(), service.name());
                    let path = format!("/{service}/{}", method.name());
                    let input = method.input_type().to_owned();
                    schema.requests.insert(path, input);
                }
            }
        }
        Ok(schema)
    }

    fn add(&mut self, outer: &str, message: &DescriptorProto) {
        let name = format!("{outer}.{}", message.name());
        for inner in &message.nested_type {
            self.add(&name, inner);
        }
        self.messages.insert(name, message.clone());
    }

    /// The fields of the request of a method; nothing when there is no such method.
    #[must_use]
    pub fn fields(&self, path: &str) -> Option<usize> {
        let message = self.messages.get(self.requests.get(path)?)?;
        Some(message.field.len())
    }

    /// A request of a method, as bytes that may be no message at all.
    #[must_use]
    pub fn request(&self, path: &str, dice: &mut Dice) -> Vec<u8> {
        let name = self.requests.get(path).map_or("", String::as_str);
        let message = self.message(name, dice, 0);
        match dice.below(6) {
            0 => mutate(&[message], WORDS, dice),
            _ => message,
        }
    }

    fn message(&self, name: &str, dice: &mut Dice, depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(message) = self.messages.get(name)
            && depth < DEPTH_MAX
        {
            for field in &message.field {
                let times = match dice.below(40) {
                    0..=13 => 0,
                    14..=36 => 1,
                    37..=38 => 2,
                    _ => dice.below(TIMES_MAX),
                };
                for _ in 0..times {
                    self.field(&mut bytes, field, dice, depth);
                }
            }
        }
        if dice.below(16) == 0 {
            // A field that nobody knows, of any wire type.
            let key = dice.below(4096);
            varint(&mut bytes, u64::try_from(key).unwrap_or_default());
            bytes.extend(anything(dice));
        }
        bytes
    }

    fn field(
        &self,
        bytes: &mut Vec<u8>,
        field: &FieldDescriptorProto,
        dice: &mut Dice,
        depth: usize,
    ) {
        let number = u64::try_from(field.number()).unwrap_or_default() << 3;
        if dice.below(40) == 0 {
            let wire = u64::try_from(dice.below(8)).unwrap_or_default();
            varint(bytes, number | wire);
            bytes.extend(anything(dice));
            return;
        }
        match field.r#type() {
            Type::String | Type::Bytes => prefixed(bytes, number, &self.text(dice), dice),
            Type::Message => {
                let inner = depth.saturating_add(1);
                let message = self.message(field.type_name(), dice, inner);
                prefixed(bytes, number, &message, dice);
            }
            Type::Double | Type::Fixed64 | Type::Sfixed64 => {
                varint(bytes, number | 1);
                bytes.extend(any_number(dice).to_le_bytes());
            }
            Type::Float | Type::Fixed32 | Type::Sfixed32 => {
                varint(bytes, number | 5);
                bytes.extend(any_number(dice).to_le_bytes().iter().take(4));
            }
            Type::Group
            | Type::Bool
            | Type::Enum
            | Type::Int32
            | Type::Int64
            | Type::Uint32
            | Type::Uint64
            | Type::Sint32
            | Type::Sint64 => {
                varint(bytes, number);
                varint(bytes, any_number(dice));
            }
        }
    }

    fn text(&self, dice: &mut Dice) -> Vec<u8> {
        match dice.below(64) {
            0 => anything(dice),
            1 => b"../".repeat(LONG / 3),
            2 => vec![b'x'; LONG],
            3..=12 => mutate(&self.texts, WORDS, dice),
            13..=24 => dice.pick(&self.texts).cloned().unwrap_or_default(),
            _ => dice.pick(WORDS).copied().unwrap_or_default().into(),
        }
    }
}

/// Writes a field with its length, which is seldom wrong.
fn prefixed(bytes: &mut Vec<u8>, number: u64, value: &[u8], dice: &mut Dice) {
    varint(bytes, number | 2);
    let length = u64::try_from(value.len()).unwrap_or_default();
    let length = match dice.below(64) {
        0 => length.saturating_add(1),
        1 => any_number(dice),
        _ => length,
    };
    varint(bytes, length);
    bytes.extend(value);
}

fn any_number(dice: &mut Dice) -> u64 {
    dice.pick(NUMBERS).copied().unwrap_or_default()
}

/// A few bytes.
#[must_use]
pub fn anything(dice: &mut Dice) -> Vec<u8> {
    let length = dice.below(40);
    let byte = |_| u8::try_from(dice.below(256)).unwrap_or_default();
    (0..length).map(byte).collect()
}

fn varint(bytes: &mut Vec<u8>, number: u64) {
    prost::encoding::encode_varint(number, bytes);
}

/// Messages before which the head of gRPC stands, which is seldom wrong.
#[must_use]
pub fn framed(message: &[u8], dice: &mut Dice) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let (flag, length) = match dice.below(24) {
        // It says that it is compressed, and is not.
        0 => (1, length),
        1 => (u8::try_from(dice.below(256)).unwrap_or_default(), length),
        2 => (0, length.saturating_add(1)),
        3 => (0, length.saturating_sub(1)),
        4 => (0, u32::MAX),
        _ => (0, length),
    };
    let mut bytes = vec![flag];
    bytes.extend(length.to_be_bytes());
    bytes.extend(message);
    match dice.below(24) {
        0 => bytes.repeat(2),
        1 => {
            bytes.truncate(dice.below(bytes.len()));
            bytes
        }
        _ => bytes,
    }
}
