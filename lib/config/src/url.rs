// SPDX-License-Identifier: MPL-2.0
//! URLs, as far as a configuration has them.
//!
//! Owns: taking scheme, host, port and path apart (RFC 3986 §3).
//! Never: decodes percent signs or looks up names.

use core::fmt;
use core::net::Ipv6Addr;

/// A URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The scheme, in lower case.
    pub scheme: String,
    /// The host without the brackets that an IPv6 address has in the text.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The path, from its first `/`, with query and fragment; may be empty.
    pub path: String,
}

impl Url {
    /// Reads `scheme://host:port/path`. User names are refused: they would be secrets in plain sight.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let letters = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
            return None;
        }
        if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (host, port) = split_port(authority)?;
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            host,
            port,
            path: path.to_owned(),
        })
    }

    /// The port, or the one that the scheme has by itself.
    #[must_use]
    pub fn port_or_default(&self) -> Option<u16> {
        self.port.or(match self.scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        })
    }
}

/// Splits `host:port`, `[address]:port`, `host`; refuses an IPv6 address without brackets.
pub(crate) fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        let port = if after.is_empty() {
            None
        } else {
            Some(after.strip_prefix(':')?)
        };
        (address, port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() || (host.contains(['@', '[', ']']) && !authority.starts_with('[')) {
        return None;
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    Some((host.to_owned(), port))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_come_apart_and_together_again() {
        for (text, host, port) in [
            ("https://10.0.0.1:6443", "10.0.0.1", Some(6443)),
            ("https://[fd00::1]:6443/", "fd00::1", Some(6443)),
            ("tcp://[::1]", "::1", None),
            ("https://discovery.talos.dev/", "discovery.talos.dev", None),
            ("http://a.b/c?d=e#f", "a.b", None),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port));
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "host",
            "host:1",
            "://host",
            "https://",
            "https:///path",
            "https://host:0",
            "https://host:65536",
            "https://host:+1",
            "https://host:",
            "https://[fd00::1",
            "https://[x]:1",
            "https://fd00::1:6443",
            "https://user@host",
            "https://a b",
            "1http://a",
            "https://host\n",
        ] {
            assert_eq!(Url::parse(text), None, "{text:?}");
        }
    }
}
