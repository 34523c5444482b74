// SPDX-License-Identifier: MPL-2.0
//! What logd promises to programs that use syslog(3).
//!
//! Owns: a real socket as libc has it, one that floods it, and logd's deaths.
//! Never: needs a program to have a log of its own.

use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use proto::log::{From, Request, SYSLOG};

use crate::Stop;
use crate::node::{Node, Output, PATIENCE};

fn program(node: &Node) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(node.path("syslog")).unwrap();
    socket
}

#[test]
fn log_08_syslog_of_any_program_is_a_log_and_none_is_lost_when_logd_dies() {
    let mut node = Node::new("syslog");
    node.start(&[]);
    let program = program(&node);

    program
        .send(b"<28>Jan  2 03:04:05 iscsid[77]: one")
        .unwrap();
    let (text, cursor) = node.reader().follow(SYSLOG, 0, "one\n");
    node.kill();
    program.send(b"<13>two").unwrap();
    node.start(&[]);
    let (rest, _) = node.reader().follow(SYSLOG, cursor, "two\n");

    let (time, line) = text.split_once(' ').unwrap();
    assert_eq!(time.len(), 30);
    assert_eq!(line, "daemon.warning iscsid[77]: one\n");
    assert!(rest.ends_with(" user.notice two\n"), "{rest}");
    assert!(node.reader().names().contains(&SYSLOG.to_owned()));
}

#[test]
fn log_08_a_program_that_floods_waits_itself_and_nobody_else_does() {
    let output = Output::new("one");
    let mut node = Node::new("syslog-flood");
    node.start(&[&output]);
    let stop = AtomicBool::new(false);
    let path = node.path("syslog");
    let before = node.memory_kb();

    let sent = std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        let flood = scope.spawn(|| {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(&path).unwrap();
            let (began, mut sent) = (Instant::now(), 0_u64);
            while !stop.load(Ordering::Relaxed) {
                sent += socket.send(&[b'x'; 3000]).unwrap_or(0) as u64;
            }
            (sent, began.elapsed())
        });
        let (mut reader, mut cursor) = (node.reader(), 0);
        let began = Instant::now();
        for number in 0..50 {
            let line = format!("line {number}\n");
            output.write(&line);
            (_, cursor) = reader.follow("one", cursor, &line);
        }
        assert!(began.elapsed() < PATIENCE);
        // Until more has come than may come at once.
        let mut cursor = 0;
        while cursor < 400 * 1024 {
            let follow = Request::Follow(From {
                log: SYSLOG,
                cursor,
            });
            (_, cursor, _) = reader.piece(&follow);
        }
        stop.store(true, Ordering::Relaxed);
        // It may be waiting in its own write: logd reads on.
        flood.join().unwrap()
    });

    let (bytes, elapsed) = sent;
    let elapsed_ms = elapsed.as_millis() as u64;
    // A megabyte a second, what may come at once, and what the socket holds.
    assert!(
        bytes <= 1024 * elapsed_ms + 512 * 1024,
        "{bytes} in {elapsed_ms} ms"
    );
    assert!(node.memory_kb() < before + 512);
    assert!(node.lives());
}
