// SPDX-License-Identifier: MPL-2.0
//! Bytes we did not write: what the kernel, the network and disks send us.
//!
//! Owns: parsing and emitting formats that others decided.
//! Never: opens a socket or a file, allocates, or panics on any bytes.
#![no_std]
#![forbid(unsafe_code)]

pub mod kmsg;
pub mod superblock;
pub mod uevent;
