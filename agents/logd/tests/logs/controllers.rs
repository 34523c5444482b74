// SPDX-License-Identifier: MPL-2.0
//! What logd promises of the log whose lines come with requests.
//!
//! Owns: machined's side of it: appending, too much of it, and logd's deaths.
//! Never: has a service of that name.

use std::time::Instant;

use proto::Refusal;
use proto::log::{APPEND_MAX, CONTROLLERS, KERNEL, Lines, Reply, Request};

use crate::node::{Node, Output, PATIENCE};

fn append(bytes: &[u8]) -> Request<'_> {
    Request::Append(Lines { bytes })
}

#[test]
fn diag_21_what_controllers_do_is_a_log_that_outlives_logd() {
    let mut node = Node::new("controllers");
    node.start(&[]);
    assert_eq!(node.reader().tail(CONTROLLERS, u32::MAX), 0);

    let reply = append(b"one\ntwo\n");
    assert_eq!(node.reader().ask(&reply), Reply::Appended(()));
    node.kill();
    node.start(&[]);
    let reply = append(b"three\n");
    assert_eq!(node.reader().ask(&reply), Reply::Appended(()));

    let (text, _) = node.reader().follow(CONTROLLERS, 0, "three\n");
    assert_eq!(text, "one\ntwo\nthree\n");
    assert_eq!(node.reader().begin(CONTROLLERS, 1).2, "three\n");
}

#[test]
fn a_reader_that_waits_hears_what_is_appended() {
    let mut node = Node::new("controllers-follow");
    node.start(&[]);
    let mut waits = node.reader();
    let end = waits.tail(CONTROLLERS, 0);
    waits.send(&Request::Follow(proto::log::From {
        log: CONTROLLERS,
        cursor: end,
    }));

    node.reader().ask(&append(b"news\n"));

    assert!(matches!(waits.receive(), Reply::Chunk(chunk) if chunk.bytes == b"news\n"));
}

#[test]
fn only_whole_lines_are_appended_and_no_service_has_that_log() {
    let service = Output::new(CONTROLLERS);
    let mut node = Node::new("controllers-refused");
    node.start(&[&service]);
    service.write("not mine\n");
    let mut reader = node.reader();
    reader.follow("logd", 0, "a name that no log can have");

    let mut longest = vec![b'x'; APPEND_MAX];
    *longest.last_mut().unwrap() = b'\n';
    let too_long = [&b"x"[..], &longest].concat();
    for refused in [&b""[..], b"half a line", b"one\ntwo", &too_long] {
        assert_eq!(reader.refused(&append(refused)), Refusal::Malformed);
    }

    assert_eq!(reader.read(CONTROLLERS, 0).0, "");
    assert_eq!(reader.ask(&append(&longest)), Reply::Appended(()));
    assert_eq!(reader.read(CONTROLLERS, 0).0.as_bytes(), longest);
}

#[test]
fn who_appends_too_much_is_told_to_wait_and_others_go_on() {
    let mut node = Node::new("controllers-flood");
    let output = Output::new("one");
    node.start(&[&output]);
    let mut reader = node.reader();
    let mut longest = vec![b'x'; APPEND_MAX];
    *longest.last_mut().unwrap() = b'\n';

    let began = Instant::now();
    let mut taken = 0_u64;
    loop {
        assert!(began.elapsed() < PATIENCE, "nobody told it to wait");
        match reader.ask(&append(&longest)) {
            Reply::Appended(()) => taken += 1,
            Reply::Refused(Refusal::Full) => break,
            other => panic!("{other:?}"),
        }
    }
    output.write("still here\n");
    reader.follow("one", 0, "still here\n");
    // It is let on again by and by.
    while reader.ask(&append(b"more\n")) != Reply::Appended(()) {
        assert!(began.elapsed() < PATIENCE, "it waits for ever");
    }

    // What may come at once, and a megabyte a second.
    assert!(taken * APPEND_MAX as u64 >= 256 * 1024 - APPEND_MAX as u64);
    assert!(reader.names().contains(&KERNEL.to_owned()));
    assert!(node.lives());
}
