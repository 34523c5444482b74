// SPDX-License-Identifier: MPL-2.0
//! What logd promises, with the real program, real pipes and the real kernel log.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod node;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use node::{Node, Output, PATIENCE, ended, readable};
use proto::Refusal;
use proto::log::{From, Index, KERNEL, LINE_MAX, Request, Tail};
use sys::io::Errno;
use sys::seqpacket::{self, Received};

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
    assert_eq!(reader.names(), ["kernel", "logd", "one", "two"]);
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
        let cursor = reader.tail("one", lines);

        assert_eq!(reader.read("one", cursor).0, text, "{lines}");
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

/// Ends a writer also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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

    assert_eq!(names.len(), 65);
    for name in ["kernel", "logd", "first", "ext-99"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    assert_eq!(std::fs::read_dir(node.path("log")).unwrap().count(), 65);
}

/// Writes a record to the kernel's log. Without its newline it could be continued, and the kernel
/// would keep it from readers until the next one.
fn write_kernel(record: &str) {
    std::fs::write("/dev/kmsg", format!("{record}\n")).unwrap();
}

#[test]
fn kernel_messages_have_the_documented_form_and_come_once() {
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

#[test]
fn ten_thousand_malformed_messages_change_nothing() {
    let output = Output::new("one");
    let mut node = Node::new("malformed");
    node.start(&[&output]);
    output.write("still here\n");
    let mut reader = node.reader();
    reader.follow("one", 0, "still here\n");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let send = |socket: &sys::fd::OwnedFd, message: &[u8]| seqpacket::send(socket, message);
    let before = node.memory_kb();
    let mut buffer = vec![0; 8192];

    for round in 0..10_000_u32 {
        let len = if round % 100 == 0 {
            8193 + random() as usize % 50_000
        } else {
            1 + random() as usize % 64
        };
        let mut message: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        // Half of them begin like a request, so that bodies are looked at.
        if round % 2 == 0 {
            message[0] = 1 + round as u8 % 5;
        }
        if round % 3 == 0 {
            // On a connection of their own, without a greeting.
            let socket = node.connect();
            let _ = send(&socket, &message);
            if readable(&socket) {
                let _ = seqpacket::receive(&socket, &mut buffer);
            }
        } else if message[0] != 5 || len > 8192 {
            send(&reader.socket, &message).unwrap();
            assert!(matches!(
                seqpacket::receive(&reader.socket, &mut buffer),
                Ok(Received::Message(..))
            ));
        }
    }

    assert!(node.lives());
    assert_eq!(node.reader().read("one", 0).0, "still here\n");
    assert!(
        node.memory_kb() <= before + 64,
        "{} {before}",
        node.memory_kb()
    );
}

#[test]
fn what_is_not_there_is_refused() {
    let mut node = Node::new("refused");
    node.start(&[]);
    let mut reader = node.reader();

    for log in ["", "no", "../logd", "KERNEL"] {
        let from = From { log, cursor: 0 };
        assert_eq!(reader.refused(&Request::Read(from)), Refusal::NotFound);
        assert_eq!(reader.refused(&Request::Follow(from)), Refusal::NotFound);
        assert_eq!(
            reader.refused(&Request::Tail(Tail { log, lines: 1 })),
            Refusal::NotFound
        );
    }
    assert_eq!(
        reader.refused(&Request::Log(Index { index: u16::MAX })),
        Refusal::NotFound
    );
}

#[test]
fn readers_beyond_the_limit_are_refused_until_one_leaves() {
    let mut node = Node::new("readers");
    node.start(&[]);
    let mut readers: Vec<_> = (0..32).map(|_| node.reader()).collect();
    let socket = node.connect();
    let mut buffer = vec![0; 8192];

    assert!(readable(&socket));
    let refused = seqpacket::receive(&socket, &mut buffer).unwrap();
    assert!(matches!(refused, Received::Message(2, None)));
    assert!(matches!(
        seqpacket::receive(&socket, &mut buffer),
        Ok(Received::Closed) | Err(Errno::CONNRESET)
    ));
    readers.pop();

    // The caller may be looked at before the one that left.
    let began = Instant::now();
    loop {
        let socket = node.connect();
        let _ = seqpacket::send(&socket, &[1, 1]);
        if let Ok(Received::Message(len, None)) = seqpacket::receive(&socket, &mut buffer)
            && buffer[0] == 1
        {
            assert_eq!(len, 2);
            break;
        }
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn another_user_is_refused() {
    let mut node = Node::new("user");
    node.start(&[]);
    let path = node.path("logd.sock");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let nobody = sys::process::Uid::from_raw(65_534);

    // A thread of Linux has a user of its own.
    let refused = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            sys::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            let socket = node.connect();
            seqpacket::send(&socket, &[1, 1]).unwrap();
            let mut buffer = vec![0; 8192];
            let received = seqpacket::receive(&socket, &mut buffer).unwrap();
            let Received::Message(len, None) = received else {
                panic!("no answer");
            };
            buffer[..len].to_vec()
        });
        thread.join().unwrap()
    });

    let refused = proto::log::Reply::decode(&refused).unwrap();
    assert_eq!(refused, proto::log::Reply::Refused(Refusal::NotAllowed));
}
