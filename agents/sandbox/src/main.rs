// SPDX-License-Identifier: MPL-2.0
//! The sandbox as a program without libc.
#![no_std]
#![no_main]

sys::entry!(sandbox::main);
