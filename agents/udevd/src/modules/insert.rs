// SPDX-License-Identifier: MPL-2.0
//! The kernel's side of loading a module.
//!
//! Owns: the call, and how a module that is loaded is recognised.
//! Never: decides what is loaded.

use proto::udev::PARAMETERS_MAX;
use sys::fd::OwnedFd;
use sys::io::{self, Errno};
use wire::modules::Name;

use crate::attribute::Sysfs;

/// What takes modules: the kernel, or a test's stand-in.
pub trait Insert {
    /// Whether the module is loaded.
    fn is_loaded(&self, name: &Name) -> bool;

    /// Gives it the module in `file`.
    ///
    /// # Errors
    /// The kernel's: `EEXIST` when it is loaded or being loaded.
    fn insert(&mut self, file: &OwnedFd, parameters: &str) -> io::Result<()>;
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel<'a>(pub &'a Sysfs);

impl Insert for Kernel<'_> {
    fn is_loaded(&self, name: &Name) -> bool {
        let mut path = heapless::String::<80>::new();
        let _ = core::fmt::Write::write_fmt(&mut path, format_args!("module/{}", name.as_str()));
        // Parts of the kernel that have parameters are there too, without a state.
        self.0.read(&path, "initstate").starts_with(b"live")
    }

    fn insert(&mut self, file: &OwnedFd, parameters: &str) -> io::Result<()> {
        let mut text = heapless::CString::<{ PARAMETERS_MAX + 1 }>::new();
        text.extend_from_bytes(parameters.as_bytes())
            .map_err(|_| Errno::INVAL)?;
        sys::system::finit_module(file, &text, 0)
    }
}
