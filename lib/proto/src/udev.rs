// SPDX-License-Identifier: MPL-2.0
//! What udevd is asked over `/run/ichor/udevd.sock`. Only user 0 may ask.
//!
//! Owns: the operations of udevd.
//! Never: names a device by an unstable name where a stable one exists.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::{Greeting, Refusal};

messages! {
    /// What udevd is asked.
    pub enum Request<'a> {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// Answered when every event the kernel has sent so far is dealt with. Answer: `Settled`.
        /// Idempotent.
        2 => Settle(()),
        /// Answered as `Settle`, but not before udevd has dealt with more events than these, or
        /// with others because it was started again. Answer: `Settled`. Idempotent.
        3 => Changed(Settled),
        /// Loads a kernel module with what it depends on. Answer: `Loaded`. Idempotent: one that is
        /// loaded stays as it is, its parameters too.
        4 => Load(Module<'a>),
    }
}

messages! {
    /// What udevd answers.
    pub enum Reply {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// Answers `Settle` and `Changed`.
        3 => Settled(Settled),
        /// Answers `Load`.
        4 => Loaded(Loaded),
    }
}

/// The longest name of a module or of what it is an alias for.
pub const MODULE_NAME_MAX: usize = 55;
/// The longest parameters of one module, all together: the kernel's own command line is no longer.
pub const PARAMETERS_MAX: usize = 2048;
/// The longest message: a request to load a module, with its numbers.
pub const MESSAGE_MAX: usize = MODULE_NAME_MAX + PARAMETERS_MAX + 16;

/// A kernel module that is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module<'a> {
    /// Its name, or an alias of its own (`fs-btrfs`); at most [`MODULE_NAME_MAX`] bytes.
    pub name: &'a str,
    /// Its parameters, `name=value` with spaces between; at most [`PARAMETERS_MAX`] bytes.
    pub parameters: &'a str,
}

/// What became of loading a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loaded {
    /// It was loaded now, with these parameters.
    Now,
    /// It had been loaded before, with whatever parameters.
    Before,
    /// It is a part of the kernel, whose parameters are the kernel command line's.
    BuiltIn,
    /// It was not loaded.
    Failed(Fault),
}

/// Why a module was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The module that could not be loaded: the wanted one, or one that it depends on.
    pub module: String<MODULE_NAME_MAX>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// It cannot be a name.
    BadName,
    /// The index has no module of that name.
    NotFound,
    /// There is no index: no extension brought modules.
    NoIndex,
    /// The index cannot be read; the number is the errno.
    Index(u16),
    /// The index says where it is, and it cannot be opened there; the number is the errno.
    File(u16),
    /// It depends on itself, or on more than can be.
    TooDeep,
    /// The kernel refused it; the number is the errno.
    Kernel(u16),
}

/// What udevd has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Events dealt with, cold-plugged devices counted.
    pub events: u32,
    /// Times the kernel's queue overflowed and everything was looked at again.
    pub overruns: u32,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BadName => write!(f, "is no name of a module, or its parameters are too long"),
            Self::NotFound => write!(
                f,
                "not in modules.dep of this kernel: add the extension that has it to the image"
            ),
            Self::NoIndex => write!(
                f,
                "not a part of the kernel, and no extension of the image has modules"
            ),
            Self::Index(errno) => {
                write!(f, "the index in /lib/modules cannot be read: errno {errno}")
            }
            Self::File(errno) => {
                write!(
                    f,
                    "is in modules.dep, and its file cannot be read: errno {errno}"
                )
            }
            Self::TooDeep => write!(f, "depends on itself, or on more modules than can be"),
            Self::Kernel(errno) => match WORDS.iter().find(|(number, _)| number == errno) {
                Some((_, words)) => f.write_str(words),
                None => write!(f, "the kernel refused it: errno {errno}"),
            },
        }
    }
}

/// What the kernel means with an error when it is given a module (`kernel/module/main.c`). Both
/// architectures have the numbers of `asm-generic/errno.h`.
const WORDS: &[(u16, &str)] = &[
    (1, "this node may not load modules (EPERM)"),
    (
        2,
        "uses a symbol that neither the kernel nor its dependencies have (ENOENT)",
    ),
    (
        8,
        "is of another kernel or another processor, or damaged (ENOEXEC)",
    ),
    (12, "there is not enough memory for it (ENOMEM)"),
    (16, "is in the way of another one (EBUSY)"),
    (19, "finds no device that it is for (ENODEV)"),
    (22, "does not take its parameters (EINVAL)"),
    (74, "its signature is damaged (EBADMSG)"),
    (126, "its signature is not of this kernel's build (ENOKEY)"),
    (
        129,
        "its signature is not of this kernel's build (EKEYREJECTED)",
    ),
];

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;

    use super::{Fault, Loaded, MODULE_NAME_MAX, Module, PARAMETERS_MAX, Reason, Reply, Request};

    #[test]
    fn the_longest_request_and_the_longest_answer_are_messages() {
        let name = "n".repeat(MODULE_NAME_MAX);
        let parameters = "p".repeat(PARAMETERS_MAX);
        let request = Request::Load(Module {
            name: &name,
            parameters: &parameters,
        });
        let mut buffer = [0; super::MESSAGE_MAX];

        let len = request.encode(&mut buffer).unwrap();
        assert_eq!(Request::decode(&buffer[..len]).unwrap(), request);

        let reply = Reply::Loaded(Loaded::Failed(Fault {
            module: heapless::String::try_from(name.as_str()).unwrap(),
            reason: Reason::Kernel(129),
        }));
        let len = reply.encode(&mut buffer).unwrap();
        assert_eq!(Reply::decode(&buffer[..len]).unwrap(), reply);
    }

    #[test]
    fn an_answer_whose_name_is_too_long_is_none() {
        let mut bytes = [0; 80];
        // Loaded, Failed, a name of 56 bytes.
        bytes[..3].copy_from_slice(&[4, 3, 56]);

        assert!(Reply::decode(&bytes).is_err());
    }

    #[test]
    fn a_module_that_is_refused_for_its_signature_is_told_apart() {
        let said = Reason::Kernel(129).to_string();

        assert!(said.contains("signature") && said.contains("EKEYREJECTED"));
        assert_eq!(
            Reason::Kernel(200).to_string(),
            "the kernel refused it: errno 200"
        );
    }
}
