// SPDX-License-Identifier: MPL-2.0
//! `logs` and `dmesg`: text that comes in pieces.
//!
//! Owns: turning pieces back into lines, each with its node in front.
//! Never: mixes the lines of two nodes, or holds an endless one.

use std::collections::BTreeMap;

use api::common::{ContainerDriver, Data};
use api::machine::{DmesgRequest, LogsRequest};
use tonic::Streaming;

use crate::args::Logs;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// A line longer than this is shown in pieces.
const LINE_MAX: usize = 64 * 1024;
/// Nodes with a line under way: more than apid takes in one call. A reply that invents names fills no
/// more than this many lines, 16 MiB.
const NODES_MAX: usize = 256;

pub(crate) async fn logs(
    session: &Session,
    asked: &Logs,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let (namespace, driver) = if asked.kubernetes {
        ("k8s.io", ContainerDriver::Cri)
    } else {
        ("system", ContainerDriver::Containerd)
    };
    let request = session.request(LogsRequest {
        namespace: namespace.to_owned(),
        id: asked.service.clone(),
        driver: driver.into(),
        follow: asked.follow,
        tail_lines: asked.tail,
    })?;
    let reply = session.machine().logs(request).await;
    show(
        session,
        reply
            .map_err(|status| session.failed(&status))?
            .into_inner(),
        screen,
    )
    .await
}

pub(crate) async fn dmesg(
    session: &Session,
    follow: bool,
    tail: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let request = session.request(DmesgRequest { follow, tail })?;
    let reply = session.machine().dmesg(request).await;
    show(
        session,
        reply
            .map_err(|status| session.failed(&status))?
            .into_inner(),
        screen,
    )
    .await
}

async fn show(
    session: &Session,
    mut stream: Streaming<Data>,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut lines = Lines::default();
    let outcome = loop {
        match stream.message().await {
            Ok(Some(data)) => {
                if let Some(node) = session.node(data.metadata.as_ref(), screen) {
                    match lines.feed(&node, &data.bytes) {
                        Some(whole) => screen.write(&whole),
                        None => {
                            break Err(Trouble::new(format!(
                                "the reply comes from more than {NODES_MAX} nodes"
                            ))
                            .hint("ask fewer nodes at once"));
                        }
                    }
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(session.failed(&status)),
        }
        if screen.is_closed() {
            break Ok(());
        }
    };
    screen.write(&lines.finish());
    outcome
}

/// Lines under way, by node.
#[derive(Debug, Default)]
struct Lines(BTreeMap<String, Vec<u8>>);

impl Lines {
    /// Takes a piece and returns what became whole lines; none when there are too many nodes.
    fn feed(&mut self, node: &str, piece: &[u8]) -> Option<Vec<u8>> {
        if self.0.len() >= NODES_MAX && !self.0.contains_key(node) {
            return None;
        }
        let held = self.0.entry(node.to_owned()).or_default();
        let mut out = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            held.extend_from_slice(part);
            if held.ends_with(b"\n") || held.len() >= LINE_MAX {
                put_line(&mut out, node, held);
                held.clear();
            }
        }
        Some(out)
    }

    /// Returns the lines that never ended.
    fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        for (node, held) in self.0.iter().filter(|(_, held)| !held.is_empty()) {
            put_line(&mut out, node, held);
        }
        out
    }
}

fn put_line(out: &mut Vec<u8>, node: &str, line: &[u8]) {
    out.extend_from_slice(node.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_two_nodes_become_whole_lines() {
        let mut lines = Lines::default();

        assert_eq!(lines.feed("a", b"one\ntw").unwrap(), b"a: one\n");
        assert_eq!(lines.feed("b", b"x").unwrap(), b"");
        assert_eq!(lines.feed("a", b"o\n\n").unwrap(), b"a: two\na: \n");
        assert_eq!(lines.feed("b", b"y\nz").unwrap(), b"b: xy\n");
        assert_eq!(lines.finish(), b"b: z\n");
    }

    #[test]
    fn an_endless_line_is_not_held_for_ever() {
        let mut lines = Lines::default();
        let mut shown = 0;
        for _ in 0..100 {
            shown += lines.feed("a", &[b'x'; 4096]).unwrap().len();
        }

        assert!(shown >= 6 * LINE_MAX);
    }

    #[test]
    fn names_that_a_reply_invents_do_not_add_up() {
        let mut lines = Lines::default();
        for number in 0..NODES_MAX {
            assert!(lines.feed(&number.to_string(), b"begun").is_some());
        }

        assert!(lines.feed("one more", b"begun").is_none());
        assert!(lines.feed("0", b", ended\n").is_some());
    }
}
