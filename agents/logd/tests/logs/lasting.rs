// SPDX-License-Identifier: MPL-2.0
//! What logd promises to keep.
//!
//! Owns: its own deaths, damaged rings, services that come and go, the kernel and init.
//! Never: is content with most of the lines.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use logd::capacity::LOGS_MAX;
use proto::log::KERNEL;

use crate::Stop;
use crate::node::{Node, Output, PATIENCE, ended};

#[test]
fn killed_again_and_again_it_loses_no_line_and_no_cursor() {
    let output = Output::new("one");
    let mut node = Node::new("kill");
    let stop = AtomicBool::new(false);
    let (mut cursor, mut expected) = (0, 0_u64);
    let seen = AtomicU64::new(0);

    node.start(&[&output]);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                // Not so far ahead of the reader that the ring leaves it behind.
                if number < seen.load(Ordering::Relaxed) + 1500 {
                    output.write(format!("number {number} = {number}\n"));
                    number += 1;
                } else {
                    std::thread::yield_now();
                }
            }
            output.write("the end\n");
        });
        for round in 0..10 {
            let mut reader = node.reader();
            let mut gaps = 0;
            let enough = expected + 500;
            while expected < enough {
                let (text, next) = reader.follow("one", cursor, "\n");
                for line in text.lines() {
                    // What was read from the pipe and not yet in the ring may go: one turn, which
                    // may begin and end inside a line.
                    let halves = line
                        .strip_prefix("number ")
                        .and_then(|rest| rest.split_once(" = "));
                    let whole = halves.filter(|(one, two)| one == two);
                    let number = whole.and_then(|(one, _)| one.parse::<u64>().ok());
                    let Some(number) = number else {
                        assert!(round > 0, "{line}");
                        continue;
                    };
                    gaps += u32::from(number != expected);
                    assert!(
                        number >= expected && number - expected < 4096 / 13,
                        "{line}"
                    );
                    expected = number + 1;
                    seen.store(expected, Ordering::Relaxed);
                }
                cursor = next;
            }
            assert!(gaps <= u32::from(round > 0));
            node.kill();
            if round == 9 {
                stop.store(true, Ordering::Relaxed);
            }
            node.start(&[&output]);
        }
    });

    let mut reader = node.reader();
    reader.follow("one", cursor, "the end\n");
    assert!(!reader.read("logd", 0).0.contains("anew"));
}

#[test]
fn a_damaged_ring_begins_anew_and_says_so_and_others_stay() {
    let (one, two) = (Output::new("one"), Output::new("two"));
    let mut node = Node::new("damage");
    node.start(&[&one, &two]);
    one.write("lost\n");
    two.write("kept\n");
    let mut reader = node.reader();
    reader.follow("one", 0, "lost\n");
    reader.follow("two", 0, "kept\n");
    node.kill();
    let file = node.path("log/one");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[16] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(node.path("log/short"), "x").unwrap();
    std::fs::write(node.path("log/not a name"), "x").unwrap();

    node.start(&[&one, &two]);
    one.write("new\n");

    let mut reader = node.reader();
    assert_eq!(reader.follow("one", 0, "new\n").0, "new\n");
    assert_eq!(reader.read("two", 0).0, "kept\n");
    let own = reader.read("logd", 0).0;
    assert!(
        own.contains("logd: the log of one begins anew: its check does not match\n"),
        "{own}"
    );
    assert!(
        own.contains("logd: the log of short begins anew: it is too short\n"),
        "{own}"
    );
    assert!(!node.path("log/not a name").exists());
}

#[test]
fn a_removed_service_keeps_its_log_and_its_last_words() {
    let output = Output::new("ext-gone");
    let mut node = Node::new("gone");
    node.start(&[&output]);
    output.write("last words");
    drop(output);

    let mut reader = node.reader();
    assert_eq!(reader.follow("ext-gone", 0, "words").0, "last words\n");
    let again = Output::new("ext-gone");
    node.give(&again);
    again.write("back\n");
    assert_eq!(reader.follow("ext-gone", 0, "back").0, "last words\nback\n");
}

#[test]
fn more_services_than_there_is_room_for_push_out_removed_ones_only() {
    let mut node = Node::new("full");
    let first = Output::new("first");
    node.start(&[&first]);
    let mut reader = node.reader();
    for number in 0..100 {
        let name = format!("ext-{number}");
        let output = Output::new(&name);
        output.write(format!("I am {number}\n"));
        node.give(&output);
        drop(output);
        let mut reader = node.reader();
        // Asked until the pipe has reached logd.
        let began = Instant::now();
        while !reader.names().contains(&name) {
            assert!(began.elapsed() < PATIENCE);
        }
        reader.follow(&name, 0, "I am");
    }

    let names = reader.names();

    assert_eq!(names.len(), LOGS_MAX);
    for name in [
        "kernel",
        "logd",
        "syslogd",
        "controller-runtime",
        "first",
        "ext-99",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    assert_eq!(
        std::fs::read_dir(node.path("log")).unwrap().count(),
        LOGS_MAX
    );
}

/// Writes a record to the kernel's log. Without its newline it could be continued, and the kernel
/// would keep it from readers until the next one.
pub fn write_kernel(record: &str) {
    std::fs::write("/dev/kmsg", format!("{record}\n")).unwrap();
}

#[test]
fn log_01_logs_01_kernel_messages_have_the_documented_form_and_come_once() {
    let mut node = Node::new("kernel");
    node.start(&[]);
    let word = format!("logd-test-{}", std::process::id());
    write_kernel(&format!("<12>{word} 106µs \\ \x1b[2J"));

    let mut reader = node.reader();
    let cursor = reader.tail(KERNEL, u32::MAX);
    let (text, _) = reader.follow(KERNEL, cursor, &word);
    node.kill();
    node.start(&[]);
    let again = format!("{word} again");
    write_kernel(&format!("<14>{again}"));
    let mut reader = node.reader();
    let (after, _) = reader.follow(KERNEL, cursor, &again);

    let line = text.lines().find(|line| line.contains(&word)).unwrap();
    let (head, rest) = line.split_once('[').unwrap();
    let (time, rest) = rest.split_once(']').unwrap();
    assert_eq!(head, "user: warning: ");
    assert_eq!(rest, format!(": {word} 106µs \\ \\x1b[2J"));
    let now = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H"])
        .output()
        .unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    assert_eq!(time.len(), 30);
    assert!(
        time.starts_with(now.trim()) && time.ends_with('Z'),
        "{time} {now}"
    );
    assert_eq!(after.matches(&format!("{word} 106µs")).count(), 1);
    for line in after.lines() {
        let (facility, rest) = line.split_once(": ").unwrap();
        let (level, rest) = rest.split_once(": [").unwrap();
        assert!(!facility.is_empty() && level.len() == 7, "{line}");
        assert_eq!(&rest[29..32], "Z]:", "{line}");
    }
}

#[test]
fn without_init_it_ends_and_says_so() {
    let node = Node::new("alone");
    std::fs::remove_file(node.path("init.sock")).unwrap();

    let (code, said) = ended(node.spawn().0);

    assert_eq!(code, 1);
    assert_eq!(
        said,
        "logd: ends: cannot work without init: its socket fails: ENOENT\n"
    );
}

#[test]
fn an_init_that_breaks_the_conversation_is_left() {
    let mut node = Node::new("broken");
    node.start(&[]);

    node.say_as_init(&[255, 1, 2, 3]);

    let (code, said) = node.end();
    assert_eq!(code, 1);
    assert!(
        said.contains("its answer is not to what was asked"),
        "{said}"
    );
}
