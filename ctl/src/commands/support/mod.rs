// SPDX-License-Identifier: MPL-2.0
//! `support`: what somebody far away needs to find out what is wrong with nodes, in one archive.
//!
//! Owns: who asks what when, what the archive is called, and what is said about it.
//! Never: lets a node or an answer that fails stop the others, asks for a type that holds secrets, or
//! overwrites a file.

mod asking;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::args::Support;
use crate::beside::Readers;
use crate::commands::support::asking::{Failure, Node, Piece};
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::units;
use crate::written::Written;
use crate::zip::{Archive, Packed, Packing};

/// What it is called when nobody says it.
const NAME: &str = "support.zip";
/// Nodes that are asked at the same time; others wait.
const NODES_MAX: usize = 8;
/// Answers that wait for the archive; more make those who ask wait.
const AHEAD: usize = 4;

/// What those who ask say.
#[derive(Debug)]
pub(super) enum Told {
    /// So much is to be asked of a node.
    Planned { node: String, count: usize },
    /// An answer.
    Came {
        node: String,
        name: String,
        packed: Packed,
    },
    /// The node does not have it.
    Absent {
        node: String,
        name: String,
        why: String,
    },
    /// It should have been there.
    Failed {
        node: String,
        name: String,
        why: String,
    },
}

pub(crate) async fn run(
    session: Session,
    asked: &Support,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let named = asked.output.as_deref().unwrap_or(Path::new(NAME));
    let path = environment.path(named);
    if path.exists() {
        return Err(Trouble::new(format!("{} exists already", path.display()))
            .hint("name another file with -O, or remove it"));
    }
    let (written, file) = Written::begin(&path, 0, Readers::Owner)?;
    let mut bundle = Bundle {
        archive: Archive::new(BufWriter::new(file), environment.ages_until()),
        temporary: environment.temporary(),
        is_verbose: asked.verbose,
        nodes: BTreeMap::new(),
        names: BTreeSet::new(),
    };
    let broken = |error: io::Error| Trouble::file("write", &path, &error);
    let (tell, mut told) = mpsc::channel(AHEAD);
    let everybody = tokio::spawn(ask_all(
        Arc::new(session),
        asked.num_workers,
        bundle.temporary.clone(),
        tell,
    ));
    while let Some(told) = told.recv().await {
        bundle.take(told, screen).map_err(broken)?;
    }
    let _ = everybody.await;
    let (file, size) = bundle.finish(screen).map_err(broken)?;
    written.finish(&file)?;
    screen.print(format_args!("{}: {}\n", path.display(), units::size(size)));
    Ok(())
}

async fn ask_all(
    session: Arc<Session>,
    workers: usize,
    temporary: PathBuf,
    tell: mpsc::Sender<Told>,
) {
    let mut names: Vec<Option<String>> = session.target.nodes.iter().cloned().map(Some).collect();
    if names.is_empty() {
        names.push(None);
    }
    let mut running = JoinSet::new();
    for name in names {
        if running.len() >= NODES_MAX {
            running.join_next().await;
        }
        let node = Node {
            session: Arc::clone(&session),
            name,
            temporary: temporary.clone(),
        };
        running.spawn(ask_one(Arc::new(node), workers, tell.clone()));
    }
    while running.join_next().await.is_some() {}
}

/// Asks one node for everything.
async fn ask_one(node: Arc<Node>, workers: usize, tell: mpsc::Sender<Told>) {
    let shown = node.shown();
    let (pieces, failures) = node.plan().await;
    for (name, why) in failures {
        send_failure(&tell, &shown, name, why).await;
    }
    let count = pieces.len();
    let _ = tell
        .send(Told::Planned {
            node: shown.clone(),
            count,
        })
        .await;
    let queue = Arc::new(tokio::sync::Mutex::new(Queue {
        pieces: pieces.into_iter(),
        away: None,
    }));
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let (node, queue, tell) = (Arc::clone(&node), Arc::clone(&queue), tell.clone());
        running.spawn(async move {
            while let Some(piece) = next(&queue).await {
                let (shown, name) = (node.shown(), piece.name());
                match node.ask(&piece).await {
                    Ok(packed) => {
                        let came = Told::Came {
                            node: shown,
                            name,
                            packed,
                        };
                        let _ = tell.send(came).await;
                    }
                    Err(why) => {
                        if let Failure::Away(why) = &why {
                            queue.lock().await.away.get_or_insert_with(|| why.clone());
                        }
                        send_failure(&tell, &shown, name, why).await;
                    }
                }
            }
        });
    }
    while running.join_next().await.is_some() {}
    let left = queue.lock().await.pieces.len();
    if left > 0 {
        let why = format!("{left} more were not asked for: the node is away");
        send_failure(&tell, &shown, "the rest".to_owned(), Failure::Wrong(why)).await;
    }
}

