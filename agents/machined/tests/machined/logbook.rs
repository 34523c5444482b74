// SPDX-License-Identifier: MPL-2.0
//! A stand-in for logd whose logs a test writes, and receivers of what is shipped.
//!
//! Owns: rings of a few kilobytes that lose their front as logd's do, and real sockets.
//! Never: waits without a deadline.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use machined::seqpacket::{self, Connection, Listener};
use proto::log::{self, Begun, Chunk, Grown, Length};
use proto::{Greeting, Refusal, heapless, paths};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;

use crate::node::{DEADLINE, TestNode};

/// What one log keeps.
const KEPT: usize = 20_000;

#[derive(Debug, Default)]
struct Log {
    /// How much was pushed out.
    from: u64,
    bytes: VecDeque<u8>,
    grown_at: u64,
}

impl Log {
    fn end(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }
}

/// All logs.
#[derive(Debug, Clone)]
pub(crate) struct Logbook {
    logs: Arc<Mutex<BTreeMap<String, Log>>>,
    growth: watch::Sender<u64>,
    /// What machined appended. It is not among the logs: tests of receivers say every line themselves.
    appended: watch::Sender<String>,
    /// Whether connections end in place of an answer to lines.
    pub deaf: Arc<AtomicBool>,
}

impl Logbook {
    /// Puts it in the place of the node's logd.
    pub(crate) fn of(node: &mut TestNode) -> Self {
        let path = node.path(paths::LOGD_SOCKET.trim_start_matches('/'));
        std::fs::remove_file(&path).unwrap();
        let listener = Listener::over(seqpacket::bind(&path).unwrap()).unwrap();
        let book = Self {
            logs: Arc::default(),
            growth: watch::Sender::new(0),
            appended: watch::Sender::default(),
            deaf: Arc::default(),
        };
        let served = book.clone();
        node.agents.push(tokio::spawn(async move {
            loop {
                let connection = listener.accept().await.unwrap();
                tokio::spawn(served.clone().serve(connection));
            }
        }));
        book
    }

    /// Adds a line to a log.
    pub(crate) fn say(&self, log: &str, line: &str) {
        self.growth.send_modify(|growth| {
            *growth += 1;
            let mut logs = self.logs.lock().unwrap();
            let log = logs.entry(log.to_owned()).or_default();
            log.grown_at = *growth;
            log.bytes.extend(line.as_bytes());
            log.bytes.push_back(b'\n');
            while log.bytes.len() > KEPT {
                while log.bytes.pop_front() != Some(b'\n') {
                    log.from += 1;
                }
                log.from += 1;
            }
        });
    }

    /// Waits until machined has appended lines of which something is so; returns all lines.
    pub(crate) async fn until_appended(&self, so: impl Fn(&str) -> bool) -> String {
        let mut appended = self.appended.subscribe();
        let found = tokio::time::timeout(DEADLINE, appended.wait_for(|text| so(text)));
        if let Ok(found) = found.await {
            return found.unwrap().clone();
        }
        panic!("not appended: {}", *self.appended.borrow());
    }

    /// Adds a line of the kernel.
    pub(crate) fn say_as_kernel(&self, sequence: u64, text: &str) {
        let line = format!("user: warning: [@{sequence:013}{:016}]: {text}", 6_252_819);
        self.say(log::KERNEL, &line);
    }

