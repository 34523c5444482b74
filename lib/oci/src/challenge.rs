// SPDX-License-Identifier: MPL-2.0
//! `WWW-Authenticate`: how a registry wants to know who asks.
//!
//! Owns: the grammar (RFC 9110 §11.6.1) as far as registries use it.
//! Never: decides who is told what.

/// The most that is read of the header.
const TEXT_MAX: usize = 4 * 1024;
/// The most parameters of a challenge.
const PARAMETERS_MAX: usize = 16;

/// What a registry wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A user and a password.
    Basic,
    /// A token, from the place `realm` (distribution specification, "token authentication").
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// For which service; not all say.
        service: Option<String>,
        /// For what; not all say.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the challenges of one header, those that are known. `None` when it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Vec<Self>> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let mut found = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (scheme, after) = token(rest)?;
            if !after.is_empty() && !after.starts_with([' ', ',']) {
                return None;
            }
            let (parameters, after) = parameters(after.trim_start_matches(' '))?;
            found.extend(Self::of(scheme, parameters)?);
            rest = after;
        }
        Some(found)
    }

    /// One challenge. The outer `None` when it lacks what it needs, the inner one when it is not known.
    fn of(scheme: &str, parameters: Vec<(String, String)>) -> Option<Option<Self>> {
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Some(Self::Basic));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Some(None);
        }
        let get = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        Some(Some(Self::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        }))
    }
}

type Parameters = Vec<(String, String)>;

/// Reads `key=value, …` as far as the next scheme.
fn parameters(text: &str) -> Option<(Parameters, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some((found, rest));
        }
        let (key, after) = token(rest)?;
        let Some(after) = after.trim_start_matches(' ').strip_prefix('=') else {
            // A word without a value is the next scheme.
            return Some((found, rest));
        };
        let (value, after) = value(after.trim_start_matches(' '))?;
        if found.len() >= PARAMETERS_MAX {
            return None;
        }
        found.push((key.to_ascii_lowercase(), value));
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token =
        |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    let end = text.find(|letter| !is_token(letter)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text)?;
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(at.saturating_add(1)..)?)),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_of_registries_are_read() {
        for (text, meant) in [
            ("Basic realm=\"basic-realm\"", vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (
                "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
                vec![bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:a/b:pull"),
                )],
            ),
            (
                "BEARER Realm = x , Error=\"a\\\"b, c=d\"",
                vec![bearer("x", None, None)],
            ),
            (
                "Negotiate, Basic realm=x, Bearer realm=y",
                vec![Challenge::Basic, bearer("y", None, None)],
            ),
            ("", vec![]),
        ] {
            assert_eq!(Challenge::parse(text), Some(meant), "{text}");
        }
    }

    #[test]
    fn malformed_challenges_are_refused() {
        let long = format!("Basic realm=\"{}\"", "a".repeat(TEXT_MAX));
        let many = format!("Basic {}", "a=b,".repeat(PARAMETERS_MAX + 1));
        for text in [
            "Bearer",
            "Bearer service=x",
            "Bearer realm",
            "Bearer realm=",
            "Bearer realm=\"x",
            "Bearer realm=\"x\\",
            "Bearer realm=\"x\"y=z",
            "=",
            "\"",
            "Basic/x",
            &long,
            &many,
        ] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(Bearer |Basic |realm=|\"|\\\\|,| |=|[a-z]|\\PC){0,30}") {
            let _ = Challenge::parse(&text);
        }

        #[test]
        fn what_is_quoted_comes_out_as_it_was(realm in "[ -~]{1,30}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let read = Challenge::parse(&format!("Bearer realm=\"{quoted}\""));
            prop_assert_eq!(read, Some(vec![bearer(&realm, None, None)]));
        }
    }
}
