// SPDX-License-Identifier: MPL-2.0
//! Where logs go.
//!
//! Owns: receivers and their addresses.
//! Never: keeps a password of a URL: neither protocol has a place for one.

use std::collections::BTreeMap;
use std::fmt;

use config::Url;

/// Which logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Those of services.
    Services,
    /// The kernel's.
    Kernel,
}

/// How they travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    /// A line for each message.
    Tcp,
    /// A packet for each message.
    Udp,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Authority {
    /// A name or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Authority {
    /// Reads `host:port` or `[address]:port`.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("tcp://{text}"))?;
        let is_bare = url.path.is_empty() && url.user.is_none();
        let (host, port) = (url.host, url.port.filter(|_| is_bare)?);
        Some(Self { host, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where messages are sent to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    /// How.
    pub transport: Transport,
    /// Where.
    pub authority: Authority,
}

impl Endpoint {
    /// What a URL means; nothing when it is not `tcp` or `udp` with a port.
    #[must_use]
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let transport = match url.scheme.as_str() {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return None,
        };
        let (host, port) = (url.host.clone(), url.port?);
        let authority = Authority { host, port };
        Some(Self {
            transport,
            authority,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Of which logs.
    pub what: What,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Fields that every message has besides.
    pub tags: BTreeMap<String, String>,
}

/// What is sent, and where: one receiver may get both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    what: What,
    endpoint: Endpoint,
    /// How many with the same before it.
    number: usize,
}

impl Key {
    /// Gives every receiver of a list a key of its own.
    #[must_use]
    pub(crate) fn all(destinations: Vec<Destination>) -> BTreeMap<Self, Destination> {
        let mut keyed = BTreeMap::new();
        for destination in destinations {
            let mut key = Self {
                what: destination.what,
                endpoint: destination.endpoint.clone(),
                number: 0,
            };
            while keyed.contains_key(&key) {
                key.number = key.number.saturating_add(1);
            }
            keyed.insert(key, destination);
        }
        keyed
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Services => "services",
            What::Kernel => "kernel",
        };
        write!(f, "{what} {} {}", self.endpoint, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_05_endpoints_are_tcp_or_udp_with_a_port() {
        for (text, shown) in [
            ("udp://127.0.0.1:12345/", Some("udp://127.0.0.1:12345")),
            ("tcp://host:5044/", Some("tcp://host:5044")),
            ("tcp://[fd00::1]:1", Some("tcp://[fd00::1]:1")),
            ("tcp://me:word@host:1", Some("tcp://host:1")),
            ("tcp://host", None),
            ("http://host:1", None),
        ] {
            let endpoint = Url::parse(text).and_then(|url| Endpoint::of(&url));
            let found = endpoint.map(|endpoint| endpoint.to_string());
            assert_eq!(found.as_deref(), shown, "{text}");
        }
        assert_eq!(Authority::parse("a:1").unwrap().to_string(), "a:1");
        for wrong in ["a", "a:1/", "x@a:1", "", ":1", "a:0"] {
            assert_eq!(Authority::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_same_receiver_twice_has_two_keys() {
        let url = Url::parse("tcp://a:1").unwrap();
        let one = Destination {
            what: What::Services,
            endpoint: Endpoint::of(&url).unwrap(),
            tags: BTreeMap::new(),
        };

        let keys: Vec<String> = Key::all(vec![one.clone(), one])
            .keys()
            .map(ToString::to_string)
            .collect();

        assert_eq!(keys, ["services tcp://a:1 0", "services tcp://a:1 1"]);
    }
}
