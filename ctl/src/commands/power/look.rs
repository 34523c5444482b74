// SPDX-License-Identifier: MPL-2.0
//! One look at a node that goes down.
//!
//! Owns: the way to the node, and what counts as an answer of it.
//! Never: takes the answer of an endpoint for one of the node behind it.

use std::time::Duration;

use api::machine::ReadRequest;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::commands::power::course::Look;
use crate::session::{Session, Target};

/// How long one look may take: as long as one endpoint may.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the kernel says which boot this is (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// What a node may say there: an id of 36 letters and the end of its line, with room.
const BOOT_ID_MAX: usize = 128;

/// A node, and how it is reached.
#[derive(Debug)]
pub(super) struct Looking {
    node: Option<String>,
    target: Target,
    /// Its own door is knocked at: nobody stands between.
    is_direct: bool,
    /// A connection that worked so far.
    kept: Option<Session>,
}

impl Looking {
    /// Looks at a node of a session; `is_endpoint` when it is known to be the one that was dialled.
    pub(super) fn at(session: &Session, node: Option<&str>, is_endpoint: bool) -> Self {
        let door = session.door_of(node.filter(|_| !is_endpoint));
        Self {
            node: node.map(str::to_owned),
            is_direct: door.is_some(),
            target: door.unwrap_or_else(|| session.target.clone()),
            kept: Some(session.clone()),
        }
    }

    /// Looks once.
    pub(super) async fn look(&mut self) -> Look {
        let session = match self.kept.take() {
            Some(session) => session,
            None => match self.target.open().await {
                Ok(session) => session,
                Err(trouble) if self.is_direct && trouble.is_foreign_certificate() => {
                    return Look::Bare;
                }
                Err(_) if self.is_direct => return Look::Silent,
                Err(_) => return Look::Blind,
            },
        };
        let look = self.ask(&session).await;
        // Whatever is wrong, it may be the connection.
        if matches!(look, Look::Answers(_)) {
            self.kept = Some(session);
        }
        look
    }

    async fn ask(&self, session: &Session) -> Look {
        let node = self.node.as_deref();
        let Ok(request) = session.request_to(node, ()) else {
            return Look::Blind;
        };
        let asked = timeout(PATIENCE, session.machine().version(request)).await;
        match asked {
            Ok(Ok(reply)) => {
                let messages = reply.into_inner().messages;
                let mut told = messages.iter().flat_map(|message| &message.metadata);
                if told.any(|metadata| !metadata.error.is_empty()) {
                    return Look::Silent;
                }
                Look::Answers(boot_id(session, node).await)
            }
            Ok(Err(status)) if is_bare(&status) => Look::Bare,
            // It is a refusal, of the node or of the endpoint.
            Ok(Err(status)) if !is_away(&status) => Look::Blind,
            Ok(Err(_)) | Err(_) if self.is_direct || answers(session).await => Look::Silent,
            Ok(Err(_)) | Err(_) => Look::Blind,
        }
    }
}

/// Which boot of a node this is, if that may be read.
pub(super) async fn boot_id(session: &Session, node: Option<&str>) -> Option<String> {
    let request = ReadRequest {
        path: BOOT_ID.to_owned(),
    };
    let request = session.request_to(node, request).ok()?;
    let read = async {
        let mut stream = session.machine().read(request).await.ok()?.into_inner();
        let mut text = Vec::new();
        while let Some(piece) = stream.message().await.ok()? {
            let is_good = piece.metadata.is_none_or(|said| said.error.is_empty());
            text.extend_from_slice(&piece.bytes);
            if !is_good || text.len() > BOOT_ID_MAX {
                return None;
            }
        }
        let text = String::from_utf8(text).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    timeout(PATIENCE, read).await.ok()?
}

/// Whether the endpoint of a session still answers, whatever became of the nodes behind it.
pub(super) async fn answers(session: &Session) -> bool {
    let Ok(request) = session.request_to(None, ()) else {
        return false;
    };
    let asked = timeout(PATIENCE, session.machine().version(request)).await;
    match asked {
        Ok(Ok(_)) => true,
        Ok(Err(status)) => !is_away(&status),
        Err(_too_long) => false,
    }
}

/// Whether an error means that nobody is there; with the others somebody answered.
fn is_away(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::Internal
            | Code::Cancelled
            | Code::Aborted
    )
}

/// Whether an endpoint says that the node's certificate is not of the CA (the words are rustls').
fn is_bare(status: &Status) -> bool {
    status.code() == Code::Unavailable
        && [
            "invalid peer certificate: UnknownIssuer",
            "invalid peer certificate: BadSignature",
        ]
        .iter()
        .any(|words| status.message().contains(words))
}
