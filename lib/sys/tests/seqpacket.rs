// SPDX-License-Identifier: MPL-2.0
//! What the server of every message socket promises.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use sys::fd::{AsFd as _, OwnedFd};
use sys::io::Errno;
use sys::net::SocketType;
use sys::seqpacket::{
    Manners, Next, Peer, Received, Server, Service, connect, listen, receive, send, send_with,
};

/// How many connections the server under test has at most.
const CONNECTIONS: usize = 4;
/// The longest message.
const MESSAGE: usize = 256;

type TestServer = Server<State, CONNECTIONS, MESSAGE>;

/// What the service remembers of a connection.
#[derive(Debug, Default)]
struct State {
    subscribed: bool,
    /// The last number it was told.
    told: u32,
}

/// Says `hi` to `hi`, echoes, and tells subscribers the latest number.
#[derive(Debug, Default)]
struct Echo {
    latest: u32,
    closed: usize,
    descriptor: Option<OwnedFd>,
    admits_nobody: bool,
}

fn put(text: &[u8], reply: &mut [u8]) -> usize {
    reply[..text.len()].copy_from_slice(text);
    text.len()
}

impl Service for Echo {
    type Connection = State;

    const MANNERS: Manners = Manners {
        greet: |first, reply| match first {
            b"hi" => Ok(put(b"hi", reply)),
            _ => Err(put(b"go", reply)),
        },
        deny: |reply| put(b"not you", reply),
        full: |reply| put(b"full", reply),
        too_long: |reply| put(b"long", reply),
    };

    fn admits(&self, peer: Peer) -> bool {
        assert_eq!(peer.pid, std::process::id());
        !self.admits_nobody
    }

    fn request(
        &mut self,
        _peer: Peer,
        state: &mut State,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize> {
        if message == b"subscribe" {
            state.subscribed = true;
            return None;
        }
        Some(put(message, reply))
    }

    fn next(&self, state: &State, message: &mut [u8]) -> Next<'_> {
        if !state.subscribed || state.told == self.latest {
            return Next::Nothing;
        }
        if self.latest == u32::MAX {
            return Next::Close;
        }
        message[..4].copy_from_slice(&self.latest.to_ne_bytes());
        match &self.descriptor {
            // Long, so that a reader that does not read has a full socket soon.
            None => Next::Message(MESSAGE),
            Some(descriptor) => Next::MessageWith(MESSAGE, descriptor.as_fd()),
        }
    }

    fn told(&mut self, state: &mut State) {
        state.told = self.latest;
    }

    fn closed(&mut self, _state: State) {
        self.closed += 1;
    }
}

/// A server on a socket of its own.
struct Bench {
    server: Box<TestServer>,
    echo: Echo,
    path: String,
}

impl Bench {
    fn new(name: &str) -> Self {
        let path = format!(
            "{}/sys-{name}-{}",
            std::env::temp_dir().display(),
            std::process::id()
        );
        let listener = listen(&path, SocketType::SEQPACKET).unwrap();
        let server = Box::new(TestServer::new(listener).unwrap());
        Self {
            server,
            echo: Echo::default(),
            path,
        }
    }

    fn client(&mut self) -> OwnedFd {
        let client = connect(&self.path, Duration::ZERO).unwrap();
        self.turn();
        client
    }

    fn greeted(&mut self) -> OwnedFd {
        let client = self.client();
        assert_eq!(self.ask(&client, b"hi"), b"hi");
        client
    }

    fn ask(&mut self, client: &OwnedFd, message: &[u8]) -> Vec<u8> {
        send(client, message).unwrap();
        self.turn();
        hear(client).expect("an answer")
    }

