// SPDX-License-Identifier: MPL-2.0
//! `__complete`: what may be the last of some words, for the scripts of shells that `completion` writes.
//!
//! The command and the form of its answer are those of cobra, which talosctl is made with. It stands
//! beside the tree of commands, because it takes words that make no sense yet.
//!
//! Owns: how long somebody who pressed a key waits, and which nodes are asked.
//! Never: writes anything but an answer, or waits for a node when nobody but the tree has to be asked.

mod asking;
mod offer;
mod place;
mod sources;
mod typed;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Arg, Command, ValueHint};
use tokio::time::timeout;

use crate::completing::asking::Question;
use crate::completing::offer::{Files, Offer, Said};
use crate::completing::place::{Next, Place};
use crate::completing::sources::{Known, Part, Source};
use crate::places::{Environment, Kept};
use crate::screen::Screen;
use crate::session::Target;
use crate::tree;

/// What the scripts call.
const NAME: &str = "__complete";
/// How long nodes may take in all. Who pressed a key thinks after that that it did nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// Logs that are no service's.
const LOGS: [&str; 3] = ["controller-runtime", "kernel", "syslogd"];

/// The words that are to be completed, if that is what the arguments ask for.
pub(crate) fn asked(arguments: &[OsString]) -> Option<Vec<String>> {
    let mut arguments = arguments.iter().skip(1);
    if arguments.next()? != NAME {
        return None;
    }
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    Some(words.collect())
}

/// Answers.
pub(crate) fn run(words: &[String], environment: &Environment, screen: &mut Screen<'_>) {
    let mut tree = tree::shown();
    // Only then the commands below know the flags of every command.
    tree.build();
    let home = environment.home.as_deref();
    let words: Vec<String> = words.iter().map(|word| typed::read(word, home)).collect();
    let place = Place::of(&tree, &words);
    let delimiter = match place.next {
        Next::Value(arg) => arg.get_value_delimiter(),
        Next::Flag | Next::Command | Next::Nothing => None,
    };
    let mut offer = Offer::of(&place.typed, delimiter);
    match place.next {
        Next::Flag => flags(place.command, &mut offer),
        Next::Command => commands(place.command, &mut offer),
        Next::Value(arg) => values(&place, arg, environment, &mut offer),
        Next::Nothing => {}
    }
    screen.print(format_args!("{offer}"));
}

fn flags(command: &Command, offer: &mut Offer) {
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let about = first_line(arg.get_help());
        if let Some(long) = arg.get_long() {
            offer.take(&format!("--{long}"), &about);
        }
        if let Some(short) = arg.get_short() {
            offer.take(&format!("-{short}"), &about);
        }
    }
}

/// Other names of commands are there for those who began to type one.
fn commands(command: &Command, offer: &mut Offer) {
    let shown = || {
        let below = command.get_subcommands();
        below.filter(|below| !below.is_hide_set())
    };
    for below in shown() {
        offer.take(below.get_name(), &first_line(below.get_about()));
    }
    if offer.is_empty() {
        for below in shown() {
            for alias in below.get_visible_aliases() {
                offer.take(alias, &first_line(below.get_about()));
            }
        }
    }
}

fn first_line(help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().to_owned()
}

fn values(place: &Place<'_>, arg: &Arg, environment: &Environment, offer: &mut Offer) {
    if let Some(source) = sources::of(&place.path, arg.get_id().as_str()) {
        return match source {
            Source::Only(value) => offer.take(value, ""),
            Source::Client(part) => {
                // One that cannot be read has no words.
                let _ = configured(part, place, environment, offer);
            }
            Source::Node(known) => known_to_nodes(known, place, environment, offer),
        };
    }
    let possible = arg.get_possible_values();
    for value in possible.iter().filter(|value| !value.is_hide_set()) {
        offer.take(value.get_name(), &first_line(value.get_help()));
    }
    let hint = arg.get_value_hint();
    if hint == ValueHint::DirPath {
        offer.files = Files::Folders;
    } else if hint == ValueHint::FilePath {
        offer.files = Files::Yes;
    }
}

fn known_to_nodes(known: Known, place: &Place<'_>, environment: &Environment, offer: &mut Offer) {
    let question = match known {
        // Those of Kubernetes are not built.
        Known::Containers | Known::Logs if place.is_on("kubernetes") => return,
        Known::Containers => Question::Containers,
        Known::Kinds => Question::Kinds(offer.typed().to_owned()),
        Known::Logs => {
            LOGS.iter().for_each(|log| offer.take(log, ""));
            Question::Logs
        }
        Known::Paths => Question::Paths(folder(offer.typed())),
        Known::Resources => Question::Resources {
            kind: place.value("kind").unwrap_or_default().to_owned(),
            namespace: place.value("namespace").map(str::to_owned),
        },
        Known::Services => Question::Services,
    };
    ask(&question, place, environment, offer);
}

/// The folder of a path that is begun; every path of a node begins with a slash.
fn folder(typed: &str) -> String {
    let end = typed.rfind('/').map_or(0, |at| at.saturating_add(1));
    match typed.get(..end) {
        Some(folder) if folder.starts_with('/') => folder.to_owned(),
        Some(_) | None => "/".to_owned(),
    }
}

/// Takes what stands in the client configuration.
fn configured(
    part: Part,
    place: &Place<'_>,
    environment: &Environment,
    offer: &mut Offer,
) -> Option<()> {
    let globals = place.globals();
    let kept = kept(place, environment)?;
    let words: Vec<&String> = match part {
        Part::Contexts => kept.config.contexts.keys().collect(),
        Part::Endpoints => kept.context(&globals).ok()?.endpoints.iter().collect(),
        Part::Nodes => kept.context(&globals).ok()?.nodes.iter().collect(),
    };
    for word in words {
        let (word, about) = (word.clone(), String::new());
        offer.hear(&Said { word, about });
    }
    Some(())
}

/// The client configuration, unless reading it could take for ever.
fn kept(place: &Place<'_>, environment: &Environment) -> Option<Kept> {
    let globals = place.globals();
    let is_file = environment.client_config(&globals).ok()?.is_file();
    is_file.then(|| Kept::open(&globals, environment).ok())?
}

/// Asks nodes as the line would.
fn ask(question: &Question, place: &Place<'_>, environment: &Environment, offer: &mut Offer) {
    let globals = place.globals();
    let targets = if place.is_on("insecure") {
        Target::insecure(&globals, &[])
    } else if kept(place, environment).is_some() {
        Target::configured(&globals, environment).map(|target| vec![target])
    } else {
        return;
    };
    let builder = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let (Ok(targets), Ok(runtime)) = (targets, builder) {
        // What came before the time is over is offered.
        let patience = environment.patience.unwrap_or(PATIENCE);
        let asked = async { timeout(patience, asking::ask(question, targets, offer)).await };
        let _ = runtime.block_on(asked);
        // A name that is still being looked up must not hold up the end.
        runtime.shutdown_background();
    }
}
