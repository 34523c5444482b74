// SPDX-License-Identifier: MPL-2.0
//! Loop devices: a file as a block device (loop(4)).
//!
//! Owns: finding a free device and binding a file to it, read-only.
//! Never: leaves a device bound when its last user is gone.

use core::fmt::Write as _;

use linux_raw_sys::general::__NR_ioctl;
use linux_raw_sys::loop_device::{
    LO_FLAGS_AUTOCLEAR, LO_FLAGS_READ_ONLY, LOOP_CONFIGURE, LOOP_CTL_ADD, LOOP_CTL_GET_FREE,
    loop_config,
};

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _, OwnedFd};
use crate::fs::{Mode, OFlags};
use crate::io::{self, Errno};
use crate::text::Text;

/// How often a device that someone else took first is tried again.
const ATTEMPTS_MAX: usize = 8;

/// A device with a file behind it. It is free again when this is dropped and nothing mounts it.
#[derive(Debug)]
pub struct Loop {
    /// The device, open.
    pub device: OwnedFd,
    /// Its path, such as `/dev/loop0`.
    pub path: Text<32>,
}

/// Binds `file`, read-only, to a free device.
///
/// # Errors
/// The kernel's: `NOENT` without `/dev/loop-control`.
pub fn attach_read_only(file: impl AsFd) -> io::Result<Loop> {
    let control = control()?;
    let mut last = Errno::BUSY;
    for _ in 0..ATTEMPTS_MAX {
        // The kernel makes a device when all are taken.
        let index = ask(&control, LOOP_CTL_GET_FREE, NONE)?;
        match bind(index, &file) {
            Err(Errno::BUSY) => last = Errno::BUSY,
            bound => return bound,
        }
    }
    Err(last)
}

/// The same with the device of a number, for several who bind at the same time: they would be told
/// of the same free one again and again. Another device is taken when that one has a file already.
///
/// # Errors
/// As [`attach_read_only`].
pub fn attach_read_only_at(index: u16, file: impl AsFd) -> io::Result<Loop> {
    let index = usize::from(index);
    match ask(&control()?, LOOP_CTL_ADD, index) {
        Ok(_) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    match bind(index, &file) {
        Err(Errno::BUSY) => attach_read_only(file),
        bound => bound,
    }
}

fn control() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    crate::fs::open(c"/dev/loop-control", flags, Mode::empty())
}

fn bind(index: usize, file: &impl AsFd) -> io::Result<Loop> {
    let mut path = Text::new();
    let _ = write!(path, "/dev/loop{index}");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let device = crate::fs::open(path.as_str(), flags, Mode::empty())?;
    configure(&device, file).map(|()| Loop { device, path })
}

/// Asks for the number of a free device, or for the device of a number.
#[expect(unsafe_code, reason = "a raw system call")]
fn ask(control: &OwnedFd, request: u32, argument: usize) -> io::Result<usize> {
    let control = control.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: both requests take at most a number and return one; neither touches memory.
    unsafe {
        syscall(
            __NR_ioctl,
            [control, request as usize, argument, NONE, NONE, NONE],
        )
    }
}

/// Binds `file` to `device`.
#[expect(unsafe_code, reason = "a raw system call")]
fn configure(device: &OwnedFd, file: &impl AsFd) -> io::Result<()> {
    // SAFETY: all fields are integers and arrays of integers, for which zero bytes are valid.
    let mut config: loop_config = unsafe { core::mem::zeroed() };
    config.fd = file.as_fd().as_raw_fd().cast_unsigned();
    config.info.lo_flags = LO_FLAGS_READ_ONLY as u32 | LO_FLAGS_AUTOCLEAR as u32;
    let device = device.as_raw_fd().cast_unsigned() as usize;
    let place = (&raw const config).expose_provenance();
    // SAFETY: the kernel reads one `struct loop_config` at `place`, which lives until the call
    // returns.
    unsafe {
        syscall(
            __NR_ioctl,
            [device, LOOP_CONFIGURE as usize, place, NONE, NONE, NONE],
        )
    }
    .map(drop)
}
