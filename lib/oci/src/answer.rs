// SPDX-License-Identifier: MPL-2.0
//! What comes back: a head, and a body that comes in pieces.
//!
//! Owns: that no piece is waited for longer than allowed, and no document is larger than allowed.
//! Never: keeps a connection when the answer is dropped.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::Cause;
use crate::target::Target;

/// The most that is read of the body of an error.
const SAID_BYTES_MAX: usize = 16 * 1024;

/// Ends what drives a connection together with it.
#[derive(Debug)]
pub(crate) struct Driver(pub(crate) JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Where it came from in the end, after redirects.
    pub(crate) from: Target,
    pub(crate) body: Incoming,
    pub(crate) idle: Duration,
    pub(crate) _driver: Driver,
}

impl Answer {
    /// A header as text. `None` if it is not there, or not text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body. `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Cause> {
        loop {
            let frame = timeout(self.idle, self.body.frame())
                .await
                .map_err(|_| Cause::TimedOut("to send anything", self.idle))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(Cause::Cut(crate::connect::story(&error))),
                // What follows a body (trailers) says nothing here.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// The whole body, if it is not longer than `max`.
    pub(crate) async fn document(&mut self, what: &str, max: usize) -> Result<Vec<u8>, Cause> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            if piece.len() > max.saturating_sub(bytes.len()) {
                return Err(Cause::TooLarge(format!("a {what}")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// What an answer that is an error says, as far as it says anything.
    pub(crate) async fn said(&mut self) -> String {
        let body = self.document("error", SAID_BYTES_MAX).await;
        crate::error::said(&body.unwrap_or_default())
    }
}
