// SPDX-License-Identifier: MPL-2.0
//! What comes from outside of the node, as functions of its bytes, for those who try any bytes.
//!
//! Owns: the way from there to parsers that nothing else needs to see.
//! Never: parses by itself, or is used by machined.

use std::collections::BTreeMap;

use ::api::machine::PacketCaptureRequest;
use tonic::Status;

use crate::{api, meta, ntp, shipping};

pub use meta::format::{COPY as META_COPY, OLD_COPY as META_OLD_COPY};

/// How far a time server's clock is ahead, in nanoseconds, from a packet that came `took` nanoseconds
/// after the question with this cookie, which was asked at `asked_at`, in nanoseconds since 1970.
///
/// # Errors
/// The packet does not count, and why.
pub fn ntp_offset(
    packet: &[u8],
    cookie: [u8; 8],
    asked_at: i128,
    took: i128,
) -> Result<i128, String> {
    let answer = ntp::packet::parse(packet, cookie);
    answer
        .and_then(|answer| ntp::packet::offset(asked_at, took, answer))
        .map_err(|problem| problem.to_string())
}

/// The values of a copy of META, by their keys.
///
/// # Errors
/// The copy does not count, and why.
pub fn meta_values(copy: &[u8]) -> Result<BTreeMap<u8, Vec<u8>>, String> {
    meta::format::parse(copy).map_err(|bad| bad.to_string())
}

/// The same of the old form.
///
/// # Errors
/// The copy does not count, and why.
pub fn meta_old_values(copy: &[u8]) -> Result<BTreeMap<u8, Vec<u8>>, String> {
    meta::format::parse_old(copy).map_err(|bad| bad.to_string())
}

/// A copy of META with these values; nothing when they are too long.
#[must_use]
pub fn meta_copy(values: &BTreeMap<u8, Vec<u8>>) -> Option<Vec<u8>> {
    meta::format::emit(values).ok()
}

/// A copy of META whose frame and checksum are good and whose records are these bytes, as far as
/// there is room for them.
#[must_use]
pub fn meta_sealed(records: &[u8]) -> Vec<u8> {
    meta::format::seal(records)
}

/// How many instructions the filter of a capture has, if machined would give it to the kernel.
///
/// # Errors
/// As the client is answered.
pub fn capture_filter(request: PacketCaptureRequest) -> Result<usize, Status> {
    api::capture::asked(request).map(|asked| asked.filter.len())
}

/// The longest message of [`shipped_line`], in bytes.
pub const SHIPPED_MAX: usize = shipping::message::MESSAGE_MAX;

/// The message that a receiver of logs gets for a line of a service that was written at the epoch.
#[must_use]
pub fn shipped_line(service: &str, line: &[u8]) -> Vec<u8> {
    let at = std::time::SystemTime::UNIX_EPOCH;
    shipping::message::of_service(service, line, at, &serde_json::Map::new())
}

/// The same for a line of the kernel, if it is one.
#[must_use]
pub fn shipped_kernel_line(line: &str) -> Option<Vec<u8>> {
    let at = std::time::SystemTime::UNIX_EPOCH;
    shipping::message::KernelLine::parse(line).map(|line| line.message(at))
}
