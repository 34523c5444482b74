// SPDX-License-Identifier: MPL-2.0
//! What machined asks, and the answers.
//!
//! Owns: the connections.
//! Never: lets anybody but root ask, or a broken message end more than its connection.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oci::Reference;
use proto::images::{
    Failed, Fetched, Kept, Known, MAX_MESSAGE, PAGE_MAX, Page, Progress, REASON_MAX, Reply, Request,
};
use proto::{Refusal, greeting};
use tokio::sync::{Semaphore, watch};

use crate::line::{Line, Listener};
use crate::pull::{State, Wanted, Works};
use crate::{journal, store};

/// The most connections: one for each container, and some that come and go.
const CONNECTIONS_MAX: usize = 80;
/// How long is waited when the kernel has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves for ever.
pub(crate) async fn serve(listener: &Listener, works: &Arc<Works>) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let line = match listener.accept().await {
            Ok(line) => line,
            Err(error) => {
                journal::say(format_args!("cannot take a connection: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            let mut reply = [0; 16];
            let len = greeting::full(&mut reply);
            let _gone = line.send(reply.get(..len).unwrap_or_default()).await;
            continue;
        };
        let works = Arc::clone(works);
        tokio::spawn(async move {
            // The peer closed, or broke the rules and heard so.
            let _over = talk(&line, &works).await;
            drop(permit);
        });
    }
}

async fn talk(line: &Line, works: &Works) -> io::Result<()> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let uid = line.peer_uid()?;
    if uid != proto::paths::UID_ROOT && uid != works.places().asker {
        return refuse(line, Refusal::NotAllowed).await;
    }
    let Some(len) = line.receive(&mut buffer).await? else {
        return Ok(());
    };
    let mut reply = [0; 16];
    let first = buffer.get(..len).unwrap_or_default();
    let (len, is_welcome) = match greeting::greet(first, &mut reply) {
        Ok(len) => (len, true),
        Err(len) => (len, false),
    };
    line.send(reply.get(..len).unwrap_or_default()).await?;
    if !is_welcome {
        return Ok(());
    }
    loop {
        let Some(len) = line.receive(&mut buffer).await? else {
            return Ok(());
        };
        match Request::decode(buffer.get(..len).unwrap_or_default()) {
            Ok(Request::Ensure(ensure)) => {
                let wanted = Wanted {
                    reference: ensure.reference.to_owned(),
                    pull: ensure.pull,
                    user: ensure.user.to_owned(),
                    group: ensure.group.to_owned(),
                    entrypoint: owned(&ensure.entrypoint),
                    args: owned(&ensure.args),
                };
                return ensure_told(line, works, &wanted).await;
            }
            Ok(Request::Fetch(fetch)) => {
                let reference = fetch.reference.to_owned();
                return fetch_told(line, works, &reference).await;
            }
            Ok(Request::Keep(keep)) => {
                let wanted: BTreeSet<String> = keep
                    .references
                    .iter()
                    .filter_map(|text| Reference::parse(text).ok())
                    .map(|reference| reference.to_string())
                    .collect();
                let roots = keep.roots.as_ref();
                let roots = roots.map(|roots| roots.iter().map(PathBuf::from).collect());
                let (removed, bytes) = works.store().keep(wanted, roots, store::now());
                if removed > 0 {
                    journal::say(format_args!(
                        "{removed} images that nobody wants are removed"
                    ));
                }
                reply_with(line, &Reply::Kept(Kept { removed, bytes })).await?;
            }
            Ok(Request::List(from)) => {
                // What the page borrows must not be locked while it is sent.
                let mut answer = vec![0; MAX_MESSAGE];
                let len = page(works, usize::from(from.index), &mut answer);
                line.send(answer.get(..len).unwrap_or_default()).await?;
            }
            Ok(Request::Hello(_)) | Err(_) => return refuse(line, Refusal::Malformed).await,
        }
    }
}

/// Tells how far an image is until it is there, or the peer goes.
async fn ensure_told(line: &Line, works: &Works, wanted: &Wanted) -> io::Result<()> {
    let (told, news) = watch::channel(State::queued());
    let Some(result) = told_until(line, works.ensure(wanted, &told), news).await? else {
        return Ok(());
    };
    let ready = result.as_ref().map_err(Clone::clone);
    match ready.and_then(|present| present.ready()) {
        Ok(ready) => reply_with(line, &Reply::Ready(ready)).await,
        Err(reason) => fail(line, &reason).await,
    }
}

/// The same for one that an operator asked for.
async fn fetch_told(line: &Line, works: &Works, reference: &str) -> io::Result<()> {
    let (told, news) = watch::channel(State::queued());
    match told_until(line, works.fetch(reference, &told), news).await? {
        None => Ok(()),
        Some(Ok((digest, size))) => {
            let digest = digest.as_str();
            reply_with(line, &Reply::Fetched(Fetched { digest, size })).await
        }
        Some(Err(reason)) => fail(line, &reason).await,
    }
}

/// What becomes of an image, with news on the way. `None` when the peer is gone.
async fn told_until<T>(
    line: &Line,
    work: impl Future<Output = T>,
    mut news: watch::Receiver<State>,
) -> io::Result<Option<T>> {
    tokio::pin!(work);
    let mut rest = [0; 1];
    loop {
        tokio::select! {
            biased;
            result = &mut work => return Ok(Some(result)),
            changed = news.changed() => {
                if changed.is_ok() {
                    let state = news.borrow_and_update().clone();
                    reply_with(line, &Reply::Progress(Progress {
                        stage: state.stage,
                        percent: state.percent,
                        trouble: cut(&state.trouble),
                    })).await?;
                }
            }
            // It says no more: whatever comes is its end.
            _ = line.receive(&mut rest) => return Ok(None),
        }
    }
}

async fn fail(line: &Line, reason: &str) -> io::Result<()> {
    let reason = cut(reason);
    reply_with(line, &Reply::Failed(Failed { reason })).await
}

/// Writes a page of the images and returns its length.
fn page(works: &Works, index: usize, answer: &mut [u8]) -> usize {
    let store = works.store();
    let named = store.named();
    let all: Vec<Known<'_>> = named
        .iter()
        .map(|(reference, record)| Known {
            reference,
            digest: &record.digest,
            size: record.size,
            created_at: record.created_at,
        })
        .collect();
    let images = all.iter().skip(index).take(PAGE_MAX).copied().collect();
    let total = u16::try_from(all.len()).unwrap_or(u16::MAX);
    let page = Reply::Page(Page { total, images });
    page.encode(answer)
        .unwrap_or_else(|_| greeting::refuse(Refusal::Full, answer))
}

async fn reply_with(line: &Line, reply: &Reply<'_>) -> io::Result<()> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let Ok(len) = reply.encode(&mut buffer) else {
        let reason = "the image says more of its program than a node takes";
        let len = Reply::Failed(Failed { reason })
            .encode(&mut buffer)
            .map_err(|error| io::Error::other(error.to_string()))?;
        return line.send(buffer.get(..len).unwrap_or_default()).await;
    };
    line.send(buffer.get(..len).unwrap_or_default()).await
}

async fn refuse(line: &Line, refusal: Refusal) -> io::Result<()> {
    let mut reply = [0; 16];
    let len = greeting::refuse(refusal, &mut reply);
    line.send(reply.get(..len).unwrap_or_default()).await
}

/// The beginning of a reason that a message has room for.
fn cut(reason: &str) -> &str {
    let end = reason.floor_char_boundary(REASON_MAX);
    reason.get(..end).unwrap_or_default()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
