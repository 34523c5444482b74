// SPDX-License-Identifier: MPL-2.0
//! The kernel seam: what Linux offers, as safe functions, without libc.
//!
//! Most of it is rustix, passed on under its own names. Around it lies what rustix leaves to
//! others: the first instruction of a program ([`entry!`]), signals, clone3, system call filters,
//! loop devices, virtual terminals, the kernel log, how the clock is kept, and one server for every
//! message socket ([`seqpacket`]).
//!
//! A program without libc is a library crate with all its code (tested on any machine), and a
//! `main.rs` of a few lines, which its `Cargo.toml` marks `test = false`:
//!
//! ```text
//! #![no_std]
//! #![no_main]
//! sys::entry!(netd::main); // fn main(arguments: sys::start::Arguments) -> u8
//! ```
//!
//! Its build script is `link.rs` beside this folder (`build = "…/lib/sys/link.rs"`),
//! which tells the linker what such a program needs.
//!
//! Owns: every unsafe block and raw system call of Ichor.
//! Never: decides anything, or knows what is in a message.
#![no_std]

pub mod adjtime;
mod arch;
pub mod cmdline;
pub mod errno;
pub mod inherited;
pub mod kernel_log;
pub mod loop_device;
pub mod loopback;
#[doc(hidden)]
pub mod memory;
pub mod mount_tree;
pub mod owner;
pub mod packet;
pub mod seccomp;
pub mod seqpacket;
pub mod signal;
mod socket_option;
pub mod spawn;
pub mod start;
pub mod tcp;
pub mod text;
pub mod virtual_terminal;

pub use rustix::{
    buffer, event, fd, ffi, fs, io, ioctl, mount, net, path, pipe, process, rand, stdio, system,
    termios, thread, time,
};
