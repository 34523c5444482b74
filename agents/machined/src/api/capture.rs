// SPDX-License-Identifier: MPL-2.0
//! Packet captures: what the request means, and what is refused of it.
//!
//! Owns: the bounds of a request.
//! Never: opens a socket.

use std::sync::Arc;

use ::api::common::Data;
use ::api::machine::{BpfInstruction, PacketCaptureRequest};
use sys::packet::{FILTER_MAX, Instruction};
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::capture::{self, Asked, SNAP_MAX};
use crate::node::Node;

/// What of each frame is kept when nothing is said: all of what links here have.
const SNAP_LEN: u32 = 64 * 1024;

pub(super) async fn begin(
    node: &Arc<Node>,
    request: PacketCaptureRequest,
) -> Result<BoxStream<Data>, Status> {
    capture::begin(node, asked(request)?).await
}

/// Reads a request.
///
/// # Errors
/// A number is out of its range, or there are too many instructions.
pub(crate) fn asked(request: PacketCaptureRequest) -> Result<Asked, Status> {
    let snap_len = match request.snap_len {
        0 => SNAP_LEN,
        given if given <= SNAP_MAX => given,
        given => {
            return Err(Status::invalid_argument(format!(
                "snap_len {given}: at most {SNAP_MAX} bytes of a frame are kept"
            )));
        }
    };
    if request.bpf_filter.len() > FILTER_MAX {
        return Err(Status::invalid_argument(format!(
            "bpf_filter: has {} instructions, at most {FILTER_MAX} are possible",
            request.bpf_filter.len()
        )));
    }
    let filter = request.bpf_filter.iter().enumerate();
    let filter = filter.map(|(index, instruction)| {
        read(instruction).ok_or_else(|| {
            Status::invalid_argument(format!("bpf_filter[{index}]: a number is out of range"))
        })
    });
    Ok(Asked {
        filter: filter.collect::<Result<_, _>>()?,
        interface: request.interface,
        promiscuous: request.promiscuous,
        snap_len,
    })
}

fn read(instruction: &BpfInstruction) -> Option<Instruction> {
    Some(Instruction {
        code: u16::try_from(instruction.op).ok()?,
        if_true: u8::try_from(instruction.jt).ok()?,
        if_false: u8::try_from(instruction.jf).ok()?,
        operand: instruction.k,
    })
}
