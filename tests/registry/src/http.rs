// SPDX-License-Identifier: MPL-2.0
//! One request and its answer, as plain as HTTP can be.
//!
//! Owns: what tests need to push, and to see what is there.
//! Never: meets a server that is not of the test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any answer on loopback takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone)]
pub struct Said {
    /// The status code.
    pub status: u16,
    /// The head, with its lines as they came.
    pub head: String,
    /// What follows it.
    pub body: Vec<u8>,
}

impl Said {
    /// A header of it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends a request to `address` and reads the answer to its end.
#[must_use]
pub fn ask(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Said {
    let mut wire = TcpStream::connect(address).unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    wire.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    wire.write_all(head.as_bytes()).unwrap();
    wire.write_all(body).unwrap();
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer to {method} {path}"));
    let head = String::from_utf8_lossy(answer.get(..end).unwrap()).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Said {
        status,
        head,
        body: answer.get(end.saturating_add(4)..).unwrap().to_vec(),
    }
}
