// SPDX-License-Identifier: MPL-2.0
//! How the kernel keeps its clock (adjtimex(2)).
//!
//! Owns: asking it.
//! Never: moves the clock: that it is asked and not told is in the request itself.

use linux_raw_sys::general::__NR_adjtimex;

use crate::arch::{NONE, syscall};
use crate::io;

/// `struct timex` in units of eight bytes, on every machine of 64 bits (linux/timex.h).
const WORDS: usize = 26;
/// `STA_UNSYNC`: nobody keeps the clock in time.
pub const UNSYNC: u32 = 0x40;
/// `STA_NANO`: offsets are in nanoseconds, otherwise in microseconds.
const NANO: u32 = 0x2000;

/// The flags of `status`, in the order of their bits.
const FLAGS: &[(u32, &str)] = &[
    (0x1, "STA_PLL"),
    (0x2, "STA_PPSFREQ"),
    (0x4, "STA_PPSTIME"),
    (0x8, "STA_FLL"),
    (0x10, "STA_INS"),
    (0x20, "STA_DEL"),
    (UNSYNC, "STA_UNSYNC"),
    (0x80, "STA_FREQHOLD"),
    (0x100, "STA_PPSSIGNAL"),
    (0x200, "STA_PPSJITTER"),
    (0x400, "STA_PPSWANDER"),
    (0x800, "STA_PPSERROR"),
    (0x1000, "STA_CLOCKERR"),
    (NANO, "STA_NANO"),
    (0x4000, "STA_MODE"),
    (0x8000, "STA_CLK"),
];

/// How the clock is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discipline {
    /// By how much it is still to be moved, in nanoseconds.
    pub offset_ns: i64,
    /// By how much it is sped up, in parts per million times 65536.
    pub frequency: i64,
    /// By how much it may be wrong at most, in nanoseconds.
    pub max_error_ns: i64,
    /// By how much it probably is wrong, in nanoseconds.
    pub estimated_error_ns: i64,
    /// The time constant of the loop.
    pub constant: i64,
    /// `STA_*`.
    pub flags: u32,
    /// How long a tick is, in microseconds.
    pub tick_us: i64,
    /// By how much International Atomic Time is ahead, in seconds.
    pub tai_s: i32,
    /// The pulse that the clock follows, if any.
    pub pulse: Pulse,
    /// What the call returned, `TIME_*`.
    pub state: usize,
}

/// What is known of a pulse once a second (RFC 2783).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Its frequency, in parts per million times 65536.
    pub frequency: i64,
    /// How far pulses are from their time, in nanoseconds.
    pub jitter_ns: i64,
    /// How long it is looked at, in powers of two of a second.
    pub shift: i32,
    /// How much its frequency changes, in parts per million times 65536.
    pub stability: i64,
    /// How often the jitter was too large.
    pub jitters: i64,
    /// How often it was looked at for so long.
    pub calibrations: i64,
    /// How often that was in vain.
    pub errors: i64,
    /// How often its frequency changed by too much.
    pub wanders: i64,
}

impl Discipline {
    /// The names of the flags that are set.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let flags = self.flags;
        let set = FLAGS.iter().filter(move |(bit, _)| flags & bit != 0);
        set.map(|(_, name)| *name)
    }

    /// The name of the state.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            0 => "TIME_OK",
            1 => "TIME_INS",
            2 => "TIME_DEL",
            3 => "TIME_OOP",
            4 => "TIME_WAIT",
            _ => "TIME_ERROR",
        }
    }
}

/// Asks how the clock is kept. Anybody may.
///
/// # Errors
/// The kernel's.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn read() -> io::Result<Discipline> {
    // The first word holds what is to be changed: nothing.
    let mut words = [0_i64; WORDS];
    let place = words.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel reads and writes one `struct timex`, whose 208 bytes are those of `words`,
    // which live until the call returns; any bytes are numbers.
    let state = unsafe { syscall(__NR_adjtimex, [place, NONE, NONE, NONE, NONE, NONE]) }?;
    Ok(parse(&words, state))
}

fn parse(words: &[i64; WORDS], state: usize) -> Discipline {
    let [
        _,
        offset,
        frequency,
        max_error,
        estimated_error,
        status,
        constant,
        _precision,
        _tolerance,
        _seconds,
        _parts,
        tick_us,
        pulse_frequency,
        jitter,
        shift,
        stability,
        jitters,
        calibrations,
        errors,
        wanders,
        tai,
        ..,
    ] = *words;
    let flags = half(status).cast_unsigned();
    let nanoseconds = |microseconds: i64| microseconds.saturating_mul(1000);
    let by_flag = |value: i64| match flags & NANO {
        0 => nanoseconds(value),
        _ => value,
    };
    Discipline {
        offset_ns: by_flag(offset),
        frequency,
        max_error_ns: nanoseconds(max_error),
        estimated_error_ns: nanoseconds(estimated_error),
        constant,
        flags,
        tick_us,
        tai_s: half(tai),
        pulse: Pulse {
            frequency: pulse_frequency,
            jitter_ns: by_flag(jitter),
            shift: half(shift),
            stability,
            jitters,
            calibrations,
            errors,
            wanders,
        },
        state,
    }
}

/// A number of 32 bits is the first half of its word, which is the lower one on these machines.
const fn half(word: i64) -> i32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Discipline, Pulse, UNSYNC, WORDS, parse, read};

    #[test]
    fn microseconds_become_nanoseconds_unless_the_kernel_says_so() {
        let mut words = [0; WORDS];
        words[1..7].copy_from_slice(&[-37, -1_302_069, 16_000, 500, 0x2001, 7]);

        let nano = parse(&words, 0);
        words[5] = 0x41;
        let micro = parse(&words, 5);

        assert_eq!((nano.offset_ns, micro.offset_ns), (-37, -37_000));
        assert_eq!(nano.max_error_ns, 16_000_000);
        assert_eq!((nano.estimated_error_ns, nano.constant), (500_000, 7));
        assert_eq!(
            nano.flag_names().collect::<Vec<_>>(),
            ["STA_PLL", "STA_NANO"]
        );
        assert_eq!(
            micro.flag_names().collect::<Vec<_>>(),
            ["STA_PLL", "STA_UNSYNC"]
        );
        assert_eq!(
            (nano.state_name(), micro.state_name()),
            ("TIME_OK", "TIME_ERROR")
        );
    }

    #[test]
    fn the_pulse_and_the_tick_are_where_linux_timex_h_has_them() {
        let mut words = [-1; WORDS];
        words[5] = 0;
        words[11..21].copy_from_slice(&[10_000, -7, 3, 4, 5, 6, 7, 8, 9, 37]);

        let found = parse(&words, 0);

        assert_eq!((found.tick_us, found.tai_s), (10_000, 37));
        let pulse = Pulse {
            frequency: -7,
            jitter_ns: 3000,
            shift: 4,
            stability: 5,
            jitters: 6,
            calibrations: 7,
            errors: 8,
            wanders: 9,
        };
        assert_eq!(found.pulse, pulse);
    }

    #[test]
    fn the_kernel_says_how_its_clock_is_kept() {
        let Discipline {
            max_error_ns,
            flags,
            state,
            ..
        } = read().unwrap();

        assert!(max_error_ns >= 0, "{max_error_ns}");
        // `TIME_ERROR` is what it says of a clock that nobody keeps.
        assert!(
            state <= 5 && (state == 5 || flags & UNSYNC == 0),
            "{state} {flags:x}"
        );
    }
}
