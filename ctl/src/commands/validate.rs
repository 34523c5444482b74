// SPDX-License-Identifier: MPL-2.0
//! `validate`.
//!
//! Owns: what is said of a configuration, and the exit code.
//! Never: asks a node.

use config::{Circumstances, Configuration, Mode, Strictness};

use crate::args_machine::{Place, Validate};
use crate::places::{self, Environment};
use crate::screen::Screen;
use crate::trouble::Trouble;

pub(crate) fn run(
    asked: &Validate,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let file = asked.config.display();
    let bytes = places::read_input(&asked.config, environment)?;
    let loaded = Configuration::load(&bytes)
        .map_err(|error| Trouble::new(format!("{file} is not valid: {error}")))?;
    let mode = match asked.mode {
        Place::Metal => Mode::Metal,
        Place::Cloud => Mode::Cloud,
        Place::Container => Mode::Container,
    };
    let circumstances = Circumstances {
        mode,
        installed: false,
    };
    let report = loaded.validate_at(circumstances, places::now());
    let strict = if asked.strict {
        Strictness::Strict
    } else {
        Strictness::Normal
    };
    for warning in &report.warnings {
        screen.warn(format_args!("warning: {warning}"));
    }
    if report.is_usable(strict) {
        screen.print(format_args!("{file} is valid for {mode} mode\n"));
        return Ok(());
    }
    let mut story = format!("{file} is not valid for {mode} mode");
    for error in &report.errors {
        story.push_str(&format!("\n  {error}"));
    }
    if report.errors.is_empty() {
        story.push_str(": there are warnings");
    }
    Err(Trouble::new(story))
}
