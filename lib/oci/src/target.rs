// SPDX-License-Identifier: MPL-2.0
//! Where a request goes: a URL of which every part was looked at.
//!
//! Owns: reading URLs of settings, redirects and challenges, and which of them are the same place.
//! Never: takes a URL with a user in it, or with another scheme.

use std::fmt;

use http::Uri;

/// The longest URL: those that stores of blobs sign have some kilobytes.
const URL_MAX: usize = 8 * 1024;

/// A URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_tls: bool,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The path with what follows it; begins with a slash.
    pub(crate) path: String,
}

impl Target {
    /// Reads a URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > URL_MAX {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return None,
            Some(port) => port,
            // "host:" and "host:99999" have something behind the host that is no port.
            None if has_port => return None,
            None if is_tls => 443,
            None => 80,
        };
        if !crate::reference::is_registry(authority.host()) {
            return None;
        }
        Some(Self {
            is_tls,
            host: authority.host().to_ascii_lowercase(),
            port,
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }

    /// Where a redirect from here leads (RFC 9110 §10.2.2, RFC 3986 §4.2).
    pub(crate) fn join(&self, location: &str) -> Option<Self> {
        let scheme = if self.is_tls { "https" } else { "http" };
        if location.starts_with("http://") || location.starts_with("https://") {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{self}{location}"));
        }
        // What stands before a colon, without a slash before it, is another scheme (RFC 3986, 4.2).
        let (first, _) = location.split_once('/').unwrap_or((location, ""));
        if first.contains(':') {
            return None;
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let end = path.rfind('/').map_or(0, |at| at.saturating_add(1));
        let folder = path.get(..end).unwrap_or("/");
        Self::parse(&format!("{self}{folder}{location}"))
    }

    /// Whether what may be told to one may be told to the other: scheme, host and port are the same.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.is_tls == other.is_tls && self.host == other.host && self.port == other.port
    }

    /// The host as connections and certificates want it, without brackets.
    pub(crate) fn bare_host(&self) -> &str {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&self.host)
    }

    /// The host, with its port if it is not the usual one.
    pub(crate) fn authority(&self) -> String {
        if self.port == if self.is_tls { 443 } else { 80 } {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The host with its port in any case.
    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.bare_host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

/// The place, without the path: it may hold what is signed.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_strange_ones_refused() {
        let at = |text: &str| {
            let target = Target::parse(text).unwrap();
            (target.to_string(), target.port, target.path)
        };
        assert_eq!(
            at("http://10.5.0.1:5000"),
            ("http://10.5.0.1:5000".to_owned(), 5000, "/".to_owned())
        );
        assert_eq!(
            at("https://H.io/v2/a?b=c"),
            ("https://h.io".to_owned(), 443, "/v2/a?b=c".to_owned())
        );
        assert_eq!(
            at("https://h.io:443"),
            ("https://h.io".to_owned(), 443, "/".to_owned())
        );
        assert_eq!(
            at("http://[::1]:5000/a"),
            ("http://[::1]:5000".to_owned(), 5000, "/a".to_owned())
        );
        let long = format!("http://h/{}", "a".repeat(URL_MAX));
        for text in [
            "",
            "h.io",
            "/v2",
            "ftp://h",
            "http://",
            "http://u@h",
            "http://u:p@h",
            "http://h:0",
            "http://h:",
            "http://h:99999",
            "http://h_x",
            "http://a b",
            "file:///etc",
            "http://h/\n",
            "http://[::1",
            &long,
        ] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }

    #[test]
    fn redirects_lead_from_where_they_are() {
        let from = Target::parse("https://h.io:5000/v2/a/blobs/x?y=/z").unwrap();
        for (location, to, path) in [
            ("http://other/b", "http://other", "/b"),
            ("//other/b", "https://other", "/b"),
            ("/b?c", "https://h.io:5000", "/b?c"),
            ("b", "https://h.io:5000", "/v2/a/blobs/b"),
        ] {
            let target = from.join(location).unwrap();
            assert_eq!(
                (target.to_string().as_str(), target.path.as_str()),
                (to, path)
            );
            assert_eq!(from.is_same_place(&target), to == "https://h.io:5000");
        }
        for location in ["http://u:p@h.io/", "https:///", "//", "\u{7}"] {
            assert_eq!(from.join(location), None, "{location}");
        }
    }

    #[test]
    fn what_is_on_this_machine_is_known() {
        for (url, is_local) in [
            ("http://localhost:5", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:5", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_local(), is_local, "{url}");
        }
    }
}