    async fn serve(self, connection: Connection) {
        let mut buffer = vec![0; proto::MAX_MESSAGE];
        let mut out = vec![0; proto::MAX_MESSAGE];
        while let Ok(Some(bytes)) = connection.receive(&mut buffer).await {
            let len = match log::Request::decode(bytes).unwrap() {
                log::Request::Append(lines) => {
                    let text = str::from_utf8(lines.bytes).unwrap();
                    assert!(text.len() <= log::APPEND_MAX && text.ends_with('\n'));
                    self.appended.send_modify(|all| all.push_str(text));
                    if self.deaf.load(Ordering::Relaxed) {
                        return;
                    }
                    log::Reply::Appended(()).encode(&mut out)
                }
                log::Request::Hello(_) => log::Reply::Welcome(Greeting::OURS).encode(&mut out),
                log::Request::Raw(place) | log::Request::Read(place) => self.read(place, &mut out),
                log::Request::Follow(place) => {
                    let mut growths = self.growth.subscribe();
                    let more = growths.wait_for(|_| self.end(place.log) > place.cursor);
                    more.await.unwrap();
                    self.read(place, &mut out)
                }
                // All of it, whatever was asked for: it begins with the first read.
                log::Request::Tail(tail) => log::Reply::Begun(Begun {
                    end: self.end(tail.log),
                    first: self.beginning(tail.log),
                })
                .encode(&mut out),
                log::Request::Grown(since) => {
                    let mut growths = self.growth.subscribe();
                    let grown = growths.wait_for(|growth| *growth > since.growth);
                    let growth = *grown.await.unwrap();
                    log::Reply::Grown(Grown {
                        growth,
                        logs: self.grown(since.growth),
                    })
                    .encode(&mut out)
                }
                log::Request::Log(_) => log::Reply::Refused(Refusal::NotFound).encode(&mut out),
            };
            if connection.send(&out[..len.unwrap()]).await.is_err() {
                return;
            }
        }
    }

    fn grown(&self, since: u64) -> heapless::Vec<Length, { log::GROWN_MAX }> {
        let logs = self.logs.lock().unwrap();
        let grown = logs.iter().filter(|(_, log)| log.grown_at > since);
        grown
            .map(|(name, log)| Length {
                name: name.as_str().try_into().unwrap(),
                end: log.end(),
            })
            .collect()
    }

    /// Where a log begins.
    pub(crate) fn from(&self, log: &str) -> u64 {
        self.logs.lock().unwrap().get(log).map_or(0, |log| log.from)
    }

    fn end(&self, log: &str) -> u64 {
        self.logs.lock().unwrap().get(log).map_or(0, Log::end)
    }

    /// Where a log begins, without anything of it.
    fn beginning(&self, log: &str) -> Chunk<'static> {
        let from = self.from(log);
        Chunk {
            from,
            next: from,
            bytes: &[],
        }
    }

    fn read(&self, place: log::From<'_>, out: &mut [u8]) -> Result<usize, proto::EncodeError> {
        let mut logs = self.logs.lock().unwrap();
        let Some(log) = logs.get_mut(place.log) else {
            return log::Reply::Refused(Refusal::NotFound).encode(out);
        };
        let (kept_from, end) = (log.from, log.end());
        let from = if place.cursor > end {
            kept_from
        } else {
            place.cursor.max(kept_from)
        };
        let skipped = usize::try_from(from - kept_from).unwrap();
        let rest = &log.bytes.make_contiguous()[skipped..];
        let rest = &rest[..rest.len().min(3000)];
        let len = rest.iter().rposition(|byte| *byte == b'\n');
        let bytes = &rest[..len.map_or(0, |last| last + 1)];
        let next = from + bytes.len() as u64;
        log::Reply::Chunk(Chunk { from, next, bytes }).encode(out)
    }
}

/// One connection of a TCP receiver.
pub(crate) struct Lines {
    lines: BufReader<TcpStream>,
}

impl Lines {
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            lines: BufReader::new(stream),
        }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        let mut line = String::new();
        let read = tokio::time::timeout(DEADLINE, self.lines.read_line(&mut line));
        assert!(read.await.unwrap().unwrap() > 0, "the connection ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Waits for the end of the connection.
    pub(crate) async fn end(mut self) {
        let mut line = String::new();
        let read = tokio::time::timeout(DEADLINE, self.lines.read_line(&mut line));
        assert_eq!(read.await.unwrap().unwrap(), 0, "{line}");
    }

    /// The next message with a text, and how many others came before it.
    pub(crate) async fn until(&mut self, text: &str) -> (Value, usize) {
        let mut others = 0;
        loop {
            let message = self.next().await;
            if message["msg"] == text {
                return (message, others);
            }
            others += 1;
        }
    }
}

/// The next packet, which is one message.
pub(crate) async fn packet(socket: &UdpSocket) -> Value {
    let mut packet = vec![0; 65_536];
    let received = tokio::time::timeout(DEADLINE, socket.recv(&mut packet));
    let len = received.await.unwrap().unwrap();
    serde_json::from_slice(&packet[..len]).unwrap()
}
