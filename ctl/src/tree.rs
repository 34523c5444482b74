// SPDX-License-Identifier: MPL-2.0
//! The tree of commands as it is read and shown: parsing, help, manual pages and completion.
//!
//! Owns: what the types of `args` cannot say about every command at once.
//! Never: knows a command by its name.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, ValueHint,
};

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
    line.mut_args(hinted)
        .mut_subcommands(|below| with(below, &joined))
}

fn with(command: Command, args: &[Arg]) -> Command {
    let command = command.args(args).mut_args(hinted);
    command.mut_subcommands(|below| with(below, args))
}

/// Says which values are files of this machine, for completion: all paths but those of nodes, which are
/// texts. Shells would offer files for everything else, too.
fn hinted(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let named = |part: &str| {
        let names = arg.get_value_names().unwrap_or_default();
        names.iter().any(|name| name.contains(part))
    };
    let hint = if is_path && named("FOLDER") {
        ValueHint::DirPath
    } else if is_path || named("PATH") {
        // This is what shells complete folders on the way with.
        ValueHint::FilePath
    } else {
        ValueHint::Other
    };
    arg.value_hint(hint)
}

/// Reads a line.
pub(crate) fn parse<Word: Into<OsString> + Clone>(
    words: impl IntoIterator<Item = Word>,
) -> Result<Line, Answer> {
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let is_long = words.iter().any(|word| word == "--help");
    let mut tree = read("", shown());
    let matches = tree
        .try_get_matches_from_mut(words)
        .map_err(|error| answer(&error, is_long))?;
    let mut line = Line::from_arg_matches(&matches)
        .map_err(|error| answer(&error.format(&mut tree), is_long))?;
    line.globals.endpoints = joined(&matches, "endpoints");
    line.globals.nodes = joined(&matches, "nodes");
    Ok(line)
}

/// What is said in place of doing something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What was asked for: the help or the version.
    Help(String),
    /// Why the line is wrong.
    Refusal(String),
}

/// The name of the value of a switch, which is no name that another flag has.
const SWITCHED: &str = "SWITCHED";

/// The tree as lines are read: each switch takes `=true` and `=false` as Go's programs do, and of a flag
/// that is repeated the last counts. Its help is where the command is in the tree that is shown.
fn read(path: &str, command: Command) -> Command {
    let command = command
        .args_override_self(true)
        .override_help(path.to_owned())
        .mut_args(switch);
    let path = path.to_owned();
    command.mut_subcommands(|below| read(&format!("{path} {}", below.get_name()), below))
}

fn switch(arg: Arg) -> Arg {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_name(SWITCHED)
            .value_parser(truth);
    }
    if arg.get_value_parser().type_id() == TypeId::of::<bool>() {
        return arg.value_parser(truth);
    }
    arg
}

/// Reads what Go's `strconv.ParseBool` takes.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("true or false is wanted".to_owned()),
    }
}

fn answer(error: &clap::Error, is_long: bool) -> Answer {
    let text = error.to_string();
    let kind = error.kind();
    if kind == ErrorKind::DisplayVersion {
        Answer::Help(text)
    } else if kind == ErrorKind::DisplayHelp {
        Answer::Help(help(&text, is_long))
    } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        Answer::Refusal(help(&text, is_long))
    } else {
        Answer::Refusal(text.replace(&format!("[=<{SWITCHED}>]"), ""))
    }
}

