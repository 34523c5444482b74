// SPDX-License-Identifier: MPL-2.0
//! `machineconfig`: configurations as files.
//!
//! Owns: patching one.
//! Never: sends one to a node.

use std::path::Path;

use config::{Circumstances, Configuration, Mode};

use crate::args_machine::MachineConfig;
use crate::commands::gen_config;
use crate::patches;
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::trouble::Trouble;

pub(crate) fn run(
    what: &MachineConfig,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    match what {
        MachineConfig::Gen { force, asked } => {
            let existing = if *force {
                Existing::Replace
            } else {
                Existing::Keep
            };
            gen_config::run(asked, existing, environment, screen)
        }
        MachineConfig::Patch {
            file,
            patch,
            output,
        } => {
            let bytes = places::read_input(file, environment)?;
            let text = patches::apply(file, &bytes, &patches::read(patch, environment)?)?;
            doubt(&text, screen);
            match output.as_deref() {
                None => screen.write(text.as_bytes()),
                Some(path) if path == Path::new("-") => screen.write(text.as_bytes()),
                // Its name was given so that it is written, as with every tool that has `-o`.
                Some(path) => {
                    places::create(&environment.path(path), text.as_bytes(), Existing::Replace)?;
                }
            }
            Ok(())
        }
    }
}

/// Says what a node would refuse. The file may be a part of something, so it is written all the same.
fn doubt(text: &str, screen: &mut Screen<'_>) {
    let Ok(loaded) = Configuration::load(text.as_bytes()) else {
        return;
    };
    let circumstances = Circumstances {
        mode: Mode::Cloud,
        installed: false,
    };
    for problem in loaded.validate(circumstances).errors {
        screen.warn(format_args!("warning: no node will take this: {problem}"));
    }
}
