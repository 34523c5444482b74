// SPDX-License-Identifier: MPL-2.0
//! netd as a program without libc.
//!
//! Owns: the entry point.
//! Never: does anything else; the library does.
#![no_std]
#![no_main]

sys::entry!(netd::main);
