// SPDX-License-Identifier: MPL-2.0
//! `completion`.
//!
//! Owns: the scripts of the shells, which pass the words of the line on to `completing`.
//! Never: installs one, or knows a command: a script goes on being right after the client is replaced.

use crate::args_local::Shell;
use crate::screen::Screen;

pub(crate) fn run(shell: Shell, screen: &mut Screen<'_>) {
    let script = match shell {
        Shell::Bash => BASH,
        Shell::Fish => FISH,
        Shell::Zsh => ZSH,
    };
    screen.write(script.as_bytes());
}

/// The answer has a word in each line, what it is about behind a tabulator, and at its end a colon and a
/// number: 2 for no blank behind the word, 4 for no files, 16 for folders alone.
const BASH: &str = r#"# bash completion of ichorctl; bash 3.2 or later
_ichorctl() {
    local line=${COMP_LINE:0:COMP_POINT} blanks piece index
    local -a words=()
    # bash parts words at = and : too. Here only blanks part them.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        blanks=${line%%[![:space:]]*}
        line=${line:${#blanks}}
        piece=${COMP_WORDS[index]}
        # What is behind the cursor is not completed.
        ((index < COMP_CWORD)) || piece=$line
        if [[ ${#words[@]} -eq 0 || -n $blanks ]]; then
            words+=("$piece")
        else
            words[${#words[@]}-1]+=$piece
        fi
        line=${line:${#piece}}
    done
    COMPREPLY=()
    local current=${words[${#words[@]}-1]} flag='' answer orders word
    answer=$("${words[0]/#\~\//$HOME/}" __complete "${words[@]:1}" 2>/dev/null) || return 0
    orders=${answer##*:}
    [[ $current == -*=* ]] && flag=${current%%=*}=
    # bash puts what it is given behind this.
    local before=${current%"$2"}
    while IFS=$'\t' read -r word _; do
        word=$flag$word
        COMPREPLY+=("${word#"$before"}")
    done < <(printf '%s' "${answer%:*}")
    if ((orders & 2)); then
        compopt -o nospace 2>/dev/null
    fi
    local kind=-f
    ((orders & 16)) && kind=-d
    if ((!(orders & 4))); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done < <(compgen "$kind" -- "$2")
    fi
    return 0
}
complete -F _ichorctl ichorctl
"#;

const FISH: &str = r#"# fish completion of ichorctl; fish 3.0 or later
function __ichorctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    set -l answer ($program __complete $words "$current" 2>/dev/null)
    or return
    set -l orders (string replace ':' '' -- $answer[-1])
    set -e answer[-1]
    set -l flag (string match -r '^-[^=]*=' -- $current)
    set -l value (string replace -- "$flag" '' "$current")
    # Files are what fish completes behind a command that it does not know.
    switch $orders
        case 0 2
            set -a answer (complete -C"'' $value")
        case 16 18
            set -a answer (complete -C"'' $value" | string match -r '^[^\t]*/(?:\t.*)?$')
    end
    for word in $answer
        printf '%s\n' "$flag$word"
    end
end
complete -c ichorctl -e
complete -c ichorctl -f -a '(__ichorctl_complete)'
"#;

const ZSH: &str = r#"#compdef ichorctl
_ichorctl() {
    local answer orders line word
    local -a whole wholes begun begins
    answer=$("${words[1]/#\~\//$HOME/}" __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null) || return 1
    orders=${answer##*:}
    for line in "${(@f)${answer%:*}}"; do
        word=${line%%$'\t'*}
        [[ -n $word ]] || continue
        line=${line/$'\t'/  -- }
        if [[ $word == *[/=] ]]; then
            begun+=("$word")
            begins+=("$line")
        else
            whole+=("$word")
            wholes+=("$line")
        fi
    done
    [[ $PREFIX == -*=* ]] && compset -P 1 '*='
    local found=1
    (( $#whole )) && compadd -l -d wholes -a whole && found=0
    # Nothing follows what goes on.
    (( $#begun )) && compadd -l -S '' -d begins -a begun && found=0
    if (( orders & 16 )); then
        _files -/ && found=0
    elif (( !(orders & 4) )); then
        _files && found=0
    fi
    return found
}
if [[ $funcstack[1] == _ichorctl ]]; then
    _ichorctl "$@"
else
    compdef _ichorctl ichorctl
fi
"#;
