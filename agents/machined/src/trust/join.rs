// SPDX-License-Identifier: MPL-2.0
//! Gets the certificate of a node that has no key of the CA, and the next one in time.
//!
//! Owns: when is asked: at once, with growing pauses after a failure, and at half the life of what
//! there is.
//! Never: gives up, or takes back a certificate because the next one is late.

use std::sync::Arc;
use std::time::Duration;

use pki::{Certificate, UnixTime};

use super::ask;
use crate::clock;
use crate::node::Node;
use crate::resources::JoinCertificate;

/// Who writes the certificate that another node signed.
pub(crate) const OWNER: &str = "secrets.join";

/// The first pause after a failure, and the longest: who starts a cluster starts workers first, too.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A clock that was set shows only when looked at, so look once an hour.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Sees to it, for ever.
pub(crate) async fn follow(node: Arc<Node>) {
    let mut wishes = node.join.subscribe();
    let (first, longest) = PAUSE;
    let mut pause = first;
    let mut said = String::new();
    loop {
        let wish = wishes.borrow_and_update().clone();
        let rest = match wish {
            None => Duration::MAX,
            Some(wish) => match ask::certificate(&node.places, &wish).await {
                Ok(joined) => {
                    let due = due_in(&joined);
                    node.put(OWNER, JoinCertificate::ID, joined);
                    node.journal.log(format_args!(
                        "trustd at {} signed the certificate of the API",
                        wish.endpoint_host
                    ));
                    pause = first;
                    said.clear();
                    due
                }
                Err(error) => {
                    let text = format!(
                        "no certificate for the API from trustd at {}: {error}; it is tried again",
                        wish.endpoint_host
                    );
                    // Once a story is enough.
                    if text != said {
                        node.journal.log(&text);
                        said = text;
                    }
                    let now = pause;
                    pause = grown(pause, longest);
                    now
                }
            },
        };
        let began = clock::now().monotonic;
        loop {
            let passed = clock::now().monotonic.saturating_sub(began);
            let left = rest.saturating_sub(passed);
            if left.is_zero() || is_late(&node) {
                break;
            }
            match tokio::time::timeout(left.min(LOOK_AGAIN), wishes.changed()).await {
                // Another wish: it is asked for at once.
                Ok(Ok(())) => {
                    pause = first;
                    break;
                }
                Ok(Err(_ended)) => return,
                Err(_elapsed) => {}
            }
        }
    }
}

fn grown(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}

/// How long a certificate is good enough.
fn due_in(joined: &JoinCertificate) -> Duration {
    let now = UnixTime::from(clock::now().wall);
    Certificate::from_pem(&joined.certificate_pem).map_or(Duration::ZERO, |certificate| {
        let due = pki::renew_at(certificate.not_before(), certificate.not_after(), now);
        // A control plane whose clock differs must not be asked all the time.
        now.until(due).max(PAUSE.1)
    })
}

/// Whether the certificate that there is ran out by a clock that was set.
fn is_late(node: &Node) -> bool {
    let now = UnixTime::from(clock::now().wall);
    let state = node.state();
    let joined = state.store.get::<JoinCertificate>(JoinCertificate::ID);
    let certificate = joined.and_then(|j| Certificate::from_pem(&j.certificate_pem).ok());
    certificate.is_some_and(|certificate| certificate.not_after() < now)
        && node.join.borrow().is_some()
}
