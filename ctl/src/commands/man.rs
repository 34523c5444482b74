// SPDX-License-Identifier: MPL-2.0
//! `man`.
//!
//! Owns: the manual pages, made of the definitions that the help is made of.
//! Never: says anything that the help does not.

use std::path::Path;

use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::places::Environment;
use crate::screen::Screen;
use crate::tree;
use crate::trouble::Trouble;

/// The page that all others point to.
const FIRST: &str = "ichorctl";

pub(crate) fn run(
    folder: &Path,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let folder = environment.path(folder);
    std::fs::create_dir_all(&folder).map_err(|error| Trouble::file("make", &folder, &error))?;
    let mut line = tree::shown();
    // Flags of every command and the full name of each are known only then.
    line.build();
    let mut count: usize = 0;
    for (name, page) in pages(&line) {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, page).map_err(|error| Trouble::file("write", &path, &error))?;
        count = count.saturating_add(1);
    }
    screen.warn(format_args!(
        "created {count} pages in {}",
        folder.display()
    ));
    Ok(())
}

/// The name and text of the page of a command, and of each below it.
fn pages(command: &Command) -> Vec<(String, Vec<u8>)> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let mut pages = vec![(name.to_owned(), page(command, name))];
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        pages.append(&mut self::pages(below));
    }
    pages
}

fn page(command: &Command, name: &str) -> Vec<u8> {
    let examples = command.get_after_help().map(ToString::to_string);
    // It has a section of its own.
    let man = Man::new(command.clone().after_help(Resettable::Reset))
        .title(name)
        .source(concat!("ichorctl ", env!("CARGO_PKG_VERSION")))
        .manual("Ichor");
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render(&mut page);
    let _ = examples_and_more(examples.as_deref(), name).to_writer(&mut page);
    page
}

fn examples_and_more(examples: Option<&str>, name: &str) -> Roff {
    let mut roff = Roff::default();
    if let Some(examples) = examples {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in lines(examples) {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    if name != FIRST {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold(FIRST), roman("(1)")]);
    }
    roff
}

/// The lines of examples without the word that the help begins them with.
fn lines(examples: &str) -> impl Iterator<Item = &str> {
    let rest = examples
        .strip_prefix("Examples:")
        .or_else(|| examples.strip_prefix("Example:"))
        .unwrap_or(examples);
    rest.lines().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_lines_of_their_own() {
        let lines: Vec<_> = lines("Examples: ichorctl a\n          ichorctl b").collect();

        assert_eq!(lines, ["ichorctl a", "ichorctl b"]);
    }
}
