// SPDX-License-Identifier: MPL-2.0
//! The client: one question to one place, and its answer.
//!
//! Owns: the order of places, redirects, who gets credentials, and pauses between tries.
//! Never: looks into what it was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderValue, LOCATION, RANGE};
use http::header::{USER_AGENT, WWW_AUTHENTICATE};
use http::{Method, Request};
use http_body_util::Full;
use pki::Secret;
use rustls::ClientConfig;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::challenge::Challenge;
use crate::documents;
use crate::endpoint::{self, Endpoint};
use crate::error::{Cause, Error};
use crate::patience::{Next, Patience};
use crate::reference::Reference;
use crate::settings::{Auth, Registries};
use crate::target::Target;
use crate::token::{self, Wanted};
use crate::{connect, retry_after, tls};

/// The most redirects of one request. Registries send once, to where blobs are.
const REDIRECTS_MAX: usize = 5;

/// Pulls images. One at a time; who wants more at once has more of them.
pub struct Client {
    registries: Registries,
    pub(crate) patience: Patience,
    /// Rules of TLS by place, made when they are first wanted.
    rules: BTreeMap<String, Arc<ClientConfig>>,
    /// The headers that places took, by place and repository.
    headers: BTreeMap<(String, String), Secret>,
    /// Which of the places of a registry was of use last.
    pub(crate) last: BTreeMap<String, usize>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("registries", &self.registries)
            .finish_non_exhaustive()
    }
}

