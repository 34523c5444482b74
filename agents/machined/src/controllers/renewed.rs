// SPDX-License-Identifier: MPL-2.0
//! A certificate that a controller issues, and issues again.
//!
//! Owns: when: at half its life, and whenever it is to be another one.
//! Never: issues one by itself.

use std::time::Duration;

use pki::UnixTime;
use resource::{Desired, Failure, Now};

use crate::resources::{ApiCertificate, TrustdCertificate};

/// How long nothing is looked at: a clock that was set shows only when looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// A certificate as a resource.
pub(super) trait Lives: Clone {
    /// Since when it is valid, and until when.
    fn life(&self) -> (UnixTime, UnixTime);
}

impl Lives for ApiCertificate {
    fn life(&self) -> (UnixTime, UnixTime) {
        (self.not_before, self.not_after)
    }
}

impl Lives for TrustdCertificate {
    fn life(&self) -> (UnixTime, UnixTime) {
        (self.not_before, self.not_after)
    }
}

/// What was issued last, and for which wish.
#[derive(Debug)]
pub(super) struct Renewed<W, C> {
    issued: Option<(W, C)>,
}

impl<W: PartialEq, C: Lives> Renewed<W, C> {
    pub(super) const fn new() -> Self {
        Self { issued: None }
    }

    /// The certificate for `wish`: the one there is while that is good, else what `issue` makes.
    ///
    /// # Errors
    /// Those of `issue`.
    pub(super) fn certificate(
        &mut self,
        wish: W,
        (now, desired): (Now, &mut Desired),
        issue: impl FnOnce(&W, UnixTime) -> Result<C, Failure>,
    ) -> Result<C, Failure> {
        let wall = UnixTime::from(now.wall);
        let due_at = |certificate: &C| {
            let (not_before, not_after) = certificate.life();
            pki::renew_at(not_before, not_after, wall)
        };
        let kept = self
            .issued
            .take()
            .filter(|(known, certificate)| *known == wish && due_at(certificate) > wall);
        let certificate = match kept {
            Some((_, certificate)) => certificate,
            None => issue(&wish, wall)?,
        };
        let pause = wall.until(due_at(&certificate)).min(LOOK_AGAIN);
        desired.wake_at(now.monotonic.saturating_add(pause));
        self.issued = Some((wish, certificate.clone()));
        Ok(certificate)
    }
}
