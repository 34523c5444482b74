// SPDX-License-Identifier: MPL-2.0
//! What a client hears when its call does not reach machined.
//!
//! Owns: the gRPC form of a refusal (gRPC over HTTP/2, "Trailers-Only").
//! Never: says why a certificate was not liked; TLS alerts do.

use std::borrow::Cow;
use std::fmt::Write as _;

use api::wire::Code;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::reply::Reply;

/// The header or trailer with the status code.
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The header or trailer with the text of a status.
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The content type of every gRPC reply.
pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: u32,
    pub(crate) message: Cow<'static, str>,
}

impl Refused {
    /// A refusal of our own.
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: u32::from(code.number()),
            message: message.into(),
        }
    }

    /// The refusal in the headers or trailers of a reply; `None` when they say success or nothing.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        // A status that is no number is UNKNOWN (2), as gRPC has it.
        let code = headers
            .get(GRPC_STATUS)?
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok());
        let code = code.unwrap_or(2);
        let message = headers
            .get(GRPC_MESSAGE)
            .map_or(&b""[..], HeaderValue::as_bytes);
        (code != 0).then(|| Self {
            code,
            message: Cow::Owned(percent_decode(message)),
        })
    }

    /// The reply that carries nothing but the refusal.
    pub(crate) fn into_response(self) -> Response<Reply> {
        let mut response = Response::new(Reply::Empty);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, GRPC);
        self.write(headers);
        response
    }

    /// Writes the refusal as trailers.
    pub(crate) fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        self.write(&mut trailers);
        trailers
    }

    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(GRPC_STATUS, HeaderValue::from(self.code));
        if let Ok(message) = HeaderValue::from_str(&percent_encode(&self.message)) {
            headers.insert(GRPC_MESSAGE, message);
        }
    }
}

/// The trailers of success.
pub(crate) fn success() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

/// What is not gRPC gets an HTTP status, as the gRPC document asks.
pub(crate) fn not_grpc(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::Empty);
    *response.status_mut() = status;
    response
}

/// Encodes a status text: printable ASCII but `%` stands for itself.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Decodes a status text; what is not well formed stays as it is.
fn percent_decode(bytes: &[u8]) -> String {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(*first);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_text_survives_the_headers() {
        for text in [
            "",
            "not authorized",
            "100 % of\nit",
            "Größe ☂",
            "%zz",
            "a%4",
        ] {
            let refused = Refused::new(Code::Unavailable, text);

            assert_eq!(
                Refused::from_headers(&refused.trailers()),
                Some(refused),
                "{text}"
            );
        }
    }

    #[test]
    fn success_and_silence_are_no_refusal() {
        assert_eq!(Refused::from_headers(&success()), None);
        assert_eq!(Refused::from_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn a_status_that_is_no_number_is_unknown() {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_STATUS, HeaderValue::from_static("fine"));

        assert_eq!(Refused::from_headers(&headers).unwrap().code, 2);
    }
}
