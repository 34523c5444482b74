// SPDX-License-Identifier: MPL-2.0
//! What logd promises to who ships logs.
//!
//! Owns: telling which logs have grown, and the kernel's lines as they are kept.
//! Never: opens more than one connection for all logs.

use proto::log::{From, GROWN_MAX, KERNEL, Reply, Request, Since};

use crate::lasting::write_kernel;
use crate::node::{Node, Output, Reader};

/// The logs that have grown and what to ask with next.
fn grown(reply: Reply<'_>) -> (Vec<(String, u64)>, u64) {
    match reply {
        Reply::Grown(grown) => {
            let logs = grown.logs.iter();
            let logs = logs.map(|log| (log.name.as_str().to_owned(), log.end));
            (logs.collect(), grown.growth)
        }
        other => panic!("{other:?}"),
    }
}

/// Asks until a log has the length.
fn until(reader: &mut Reader, growth: &mut u64, name: &str, end: u64) {
    loop {
        let request = Request::Grown(Since { growth: *growth });
        let (logs, next) = grown(reader.ask(&request));
        assert!(next > *growth && !logs.is_empty() && logs.len() <= GROWN_MAX);
        *growth = next;
        if logs.contains(&(name.to_owned(), end)) {
            return;
        }
    }
}

#[test]
fn one_connection_hears_of_every_log_that_grows() {
    let outputs: Vec<Output> = (0..GROWN_MAX + 4)
        .map(|number| Output::new(&format!("log-{number}")))
        .collect();
    let mut node = Node::new("grown");
    node.start(&outputs.iter().collect::<Vec<_>>());
    for output in &outputs {
        output.write("line\n");
    }
    // More logs than one answer holds: the next one begins where it ended.
    for output in &outputs {
        let (mut reader, mut growth) = (node.reader(), 0);
        until(&mut reader, &mut growth, &output.name, 5);
    }

    let (mut reader, mut growth) = (node.reader(), 0);
    outputs[0].write("end\n");
    until(&mut reader, &mut growth, "log-0", 9);
    // An unfinished line is no news; the end of it is.
    outputs[1].write("never heard of");
    outputs[2].write("news\n");
    until(&mut reader, &mut growth, "log-2", 10);
    outputs[1].write(" before\n");
    until(&mut reader, &mut growth, "log-1", 5 + 22);
}

#[test]
fn log_07_kernel_lines_are_kept_with_number_and_time() {
    let mut node = Node::new("raw");
    node.start(&[]);
    let word = format!("logd-raw-{}", std::process::id());
    write_kernel(&format!("<12>{word}"));
    let mut reader = node.reader();
    let mut cursor = reader.tail(KERNEL, u32::MAX);
    reader.follow(KERNEL, cursor, &word);

    let (mut lines, mut last) = (String::new(), 0);
    while !lines.contains(&word) {
        let log = KERNEL;
        let (_, next, piece) = reader.piece(&Request::Raw(From { log, cursor }));
        assert!(!piece.is_empty(), "{word} is not there");
        lines.push_str(&piece);
        cursor = next;
    }

    for line in lines.lines() {
        let (_, rest) = line.split_once(": [@").unwrap();
        let (number, text) = rest.split_once("]: ").unwrap();
        assert_eq!(number.len(), 29, "{line}");
        let sequence: u64 = number[..13].parse().unwrap();
        assert!(sequence > last || last == 0, "{line}");
        last = sequence;
        if text == word {
            assert!(line.starts_with("user: warning: "), "{line}");
            assert!(number[13..].parse::<u64>().unwrap() > 0);
        }
    }
}
