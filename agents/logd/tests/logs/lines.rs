// SPDX-License-Identifier: MPL-2.0
//! What logd promises of the lines that are written and read.
//!
//! Owns: order, tails, long lines, floods, readers that wait.
//! Never: kills logd.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proto::Refusal;
use proto::log::{From, Index, LINE_MAX, Request};

use crate::Stop;
use crate::node::{Node, Output, PATIENCE};

#[test]
fn lines_come_back_whole_and_in_order() {
    let (one, two) = (Output::new("one"), Output::new("two"));
    let mut node = Node::new("order");
    node.start(&[&one, &two]);
    let mut reader = node.reader();

    one.write("first\nsec");
    two.write("other\n");
    one.write("ond\nthird\n");

    assert_eq!(
        reader.follow("one", 0, "third\n").0,
        "first\nsecond\nthird\n"
    );
    assert_eq!(reader.follow("two", 0, "other\n").0, "other\n");
    assert_eq!(
        reader.names(),
        [
            "kernel",
            "logd",
            "syslogd",
            "controller-runtime",
            "one",
            "two"
        ]
    );
    assert_eq!(reader.read("one", 6).0, "second\nthird\n");
    assert_eq!(reader.read("one", 19), (String::new(), 19));
}

#[test]
fn the_tail_is_the_last_lines() {
    let output = Output::new("one");
    let mut node = Node::new("tail");
    node.start(&[&output]);
    let mut reader = node.reader();
    output.write("a\nb\n\nc\nunfinished");
    reader.follow("one", 0, "c\n");

    for (lines, text) in [
        (0, ""),
        (1, "c\n"),
        (2, "\nc\n"),
        (3, "b\n\nc\n"),
        (4, "a\nb\n\nc\n"),
        (5, "a\nb\n\nc\n"),
        (u32::MAX, "a\nb\n\nc\n"),
    ] {
        let (from, end, first) = reader.begin("one", lines);

        assert_eq!(first, text, "{lines}");
        assert_eq!(reader.read("one", from), (text.to_owned(), end), "{lines}");
    }
}

#[test]
fn a_line_that_never_ends_is_cut_and_nothing_of_it_is_lost() {
    let output = Output::new("one");
    let mut node = Node::new("cut");
    node.start(&[&output]);
    let mut reader = node.reader();

    output.write("x".repeat(3 * LINE_MAX));
    output.write("\nafter\n");

    let (text, _) = reader.follow("one", 0, "after\n");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.iter().all(|line| line.len() < LINE_MAX));
    assert_eq!(lines.concat(), format!("{}after", "x".repeat(3 * LINE_MAX)));
}

#[test]
fn tail_and_follow_are_right_when_the_ring_wraps() {
    let output = Output::new("one");
    let mut node = Node::new("wrap");
    node.start(&[&output]);
    let mut reader = node.reader();
    let mut text = String::new();
    for number in 0..40_000 {
        writeln!(text, "line {number:06} {}", "-".repeat(number % 50)).unwrap();
    }
    text.push_str("the end\n");

    let (total, came) = std::thread::scope(|scope| {
        scope.spawn(|| output.write(&text));
        let (mut cursor, mut came) = (0, 0);
        loop {
            let follow = Request::Follow(From { log: "one", cursor });
            let (from, next, piece) = reader.piece(&follow);
            assert!(from >= cursor);
            // Every piece is whole lines, and exactly what was written at its cursor.
            assert_eq!(piece, text[from as usize..next as usize]);
            assert!(
                piece.ends_with('\n') && (from == 0 || text.as_bytes()[from as usize - 1] == b'\n')
            );
            cursor = next;
            came += piece.len();
            if piece.ends_with("the end\n") {
                break (cursor, came);
            }
        }
    });

    assert_eq!(total, text.len() as u64);
    assert!(came > 100_000);
    for lines in [1, 2, 100, 1000] {
        let cursor = reader.tail("one", lines);
        let (tail, _) = reader.read("one", cursor);
        assert_eq!(tail.lines().count(), lines as usize);
        assert!(text.ends_with(&tail));
    }
    // What the ring has left behind begins later, at a line.
    let (from, _, piece) = reader.piece(&Request::Read(From {
        log: "one",
        cursor: 0,
    }));
    assert!(
        from > total - 128 * 1024 && from < total - 100 * 1024,
        "{from} of {total}"
    );
    assert!(piece.starts_with("line "));
    assert_eq!(reader.tail("one", u32::MAX), from);
    // A cursor inside a line means the next line; one from another life means the oldest.
    let (inside, _, _) = reader.piece(&Request::Read(From {
        log: "one",
        cursor: from + 3,
    }));
    assert!(text[from as usize..inside as usize].ends_with('\n'));
    let (past, _, _) = reader.piece(&Request::Read(From {
        log: "one",
        cursor: u64::MAX,
    }));
    assert_eq!(past, from);
}

#[test]
fn a_flood_starves_nobody_and_is_held_back() {
    let (loud, quiet) = (Output::new("loud"), Output::new("quiet"));
    let mut node = Node::new("flood");
    node.start(&[&loud, &quiet]);
    let mut reader = node.reader();
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let line = format!("{}\n", "z".repeat(99));

    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                loud.write(&line);
                written.fetch_add(100, Ordering::Relaxed);
            }
        });
        let mut cursor = 0;
        let mut number = 0;
        while began.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            quiet.write(format!("word {number}\n"));
            cursor = reader
                .follow("quiet", cursor, &format!("word {number}\n"))
                .1;
            slowest = slowest.max(asked.elapsed());
            number += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let elapsed_ms = began.elapsed().as_millis() as u64;

    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // A megabyte a second, the first burst, and what is in the pipe.
    let written = written.load(Ordering::Relaxed);
    assert!(
        written <= 1024 * elapsed_ms + 256 * 1024 + 2 * 65_536,
        "{written} in {elapsed_ms} ms"
    );
    assert!(written > 256 * 1024, "{written}");
}

#[test]
fn a_reader_that_does_not_read_holds_up_no_writer() {
    let output = Output::new("one");
    let mut node = Node::new("slow");
    node.start(&[&output]);
    let slow: Vec<_> = (0..20).map(|_| node.reader()).collect();
    for reader in &slow {
        reader.send(&Request::Follow(From {
            log: "one",
            cursor: 0,
        }));
    }

    let began = Instant::now();
    output.write("x\n".repeat(300_000));

    assert!(began.elapsed() < PATIENCE);
    output.write("done\n");
    let mut reader = node.reader();
    let cursor = reader.tail("one", 1);
    reader.follow("one", cursor, "done\n");
}

#[test]
fn a_follower_waits_and_may_leave() {
    let output = Output::new("one");
    let mut node = Node::new("park");
    node.start(&[&output]);
    let (mut stays, leaves) = (node.reader(), node.reader());
    stays.send(&Request::Follow(From {
        log: "one",
        cursor: 0,
    }));
    leaves.send(&Request::Follow(From {
        log: "one",
        cursor: 0,
    }));
    drop(leaves);
    // It owes an answer, so a second question is refused, and the first one still stands.
    assert_eq!(
        stays.refused(&Request::Log(Index { index: 0 })),
        Refusal::WrongState
    );

    output.write("news\n");

    assert!(matches!(stays.receive(), proto::log::Reply::Chunk(chunk) if chunk.bytes == b"news\n"));
}
