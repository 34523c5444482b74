// SPDX-License-Identifier: MPL-2.0
//! What logd refuses.
//!
//! Owns: bad messages, names that are not there, one reader too many, other users.
//! Never: is satisfied with "some error": the refusal is part of the promise.

use std::time::Instant;

use proto::Refusal;
use proto::log::{From, Index, Request, Tail};
use sys::io::Errno;
use sys::seqpacket::{self, Received};

use crate::node::{Node, Output, PATIENCE, readable};

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
    let mut readers: Vec<_> = (0..logd::serve::READERS_MAX)
        .map(|_| node.reader())
        .collect();
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
