// SPDX-License-Identifier: MPL-2.0
//! `completion`.
//!
//! Owns: which generator serves which shell.
//! Never: installs anything.

use clap_complete::shells;

use crate::args_local::Shell;
use crate::screen::Screen;
use crate::tree;

pub(crate) fn run(shell: Shell, screen: &mut Screen<'_>) {
    let mut command = tree::shown();
    let mut script = Vec::new();
    match shell {
        Shell::Bash => clap_complete::generate(shells::Bash, &mut command, "ichorctl", &mut script),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, "ichorctl", &mut script),
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, "ichorctl", &mut script),
    }
    screen.write(&script);
}
