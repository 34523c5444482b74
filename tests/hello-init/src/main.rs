// SPDX-License-Identifier: MPL-2.0
//! Prints one line on the console and powers the machine off.
//!
//! Owns: nothing. It is what `tests/budgets.toml` compares a node's boot time with.
//! Never: grows.
#![no_std]
#![no_main]

use sys::system::RebootCommand;

sys::entry!(main);

fn main(_arguments: sys::start::Arguments) -> u8 {
    sys::text::say(format_args!("HELLO FROM INIT"));
    let _ = sys::system::reboot(RebootCommand::PowerOff);
    1
}
