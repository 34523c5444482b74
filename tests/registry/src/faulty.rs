// SPDX-License-Identifier: MPL-2.0
//! A registry that does what a test tells it, byte for byte.
//!
//! Owns: a listener, a thread for each connection, and a list of what was asked.
//! Never: does anything by itself; the script writes every answer.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path with what follows it.
    pub path: String,
    /// Headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// What was posted.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The byte from which on something is wanted.
    #[must_use]
    pub fn from(&self) -> usize {
        let range = self
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="));
        range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap())
    }
}

/// The way back to who asked. Writing to one that is gone is no error: clients that know enough leave.
#[derive(Debug)]
pub struct Wire(TcpStream);

impl Wire {
    /// Writes bytes; `false` when nobody takes them any more.
    pub fn raw(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Writes a whole answer.
    pub fn say(&mut self, status: u16, headers: &str, body: &[u8]) {
        let length = body.len();
        self.head(status, &format!("Content-Length: {length}\r\n{headers}"));
        self.raw(body);
    }

    /// Writes the head of an answer.
    pub fn head(&mut self, status: u16, headers: &str) {
        self.raw(format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}\r\n").as_bytes());
    }

    /// Writes the same again and again, until nobody takes it any more.
    pub fn endless(&mut self, bytes: &[u8]) {
        while self.raw(bytes) {}
    }

    /// Says nothing until the other side has enough of it.
    pub fn hang(&mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
    }
}

/// The registry. It listens as long as the process runs: what waits in it ends with its client.
#[derive(Debug)]
pub struct Faulty {
    /// `127.0.0.1:<port>`.
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Faulty {
    /// Starts one with a script that answers each request.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(script: impl Fn(&Asked, &mut Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (script, list) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, list) = (Arc::clone(&script), Arc::clone(&list));
                std::thread::spawn(move || serve(stream, script.as_ref(), &list));
            }
        });
        Self { address, asked }
    }

    /// What was asked so far.
    ///
    /// # Panics
    /// When a script did.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, script: &dyn Fn(&Asked, &mut Wire), list: &Mutex<Vec<Asked>>) {
    let Some(asked) = read(&stream) else { return };
    list.lock().unwrap().push(asked.clone());
    script(&asked, &mut Wire(stream));
}

/// Reads a request. `None` when there is none: a client that only looked whether somebody listens.
fn read(stream: &TcpStream) -> Option<Asked> {
    let mut from = BufReader::new(stream);
    let mut first = String::new();
    from.read_line(&mut first).ok()?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let Some((key, value)) = line.split_once(':') else {
            break;
        };
        headers.push((key.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|text| text.parse().ok());
    asked.body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut asked.body).ok()?;
    Some(asked)
}
