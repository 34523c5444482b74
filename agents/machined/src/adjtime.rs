// SPDX-License-Identifier: MPL-2.0
//! How the kernel keeps its clock, as a resource.
//!
//! Owns: what of adjtimex(2) is in which field.
//! Never: moves the clock.

use sys::adjtime::{Discipline, UNSYNC};

use crate::node::Node;
use crate::resources::AdjtimeStatus;
use crate::resources::values::Span;

/// Who writes it.
pub(crate) const OWNER: &str = "time.AdjtimeStatusController";
/// Its only id.
const ID: &str = "node";

/// Asks the kernel now. What cannot be read stays as it was.
pub(crate) fn refresh(node: &Node) {
    if let Ok(discipline) = sys::adjtime::read() {
        node.put(OWNER, ID, status(&discipline));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a frequency has 32 bits")]
fn status(discipline: &Discipline) -> AdjtimeStatus {
    /// Parts per million, times 65536.
    const SCALE: f64 = 65_536.0 * 1_000_000.0;
    let span = |nanoseconds| Span { nanoseconds };
    AdjtimeStatus {
        offset: span(discipline.offset_ns),
        ratio: 1.0 + discipline.frequency as f64 / SCALE,
        max_error: span(discipline.max_error_ns),
        estimated_error: span(discipline.estimated_error_ns),
        status: discipline.flag_names().collect::<Vec<_>>().join(" | "),
        constant: discipline.constant,
        synced: discipline.flags & UNSYNC == 0,
        state: discipline.state_name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::field::Record as _;

    #[test]
    fn rsrc_139_what_the_kernel_says_is_in_the_fields_of_the_documents() {
        let discipline = Discipline {
            offset_ns: 37_060_203,
            frequency: -1_302_069,
            max_error_ns: 16_000_000_000,
            estimated_error_ns: 500_000,
            constant: 7,
            flags: 0x2001,
            state: 0,
            ..Discipline::default()
        };

        let yaml = status(&discipline).encoded().unwrap().yaml;

        assert_eq!(
            yaml,
            "offset: 37.060203ms\nfrequencyAdjustmentRatio: 0.9999801320037842\nmaxError: 16s\n\
             estError: 500µs\nstatus: STA_PLL | STA_NANO\nconstant: 7\nsyncStatus: true\n\
             state: TIME_OK\n"
        );
    }
}
