// SPDX-License-Identifier: MPL-2.0
//! What operators ask of images themselves: which are there, and that one comes.
//!
//! Owns: that imaged runs for as long as somebody asks, and not longer.
//! Never: waits for a registry that is away; who asked can ask again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proto::images::{Fetch, MAX_MESSAGE, PageFrom, Reply, Request, SOCKET, Stage};
use tokio::time::{Instant, sleep};

use super::images;
use crate::news::{Error, Line};
use crate::node::Node;

/// How long imaged may be away before it is said: it may have been told to stop a moment ago.
const AWAY_MAX: Duration = Duration::from_secs(10);
/// How long is waited before it is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// The most names that are taken: more than a store has with all that it remembers.
const NAMES_MAX: usize = 4096;

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) reference: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    /// In seconds of UNIX time.
    pub(crate) created_at: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// imaged cannot be asked.
    Away(Error),
    /// It would be of no use to ask again as things are; one line.
    No(String),
    /// The registry may be back later; one line.
    Later(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

/// How many operators ask now.
#[derive(Debug, Default)]
pub(super) struct Guests(AtomicUsize);

impl Guests {
    pub(super) fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// One that asks.
struct Guest<'a>(&'a Node);

impl<'a> Guest<'a> {
    fn of(node: &'a Node) -> Self {
        node.images.guests.0.fetch_add(1, Ordering::Relaxed);
        Self(node)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.images.guests.0.fetch_sub(1, Ordering::Relaxed);
        // Whoever stops imaged when nobody needs it looks again.
        self.0.services_changed.notify_waiters();
    }
}

/// The images that are there.
///
/// # Errors
/// [`Trouble`].
pub(crate) async fn list(node: &Node) -> Result<Vec<Held>, Trouble> {
    let _guest = Guest::of(node);
    let begun = Instant::now();
    loop {
        images::start(node).await?.map_err(Trouble::No)?;
        match pages(node).await {
            Err(trouble) => pause(trouble, begun).await?,
            done => return done,
        }
    }
}

/// Has an image pulled, also when one of the reference is there.
///
/// # Errors
/// [`Trouble`].
pub(crate) async fn pull(node: &Node, reference: &str) -> Result<(), Trouble> {
    let _guest = Guest::of(node);
    let begun = Instant::now();
    loop {
        images::start(node).await?.map_err(Trouble::No)?;
        match fetch(node, reference).await {
            Err(trouble) => pause(trouble, begun).await?,
            done => return done,
        }
    }
}

/// Waits before the next question when imaged only starts or stops.
async fn pause(trouble: Trouble, begun: Instant) -> Result<(), Trouble> {
    let passes = matches!(trouble, Trouble::Away(Error::Io(_) | Error::Closed));
    if !passes || begun.elapsed() >= AWAY_MAX {
        return Err(trouble);
    }
    sleep(PAUSE).await;
    Ok(())
}

async fn pages(node: &Node) -> Result<Vec<Held>, Trouble> {
    let mut line = Line::with_room(&node.places.at(SOCKET), MAX_MESSAGE).await?;
    let mut found: Vec<Held> = Vec::new();
    loop {
        let index = u16::try_from(found.len()).unwrap_or(u16::MAX);
        line.send(|buffer| Request::List(PageFrom { index }).encode(buffer))
            .await?;
        let (total, count) = match Reply::decode(line.receive().await?) {
            Ok(Reply::Page(page)) => {
                found.extend(page.images.iter().map(|image| Held {
                    reference: image.reference.to_owned(),
                    digest: image.digest.to_owned(),
                    size: image.size,
                    created_at: image.created_at,
                }));
                (usize::from(page.total), page.images.len())
            }
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal).into()),
            _other => return Err(Error::Unexpected.into()),
        };
        if count == 0 || found.len() >= total.min(NAMES_MAX) {
            return Ok(found);
        }
    }
}

async fn fetch(node: &Node, reference: &str) -> Result<(), Trouble> {
    let mut line = Line::with_room(&node.places.at(SOCKET), MAX_MESSAGE).await?;
    line.send(|buffer| Request::Fetch(Fetch { reference }).encode(buffer))
        .await?;
    loop {
        match Reply::decode(line.receive().await?) {
            // The connection closes with this, which is how imaged hears that it need not try again.
            Ok(Reply::Progress(progress)) if progress.stage == Stage::Waiting => {
                return Err(Trouble::Later(progress.trouble.to_owned()));
            }
            Ok(Reply::Progress(_)) => {}
            Ok(Reply::Fetched(_)) => return Ok(()),
            Ok(Reply::Failed(failed)) => return Err(Trouble::No(failed.reason.to_owned())),
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal).into()),
            _other => return Err(Error::Unexpected.into()),
        }
    }
}
