// SPDX-License-Identifier: MPL-2.0
//! What an image is called: `registry/repository:tag@digest`.
//!
//! Owns: the grammar (OCI distribution specification, "Pulling manifests"; the registry before it as
//! `docker pull` has it) and what is left out: `docker.io`, `library/` and `latest`.
//! Never: lets anything through that means something in a URL, a header or a file name.

use std::fmt;
use std::net::Ipv6Addr;

use crate::digest::Digest;

/// The longest registry and repository together, as registries have it.
const NAME_MAX: usize = 255;
/// The longest tag (OCI distribution specification).
const TAG_MAX: usize = 128;
/// The registry that is not written.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Its older name.
const OLD_DEFAULT_REGISTRY: &str = "index.docker.io";
/// The folder there that is not written.
const DEFAULT_FOLDER: &str = "library";
/// The tag that is not written.
const DEFAULT_TAG: &str = "latest";

/// The reference of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReference {
    text: String,
    what: &'static str,
}

impl fmt::Display for BadReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text of any length and with anything in it is shown in part.
        let shown: String = self.text.chars().take(100).collect();
        write!(
            f,
            "{shown:?} is not the reference of an image: {}",
            self.what
        )
    }
}

impl std::error::Error for BadReference {}

impl Reference {
    /// Reads a reference. Without registry `docker.io` is meant, without tag and digest `latest`.
    ///
    /// # Errors
    /// When it is none; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadReference> {
        parse(text).map_err(|what| BadReference {
            text: text.to_owned(),
            what,
        })
    }

    /// The registry: a host, with a port if it is not the usual one.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that the image is pinned to.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same image by what it is: a node that keeps it asks for no other later.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// What a registry is asked for: the digest, else the tag.
    pub(crate) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    let (rest, digest) = match text.split_once('@') {
        None => (text, None),
        Some((rest, digest)) => {
            let digest = Digest::parse(digest)
                .ok_or("behind @ is no sha256: with 64 of 0 to 9 and a to f")?;
            (rest, Some(digest))
        }
    };
    // A colon behind the last slash begins a tag; one before it belongs to a port.
    let slash = rest.rfind('/').map_or(0, |at| at.saturating_add(1));
    let last = rest.get(slash..).unwrap_or_default();
    let (name, tag) = match last.split_once(':') {
        None => (rest, None),
        Some((_, tag)) => {
            let end = rest.len().saturating_sub(tag.len()).saturating_sub(1);
            (rest.get(..end).unwrap_or_default(), Some(tag))
        }
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("the tag has other letters than registries take, or more than 128");
    }
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if is_written_registry(first) => (first, rest),
        Some(_) | None => (DEFAULT_REGISTRY, name),
    };
    if !is_registry(registry) {
        return Err("the registry is no host, with a port or not");
    }
    let registry = if registry == OLD_DEFAULT_REGISTRY {
        DEFAULT_REGISTRY
    } else {
        registry
    };
    if !repository.split('/').all(is_component) {
        return Err(
            "the repository has other letters than a to z, 0 to 9 and single . _ - between them",
        );
    }
    let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
        format!("{DEFAULT_FOLDER}/{repository}")
    } else {
        repository.to_owned()
    };
    if registry.len().saturating_add(repository.len()) >= NAME_MAX {
        return Err("it is longer than 255 bytes");
    }
    let tag = match (tag, digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, None) => Some(DEFAULT_TAG.to_owned()),
        (None, Some(_)) => None,
    };
    Ok(Reference {
        registry: registry.to_owned(),
        repository,
        tag,
        digest,
    })
}

