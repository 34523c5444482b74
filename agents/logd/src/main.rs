// SPDX-License-Identifier: MPL-2.0
//! logd as a program without libc.
#![no_std]
#![no_main]

sys::entry!(logd::main);
