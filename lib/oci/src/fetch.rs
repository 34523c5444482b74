// SPDX-License-Identifier: MPL-2.0
//! Blobs: streams that go on where they were cut off.
//!
//! Owns: how far a blob is, its digest so far, and whether what follows fits to it.
//! Never: holds more than a piece of it, or writes a byte that is not of its length.

use std::io::{Seek, SeekFrom, Write};

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::client::Client;
use crate::digest::Sum;
use crate::documents::Descriptor;
use crate::endpoint::Endpoint;
use crate::error::{Cause, Error};
use crate::image::{Image, Layer};
use crate::reference::Reference;

/// What it is called in errors.
const LAYER: &str = "layer";
/// What we are called in errors.
const HERE: &str = "this machine";
/// Whoever has sent so much since it was cut off last gets all tries anew.
const WORTHWHILE: u64 = 1 << 20;

/// How far a blob is.
struct Received {
    at: u64,
    sum: Sum,
}

impl Received {
    fn nothing() -> Self {
        Self {
            at: 0,
            sum: Sum::new(),
        }
    }
}

impl Client {
    /// Writes a layer of an image to `out` as it is packed. `progress` hears how many bytes are there. When
    /// it was cut off it goes on from there, at another place if need be; when it is wrong it begins anew
    /// at the next place, where `out` stood, and `progress` goes back.
    ///
    /// # Errors
    /// When it comes from no place, is not what the manifest says, or cannot be written. What was written is
    /// then of no use.
    pub async fn fetch<W: Write + Seek>(
        &mut self,
        image: &Image,
        layer: &Layer,
        out: &mut W,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let reference = &image.reference;
        let blob = &layer.descriptor;
        let kept = |error| Error::of(reference, vec![(HERE.to_owned(), Cause::Keep(error))]);
        let begin = out.stream_position().map_err(kept)?;
        let endpoints = self.endpoints(reference)?;
        let mut causes = Vec::new();
        let mut received = Received::nothing();
        // Each place has its own time.
        let limit = self.patience.blob(blob.size);
        for (left, (number, endpoint)) in (0..endpoints.len()).rev().zip(&endpoints) {
            let cause = loop {
                let is_continued = received.at > 0;
                let fetched = self.patient_blob(
                    endpoint,
                    reference,
                    blob,
                    &mut received,
                    out,
                    &mut progress,
                    left,
                );
                let fetched = timeout(limit, fetched).await;
                let late = |_| Cause::TimedOut("for a layer", limit);
                let Err(cause) = fetched.map_err(late).flatten() else {
                    self.last.insert(reference.registry().to_owned(), *number);
                    return Ok(());
                };
                if !cause.is_lie() {
                    break cause;
                }
                // Nothing is built on what is wrong.
                received = Received::nothing();
                out.seek(SeekFrom::Start(begin)).map_err(kept)?;
                // It may have been the beginning, and that was another place's.
                if !is_continued {
                    break cause;
                }
            };
            let is_final = cause.is_final();
            causes.push((endpoint.base.to_string(), cause));
            if is_final {
                break;
            }
        }
        Err(Error::of(reference, causes))
    }

    /// A blob from one place, or the rest of it, tried again while that may help.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a blob is, how far it is, and where it goes"
    )]
    async fn patient_blob<W: Write>(
        &mut self,
        endpoint: &Endpoint,
        reference: &Reference,
        blob: &Descriptor,
        received: &mut Received,
        out: &mut W,
        progress: &mut impl FnMut(u64),
        left: usize,
    ) -> Result<(), Cause> {
        let what = format!("blobs/{}", blob.digest);
        let (mut tried, mut worthwhile) = (0_u32, received.at);
        loop {
            if received.at.saturating_sub(worthwhile) >= WORTHWHILE {
                (tried, worthwhile) = (0, received.at);
            }
            tried = tried.saturating_add(1);
            let answer = self
                .get(endpoint, reference.repository(), &what, LAYER, received.at)
                .await;
            let cause = match answer {
                Ok(answer) => match receive(answer, blob, received, out, progress).await {
                    Ok(()) => return Ok(()),
                    Err(cause) => cause,
                },
                Err(cause) => cause,
            };
            self.pause(cause, tried, left).await?;
        }
    }
}

/// Takes what comes, to the end.
async fn receive<W: Write>(
    mut answer: Answer,
    blob: &Descriptor,
    received: &mut Received,
    out: &mut W,
    progress: &mut impl FnMut(u64),
) -> Result<(), Cause> {
    let wrong_length = || Cause::WrongLength {
        what: LAYER.to_owned(),
        wanted: blob.size,
    };
    // A whole answer to a question for the rest: what is there already comes again.
    let mut again = if answer.status == 206 { 0 } else { received.at };
    if answer.status == 206 && !continues(answer.header(&CONTENT_RANGE), received.at, blob.size) {
        let why = "of another part than was asked for".to_owned();
        return Err(Cause::Malformed(LAYER.to_owned(), why));
    }
    let coming = blob.size.saturating_sub(received.at).saturating_add(again);
    let told = answer
        .header(&CONTENT_LENGTH)
        .and_then(|text| text.parse::<u64>().ok());
    if told.is_some_and(|told| told != coming) {
        return Err(wrong_length());
    }
    while let Some(piece) = answer.piece().await? {
        let skipped = usize::try_from(again)
            .unwrap_or(usize::MAX)
            .min(piece.len());
        again = again.saturating_sub(skipped as u64);
        let piece = piece.get(skipped..).unwrap_or_default();
        if piece.is_empty() {
            continue;
        }
        if piece.len() as u64 > blob.size.saturating_sub(received.at) {
            return Err(wrong_length());
        }
        out.write_all(piece).map_err(Cause::Keep)?;
        received.sum.add(piece);
        received.at = received.at.saturating_add(piece.len() as u64);
        progress(received.at);
    }
    if received.at < blob.size {
        let what = format!("after {} of {} bytes", received.at, blob.size);
        return Err(Cause::Cut(what));
    }
    let found = received.sum.clone().finish();
    if found != blob.digest {
        return Err(Cause::WrongDigest {
            what: LAYER.to_owned(),
            wanted: blob.digest,
            found,
        });
    }
    Ok(())
}

/// Whether a part begins where it should: `bytes <from>-<to>/<size>` (RFC 9110 §14.4).
fn continues(range: Option<&str>, from: u64, size: u64) -> bool {
    let parts = range
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split_once('/'))
        .and_then(|(part, whole)| Some((part.split_once('-')?.0, whole)));
    let Some((begin, whole)) = parts else {
        return false;
    };
    begin.parse() == Ok(from) && (whole == "*" || whole.parse() == Ok(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins_and_of_what() {
        assert!(continues(Some("bytes 5-9/10"), 5, 10));
        assert!(continues(Some("bytes 5-9/*"), 5, 10));
        for range in [
            None,
            Some(""),
            Some("bytes 4-9/10"),
            Some("bytes 5-9/11"),
            Some("bytes */10"),
            Some("5-9/10"),
        ] {
            assert!(!continues(range, 5, 10), "{range:?}");
        }
    }
}
