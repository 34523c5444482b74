// SPDX-License-Identifier: MPL-2.0
//! The tree of commands as it is read and shown: parsing, help, manual pages and completion.
//!
//! Owns: what the types of `args` cannot say about every command at once.
//! Never: knows a command by its name.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::args::Line;

/// Lists that may stand at every level of a line, and are joined. clap's `global` keeps only the last.
const JOINED: [&str; 2] = ["endpoints", "nodes"];

/// The tree.
pub(crate) fn shown() -> Command {
    let line = Line::command();
    let joined: Vec<Arg> = line
        .get_arguments()
        .filter(|arg| JOINED.contains(&arg.get_id().as_str()))
        .cloned()
        .collect();
    line.mut_subcommands(|below| with(below, &joined))
}

fn with(command: Command, args: &[Arg]) -> Command {
    let command = command.args(args);
    command.mut_subcommands(|below| with(below, args))
}

/// Reads a line.
pub(crate) fn parse<Word: Into<OsString> + Clone>(
    words: impl IntoIterator<Item = Word>,
) -> Result<Line, clap::Error> {
    let mut tree = shown();
    let matches = tree.try_get_matches_from_mut(words)?;
    let mut line = Line::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))?;
    line.globals.endpoints = joined(&matches, "endpoints");
    line.globals.nodes = joined(&matches, "nodes");
    Ok(line)
}

/// The items of a list from all levels of the line, in their order.
fn joined(matches: &ArgMatches, id: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        items.extend(
            matches
                .get_many::<String>(id)
                .into_iter()
                .flatten()
                .cloned(),
        );
        level = matches.subcommand().map(|(_, below)| below);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_endpoints_of_all_levels_are_joined() {
        for line in [
            "-n a -e x services -n b -e y",
            "-n a,b -e x,y services",
            "services -n a -e x -n b -e y",
            "-n a -e x config -n b contexts -e y",
        ] {
            let words = std::iter::once("ichorctl").chain(line.split(' '));
            let globals = parse(words).unwrap().globals;

            assert_eq!(globals.nodes, ["a", "b"], "{line}");
            assert_eq!(globals.endpoints, ["x", "y"], "{line}");
        }
    }
}
