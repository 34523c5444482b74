// SPDX-License-Identifier: MPL-2.0
//! How boot images are made: archives for the kernel, and the root described as a list of files.
//!
//! Owns: the bytes of cpio archives and squashfs images, and the grammar of `rootfs/*.list`.
//! Never: reads a clock, a folder or a random number; the same input gives the same bytes.
#![forbid(unsafe_code)]

pub mod cpio;
pub mod layers;
pub mod root_list;
pub mod squashfs;
