// SPDX-License-Identifier: MPL-2.0
//! The client: from a reference to an image.
//!
//! Owns: the order of questions, redirects, who gets credentials, and tries.
//! Never: takes a document whose digest is not the one that was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION, RANGE,
};
use http::header::{RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::{Method, Request};
use http_body_util::Full;
use pki::Secret;
use rustls::ClientConfig;
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::challenge::Challenge;
use crate::digest::Digest;
use crate::documents::{self, DOCUMENT_MAX, Descriptor, Document, Manifest};
use crate::endpoint::{self, Endpoint};
use crate::error::{Cause, Error};
use crate::image::{Configuration, Image, Misfit};
use crate::patience::{Next, Patience};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::settings::{Auth, Registries};
use crate::target::Target;
use crate::token::{self, Wanted};
use crate::{connect, tls};

/// The most redirects of one request. Registries send once, to where blobs are.
const REDIRECTS_MAX: usize = 5;
/// What the registry says that the digest is.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

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

    /// Finds the image of a reference for a machine: its manifest and its configuration.
    ///
    /// # Errors
    /// When it is not there, not for that machine, or not what the reference pins it to.
    pub async fn resolve(
        &mut self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Image, Error> {
        let what = format!("manifests/{}", reference.wanted());
        let (bytes, place) = self
            .document(reference, &what, "manifest", reference.digest())
            .await?;
        let digest = Digest::of(&bytes);
        let wrong =
            |place: &str, cause: Cause| Error::of(reference, vec![(place.to_owned(), cause)]);
        let malformed =
            |place: &str, why: String| wrong(place, Cause::Malformed("manifest".to_owned(), why));
        let document = Document::parse(&bytes).map_err(|why| malformed(&place, why))?;
        drop(bytes);
        let (manifest, id, place) = match document {
            Document::Manifest(manifest) => (manifest, digest, place),
            Document::Index(index) => {
                let chosen = index.choose(platform).map_err(|there| {
                    wrong(&place, Cause::NoPlatform(platform.to_string(), there))
                })?;
                let (bytes, place) = self
                    .described(reference, "manifests", "manifest", chosen)
                    .await?;
                // An index in an index is made by nobody, and could go on for ever.
                let manifest = Manifest::parse(&bytes).map_err(|why| malformed(&place, why))?;
                (manifest, chosen.digest, place)
            }
        };
        let (bytes, _) = self
            .described(reference, "blobs", "configuration", &manifest.configuration)
            .await?;
        let (configuration, layers) =
            Configuration::parse(&bytes, &manifest, platform).map_err(|misfit| match misfit {
                Misfit::Malformed(why) => {
                    wrong(&place, Cause::Malformed("configuration".to_owned(), why))
                }
                Misfit::Platform(there) => {
                    wrong(&place, Cause::NoPlatform(platform.to_string(), there))
                }
            })?;
        Ok(Image {
            reference: reference.clone(),
            digest,
            manifest: id,
            configuration,
            layers,
        })
    }

    /// A document that a descriptor names.
    async fn described(
        &mut self,
        reference: &Reference,
        folder: &str,
        name: &'static str,
        descriptor: &Descriptor,
    ) -> Result<(Vec<u8>, String), Error> {
        let what = format!("{folder}/{}", descriptor.digest);
        let (bytes, place) = self
            .document(reference, &what, name, Some(descriptor.digest))
            .await?;
        if bytes.len() as u64 == descriptor.size {
            return Ok((bytes, place));
        }
        let cause = Cause::WrongLength {
            what: name.to_owned(),
            wanted: descriptor.size,
        };
        Err(Error::of(reference, vec![(place, cause)]))
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

    /// A document from the first place that has it, with the name of the place.
    async fn document(
        &mut self,
        reference: &Reference,
        what: &str,
        name: &'static str,
        wanted: Option<Digest>,
    ) -> Result<(Vec<u8>, String), Error> {
        let endpoints = self.endpoints(reference)?;
        let mut causes = Vec::new();
        for (left, (number, endpoint)) in (0..endpoints.len()).rev().zip(&endpoints) {
            let place = endpoint.base.to_string();
            let limit = self.patience.document;
            let asked = self.patient_document(endpoint, reference, what, name, wanted, left);
            let cause = match timeout(limit, asked).await {
                Ok(Ok(bytes)) => {
                    self.last.insert(reference.registry().to_owned(), *number);
                    return Ok((bytes, place));
                }
                Ok(Err(cause)) => cause,
                Err(_) => Cause::TimedOut("for a document", limit),
            };
            let is_final = cause.is_final();
            causes.push((place, cause));
            if is_final {
                break;
            }
        }
        Err(Error::of(reference, causes))
    }

    /// A document from one place, tried again while that may help.
    async fn patient_document(
        &mut self,
        endpoint: &Endpoint,
        reference: &Reference,
        what: &str,
        name: &'static str,
        wanted: Option<Digest>,
        left: usize,
    ) -> Result<Vec<u8>, Cause> {
        let mut tried: u32 = 0;
        loop {
            tried = tried.saturating_add(1);
            let cause = match self
                .try_document(endpoint, reference, what, name, wanted)
                .await
            {
                Ok(bytes) => return Ok(bytes),
                Err(cause) => cause,
            };
            self.pause(cause, tried, left).await?;
        }
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

    async fn try_document(
        &mut self,
        endpoint: &Endpoint,
        reference: &Reference,
        what: &str,
        name: &'static str,
        wanted: Option<Digest>,
    ) -> Result<Vec<u8>, Cause> {
        let mut answer = self
            .get(endpoint, reference.repository(), what, name, 0)
            .await?;
        let bytes = answer.document(name, DOCUMENT_MAX).await?;
        let found = Digest::of(&bytes);
        // What a registry says of a tag, it must keep to.
        let told = answer.header(&CONTENT_DIGEST).and_then(Digest::parse);
        match wanted.or(told) {
            Some(wanted) if wanted != found => Err(Cause::WrongDigest {
                what: name.to_owned(),
                wanted,
                found,
            }),
            Some(_) | None => Ok(bytes),
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
        let pause = answer
            .header(&RETRY_AFTER)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        let said = answer.said().await;
        Err(match status {
            401 | 403 => Cause::Denied(status, said),
            404 => Cause::NotThere(name, said),
            429 => Cause::Busy(pause, said),
            408 | 500..=599 => Cause::Broken(status, said),
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
            let location = answer.header(&LOCATION).unwrap_or_default();
            let next = target
                .join(location)
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
