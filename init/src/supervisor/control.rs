// SPDX-License-Identifier: MPL-2.0
//! The control socket: who may ask what, and the answers.
//!
//! Owns: permissions, and what each subscriber has heard.
//! Never: waits for a client; what one has not heard is merged into the latest.

use proto::greeting;
use proto::paths::{UID_LOGD, UID_ROOT};
use proto::supervisor::{
    ListFrom, Mounting, PAGE_MAX, Page, PipeOf, Reply, Request, SERVICES_MAX, Volume,
};
use proto::{Greeting, Refusal};
use supervise::Event;
use sys::fd::AsFd as _;
use sys::seqpacket::{Manners, Next, Peer, Service};

use super::Supervisor;
use super::slot::Slot;

/// What init remembers of a client.
#[derive(Debug)]
pub(super) struct Client {
    subscribed: bool,
    /// The version of each place that it has heard.
    heard: [u32; SERVICES_MAX],
    wants_pipes: bool,
    /// The service of each place whose pipe it has.
    has_pipe: [u32; SERVICES_MAX],
    /// The volume whose mounting it waits for.
    awaits: Option<Volume>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            subscribed: false,
            heard: [0; SERVICES_MAX],
            wants_pipes: false,
            has_pipe: [0; SERVICES_MAX],
            awaits: None,
        }
    }
}

