// SPDX-License-Identifier: MPL-2.0
//! The address of a configuration, with this machine's facts filled in.
//!
//! Owns: what of a URL machined understands, and the variables in its query.
//! Never: fills in anything outside of the query.

use std::fmt;
use std::time::Duration;

use crate::node::Node;
use crate::proc;
use crate::resources::{HostnameStatus, LinkStatus, MetaKey};

/// How long facts that are not known yet are waited for, together (the documents' limit).
const FACTS_TIMEOUT: Duration = Duration::from_secs(90);
const FACTS_PAUSE: Duration = Duration::from_millis(200);

/// Why there is no configuration from there.
#[derive(Debug)]
pub(crate) enum Error {
    /// The text is not a URL that machined can use.
    Url(&'static str),
    /// The name has no address.
    Resolve(String),
    /// The connection failed.
    Io(std::io::Error),
    /// TLS failed before a connection.
    Tls(String),
    /// HTTP failed.
    Http(String),
    /// The server has no configuration.
    Status(u16),
    /// The answer is longer than a configuration can be.
    TooLong,
    /// Too much of this server sends elsewhere.
    Redirects,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "not a usable URL: {why}"),
            Self::Resolve(why) => write!(f, "cannot resolve the name: {why}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Tls(why) => write!(f, "TLS: {why}"),
            Self::Http(why) => write!(f, "HTTP: {why}"),
            Self::Status(code) => write!(f, "the server answered {code}"),
            Self::TooLong => write!(f, "the answer is too long"),
            Self::Redirects => write!(f, "too many redirections"),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// It is not.
    Http,
    /// It is.
    Https,
}

/// A URL in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// How.
    pub scheme: Scheme,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// From the first slash on, without query.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
}

impl Url {
    /// The host as it stands in a URL, with the port when it is not the usual one.
    #[must_use]
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (Scheme::Http | Scheme::Https, port) => format!("{host}:{port}"),
        }
    }

    /// Path and query, as a request has them.
    #[must_use]
    pub(crate) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The URL that a `Location` of this one's answer means.
    ///
    /// # Errors
    /// It is not usable.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Error> {
        if location.starts_with("http://") || location.starts_with("https://") {
            let next = parse(location)?;
            if self.scheme == Scheme::Https && next.scheme == Scheme::Http {
                return Err(Error::Url("a redirection from https to http"));
            }
            return Ok(next);
        }
        if !location.starts_with('/') || location.starts_with("//") {
            return Err(Error::Url("a redirection to a relative place"));
        }
        let (path, query) = split_query(location);
        Ok(Self {
            path,
            query,
            ..self.clone()
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.target())
    }
}

/// Takes a URL apart.
///
/// # Errors
/// It is not http or https, has no host, names a user, or has bytes that no request can have.
pub(crate) fn parse(text: &str) -> Result<Url, Error> {
    let (scheme, rest) = if let Some(rest) = text.strip_prefix("http://") {
        (Scheme::Http, rest)
    } else if let Some(rest) = text.strip_prefix("https://") {
        (Scheme::Https, rest)
    } else {
        return Err(Error::Url("it begins with neither http:// nor https://"));
    };
    let rest = rest.split('#').next().unwrap_or_default();
    if rest.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(Error::Url("it has spaces or letters that are not ASCII"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.contains('@') {
        return Err(Error::Url("users and passwords are not supported yet"));
    }
    let (host, port) = split_port(authority)?;
    if host.is_empty() {
        return Err(Error::Url("it has no host"));
    }
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let (path, query) = split_query(target);
    Ok(Url {
        scheme,
        host: host.to_owned(),
        port: port.unwrap_or(default),
        path,
        query,
    })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or(Error::Url("a bracket is not closed"))?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(Error::Url("something follows the bracket")),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(
            port.parse()
                .map_err(|_| Error::Url("the port is no number"))?,
        ),
    };
    Ok((host, port))
}

fn split_query(target: &str) -> (String, Option<String>) {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    (path.to_owned(), query)
}

/// What may be asked for in a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The machine's UUID (META, else SMBIOS).
    pub uuid: Option<String>,
    /// Its serial number (SMBIOS).
    pub serial: Option<String>,
    /// The hardware address of the first link that is up.
    pub mac: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
}

impl Facts {
    /// What is known now.
    #[must_use]
    pub(crate) fn of(node: &Node) -> Self {
        let state = node.state();
        let mut links: Vec<_> = state
            .store
            .list::<LinkStatus>()
            // IF_OPER_UP, a physical Ethernet link (ARPHRD_ETHER).
            .filter(|link| {
                link.spec.oper_state == 6 && link.spec.arp_type == 1 && link.spec.kind.is_empty()
            })
            .collect();
        links.sort_by_key(|link| link.spec.index);
        let mac = links.first().map(|link| {
            let bytes = link.spec.hardware_address.iter();
            let pairs: Vec<String> = bytes.map(|byte| format!("{byte:02x}")).collect();
            pairs.join(":")
        });
        let of_meta = state.store.get::<MetaKey>(&MetaKey::id(MetaKey::UUID));
        let of_meta = of_meta.map(|MetaKey(uuid)| uuid.clone());
        Self {
            uuid: of_meta
                .filter(|uuid| !uuid.is_empty())
                .or_else(|| proc::smbios(&node.places, "product_uuid")),
            serial: proc::smbios(&node.places, "product_serial"),
            mac,
            hostname: state
                .store
                .get::<HostnameStatus>(HostnameStatus::ID)
                .map(HostnameStatus::full),
        }
    }

