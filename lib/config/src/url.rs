// SPDX-License-Identifier: MPL-2.0
//! URLs, as far as a configuration has them.
//!
//! Owns: taking scheme, host, port and path apart (RFC 3986 §3).
//! Never: decodes percent signs or looks up names.

use crate::scalar::SecretText;
use core::fmt;
use core::net::Ipv6Addr;

/// A URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The scheme, in lower case.
    pub scheme: String,
    /// User name and password before the host, as they are written.
    pub user: Option<SecretText>,
    /// The host without the brackets that an IPv6 address has in the text, with `%` and its zone if it has
    /// one.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The path, from its first `/`, with query and fragment; may be empty.
    pub path: String,
}

impl Url {
    /// Reads `scheme://user@host:port/path`. A zone is written `[fe80::1%25eth0]` (RFC 6874 §2).
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
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        if !user.is_none_or(is_user) {
            return None;
        }
        let (authority, zone) = split_zone(authority)?;
        let (mut host, port) = split_port(&authority)?;
        host.push_str(&zone);
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.map(|user| SecretText::new(user.to_owned())),
            host,
            port,
            path: path.to_owned(),
        })
    }

    /// The host without a zone: what a certificate can name.
    #[must_use]
    pub fn host_name(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
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

/// Whether a user name and password are well written (RFC 3986 §3.2.1), or as careless as is usual.
fn is_user(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=@".contains(&b);
    let mut parts = text.split('%');
    let is_first_plain = parts.next().is_some_and(|part| part.bytes().all(is_plain));
    is_first_plain
        && parts.all(|part| {
            let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
            digits.len() == 2
                && digits.bytes().all(|b| b.is_ascii_hexdigit())
                && rest.bytes().all(is_plain)
        })
}

/// Takes the zone out of an address in brackets; it is returned with its `%`.
fn split_zone(authority: &str) -> Option<(String, String)> {
    let Some((address, after)) = authority.split_once('%') else {
        return Some((authority.to_owned(), String::new()));
    };
    let (zone, after) = after.strip_prefix("25")?.split_once(']')?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_zone = address.starts_with('[') && !zone.is_empty() && zone.bytes().all(is_name);
    is_zone.then(|| (format!("{address}]{after}"), format!("%{zone}")))
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
        if let Some(user) = &self.user {
            write!(f, "{}@", user.expose())?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host.replace('%', "%25"))?;
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
            ("https://user@host", "host", None),
            ("https://us%2Fer:p@ss@host:1/@", "host", Some(1)),
            ("https://[fe80::1%25eth0]:6443", "fe80::1%eth0", Some(6443)),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port));
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn a_password_is_not_printed_by_debug_and_a_zone_is_no_part_of_a_name() {
        let url = Url::parse("https://me:word@[fe80::1%25eth0]").unwrap();

        assert!(!format!("{url:?}").contains("word"), "{url:?}");
        assert_eq!(url.host_name(), "fe80::1");
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
            "https://user@",
            "https://us er@host",
            "https://u%zz@host",
            "https://u%2@host",
            "https://ho%41st",
            "https://[fe80::1%eth0]:6443",
            "https://[fe80::1%25]:6443",
            "https://a b",
            "1http://a",
            "https://host\n",
        ] {
            assert_eq!(Url::parse(text), None, "{text:?}");
        }
    }
}
