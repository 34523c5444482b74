// SPDX-License-Identifier: MPL-2.0
//! udevd as a program without libc.
#![no_std]
#![no_main]

sys::entry!(udevd::main);
