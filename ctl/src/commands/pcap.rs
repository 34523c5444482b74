// SPDX-License-Identifier: MPL-2.0
//! `pcap`.
//!
//! Owns: where packets go, and when it ends.
//! Never: mixes the packets of two nodes.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::common::Data;
use api::machine::PacketCaptureRequest;
use tonic::Streaming;

use crate::args_capture::Pcap;
use crate::frames::{Frames, NotPcap, line};
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// What of each packet the node keeps: all of it, as links have them.
const SNAP_LEN: u32 = 64 * 1024;

pub(crate) async fn run(
    session: &Session,
    asked: &Pcap,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("pcap")?;
    let request = PacketCaptureRequest {
        interface: asked.interface.clone(),
        promiscuous: asked.promiscuous,
        snap_len: SNAP_LEN,
        bpf_filter: (asked.bpf_filter.as_ref()).map_or_else(Vec::new, |filter| filter.0.clone()),
    };
    let reply = session
        .machine()
        .packet_capture(session.request_to(node, request)?)
        .await;
    let stream = reply
        .map_err(|status| session.failed_at(node, &status))?
        .into_inner();
    // Only when there is something to write.
    let mut target = match &asked.output {
        None => Target::Lines(Frames::default()),
        Some(path) if path == Path::new("-") => Target::Output,
        Some(path) => {
            let path = environment.path(path);
            let file =
                File::create(&path).map_err(|error| Trouble::file("write", &path, &error))?;
            Target::File(file, path)
        }
    };
    let time = asked.duration.unwrap_or(Duration::MAX);
    let following = follow(stream, session, node, &mut target, screen);
    match tokio::time::timeout(time, following).await {
        Ok(ended) => ended,
        // That was all that was asked for.
        Err(_time_is_up) => Ok(()),
    }
}

async fn follow(
    mut stream: Streaming<Data>,
    session: &Session,
    node: Option<&str>,
    target: &mut Target,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let failed = |status| session.failed_at(node, &status);
    while let Some(piece) = stream.message().await.map_err(failed)? {
        if session.node(piece.metadata.as_ref(), screen).is_some() {
            target.take(&piece.bytes, screen)?;
        }
        if screen.is_closed() {
            break;
        }
    }
    Ok(())
}

/// Where packets go.
enum Target {
    /// Shown, a line each.
    Lines(Frames),
    /// To standard output as they are.
    Output,
    /// To a file.
    File(File, PathBuf),
}

impl Target {
    fn take(&mut self, bytes: &[u8], screen: &mut Screen<'_>) -> Result<(), Trouble> {
        match self {
            Self::Output => {
                screen.write(bytes);
                Ok(())
            }
            Self::File(file, path) => file
                .write_all(bytes)
                .map_err(|error| Trouble::file("write", path, &error)),
            Self::Lines(frames) => {
                frames.feed(bytes);
                let said = |NotPcap(reason)| {
                    Trouble::new(format!("the packets cannot be understood: {reason}"))
                        .hint("save them with --output and look at them with another program")
                };
                while let Some((link, frame)) = frames.next().map_err(said)? {
                    screen.print(format_args!("{}\n", line(link, &frame)));
                }
                Ok(())
            }
        }
    }
}
