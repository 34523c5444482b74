// SPDX-License-Identifier: MPL-2.0
//! Says what a service sees of the node, and stays.
//!
//! Owns: one line for each look.
//! Never: fails over what it cannot do: that is what is looked at.

use std::fs;
use std::io;

use crate::misbehave::{idle, say};

/// Takes every look, and those that `arguments` ask for: `read=PATH`, `write=PATH`, `list=PATH`.
pub(crate) fn report(arguments: impl Iterator<Item = String>) -> io::Result<()> {
    say(&format!("process {}", std::process::id()));
    for (name, value) in std::env::vars() {
        say(&format!("variable {name}={value}"));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for field in ["CapEff", "NoNewPrivs", "Seccomp"] {
        let line = status.lines().find(|line| line.starts_with(field));
        say(&line.unwrap_or("no status").replace('\t', " "));
    }
    for argument in arguments {
        let outcome = match argument.split_once('=') {
            Some(("read", path)) => fs::read(path).map(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.lines().next().unwrap_or_default().to_owned()
            }),
            Some(("write", path)) => fs::write(path, "1\n").map(|()| "done".to_owned()),
            Some(("list", path)) => list(path),
            _ => Err(io::Error::other("no such look")),
        };
        match outcome {
            Ok(text) => say(&format!("{argument}: {text}")),
            Err(error) => say(&format!("{argument}: {error}")),
        }
    }
    idle()
}

fn list(path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}
