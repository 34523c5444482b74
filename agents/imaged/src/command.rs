// SPDX-License-Identifier: MPL-2.0
//! What is run: the image's entrypoint and command, and what stands in place of them.
//!
//! Owns: the rules of runtimes about the two.
//! Never: looks for the program: the sandbox does, in the container.

use crate::store::record::Run;

/// A program, a path or a name, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
}

/// What is run of an image, with what was asked for in place of its own.
///
/// # Errors
/// There is nothing to run.
pub(crate) fn command(
    run: &Run,
    entrypoint: &[String],
    args: &[String],
) -> Result<Command, String> {
    let (first, then) = match (entrypoint.is_empty(), args.is_empty()) {
        (false, _) => (entrypoint, args),
        (true, false) => (run.entrypoint.as_slice(), args),
        (true, true) => (run.entrypoint.as_slice(), run.command.as_slice()),
    };
    let mut words = first.iter().chain(then).cloned();
    let Some(program) = words.next().filter(|program| !program.is_empty()) else {
        return Err("the image says nothing to run; an entrypoint is needed".to_owned());
    };
    Ok(Command {
        program,
        args: words.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn run(own: (&str, &str), asked: (&str, &str)) -> Result<String, String> {
        let run = Run {
            entrypoint: list(own.0),
            command: list(own.1),
            ..Run::default()
        };
        let command = command(&run, &list(asked.0), &list(asked.1))?;
        Ok([vec![command.program], command.args].concat().join(" "))
    }

    #[test]
    fn what_is_asked_for_takes_the_place_of_the_images_own() {
        for (own, asked, expected) in [
            (("/a -b", "-c d"), ("", ""), "/a -b -c d"),
            (("/a -b", "-c d"), ("", "-x"), "/a -b -x"),
            (("/a -b", "-c d"), ("/e", ""), "/e"),
            (("/a -b", "-c d"), ("/e -f", "-x"), "/e -f -x"),
            (("", "sh -c"), ("", ""), "sh -c"),
            (("", "sh -c"), ("", "/x y"), "/x y"),
            (("./run", ""), ("", ""), "./run"),
        ] {
            assert_eq!(
                run(own, asked).as_deref(),
                Ok(expected),
                "{own:?} {asked:?}"
            );
        }
    }

    #[test]
    fn nothing_to_run_is_refused() {
        let nothing = run(("", ""), ("", "")).unwrap_err();
        assert!(
            nothing.starts_with("the image says nothing to run"),
            "{nothing}"
        );
    }
}
