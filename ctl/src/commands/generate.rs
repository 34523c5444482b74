// SPDX-License-Identifier: MPL-2.0
//! `gen`.
//!
//! Owns: which function makes what.
//! Never: makes anything itself.

use crate::args_gen::Gen;
use crate::commands::{gen_config, gen_keys, gen_secrets};
use crate::places::{Environment, Existing};
use crate::screen::Screen;
use crate::trouble::Trouble;

pub(crate) fn run(
    what: &Gen,
    force: bool,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let existing = if force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    match what {
        Gen::Config(asked) => gen_config::run(asked, existing, environment, screen),
        Gen::Secrets(asked) => gen_secrets::run(asked, existing, environment, screen),
        Gen::Ca(_) | Gen::Crt(_) | Gen::Csr(_) | Gen::Key { .. } | Gen::Keypair { .. } => {
            gen_keys::run(what, existing, environment, screen)
        }
    }
}