/// One thing that a client has not heard.
enum News<'s> {
    Changed(usize, &'s Slot),
    Removed(usize),
    Pipe(usize, &'s Slot),
    Mounting(Mounting),
}

impl Service for Supervisor {
    type Connection = Client;

    const MANNERS: Manners = Manners {
        greet: greeting::greet,
        deny: greeting::deny,
        full: greeting::full,
        too_long: greeting::too_long,
    };

    fn admits(&self, peer: Peer) -> bool {
        matches!(peer.uid, UID_ROOT | UID_LOGD)
    }

    fn request(
        &mut self,
        peer: Peer,
        client: &mut Client,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize> {
        let answer = match Request::decode(message) {
            // One answer after the other.
            Ok(_) if client.awaits.is_some() => Err(Refusal::WrongState),
            Ok(request) if may_ask(peer.uid, &request) => self.answer(client, &request),
            Ok(_) => Err(Refusal::NotAllowed),
            Err(_) => Err(Refusal::Malformed),
        };
        let answer = answer.unwrap_or_else(|refusal| Some(Reply::Refused(refusal)))?;
        Some(answer.encode(reply).unwrap_or(0))
    }

    fn next(&self, client: &Client, message: &mut [u8]) -> Next<'_> {
        match self.news_for(client) {
            None => Next::Nothing,
            Some(News::Changed(_, slot)) => encoded(&Reply::Changed(slot.status()), message),
            Some(News::Removed(place)) => {
                let name = self.left.get(place).cloned().flatten().unwrap_or_default();
                encoded(&Reply::Removed(PipeOf { name }), message)
            }
            Some(News::Pipe(_, slot)) => {
                match Reply::Pipe(PipeOf {
                    name: slot.name.clone(),
                })
                .encode(message)
                {
                    Ok(len) => Next::MessageWith(len, slot.output_read.as_fd()),
                    Err(_) => Next::Close,
                }
            }
            Some(News::Mounting(outcome)) => encoded(&Reply::Mounting(outcome), message),
        }
    }

    fn told(&mut self, client: &mut Client) {
        match self.news_for(client) {
            None => {}
            Some(News::Changed(place, _) | News::Removed(place)) => {
                let version = self.versions.get(place).copied().unwrap_or(0);
                if let Some(heard) = client.heard.get_mut(place) {
                    *heard = version;
                }
            }
            Some(News::Pipe(place, slot)) => {
                if let Some(has) = client.has_pipe.get_mut(place) {
                    *has = slot.made;
                }
            }
            Some(News::Mounting(_)) => client.awaits = None,
        }
    }
}

/// A message to send, or the end when it cannot be made.
fn encoded<'s>(reply: &Reply, message: &mut [u8]) -> Next<'s> {
    reply.encode(message).map_or(Next::Close, Next::Message)
}

/// Whether a user may ask this: root everything, logd for pipes.
fn may_ask(uid: u32, request: &Request<'_>) -> bool {
    match request {
        Request::Hello(_) | Request::Pipes(()) => matches!(uid, UID_ROOT | UID_LOGD),
        Request::List(_)
        | Request::Start(_)
        | Request::Stop(_)
        | Request::Restart(_)
        | Request::Subscribe(())
        | Request::Define(_)
        | Request::Remove(_)
        | Request::Down(_)
        | Request::Mount(_) => uid == UID_ROOT,
    }
}

impl Supervisor {
    /// Does what is asked and says how it went; nothing when the answer comes later.
    fn answer(
        &mut self,
        client: &mut Client,
        request: &Request<'_>,
    ) -> Result<Option<Reply>, Refusal> {
        match request {
            Request::Hello(_) => return Ok(Some(Reply::Welcome(Greeting::OURS))),
            Request::List(from) => return Ok(Some(Reply::Page(self.page(*from)))),
            Request::Start(named) => self.ask(named.name, Event::AskedToStart)?,
            Request::Stop(named) => self.ask(named.name, Event::AskedToStop)?,
            Request::Restart(named) => self.ask(named.name, Event::AskedToRestart)?,
            Request::Subscribe(()) => client.subscribed = true,
            Request::Define(spec) => self.define(spec)?,
            Request::Remove(named) => self.remove(named.name)?,
            Request::Down(action) => self.begin_descent(*action),
            Request::Pipes(()) => client.wants_pipes = true,
            Request::Mount(_) if self.descent.is_some() => return Err(Refusal::WrongState),
            Request::Mount(volume) => {
                self.volumes.ask(*volume);
                client.awaits = Some(*volume);
                return Ok(None);
            }
        }
        Ok(Some(Reply::Done(())))
    }

    /// Tells a service what is wanted of it.
    fn ask(&mut self, name: &str, wanted: Event) -> Result<(), Refusal> {
        let place = self.place_of(name).ok_or(Refusal::NotFound)?;
        if self.descent.is_some() {
            return Err(Refusal::WrongState);
        }
        self.happened(place, wanted);
        Ok(())
    }

    /// Some statuses, from the service with a number on.
    fn page(&self, from: ListFrom) -> Page {
        let known = self.slots.iter().flatten();
        let total = u16::try_from(known.clone().count()).unwrap_or(u16::MAX);
        let wanted = known.skip(usize::from(from.index)).take(PAGE_MAX);
        Page {
            total,
            services: wanted.map(Slot::status).collect(),
        }
    }

    /// The first thing that a client has not heard.
    fn news_for(&self, client: &Client) -> Option<News<'_>> {
        if let Some(volume) = client.awaits {
            return self.volumes.outcome(volume).map(News::Mounting);
        }
        if client.wants_pipes
            && let Some(news) = self.pipe_for(client)
        {
            return Some(news);
        }
        if !client.subscribed {
            return None;
        }
        let places = self
            .slots
            .iter()
            .zip(self.versions)
            .zip(client.heard)
            .enumerate();
        for (place, ((slot, version), heard)) in places {
            match slot {
                Some(slot) if version != heard => return Some(News::Changed(place, slot)),
                // Who never heard of it need not hear that it left.
                None if version != heard && heard != 0 => return Some(News::Removed(place)),
                Some(_) | None => {}
            }
        }
        None
    }

    /// The first pipe that a client does not have.
    fn pipe_for(&self, client: &Client) -> Option<News<'_>> {
        let places = self.slots.iter().zip(client.has_pipe).enumerate();
        for (place, (slot, has)) in places {
            if let Some(slot) = slot
                && slot.made != has
            {
                return Some(News::Pipe(place, slot));
            }
        }
        None
    }
}