#[derive(Debug)]
struct Queue {
    pieces: std::vec::IntoIter<Piece>,
    /// Why nothing more needs to be asked.
    away: Option<String>,
}

async fn next(queue: &tokio::sync::Mutex<Queue>) -> Option<Piece> {
    let mut queue = queue.lock().await;
    if queue.away.is_some() {
        return None;
    }
    queue.pieces.next()
}

async fn send_failure(tell: &mpsc::Sender<Told>, node: &str, name: String, why: Failure) {
    let node = node.to_owned();
    let told = match why {
        Failure::Absent(why) => Told::Absent { node, name, why },
        Failure::Away(why) | Failure::Wrong(why) => Told::Failed { node, name, why },
    };
    let _ = tell.send(told).await;
}

/// What is known of a node so far.
#[derive(Debug, Default)]
struct Account {
    planned: usize,
    came: usize,
    absent: Vec<String>,
    failed: Vec<String>,
}

/// The archive, and how far it is.
#[derive(Debug)]
struct Bundle {
    archive: Archive<BufWriter<File>>,
    temporary: PathBuf,
    is_verbose: bool,
    nodes: BTreeMap<String, Account>,
    names: BTreeSet<String>,
}

impl Bundle {
    fn take(&mut self, told: Told, screen: &mut Screen<'_>) -> io::Result<()> {
        match told {
            Told::Planned { node, count } => {
                self.nodes.entry(node).or_default().planned = count;
            }
            Told::Came { node, name, packed } => {
                if self.is_verbose {
                    screen.warn(format_args!("{node}: {name}"));
                }
                let name = self.unused(&node, name);
                self.archive.add(&node, &name, packed)?;
                let account = self.nodes.entry(node).or_default();
                account.came = account.came.saturating_add(1);
            }
            Told::Absent { node, name, why } => {
                if self.is_verbose {
                    screen.warn(format_args!("{node}: {name} is not there: {why}"));
                }
                let account = self.nodes.entry(node).or_default();
                account.absent.push(format!("{name}: {why}"));
            }
            Told::Failed { node, name, why } => {
                screen.complain(&Trouble::new(format!("{node}: {name}: {why}")));
                let account = self.nodes.entry(node).or_default();
                account.failed.push(format!("{name}: {why}"));
            }
        }
        if screen.is_watched() && !self.is_verbose {
            let of = |count: fn(&Account) -> usize| self.nodes.values().map(count).sum::<usize>();
            let done = of(|account| {
                let others = account.absent.len().saturating_add(account.failed.len());
                account.came.saturating_add(others)
            });
            screen.status(format_args!("{done} of {}", of(|account| account.planned)));
        }
        Ok(())
    }

    /// A name that no other entry of the node has.
    fn unused(&mut self, node: &str, name: String) -> String {
        let mut unused = name.clone();
        let mut count = 1_usize;
        while !self.names.insert(format!("{node}/{unused}")) {
            count = count.saturating_add(1);
            unused = format!("{name}.{count}");
        }
        unused
    }

    /// Adds what is missing of each node, and ends the archive.
    fn finish(mut self, screen: &mut Screen<'_>) -> io::Result<(File, u64)> {
        for (node, account) in &self.nodes {
            for (name, lines) in [
                ("errors.txt", &account.failed),
                ("absent.txt", &account.absent),
            ] {
                if lines.is_empty() {
                    continue;
                }
                let mut packing = Packing::begin(&self.temporary)?;
                packing.feed(texts::lines(lines).as_bytes())?;
                self.archive.add(node, name, packing.finish()?)?;
            }
            screen.warn(format_args!(
                "{node}: {} files, {} not there, {} errors",
                account.came,
                account.absent.len(),
                account.failed.len()
            ));
        }
        let (out, size) = self.archive.finish()?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, size))
    }
}
