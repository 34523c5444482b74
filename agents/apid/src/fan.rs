// SPDX-License-Identifier: MPL-2.0
//! One call to a list of nodes.
//!
//! Owns: how a call becomes one for each node, all under way at the same time.
//! Never: lets what goes wrong with one node end the call for the others.

use std::sync::Arc;

use api::quota::Share;
use http::Request;
use hyper::body::Incoming;
use tokio_rustls::rustls::ClientConfig;

use crate::ask::{self, Ask};
use crate::merge::Asking;
use crate::peers::{Peers, Sharing};
use crate::question::Question;
use crate::refused::Refused;
use crate::room::Room;
use crate::target::{self, Place, Seat};
use crate::upstream::Upstream;

/// The ways to all nodes.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) peers: Arc<Peers>,
    /// How much of what there is the caller may have.
    pub(crate) share: Share,
    /// How to speak to other nodes; `None`: not at all.
    pub(crate) rules: Option<Arc<ClientConfig>>,
    pub(crate) sharing: Sharing,
}

impl Ways {
    /// A call that is to be sent to `place`. Nothing is done until it is awaited.
    pub(crate) fn ask(self, place: Place, request: Request<Ask>) -> Asking {
        Box::pin(async move {
            match place {
                Place::Here => self.upstream.send(request).await,
                Place::There(host) => match &self.rules {
                    Some(rules) => {
                        let line = (self.share, self.sharing);
                        self.peers.send(&host, rules, line, request).await
                    }
                    None => Err(target::no_forwarding(&host.name)),
                },
                Place::Nowhere(refused) => Err(refused),
            }
        })
    }
}

/// Makes a call for each of `seats`. The request of a call to several nodes is held whole in `room`.
pub(crate) async fn out(
    seats: Vec<Seat>,
    request: Request<Question<Incoming>>,
    ways: &Ways,
    room: &Room,
    longest: usize,
) -> Result<Vec<(String, Asking)>, Refused> {
    let (head, question) = request.into_parts();
    if seats.len() == 1 {
        let request = Request::from_parts(head, Ask::Passing(question));
        let only = seats.into_iter().next();
        return Ok(only
            .map(|seat| (seat.name, ways.clone().ask(seat.place, request)))
            .into_iter()
            .collect());
    }
    let whole = ask::hold(question, room, longest).await?;
    let calls = seats.into_iter().map(|seat| {
        let ask = Ask::Held(Some(whole.clone()));
        let request = Request::from_parts(head.clone(), ask);
        (seat.name, ways.clone().ask(seat.place, request))
    });
    Ok(calls.collect())
}