/// The help of a command in the tree that is shown.
fn help(path: &str, is_long: bool) -> String {
    let mut tree = shown();
    // Only then the commands below know what they are called and the flags of every command.
    tree.build();
    let found = path
        .split_whitespace()
        .try_fold(&mut tree, |command, name| command.find_subcommand_mut(name));
    let Some(command) = found else {
        return String::new();
    };
    let help = if is_long {
        command.render_long_help()
    } else {
        command.render_help()
    };
    help.to_string()
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
    use crate::args::Command;
    use crate::args_order::Order;

    fn words(line: &str) -> impl Iterator<Item = &str> + Clone {
        std::iter::once("ichorctl").chain(line.split_whitespace())
    }

    #[test]
    fn both_trees_are_sound() {
        shown().debug_assert();
        read("", shown()).debug_assert();
    }

    #[test]
    fn a_switch_is_written_in_all_the_ways_of_go_and_the_last_one_counts() {
        for (line, is_on) in [
            ("", false),
            ("--reboot", true),
            ("--reboot=true", true),
            ("--reboot=True", true),
            ("--reboot=TRUE", true),
            ("--reboot=t", true),
            ("--reboot=T", true),
            ("--reboot=1", true),
            ("--reboot=false", false),
            ("--reboot=False", false),
            ("--reboot=FALSE", false),
            ("--reboot=f", false),
            ("--reboot=F", false),
            ("--reboot=0", false),
            ("--reboot --reboot=false", false),
            ("--reboot=false --reboot", true),
            ("--reboot --reboot", true),
        ] {
            let line = parse(words(&format!("reset {line}"))).unwrap();
            let Command::Order(Order::Reset(asked)) = line.command else {
                panic!("it is no reset");
            };
            assert_eq!(asked.reboot, is_on);
        }
        for line in ["--wait=no", "--wait=", "--reboot=yes", "--reboot true"] {
            parse(words(&format!("reset {line}"))).unwrap_err();
        }
        for (line, waits) in [("--wait=0", false), ("--wait=false --wait", true)] {
            let line = parse(words(&format!("reset {line}"))).unwrap();
            let Command::Order(Order::Reset(asked)) = line.command else {
                panic!("it is no reset");
            };
            assert_eq!(asked.wait.wait, waits);
        }
    }

    #[test]
    fn short_switches_stand_together_and_take_a_value() {
        let line = parse(words("upgrade -ps -f=false -i a -m powercycle -i b")).unwrap();
        let Command::Order(Order::Upgrade(asked)) = line.command else {
            panic!("it is no upgrade");
        };
        assert!(asked.preserve && asked.stage && !asked.force);
        assert_eq!(asked.image.as_deref(), Some("b"));
    }

    #[test]
    fn a_switch_is_shown_without_a_value() {
        for (line, shown) in [
            ("reset --help", "--reboot"),
            ("reset -h", "--reboot"),
            ("upgrade --preserve=true -h", "--preserve"),
        ] {
            let Err(Answer::Help(help)) = parse(words(line)) else {
                panic!("{line}: no help");
            };
            let mut words = help.split_whitespace();
            assert!(words.any(|word| word == shown), "{help}");
            assert!(!help.contains(SWITCHED), "{help}");
            assert!(help.contains("Usage: ichorctl re") || help.contains("Usage: ichorctl up"));
        }
        let Err(Answer::Help(help)) = parse(words("--help")) else {
            panic!("no help");
        };
        assert!(
            help.contains("Usage: ichorctl [OPTIONS] <COMMAND>"),
            "{help}"
        );
        let Err(Answer::Refusal(text)) = parse(words("run --rm --detach a")) else {
            panic!("no refusal");
        };
        assert!(
            text.contains("'--rm' cannot be used with '--detach'"),
            "{text}"
        );
        let Err(Answer::Refusal(help)) = parse(words("config")) else {
            panic!("no refusal");
        };
        assert!(
            help.contains("Usage: ichorctl config [OPTIONS] <COMMAND>"),
            "{help}"
        );
    }

    #[test]
    fn nodes_and_endpoints_of_all_levels_are_joined() {
        for line in [
            "-n a -e x services -n b -e y",
            "-n a,b -e x,y services",
            "services -n a -e x -n b -e y",
            "-n a -e x config -n b contexts -e y",
        ] {
            let globals = parse(words(line)).unwrap().globals;

            assert_eq!(globals.nodes, ["a", "b"], "{line}");
            assert_eq!(globals.endpoints, ["x", "y"], "{line}");
        }
    }
}
