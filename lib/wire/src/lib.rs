// SPDX-License-Identifier: MPL-2.0
//! Bytes we did not write: netlink, uevent, kernel log, index of modules, DHCP, superblocks.
//!
//! Outside bytes meet one `parse`; after it nothing can be short or out of range. What we send in
//! these formats has an `emit` beside its `parse`.
//!
//! Owns: the shapes of what the kernel, disks and the network say.
//! Never: opens a socket or a file, allocates, or panics on bytes from outside.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod dhcp;
pub mod kmsg;
pub mod modules;
pub mod netlink;
pub mod rtnetlink;
pub mod superblock;
pub mod uevent;