/// Whether the part before the first slash is a registry, and not a folder of the usual one.
fn is_written_registry(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':', '['])
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether this is a host as URLs have it, with a port or not.
pub(crate) fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) => {
                if address.parse::<Ipv6Addr>().is_err() {
                    return false;
                }
                match after.strip_prefix(':') {
                    Some(port) => ("v6", Some(port)),
                    None if after.is_empty() => ("v6", None),
                    None => return false,
                }
            }
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    port.is_none_or(is_port) && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether this is a part of a repository's name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut between = String::new();
    let mut has_begun = false;
    for byte in part.bytes() {
        if is_plain(byte) {
            let is_fine = matches!(between.as_str(), "" | "." | "_" | "__")
                || between.bytes().all(|byte| byte == b'-');
            if !is_fine || (!has_begun && !between.is_empty()) {
                return false;
            }
            has_begun = true;
            between.clear();
        } else if matches!(byte, b'.' | b'_' | b'-') {
            between.push(char::from(byte));
        } else {
            return false;
        }
    }
    has_begun && between.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=TAG_MAX).contains(&tag.len())
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        Reference::parse(text).unwrap().to_string()
    }

    #[test]
    fn what_is_left_out_is_what_everybody_means() {
        let pin = format!("sha256:{}", "0a".repeat(32));
        for (text, meant) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1", "docker.io/library/busybox:1"),
            ("siderolabs/a", "docker.io/siderolabs/a:latest"),
            ("index.docker.io/a", "docker.io/library/a:latest"),
            ("docker.io/a/b/c", "docker.io/a/b/c:latest"),
            ("ghcr.io/siderolabs/foo:v1", "ghcr.io/siderolabs/foo:v1"),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000/a:b", "localhost:5000/a:b"),
            ("Registry/a", "Registry/a:latest"),
            ("[::1]:5000/a/b:c", "[::1]:5000/a/b:c"),
            ("[fd00::2]/a", "[fd00::2]/a:latest"),
            (
                "10.5.0.1:5000/a__b/c-d---e/f.g",
                "10.5.0.1:5000/a__b/c-d---e/f.g:latest",
            ),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
        assert_eq!(
            read(&format!("a@{pin}")),
            format!("docker.io/library/a@{pin}")
        );
        assert_eq!(read(&format!("h:1/a:t@{pin}")), format!("h:1/a:t@{pin}"));
    }

    #[test]
    fn a_digest_is_asked_for_before_a_tag() {
        let pin = format!("sha256:{}", "0a".repeat(32));
        let reference = Reference::parse(&format!("a:t@{pin}")).unwrap();
        assert_eq!(reference.wanted(), pin);
        let reference = Reference::parse("a:t").unwrap();
        assert_eq!(reference.wanted(), "t");
        assert_eq!(
            reference.pinned(Digest::of(b"")).wanted(),
            Digest::of(b"").to_string()
        );
    }

    #[test]
    fn hostile_texts_are_no_references() {
        let long = format!("h.io/{}", "a/".repeat(130));
        let tag = format!("a:{}", "t".repeat(129));
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "./a",
            ".a",
            "a.",
            "a..b",
            "a_-b",
            "a___b",
            "-a",
            "A",
            "a/B",
            "h.io/A",
            "a b",
            "a\n",
            "a\0",
            "ä",
            "a?b",
            "a#b",
            "a%2f",
            "a\\b",
            "a:",
            ":t",
            "a:t:u",
            "a:.t",
            "a:-t",
            "a:t/",
            "a:t t",
            "a:ä",
            "http://h.io/a",
            "user@h.io/a",
            "u:p@h.io/a",
            "a@",
            "@",
            "a@sha256:0",
            "a@md5:00",
            "h:0/a",
            "h:65536/a",
            "h:+5/a",
            "h:/a",
            "h:5:5/a",
            "[::1/a",
            "[]/a",
            "[::g]/a",
            "[::1]x/a",
            "h..io/a",
            ".io/a",
            "h.io./a",
            "-h.io/a",
            "h-.io/a",
            "h_x.io/a",
            "[::1]",
            "h.io:5/",
            &long,
            &tag,
        ] {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.len() < 700 && !error.contains('\n'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_prints_as_what_is_taken_again(
            text in "([a-z]{1,4}(\\.[a-z]{2})?(:[0-9]{1,5})?/)?[a-z0-9._/-]{0,20}(:[a-zA-Z0-9._-]{0,8})?(@sha256:[0-9a-f]{64})?"
        ) {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            }
        }

        #[test]
        fn any_text_is_taken_or_refused_and_never_means_more_than_it_says(text in "\\PC{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                let printed = reference.to_string();
                let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/:@[]".contains(&byte);
                prop_assert!(printed.bytes().all(is_safe) && !printed.contains(".."));
            }
        }
    }
}
