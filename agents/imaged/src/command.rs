// SPDX-License-Identifier: MPL-2.0
//! What is run: the image's entrypoint and command, and what stands in place of them.
//!
//! Owns: the rules of runtimes about the two, and the way from a program's name to its path.
//! Never: looks into an image; its record has the names.

use std::collections::BTreeMap;

use crate::store::record::Run;

/// Where programs are looked for in an image that says nothing of it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program, an absolute path, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
}

/// The `PATH` of an environment.
pub(crate) fn path_of(environment: &[String]) -> &str {
    let paths = environment.iter().rev();
    let mut paths = paths.filter_map(|variable| variable.strip_prefix("PATH="));
    paths.next().unwrap_or(PATH)
}

/// What is run of an image, with what was asked for in place of its own.
///
/// # Errors
/// There is nothing to run, or no program of that name.
pub(crate) fn command(
    run: &Run,
    programs: &BTreeMap<String, String>,
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
    let program = if program.starts_with('/') {
        program
    } else if program.contains('/') {
        let folder = run.working_folder.trim_end_matches('/');
        format!("{folder}/{}", program.trim_start_matches("./"))
    } else {
        let found = programs.get(&program).cloned();
        found.ok_or_else(|| format!("the image has no program {program:?} along its PATH"))?
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
            working_folder: "/srv".to_owned(),
            ..Run::default()
        };
        let programs = BTreeMap::from([("sh".to_owned(), "/bin/sh".to_owned())]);
        let command = command(&run, &programs, &list(asked.0), &list(asked.1))?;
        Ok([vec![command.program], command.args].concat().join(" "))
    }

    #[test]
    fn what_is_asked_for_takes_the_place_of_the_images_own() {
        for (own, asked, expected) in [
            (("/a -b", "-c d"), ("", ""), "/a -b -c d"),
            (("/a -b", "-c d"), ("", "-x"), "/a -b -x"),
            (("/a -b", "-c d"), ("/e", ""), "/e"),
            (("/a -b", "-c d"), ("/e -f", "-x"), "/e -f -x"),
            (("", "sh -c"), ("", ""), "/bin/sh -c"),
            (("", "sh -c"), ("", "/x y"), "/x y"),
            (("./run", ""), ("", ""), "/srv/run"),
            (("bin/run", ""), ("", ""), "/srv/bin/run"),
        ] {
            assert_eq!(
                run(own, asked).as_deref(),
                Ok(expected),
                "{own:?} {asked:?}"
            );
        }
    }

    #[test]
    fn nothing_to_run_and_unknown_names_are_refused() {
        let nothing = run(("", ""), ("", "")).unwrap_err();
        assert!(
            nothing.starts_with("the image says nothing to run"),
            "{nothing}"
        );
        let unknown = run(("", ""), ("bash", "")).unwrap_err();
        assert_eq!(unknown, "the image has no program \"bash\" along its PATH");
    }

    #[test]
    fn the_last_path_of_an_environment_counts() {
        assert_eq!(path_of(&list("A=b PATH=/a PATH=/b:/c")), "/b:/c");
        assert_eq!(path_of(&[]), PATH);
    }
}
