// SPDX-License-Identifier: MPL-2.0
//! Words as they stand on the line.
//!
//! Owns: what of a shell's quoting is undone: quotes, backslashes and `~/`.
//! Never: runs or looks up what a shell would: variables and programs stay as they are written.

use std::path::Path;

/// Reads a word as a shell passes it on. A quote that is not closed yet is one that is typed.
pub(crate) fn read(typed: &str, home: Option<&Path>) -> String {
    let mut word = String::new();
    let mut letters = typed.chars();
    if let (Some(rest), Some(home)) = (typed.strip_prefix("~/"), home) {
        word.push_str(&home.to_string_lossy());
        word.push('/');
        letters = rest.chars();
    }
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None | Some('"'), '\\') => word.extend(letters.next()),
            (None | Some(_), letter) => word.push(letter),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_a_shell_passes_it_on() {
        let home = Path::new("/desk");
        for (typed, word) in [
            ("", ""),
            ("get", "get"),
            ("'a b'c", "a bc"),
            ("\"a'b\"", "a'b"),
            ("'a\\b'", "a\\b"),
            ("a\\ b", "a b"),
            ("\"a\\\"b\"", "a\"b"),
            ("'/et", "/et"),
            ("a\\", "a"),
            ("~/x", "/desk/x"),
            ("a~/x", "a~/x"),
            ("'~/x'", "~/x"),
            ("$HOME/`x`$(y)", "$HOME/`x`$(y)"),
        ] {
            assert_eq!(read(typed, Some(home)), word, "{typed}");
        }
        assert_eq!(read("~/x", None), "~/x");
    }
}
