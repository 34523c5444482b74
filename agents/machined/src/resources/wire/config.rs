// SPDX-License-Identifier: MPL-2.0
//! The configuration and the machine's type on the wire.
//!
//! Owns: their two forms.
//! Never: changes a byte of the configuration.

use api::resource::config as proto;
use prost::Message as _;
use resource::Encoded;

use super::both;
use super::words::{self, word_of};
use crate::resources::{MachineConfig, MachineKind, MachineType};

/// What the operator wrote is its YAML form already.
pub(crate) fn machine_config(spec: &MachineConfig) -> Option<Encoded> {
    let source = spec.0.source();
    let message = proto::MachineConfigSpec {
        yaml_marshalled: source.to_vec(),
    };
    Some(Encoded {
        yaml: core::str::from_utf8(source).ok()?.to_owned(),
        proto: message.encode_to_vec(),
    })
}

pub(crate) fn machine_type(spec: &MachineType) -> Option<Encoded> {
    let number = match spec.0 {
        MachineKind::Unknown => proto::MachineType::Unknown,
        MachineKind::Init => proto::MachineType::Init,
        MachineKind::ControlPlane => proto::MachineType::ControlPlane,
        MachineKind::Worker => proto::MachineType::Worker,
    };
    let message = proto::MachineTypeSpec {
        machine_type: number.into(),
    };
    both(&word_of(words::MACHINE_TYPES, number), &message)
}
