// SPDX-License-Identifier: MPL-2.0
//! What init says: lines on the console, and the same in the kernel's log.
//!
//! Owns: the form of a line.
//! Never: goes through logd, which may be what the line is about.

use core::fmt::{self, Write as _};
use core::time::Duration;

use sys::kernel_log::{self, Urgency};
use sys::text::Text;

use crate::clock;

/// The longest line.
const LINE_MAX: usize = 256;

/// Says one line.
pub fn line(arguments: fmt::Arguments<'_>) {
    let mut text = Text::<LINE_MAX>::new();
    let _ = write!(text, "[ichor] {arguments}");
    text.end_line();
    // A console that takes nothing now (a serial line with flow control) loses the line; the
    // kernel's log has it.
    let _ = sys::text::write_now(text.as_bytes());
    kernel_log::write(Urgency::Debug, &text);
}

/// Says one line: `say!("phase {name}: done")`.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say::line(::core::format_args!($($argument)*)) };
}

/// A part of the boot that takes time.
#[derive(Debug)]
pub struct Phase {
    name: &'static str,
    began_at: Duration,
}

impl Phase {
    /// Begins one.
    #[must_use]
    pub fn begin(name: &'static str) -> Self {
        Self {
            name,
            began_at: clock::now(),
        }
    }

    /// Ends it and says how long it took.
    pub fn done(self) {
        let took = Short(clock::now().saturating_sub(self.began_at));
        say!("phase {}: done, {took}", self.name);
    }
}

/// A duration for people: `106µs`, `12ms`, `1.25s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short(pub Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        if *time < Duration::from_millis(1) {
            write!(f, "{}µs", time.subsec_micros())
        } else if *time < Duration::from_secs(1) {
            write!(f, "{}ms", time.subsec_millis())
        } else {
            write!(
                f,
                "{}.{:02}s",
                time.as_secs(),
                time.subsec_millis().wrapping_div(10)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;
    use std::time::Duration;

    use super::Short;

    #[test]
    fn durations_are_short() {
        assert_eq!(Short(Duration::from_micros(106)).to_string(), "106µs");
        assert_eq!(Short(Duration::from_millis(12)).to_string(), "12ms");
        assert_eq!(Short(Duration::from_millis(1_259)).to_string(), "1.25s");
        assert_eq!(Short(Duration::from_millis(61_000)).to_string(), "61.00s");
    }
}
