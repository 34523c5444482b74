// SPDX-License-Identifier: MPL-2.0
//! `completion`.
//!
//! Owns: which generator serves which shell, and what it cannot know: the contexts of the client.
//! Never: installs anything.

use clap_complete::{Generator, shells};

use crate::args_local::Shell;
use crate::screen::Screen;
use crate::tree;

pub(crate) fn run(shell: Shell, screen: &mut Screen<'_>) {
    let script = match shell {
        Shell::Bash => bash(&generated(shells::Bash)),
        Shell::Fish => fish(&generated(shells::Fish)),
        Shell::Zsh => zsh(&generated(shells::Zsh)),
    };
    screen.write(script.as_bytes());
}

fn generated(shell: impl Generator) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree::shown(), "ichorctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The names of contexts as a shell gets them from the table: the second column.
macro_rules! names {
    ($program:literal) => {
        concat!(
            $program,
            " config contexts 2>/dev/null | sed -e 1d -e 's/^[* ] *//' -e 's/ .*//'"
        )
    };
}

/// Goes before the function of the generator, which completes everything else.
const BASH: &str = concat!(
    r#"_ichorctl_and_contexts() {
    case " ${COMP_WORDS[*]:0:COMP_CWORD} " in
        *" --context " | *" config context " | *" config use-context " | *" config remove ")
            COMPREPLY=($(compgen -W "$("#,
    names!(r#""${COMP_WORDS[0]}""#),
    r#")" -- "${COMP_WORDS[COMP_CWORD]}"))
            return 0
            ;;
    esac
    _ichorctl "$@"
}

"#
);

fn bash(script: &str) -> String {
    format!(
        "{BASH}{}",
        script.replace(" -F _ichorctl ", " -F _ichorctl_and_contexts ")
    )
}

const FISH: &str = concat!(
    "\nfunction __ichorctl_contexts\n    ",
    names!("ichorctl"),
    "\nend\n\
     complete -c ichorctl -l context -x -a '(__ichorctl_contexts)'\n\
     complete -c ichorctl -n '__fish_seen_subcommand_from config; \
     and __fish_seen_subcommand_from context use-context remove' -f -a '(__ichorctl_contexts)'\n"
);

fn fish(script: &str) -> String {
    format!("{script}{FISH}")
}

const ZSH: &str = concat!(
    "\n_ichorctl_contexts() {\n    local -a contexts\n    contexts=(${(f)\"$(",
    names!("ichorctl"),
    ")\"})\n    compadd -a contexts\n}\n"
);

/// How a line of the generator ends that does not say how its value is completed.
const UNKNOWN: &str = ":' \\";

fn zsh(script: &str) -> String {
    // The first line says what the script is for, and has to be the first.
    let (first, rest) = script.split_once('\n').unwrap_or((script, ""));
    let mut out = format!("{first}\n{ZSH}");
    for line in rest.lines() {
        let is_context = line.contains(":CONTEXT:") || line.contains(":the_context -- ");
        match line.strip_suffix(UNKNOWN) {
            Some(value) if is_context => {
                out.push_str(&format!("{value}:_ichorctl_contexts' \\\n"));
            }
            Some(_) | None => out.push_str(&format!("{line}\n")),
        }
    }
    out
}