    fn get(&self, name: &str) -> Option<Option<&str>> {
        let found = match name.to_ascii_lowercase().as_str() {
            "uuid" => &self.uuid,
            "serial" => &self.serial,
            "mac" => &self.mac,
            "hostname" => &self.hostname,
            _ => return None,
        };
        Some(found.as_deref())
    }
}

/// Fills in the query, waiting for what is not known yet; what does not come stays empty.
pub(crate) async fn substitute(url: Url, facts: impl Fn() -> Facts) -> Url {
    let Some(query) = url.query.clone() else {
        return url;
    };
    let mut waited = Duration::ZERO;
    let filled = loop {
        let (filled, complete) = fill(&query, &facts());
        if complete || waited >= FACTS_TIMEOUT {
            break filled;
        }
        tokio::time::sleep(FACTS_PAUSE).await;
        waited = waited.saturating_add(FACTS_PAUSE);
    };
    Url {
        query: Some(filled),
        ..url
    }
}

/// Replaces `${name}` in the values of a query; says whether all facts were known.
fn fill(query: &str, facts: &Facts) -> (String, bool) {
    let mut complete = true;
    let mut pairs = Vec::new();
    for pair in query.split('&') {
        let Some((key, value)) = pair.split_once('=') else {
            pairs.push(pair.to_owned());
            continue;
        };
        // The documents: an empty `uuid=` means `uuid=${uuid}`.
        let value = if key == "uuid" && value.is_empty() {
            "${uuid}"
        } else {
            value
        };
        let (value, known) = fill_value(value, facts);
        complete &= known;
        pairs.push(format!("{key}={value}"));
    }
    (pairs.join("&"), complete)
}

fn fill_value(value: &str, facts: &Facts) -> (String, bool) {
    let mut filled = String::new();
    let mut complete = true;
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let fact = after
            .split_once('}')
            .and_then(|(name, tail)| Some((facts.get(name)?, tail)));
        match fact {
            Some((fact, tail)) => {
                complete &= fact.is_some();
                filled.push_str(&percent_encoded(fact.unwrap_or_default()));
                rest = tail;
            }
            None => {
                // Not one of ours: it stays as it is.
                filled.push_str("${");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    (filled, complete)
}

/// Percent-encodes what is not unreserved (RFC 3986 §2.3).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            uuid: Some("9d3f-1".to_owned()),
            serial: Some("S/N 1&2".to_owned()),
            mac: Some("52:54:00:12:34:56".to_owned()),
            hostname: None,
        }
    }

    #[test]
    fn urls_come_apart_and_together() {
        for (text, host, port, target) in [
            ("http://a", "a", 80, "/"),
            ("https://a.b/c?d=e", "a.b", 443, "/c?d=e"),
            ("http://a:8080?x", "a", 8080, "/?x"),
            ("http://[fd00::1]:81/p#frag", "fd00::1", 81, "/p"),
            ("https://[::1]", "::1", 443, "/"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port), "{text}");
            assert_eq!(url.target(), target, "{text}");
            assert_eq!(parse(&url.to_string()).unwrap(), url, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_usable_url_is_refused() {
        for text in [
            "",
            "metal-iso",
            "ftp://a/b",
            "http://",
            "http:///path",
            "http://:80/",
            "http://a:x/",
            "http://a:70000/",
            "http://u:p@a/",
            "http://[::1",
            "http://[::1]x/",
            "http://a/b c",
            "http://a/\r\nHost: b",
            "http://ä/",
            "HTTP://A/",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variables_are_filled_in_query_values_only() {
        for (query, filled) in [
            ("u=${uuid}", "u=9d3f-1"),
            ("u=${UUID}&x=1", "u=9d3f-1&x=1"),
            ("uuid=", "uuid=9d3f-1"),
            ("uuid=&uuid=x", "uuid=9d3f-1&uuid=x"),
            ("m=${mac}", "m=52%3A54%3A00%3A12%3A34%3A56"),
            ("s=a${serial}b${uuid}", "s=aS%2FN%201%262b9d3f-1"),
            ("x=${other}&y=${uuid", "x=${other}&y=${uuid"),
            ("${uuid}=k", "${uuid}=k"),
            ("flag", "flag"),
            ("", ""),
        ] {
            assert_eq!(fill(query, &facts()), (filled.to_owned(), true), "{query}");
        }
    }

    #[test]
    fn a_fact_that_is_not_known_yet_is_worth_waiting_for() {
        let (filled, complete) = fill("h=${hostname}&u=${uuid}", &facts());

        assert_eq!((filled.as_str(), complete), ("h=&u=9d3f-1", false));
    }

    #[test]
    fn redirections_go_where_they_may() {
        let url = parse("https://a/b?c").unwrap();

        assert_eq!(url.join("/d?e").unwrap().to_string(), "https://a/d?e");
        assert_eq!(
            url.join("https://b:444/").unwrap().to_string(),
            "https://b:444/"
        );
        for location in ["http://a/", "d", "//b/c", "", "javascript:x"] {
            assert!(url.join(location).is_err(), "{location}");
        }
    }
}
