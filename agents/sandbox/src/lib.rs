// SPDX-License-Identifier: MPL-2.0
//! The step between PID 1's clone and a service's exec.
#![no_std]
#![forbid(unsafe_code)]

/// Runs.
pub fn main(_arguments: sys::start::Arguments) -> u8 {
    sys::say!("hello {}", 5);
    3
}
