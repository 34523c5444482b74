// SPDX-License-Identifier: MPL-2.0
//! `copy`.
//!
//! Owns: the way from the node's stream to the archive or the folder.
//! Never: makes a folder before there is something for it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use api::machine::CopyRequest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args_files::Copy;
use crate::places::Environment;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::unpacking::{Unpacked, unpack};

/// Pieces between the network and the disk.
const AHEAD: usize = 4;

pub(crate) async fn run(
    session: &Session,
    asked: &Copy,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("copy")?;
    let mut target = if asked.target == Path::new("-") {
        Target::Output
    } else {
        let path = environment.path(&asked.target);
        if path.exists() && !path.is_dir() {
            return Err(Trouble::new(format!("{} is not a folder", path.display()))
                .hint("name a folder, or - for the archive on standard output"));
        }
        Target::Folder(path)
    };
    let request = CopyRequest {
        root_path: asked.source.clone(),
    };
    let reply = session
        .machine()
        .copy(session.request_to(node, request)?)
        .await;
    let failed = |status| session.failed_at(node, &status);
    let mut stream = reply.map_err(failed)?.into_inner();
    let name = session.name_of(node);
    let mut progress = Progress::endless(format!("{name}: {}", asked.source));
    let mut count: u64 = 0;
    let broken = loop {
        match stream.message().await {
            Ok(Some(piece)) => {
                let told = piece.metadata.map(|metadata| metadata.error);
                if let Some(error) = told.filter(|error| !error.is_empty()) {
                    screen.complain(&Trouble::new(format!("{name}: {error}")));
                }
                count = count.saturating_add(piece.bytes.len() as u64);
                progress.at(count, screen);
                if !piece.bytes.is_empty() && !target.take(piece.bytes, screen).await {
                    break None;
                }
            }
            Ok(None) => break None,
            Err(status) => break Some(failed(status)),
        }
    };
    let unpacked = target.finish().await;
    // That the stream broke is why the archive is not whole.
    if let Some(broken) = broken {
        return Err(broken);
    }
    for left_out in unpacked?.left_out {
        screen.warn(format_args!("{left_out}"));
    }
    Ok(())
}

/// Where the archive goes.
enum Target {
    Output,
    /// Nothing came yet.
    Folder(PathBuf),
    Unpacking(mpsc::Sender<Vec<u8>>, JoinHandle<Result<Unpacked, Trouble>>),
}

impl Target {
    /// Takes a piece; says whether more is wanted.
    async fn take(&mut self, piece: Vec<u8>, screen: &mut Screen<'_>) -> bool {
        if let Self::Folder(path) = self {
            let (sender, receiver) = mpsc::channel(AHEAD);
            let path = std::mem::take(path);
            let pieces = Pieces {
                receiver,
                piece: io::Cursor::new(Vec::new()),
            };
            // Files are written where waiting for the disk keeps nobody from the network.
            let task = tokio::task::spawn_blocking(move || unpack(pieces, &path));
            *self = Self::Unpacking(sender, task);
        }
        match self {
            Self::Output => {
                screen.write(&piece);
                !screen.is_closed()
            }
            Self::Folder(_) => true,
            Self::Unpacking(sender, _) => sender.send(piece).await.is_ok(),
        }
    }

    async fn finish(self) -> Result<Unpacked, Trouble> {
        match self {
            Self::Output | Self::Folder(_) => Ok(Unpacked::default()),
            Self::Unpacking(sender, task) => {
                drop(sender);
                task.await.unwrap_or_else(|error| {
                    Err(Trouble::new(format!("unpacking was broken off: {error}")))
                })
            }
        }
    }
}

/// The stream for a reader that waits.
struct Pieces {
    receiver: mpsc::Receiver<Vec<u8>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}
