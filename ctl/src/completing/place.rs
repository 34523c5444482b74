// SPDX-License-Identifier: MPL-2.0
//! From words to what the last of them may be.
//!
//! Owns: reading a line that is not finished, as the tree of commands has it.
//! Never: refuses one: what it does not understand it passes over.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

use crate::args::Globals;
use crate::tree;

/// What the last word may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next<'c> {
    /// A flag of the command.
    Flag,
    /// The value of a flag or an argument.
    Value(&'c Arg),
    /// A command below.
    Command,
    /// Nothing that is known here.
    Nothing,
}

/// Where a line has come to.
#[derive(Debug)]
pub(crate) struct Place<'c> {
    /// The names of the commands, without that of the program.
    pub(crate) path: String,
    pub(crate) command: &'c Command,
    /// Values by the ids of their flags and arguments.
    given: Vec<(&'c str, String)>,
    pub(crate) next: Next<'c>,
    /// What is typed of it.
    pub(crate) typed: String,
}

impl<'c> Place<'c> {
    /// Reads words; the last one is to be completed. The tree is built.
    pub(crate) fn of(tree: &'c Command, words: &[String]) -> Self {
        let (last, before) = match words {
            [before @ .., last] => (last.as_str(), before),
            [] => ("", words),
        };
        let mut walk = Walk {
            path: Vec::new(),
            command: tree,
            given: Vec::new(),
            awaited: None,
            count: 0,
            has_flags: true,
        };
        for word in before {
            walk.pass(word);
        }
        walk.end(last)
    }

    /// The last value of a flag or an argument.
    pub(crate) fn value(&self, id: &str) -> Option<&str> {
        let mut given = self.given.iter().rev();
        let found = given.find(|(known, _)| *known == id);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, id: &str) -> bool {
        self.value(id)
            .is_some_and(|value| tree::truth(value) == Ok(true))
    }

    /// The flags of every command.
    pub(crate) fn globals(&self) -> Globals {
        let list = |id: &str| {
            let given = self.given.iter().filter(|(known, _)| *known == id);
            let items = given.flat_map(|(_, value)| value.split(','));
            let items = items.filter(|item| !item.trim().is_empty());
            items.map(str::to_owned).collect()
        };
        Globals {
            talosconfig: self.value("talosconfig").map(PathBuf::from),
            context: self.value("context").map(str::to_owned),
            endpoints: list("endpoints"),
            nodes: list("nodes"),
            cluster: self.value("cluster").map(str::to_owned),
        }
    }
}

/// The way along a line.
struct Walk<'c> {
    path: Vec<&'c str>,
    command: &'c Command,
    given: Vec<(&'c str, String)>,
    /// The flag whose value comes next.
    awaited: Option<&'c Arg>,
    /// How many arguments the command has so far.
    count: usize,
    /// Words with a hyphen are still flags.
    has_flags: bool,
}

impl<'c> Walk<'c> {
    fn give(&mut self, arg: &'c Arg, value: &str) {
        self.given.push((arg.get_id().as_str(), value.to_owned()));
    }

    fn pass(&mut self, word: &str) {
        if let Some(arg) = self.awaited.take() {
            self.give(arg, word);
        } else if self.has_flags && word == "--" {
            self.has_flags = false;
        } else if self.has_flags && is_flag(word) {
            let (arg, value) = self.flag(word);
            match (arg, value) {
                (Some(arg), Some(value)) => self.give(arg, value),
                (Some(arg), None) if waits(arg) => self.awaited = Some(arg),
                (Some(arg), None) => self.give(arg, "true"),
                (None, _) => {}
            }
        } else {
            self.argument(word);
        }
    }

    /// Finds the flag of a word, and its value if that stands in the same word. Of short flags that
    /// stand together the last counts; those before it are switches.
    fn flag<'w>(&mut self, word: &'w str) -> (Option<&'c Arg>, Option<&'w str>) {
        let command = self.command;
        if let Some(long) = word.strip_prefix("--") {
            let (long, value) = match long.split_once('=') {
                Some((long, value)) => (long, Some(value)),
                None => (long, None),
            };
            let mut flags = command.get_arguments();
            return (flags.find(|arg| arg.get_long() == Some(long)), value);
        }
        let mut letters = word.chars();
        // The hyphen.
        letters.next();
        while let Some(letter) = letters.next() {
            let mut flags = command.get_arguments();
            let Some(arg) = flags.find(|arg| arg.get_short() == Some(letter)) else {
                return (None, None);
            };
            match letters.as_str() {
                "" => return (Some(arg), None),
                rest => match rest.strip_prefix('=') {
                    Some(value) => return (Some(arg), Some(value)),
                    None if waits(arg) => return (Some(arg), Some(rest)),
                    None => self.give(arg, "true"),
                },
            }
        }
        (None, None)
    }

    fn argument(&mut self, word: &str) {
        let below = self.command.find_subcommand(word);
        if let (Some(below), 0) = (below, self.count) {
            self.path.push(below.get_name());
            self.command = below;
            return;
        }
        if let Some(arg) = self.next_argument() {
            self.give(arg, word);
            // What follows is another program's.
            self.has_flags &= !arg.is_trailing_var_arg_set();
        }
        self.count = self.count.saturating_add(1);
    }

    /// The argument that the next word is.
    fn next_argument(&self) -> Option<&'c Arg> {
        let mut arguments = self.command.get_positionals();
        arguments.nth(self.count).or_else(|| {
            let last = self.command.get_positionals().last();
            last.filter(|arg| matches!(arg.get_action(), ArgAction::Append))
        })
    }

    fn end(mut self, last: &str) -> Place<'c> {
        let (next, typed) = if let Some(arg) = self.awaited {
            (Next::Value(arg), last)
        } else if self.has_flags && last.starts_with('-') {
            match self.flag(last) {
                (Some(arg), Some(value)) if last.contains('=') => (Next::Value(arg), value),
                (None, Some(_)) => (Next::Nothing, ""),
                (Some(_), Some(_)) | (_, None) => (Next::Flag, last),
            }
        } else if self.count == 0 && self.command.has_subcommands() {
            (Next::Command, last)
        } else {
            (
                self.next_argument().map_or(Next::Nothing, Next::Value),
                last,
            )
        };
        Place {
            path: self.path.join(" "),
            command: self.command,
            given: self.given,
            next,
            typed: typed.to_owned(),
        }
    }
}

fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// Whether the word behind a flag is its value.
fn waits(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path, what comes next, and what is typed of it.
    fn place(line: &str) -> (String, String, String) {
        let mut tree = tree::shown();
        tree.build();
        // One blank between words; one at the end begins a word.
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let place = Place::of(&tree, &words);
        let next = match place.next {
            Next::Flag => "a flag".to_owned(),
            Next::Value(arg) => arg.get_id().to_string(),
            Next::Command => "a command".to_owned(),
            Next::Nothing => "nothing".to_owned(),
        };
        (place.path, next, place.typed)
    }

    #[test]
    fn the_last_word_is_a_command_a_flag_or_a_value() {
        for (line, path, next, typed) in [
            ("", "", "a command", ""),
            ("ge", "", "a command", "ge"),
            ("-", "", "a flag", "-"),
            ("--tal", "", "a flag", "--tal"),
            ("get ", "get", "kind", ""),
            ("g me", "get", "kind", "me"),
            ("get members ", "get", "id", ""),
            ("get members a ", "get", "nothing", ""),
            ("get --output ", "get", "output", ""),
            ("get -o y", "get", "output", "y"),
            ("get -o=y", "get", "output", "y"),
            ("get -wo y", "get", "output", "y"),
            ("get -oyaml rd ", "get", "id", ""),
            ("get -oy", "get", "a flag", "-oy"),
            ("get --output=y", "get", "output", "y"),
            ("get --output=yaml rd ", "get", "id", ""),
            ("get -w rd ", "get", "id", ""),
            ("get --watch=true rd ", "get", "id", ""),
            ("get --nonsense=a", "get", "nothing", ""),
            ("get --nonsense rd ", "get", "id", ""),
            ("get -- -", "get", "kind", "-"),
            ("-n a -e b get ", "get", "kind", ""),
            ("get -n ", "get", "nodes", ""),
            ("get -n a,b", "get", "nodes", "a,b"),
            ("ls /e", "list", "path", "/e"),
            ("du /a /b /c", "usage", "paths", "/c"),
            ("cp /etc ", "copy", "target", ""),
            ("service apid ", "service", "action", ""),
            ("logs --tail -1 ", "logs", "service", ""),
            ("config con", "config", "a command", "con"),
            ("config use-context ", "config context", "the_context", ""),
            ("reboot --wait ", "reboot", "nothing", ""),
            ("reboot --wait=", "reboot", "wait", ""),
            ("run a -c ", "run", "args", ""),
            ("run a b -n", "run", "args", "-n"),
            ("nonsense ", "", "nothing", ""),
        ] {
            let found = place(line);
            let found = (found.0.as_str(), found.1.as_str(), found.2.as_str());
            assert_eq!(found, (path, next, typed), "{line:?}");
        }
    }

    #[test]
    fn flags_of_the_line_are_honoured_wherever_they_stand() {
        let mut tree = tree::shown();
        tree.build();
        let words =
            "-n a,b --context home get --talosconfig=x rd -e c -i --nodes d --cluster e -n ";
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let place = Place::of(&tree, &words);

        let globals = place.globals();
        assert_eq!(globals.nodes, ["a", "b", "d"]);
        assert_eq!(globals.endpoints, ["c"]);
        assert_eq!(globals.context.as_deref(), Some("home"));
        assert_eq!(globals.cluster.as_deref(), Some("e"));
        assert_eq!(globals.talosconfig, Some(PathBuf::from("x")));
        assert!(place.is_on("insecure") && !place.is_on("watch"));
        assert_eq!(place.value("kind"), Some("rd"));
    }

    #[test]
    fn no_words_are_too_strange() {
        let mut tree = tree::shown();
        tree.build();
        for words in [
            &[][..],
            &[""],
            &["", "", ""],
            &["--", "--", "--"],
            &["-=", "=", "--="],
            &["-é", "--é=é", "é"],
            &["get", "-oé", "-", "-"],
            &["image", "--namespace"],
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let _ = Place::of(&tree, &words);
        }
    }
}
