// SPDX-License-Identifier: MPL-2.0
//! The way to machined.
//!
//! Owns: one HTTP/2 connection to machined for each client's connection, so that a client which
//! does not read holds up only itself; and one more, which the next client finds made.
//! Never: sends a call twice: machined may have done it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use api::wire::Code;
use http::{Request, Response};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::limits;
use crate::pace::{Owner, Paced};
use crate::refused::Refused;
use crate::unread::Account;

/// The way for the next client, made before it comes. There is one, whatever strangers do.
#[derive(Debug)]
pub(crate) struct Spare {
    path: PathBuf,
    next: std::sync::Mutex<Arc<Upstream>>,
}

impl Spare {
    pub(crate) fn new(path: PathBuf) -> Self {
        let next = std::sync::Mutex::new(Arc::new(Upstream::of_a_client(path.clone())));
        Self { path, next }
    }

    /// Connects ahead. Where that fails, the client that needs the connection tries again.
    pub(crate) async fn prepare(&self) {
        let next = Arc::clone(&self.next.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = next.sender().await;
    }

    /// Hands out the way that was made, to the client of `account`; another node gets one that is made when
    /// it is needed, with smaller windows: it carries many calls and must not be held up as a whole.
    pub(crate) fn take(&self, account: &Arc<Account>) -> Arc<Upstream> {
        if account.is_node {
            let path = self.path.clone();
            return Arc::new(Upstream::new(path, limits::HOP_WINDOW));
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let after = Arc::new(Upstream::of_a_client(self.path.clone()));
        let taken = std::mem::replace(&mut *next, after);
        // It is nobody's yet.
        let _ = taken.owner.set(Arc::clone(account));
        taken
    }
}

/// A connection to machined, made when it is first needed and again when it broke.
#[derive(Debug)]
pub(crate) struct Upstream {
    path: PathBuf,
    /// Bytes in flight of each call.
    window: u32,
    owner: Owner,
    sender: Mutex<Option<SendRequest<Ask>>>,
}

impl Upstream {
    fn of_a_client(path: PathBuf) -> Self {
        Self::new(path, limits::STREAM_WINDOW)
    }

    fn new(path: PathBuf, window: u32) -> Self {
        Self {
            path,
            window,
            owner: Owner::default(),
            sender: Mutex::new(None),
        }
    }

    /// Sends a call and waits for the head of the reply.
    pub(crate) async fn send(&self, request: Request<Ask>) -> Result<Response<Answer>, Refused> {
        let late = request.body().late();
        let mut sender = self.sender().await?;
        sender
            .send_request(request)
            .await
            .map(|response| response.map(Answer::near))
            .map_err(|_| late.refusal().unwrap_or_else(interrupted))
    }

    async fn sender(&self) -> Result<SendRequest<Ask>, Refused> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_mut()
            && !sender.is_closed()
            && sender.ready().await.is_ok()
        {
            return Ok(sender.clone());
        }
        *kept = None;
        let sender = timeout(limits::UPSTREAM_TIMEOUT, self.connect())
            .await
            .map_err(|_| unreachable())??;
        *kept = Some(sender.clone());
        Ok(sender)
    }

    async fn connect(&self) -> Result<SendRequest<Ask>, Refused> {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|_| unreachable())?;
        let stream = Paced::new(stream, Arc::clone(&self.owner));
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.window)
            // Every call may fill its window and the others still move.
            .initial_connection_window_size(self.window.saturating_mul(limits::STREAMS_MAX))
            // A window at a time: what is long costs a quarter of the system calls.
            .max_frame_size(self.window)
            .max_send_buf_size(limits::SEND_BUFFER)
            .keep_alive_interval(limits::PING_INTERVAL)
            .keep_alive_timeout(limits::PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| unreachable())?;
        tokio::spawn(async move {
            // Its end shows in the calls that it carried.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// The refusal when machined cannot be reached at all.
fn unreachable() -> Refused {
    Refused::new(
        Code::Unavailable,
        "machined does not answer on this node; it is restarted by itself: try again in some \
         seconds, and look at the console if this stays",
    )
}

/// The refusal when machined went away during a call.
pub(crate) fn interrupted() -> Refused {
    Refused::new(
        Code::Unavailable,
        "machined went away during this call, which may or may not have been carried out: look \
         at the state of the node, then try again",
    )
}
