// SPDX-License-Identifier: MPL-2.0
//! A gap in a log: what a client is told in place of lines that were gone before it read them.
//!
//! Owns: the words, and the form that each log wants them in.
//! Never: says one gap twice.

use std::time::SystemTime;

use proto::log::KERNEL;

use crate::shipping::message::date;

/// Puts the line about `lost` bytes before the piece of a log that was read after them.
pub(super) fn before(
    log: &str,
    lost: u64,
    piece: Option<Vec<u8>>,
    now: SystemTime,
) -> Option<Vec<u8>> {
    if lost == 0 {
        return piece;
    }
    let text = format!("{lost} bytes of this log were lost: the reader was too slow");
    let line = if log == KERNEL {
        // As logd says it when the kernel threw records away.
        format!("syslog: warning: [{}]: machined: {text}\n", date(now))
    } else {
        format!("{text}\n")
    };
    let mut bytes = line.into_bytes();
    bytes.extend(piece.unwrap_or_default());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(log: &str, lost: u64, piece: Option<&str>) -> Option<String> {
        let piece = piece.map(|text| text.as_bytes().to_vec());
        let bytes = before(log, lost, piece, SystemTime::UNIX_EPOCH);
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_gap_is_a_line_of_its_own_in_the_form_of_its_log() {
        for (log, lost, piece, told) in [
            ("apid", 0, None, None),
            ("apid", 0, Some("a\n"), Some("a\n")),
            (
                "apid",
                5,
                Some("a\n"),
                Some("5 bytes of this log were lost: the reader was too slow\na\n"),
            ),
            (
                "apid",
                5,
                None,
                Some("5 bytes of this log were lost: the reader was too slow\n"),
            ),
            (
                KERNEL,
                5,
                None,
                Some(
                    "syslog: warning: [1970-01-01T00:00:00.000000000Z]: machined: 5 bytes of this \
                     log were lost: the reader was too slow\n",
                ),
            ),
        ] {
            assert_eq!(text(log, lost, piece).as_deref(), told, "{log} {lost}");
        }
    }
}
