// SPDX-License-Identifier: MPL-2.0
//! What a client is told when a call fails, as long as it may be.
//!
//! A reason names what the client sent, which may be long, and it travels in a header. Clients give up the whole
//! connection, with all calls on it, over headers that are too long.
//!
//! Owns: how long a reason is on the line.
//! Never: changes one that is short enough, or the end of a stream that has begun: its reason is in trailers,
//! and names nothing longer than a path.

use http::{HeaderMap, HeaderName, HeaderValue};

const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The longest reason about a configuration, in bytes as it is encoded: half of what HTTP/2 clients take of all headers.
pub(super) const LONG: usize = 8 * 1024;
/// The longest of any other, which names little but what was asked for.
pub(super) const USUAL: usize = 1024;
/// Only requests with a configuration, which administrators send, may be longer.
const LONG_REQUEST: usize = 512 * 1024;
/// What stands at the end of one that was cut: `…`.
const CUT: &str = "%E2%80%A6";

/// How long a reason of a method may be that takes requests of so many bytes.
pub(super) const fn longest(request_max: usize) -> usize {
    if request_max > LONG_REQUEST {
        LONG
    } else {
        USUAL
    }
}

/// Cuts the reason of an answer that has one of more than `longest` bytes.
pub(super) fn shorten(headers: &mut HeaderMap, longest: usize) {
    let reason = headers.get(GRPC_MESSAGE).map(HeaderValue::as_bytes);
    if let Some(reason) = reason.filter(|reason| reason.len() > longest)
        && let Ok(short) =
            HeaderValue::try_from([beginning(reason, longest), CUT.as_bytes()].concat())
    {
        headers.insert(GRPC_MESSAGE, short);
    }
}

/// The beginning of a text whose other bytes than printable ASCII are written `%41`, up to a whole
/// character.
fn beginning(encoded: &[u8], longest: usize) -> &[u8] {
    let mut end = longest.saturating_sub(CUT.len());
    while end > 0 && is_inside(encoded, end) {
        end = end.saturating_sub(1);
    }
    encoded.get(..end).unwrap_or_default()
}

/// Whether a place is in the middle of an escape, or of a character that takes several.
fn is_inside(encoded: &[u8], place: usize) -> bool {
    let at = |back: usize| encoded.get(place.checked_sub(back)?);
    if at(1) == Some(&b'%') || at(2) == Some(&b'%') {
        return true;
    }
    // The bytes of a character after its first are 0x80 to 0xBF.
    let next = encoded.get(place..place.saturating_add(2));
    next.is_some_and(|next| matches!(next, [b'%', b'8' | b'9' | b'a' | b'b' | b'A' | b'B']))
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;

    /// A reason as the client reads it.
    fn told(reason: &str) -> String {
        let mut response = Status::new(Code::NotFound, reason).into_http::<()>();
        shorten(response.headers_mut(), LONG);
        assert!(response.headers()[GRPC_MESSAGE].len() <= LONG);
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::NotFound);
        status.message().to_owned()
    }

    #[test]
    fn a_reason_of_usual_length_is_told_as_it_is() {
        for reason in ["service \"a\" not found: 100 %\n\u{e4}", &"x".repeat(LONG)] {
            assert_eq!(told(reason), reason);
        }
    }

    #[test]
    fn only_what_is_said_of_configurations_may_be_long() {
        for method in ::api::methods::METHODS {
            let is_long = longest(method.request_max()) == LONG;
            let has_configuration =
                method.name().ends_with("Configuration") && !method.name().contains("Client");
            assert_eq!(is_long, has_configuration, "{}", method.path);
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        for (letter, bytes) in [
            ("x", 1),
            (" ", 3),
            ("\n", 3),
            ("\u{e4}", 6),
            ("\u{1f600}", 12),
        ] {
            for before in ["", "a", "ab", "abc", "abcd", "abcde"] {
                let reason = format!("{before}{}", letter.repeat(LONG + 1));
                let told = told(&reason);
                let kept = told.strip_suffix('\u{2026}').unwrap();

                assert!(reason.starts_with(kept));
                let missing = LONG - CUT.len() - before.len();
                let count = kept.chars().count() - before.len();
                assert!(
                    count <= missing && count >= missing / bytes - 1,
                    "{count} {letter:?}"
                );
            }
        }
    }
}
