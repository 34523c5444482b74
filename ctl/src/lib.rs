// SPDX-License-Identifier: MPL-2.0
//! The command line of Ichor: what an operator types becomes calls to nodes.
//!
//! Owns: flags, tables, exit codes, and the words of errors.
//! Never: touches more than the files it names, or asks when nobody is there to answer.
#![forbid(unsafe_code)]

mod args;
mod args_capture;
mod args_cluster;
mod args_config;
mod args_containers;
mod args_etcd;
mod args_extension;
mod args_files;
mod args_gen;
mod args_inspect;
mod args_local;
mod args_machine;
mod args_meta;
mod args_netstat;
mod args_order;
mod args_resource;
mod args_run;
mod beside;
mod commands;
mod completing;
mod container;
mod dial;
#[cfg(test)]
mod documents;
mod editor;
mod frames;
mod graph;
mod harmless;
mod kubeconfig;
mod leftovers;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod page;
mod patches;
mod places;
mod progress;
mod pulling;
mod registries;
mod replaced;
mod resources;
mod rows;
mod screen;
mod session;
mod signals;
mod table;
mod tree;
mod trouble;
mod trust;
mod units;
mod unpacking;
mod watched;
mod wizard;
mod written;
mod zip;

use std::ffi::OsString;
use std::time::Duration;

pub use crate::places::Environment;
pub use crate::screen::Screen;
use crate::signals::Hearing;
pub use crate::signals::Signals;
use crate::tree::Answer;
use crate::trouble::Trouble;

/// How it went: the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was asked for. 0.
    Done,
    /// Nothing, or not on every node. 1.
    Failed,
    /// The signal of this number came first. 128 and the number, as shells have it.
    Stopped(i32),
}

/// How long what is under way on other threads may take to put away what it made.
const AFTER_STOP: Duration = Duration::from_secs(1);

/// Does what the arguments say.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Outcome {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(words) = completing::asked(&arguments) {
        completing::run(&words, environment, screen);
        return Outcome::Done;
    }
    let line = match tree::parse(arguments) {
        Ok(line) => line,
        Err(answer) => return say(&answer, screen),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.complain(&Trouble::new(format!(
                "cannot start the event loop: {error}"
            )));
            return Outcome::Failed;
        }
    };
    let mut hearing = Hearing::begin(environment.signals);
    let ended = runtime.block_on(async {
        let heard = async {
            match &mut hearing {
                Some(hearing) => hearing.heard().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // What is done is done, whatever came meanwhile.
            biased;
            outcome = commands::run(line, environment, screen) => Ok(outcome),
            number = heard => Err(number),
        }
    });
    screen.clear_status();
    let outcome = match ended {
        Ok(outcome) => {
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
            outcome
        }
        Err(number) => {
            runtime.shutdown_timeout(AFTER_STOP);
            return Outcome::Stopped(number);
        }
    };
    match outcome {
        Ok(()) if screen.is_clean() => Outcome::Done,
        Ok(()) => Outcome::Failed,
        Err(trouble) => {
            screen.complain(&trouble);
            Outcome::Failed
        }
    }
}

fn say(answer: &Answer, screen: &mut Screen<'_>) -> Outcome {
    match answer {
        Answer::Help(text) => {
            screen.print(format_args!("{text}"));
            if screen.is_clean() {
                Outcome::Done
            } else {
                Outcome::Failed
            }
        }
        Answer::Refusal(text) => {
            screen.warn(format_args!("{text}"));
            Outcome::Failed
        }
    }
}