    fn turn(&mut self) {
        self.server.turn(&mut self.echo);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The next message; `None` when the server has closed.
fn hear(client: &OwnedFd) -> Option<Vec<u8>> {
    let mut buffer = [0; 2 * MESSAGE];
    match receive(client, &mut buffer).unwrap() {
        Received::Message(len, _) => Some(buffer[..len].to_vec()),
        Received::Closed => None,
        Received::TooLong => panic!("the message is too long"),
    }
}

fn hears_nothing(client: &OwnedFd) -> bool {
    receive(client, &mut [0; MESSAGE]).is_err_and(|errno| errno == Errno::AGAIN)
}

#[test]
fn each_request_has_one_reply() {
    let mut bench = Bench::new("reply");
    let client = bench.greeted();

    for text in [&b"a"[..], b"bc", &[0; MESSAGE]] {
        assert_eq!(bench.ask(&client, text), text);
    }
    assert!(hears_nothing(&client));
}

#[test]
fn who_does_not_greet_is_told_and_closed() {
    let mut bench = Bench::new("greet");
    let client = bench.client();

    assert_eq!(bench.ask(&client, b"what"), b"go");
    assert_eq!(hear(&client), None);
    assert_eq!(bench.server.connections(), 0);
}

#[test]
fn who_may_not_ask_is_told_and_closed_whatever_it_says() {
    let mut bench = Bench::new("deny");
    bench.echo.admits_nobody = true;
    for first in [&b"hi"[..], b"what"] {
        let client = bench.client();

        assert_eq!(bench.ask(&client, first), b"not you");
        assert_eq!(hear(&client), None);
    }
    assert_eq!(bench.server.connections(), 0);
}

#[test]
fn a_message_that_is_too_long_is_refused_and_the_connection_stays() {
    let mut bench = Bench::new("long");
    let client = bench.greeted();

    assert_eq!(bench.ask(&client, &[7; MESSAGE + 1]), b"long");
    assert_eq!(bench.ask(&client, b"still here"), b"still here");
}

#[test]
fn an_empty_message_ends_the_connection() {
    let mut bench = Bench::new("empty");
    let client = bench.greeted();
    send(&client, b"").unwrap();

    bench.turn();

    assert_eq!(hear(&client), None);
    assert_eq!(bench.echo.closed, 1);
}

#[test]
fn a_full_table_refuses_and_heals() {
    let mut bench = Bench::new("full");
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| bench.greeted()).collect();

    let extra = bench.client();
    assert_eq!(hear(&extra).as_deref(), Some(&b"full"[..]));
    assert_eq!(hear(&extra), None);
    drop(clients.pop());
    bench.turn();

    let next = bench.greeted();
    assert_eq!(bench.ask(&next, b"x"), b"x");
    assert_eq!(bench.server.connections(), CONNECTIONS);
}

#[test]
fn a_refusal_is_heard_also_by_who_spoke_before_it() {
    let mut bench = Bench::new("reset");
    let _clients: Vec<_> = (0..CONNECTIONS).map(|_| bench.greeted()).collect();
    let extra = connect(&bench.path, Duration::ZERO).unwrap();
    send(&extra, b"hi").unwrap();

    // It is closed with its greeting unread, which the kernel tells the client as a reset.
    bench.turn();

    assert_eq!(hear(&extra).as_deref(), Some(&b"full"[..]));
    assert_eq!(hear(&extra), None);
}

#[test]
fn a_client_that_does_not_read_its_replies_is_closed_and_holds_up_nobody() {
    let mut bench = Bench::new("deaf");
    let deaf = bench.greeted();
    let other = bench.greeted();
    let mut sent = 0;

    while bench.server.connections() == 2 {
        match send(&deaf, &[1; MESSAGE]) {
            Ok(()) => sent += 1,
            Err(Errno::AGAIN) => {}
            Err(errno) => panic!("{errno}"),
        }
        bench.turn();
        assert!(sent < 100_000, "replies pile up");
    }

    assert_eq!(bench.ask(&other, b"x"), b"x");
}

#[test]
fn a_subscriber_that_does_not_read_hears_the_latest_when_it_does() {
    let mut bench = Bench::new("slow");
    let slow = bench.greeted();
    let other = bench.greeted();
    send(&slow, b"subscribe").unwrap();
    bench.turn();

    for number in 1..=10_000 {
        bench.echo.latest = number;
        bench.server.pump(&mut bench.echo);
    }
    assert_eq!(bench.ask(&other, b"x"), b"x");

    let mut heard = Vec::new();
    for _ in 0..10_000 {
        while let Ok(Received::Message(..)) = {
            let mut buffer = [0; MESSAGE];
            let received = receive(&slow, &mut buffer);
            heard.push(u32::from_ne_bytes(*buffer.first_chunk().unwrap()));
            received
        } {}
        heard.pop();
        if heard.last() == Some(&10_000) {
            break;
        }
        bench.turn();
    }
    assert_eq!(heard.last(), Some(&10_000), "the latest is heard");
    assert!(heard.len() < 10_000, "what was missed is merged");
    assert!(heard.is_sorted());
}

#[test]
fn a_descriptor_comes_with_its_message() {
    let mut bench = Bench::new("descriptor");
    let client = bench.greeted();
    let (read, write) = sys::pipe::pipe().unwrap();
    bench.echo.descriptor = Some(read);
    send(&client, b"subscribe").unwrap();
    bench.turn();
    bench.echo.latest = 1;
    bench.server.pump(&mut bench.echo);

    let Received::Message(_, Some(passed)) = receive(&client, &mut [0; MESSAGE]).unwrap() else {
        panic!("no descriptor");
    };
    sys::io::write(&write, b"x").unwrap();

    let mut byte = [0];
    assert_eq!(sys::io::read(&passed, &mut byte[..]).unwrap(), 1);
}

#[test]
fn descriptors_that_clients_send_are_closed() {
    let mut bench = Bench::new("stray");
    let client = bench.greeted();
    let before = std::fs::read_dir("/proc/self/fd").unwrap().count();

    for _ in 0..100 {
        send_with(&client, b"x", client.as_fd()).unwrap();
        bench.turn();
        assert_eq!(hear(&client).as_deref(), Some(&b"x"[..]));
    }

    // Other tests run beside this one and open a few of their own.
    let after = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(after < before + 60, "{before} and then {after}");
}

#[test]
fn the_service_can_end_a_connection() {
    let mut bench = Bench::new("end");
    let client = bench.greeted();
    send(&client, b"subscribe").unwrap();
    bench.turn();
    bench.echo.latest = u32::MAX;

    bench.server.pump(&mut bench.echo);

    assert_eq!(hear(&client), None);
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let mut bench = Bench::new("leave");
    for _ in 0..1000 {
        drop(bench.greeted());
        bench.turn();
        assert_eq!(bench.server.connections(), 0);
    }

    assert_eq!(bench.echo.closed, 1000);
}
