// SPDX-License-Identifier: MPL-2.0
//! Every line of the documents that begins with talosctl, as a shell would pass it on.
//!
//! Owns: which of them are refused here, and why.
//! Never: checks what a line does.

use crate::tree;

/// The lines, below the page that each is from. What a shell does with the output is left out.
const LINES: &str = include_str!("../tests/documents.txt");

/// Beginnings of lines that are refused, without the flags before the command.
const REFUSED: &[(&str, &str)] = &[
    ("cluster", "local clusters are not built"),
    ("upgrade-k8s", "it speaks to Kubernetes, not to nodes"),
    (
        "debug",
        "a command of Talos' own tests, which its page does not have",
    ),
    ("gen secureboot", "SecureBoot is not built"),
    ("images", "since v1.6 it is `image default`"),
    ("boostrap", "a slip of the documents"),
    (
        "service ext-hello-world start|restart|stop",
        "one of three lines is meant",
    ),
    (
        "pcap -i eth0 --bpf-filter $(tcpdump",
        "the shell puts a program there",
    ),
    (
        "pcap -i kubespan --bpf-filter $(tcpdump",
        "the shell puts a program there",
    ),
];

/// Splits a line as a shell does. What stands in brackets stands for one word.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut until = None;
    for letter in line.chars() {
        match (until, letter) {
            (Some(end), letter) if letter == end => {
                until = None;
                if matches!(end, '>' | ']') {
                    word.get_or_insert_default().push(letter);
                }
            }
            (None, '\'' | '"') => {
                until = Some(letter);
                word.get_or_insert_default();
            }
            (None, '<' | '[') => {
                until = Some(if letter == '<' { '>' } else { ']' });
                word.get_or_insert_default().push(letter);
            }
            (None, ' ') => words.extend(word.take()),
            (Some(_) | None, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// A line from its command on.
fn from_command(words: &[String]) -> String {
    let mut rest = words.iter().skip(1);
    let mut line = Vec::new();
    while let Some(word) = rest.next() {
        if line.is_empty()
            && ["-n", "-e", "--nodes", "--endpoints", "--talosconfig"].contains(&&word[..])
        {
            rest.next();
        } else if !line.is_empty() || !word.starts_with("--talosconfig=") {
            line.push(word.as_str());
        }
    }
    line.join(" ")
}

#[test]
fn every_line_of_the_documents_is_read_or_refused_for_a_reason() {
    let mut wrong = Vec::new();
    let mut met = Vec::new();
    let lines = LINES.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let words = words(line);
        let command = from_command(&words);
        let refused = REFUSED.iter().find(|(begin, _)| {
            command
                .strip_prefix(begin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        match (tree::parse(words), refused) {
            (Ok(_), None) => {}
            (Err(_), Some(known)) => met.push(known),
            (Ok(_), Some((_, reason))) => wrong.push(format!("{line}: read, but {reason}")),
            (Err(answer), None) => wrong.push(format!("{line}: {answer:?}")),
        }
    }
    wrong.extend(
        REFUSED
            .iter()
            .filter(|known| !met.contains(known))
            .map(|(begin, _)| format!("no line begins with {begin}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