/// A request as all of ours are.
pub(crate) fn request(
    method: Method,
    to: &Target,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Cause> {
    let bad = |_| Cause::Setting("its URL cannot be asked for".to_owned());
    Request::builder()
        .method(method)
        .uri(to.path.as_str())
        .header(HOST, to.authority())
        .header(USER_AGENT, concat!("ichor/", env!("CARGO_PKG_VERSION")))
        // A body that is packed on the way would have another length and digest.
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .body(Full::new(body))
        .map_err(bad)
}

impl Client {
    /// A client with these settings. No connection is made yet.
    ///
    /// # Errors
    /// When the authorities of the system, which all registries share, are there and none is usable.
    pub fn new(registries: Registries, patience: Patience) -> Result<Self, Error> {
        if !registries.roots.is_empty() {
            let rules = tls::rules(&registries.roots, &crate::settings::Tls::default());
            rules.map_err(|cause| Error {
                registry: "any registry".to_owned(),
                repository: String::new(),
                causes: vec![("the system's trust".to_owned(), cause)],
            })?;
        }
        Ok(Self {
            registries,
            patience,
            rules: BTreeMap::new(),
            headers: BTreeMap::new(),
            last: BTreeMap::new(),
        })
    }

    /// The places of a reference, the one that was of use last at the front.
    pub(crate) fn endpoints(&self, reference: &Reference) -> Result<Vec<(usize, Endpoint)>, Error> {
        let registry = reference.registry();
        let endpoints = endpoint::all(&self.registries, registry)
            .map_err(|cause| Error::of(reference, vec![cause]))?;
        let mut numbered: Vec<(usize, Endpoint)> = endpoints.into_iter().enumerate().collect();
        let last = self.last.get(registry).copied().unwrap_or(0);
        numbered.sort_by_key(|(number, _)| (*number != last, *number));
        Ok(numbered)
    }

    /// Waits before the next try, or returns the cause when there shall be none. With places left to
    /// ask, one that cannot be reached is left at once.
    pub(crate) async fn pause(&self, cause: Cause, tried: u32, left: usize) -> Result<(), Cause> {
        let is_away = matches!(cause, Cause::Unreachable(_)) && left > 0;
        if !cause.passes() || is_away {
            return Err(cause);
        }
        match self.patience.after(tried, cause.pause()) {
            Next::GiveUp => Err(cause),
            Next::Wait(time) => {
                sleep(time).await;
                Ok(())
            }
        }
    }

    /// Asks a place for something, from a byte on, with credentials if it wants some. The answer is
    /// one with what was asked for.
    pub(crate) async fn get(
        &mut self,
        endpoint: &Endpoint,
        repository: &str,
        what: &str,
        name: &'static str,
        from: u64,
    ) -> Result<Answer, Cause> {
        let target = endpoint.at(repository, what);
        let key = (endpoint.base.to_string(), repository.to_owned());
        let known = self.headers.get(&key).cloned();
        let mut answer = self.follow(&target, known.as_ref(), from).await?;
        if answer.status == 401 && answer.from.is_same_place(&target) {
            // A token that was taken before may have had its time.
            self.headers.remove(&key);
            let header = self.authorize(&target, repository, &answer).await?;
            drop(answer);
            answer = self.follow(&target, Some(&header), from).await?;
            if answer.status != 401 {
                self.headers.insert(key, header);
            }
        }
        self.judge(answer, name, from).await
    }

    /// Sorts answers into those with what was asked for, and others.
    async fn judge(
        &self,
        mut answer: Answer,
        name: &'static str,
        from: u64,
    ) -> Result<Answer, Cause> {
        let status = answer.status;
        match status {
            200 => return Ok(answer),
            206 if from > 0 => return Ok(answer),
            _ => {}
        }
        let pause = retry_after::pause(&answer.headers, SystemTime::now());
        let said = answer.said().await;
        Err(match status {
            401 | 403 => Cause::Denied(status, said),
            404 => Cause::NotThere(name, said),
            429 => Cause::Busy(pause, said),
            408 | 500..=599 => Cause::Broken(status, pause, said),
            _ => Cause::Strange(status, said),
        })
    }

    /// Asks, and goes where it is sent. Credentials are for the first place alone.
    async fn follow(
        &mut self,
        first: &Target,
        header: Option<&Secret>,
        from: u64,
    ) -> Result<Answer, Cause> {
        let mut target = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = request(Method::GET, &target, Bytes::new())?;
            let headers = request.headers_mut();
            headers.insert(ACCEPT, HeaderValue::from_static(documents::ACCEPT));
            if from > 0 {
                let range = HeaderValue::from_str(&format!("bytes={from}-"));
                headers.insert(RANGE, range.map_err(|_| Cause::Redirects)?);
            }
            if let Some(header) = header
                && target.is_same_place(first)
            {
                headers.insert(AUTHORIZATION, token::header(header)?);
            }
            let answer = self.send(&target, request).await?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            // An empty one would lead back here.
            let next = answer
                .header(&LOCATION)
                .filter(|location| !location.is_empty())
                .and_then(|location| target.join(location))
                .ok_or_else(|| Cause::BadRedirect("to no URL that is known".to_owned()))?;
            if target.is_tls && !next.is_tls {
                return Err(Cause::BadRedirect(format!("to {next}, without TLS")));
            }
            target = next;
        }
        Err(Cause::Redirects)
    }

    /// Sends one request under the rules of its place.
    async fn send(&mut self, to: &Target, request: Request<Full<Bytes>>) -> Result<Answer, Cause> {
        let rules = if to.is_tls {
            Some(self.rules(to)?)
        } else {
            None
        };
        connect::send(to, rules, request, &self.patience).await
    }

    /// The rules of TLS for a place.
    fn rules(&mut self, to: &Target) -> Result<Arc<ClientConfig>, Cause> {
        let place = to.host_and_port();
        if let Some(rules) = self.rules.get(&place) {
            return Ok(Arc::clone(rules));
        }
        let config = self.registries.config_of(to);
        let settings = config.map(|config| config.tls.clone()).unwrap_or_default();
        let rules = tls::rules(&self.registries.roots, &settings)?;
        self.rules.insert(place, Arc::clone(&rules));
        Ok(rules)
    }

    /// Answers the challenge of a place.
    async fn authorize(
        &mut self,
        asked: &Target,
        repository: &str,
        answer: &Answer,
    ) -> Result<Secret, Cause> {
        let mut challenges = Vec::new();
        for header in answer.headers.get_all(WWW_AUTHENTICATE) {
            let read = header.to_str().ok().and_then(Challenge::parse);
            challenges.extend(read.ok_or_else(|| Cause::Challenge("malformed".to_owned()))?);
        }
        let auth = self
            .registries
            .config_of(asked)
            .and_then(|config| config.auth.as_ref());
        let auth = auth.filter(|auth| **auth != Auth::default());
        let request = match token::answer(&challenges, asked, repository, auth)? {
            Wanted::Header(header) => return Ok(header),
            Wanted::Token(request) => request,
        };
        // Redirects are not followed: the request has credentials in it.
        let mut answer = self.send(&request.to, request.to_http()?).await?;
        match answer.status {
            200 => token::read(answer.document("token", token::ANSWER_MAX).await?),
            // Some answer so to wrong credentials.
            400 => Err(Cause::Denied(400, answer.said().await)),
            _ => match self.judge(answer, "token", 0).await {
                Ok(_) => Err(Cause::Challenge("no token".to_owned())),
                Err(cause) => Err(cause),
            },
        }
    }
}

impl Registries {
    /// The settings for a place.
    fn config_of(&self, place: &Target) -> Option<&crate::settings::Registry> {
        let names = endpoint::names(place);
        names.iter().find_map(|name| self.config.get(name))
    }
}
