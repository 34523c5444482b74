// SPDX-License-Identifier: MPL-2.0
//! Tokens: credentials are exchanged for one that may do one thing for a while.
//!
//! Owns: the two ways to ask for one (distribution specification, "token authentication" and its OAuth2
//! form), and what is told to whom.
//! Never: sends a password where others can read it, or asks for more than to pull one repository.

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use pki::Secret;
use serde::Deserialize;

use crate::challenge::Challenge;
use crate::error::Cause;
use crate::settings::Auth;
use crate::target::Target;

/// The largest answer with a token: those that list groups have some kilobytes.
pub(crate) const ANSWER_MAX: usize = 256 * 1024;
/// Who we say that we are.
const CLIENT: &str = "ichor";

/// What a challenge asks for.
pub(crate) enum Wanted {
    /// This header, which is known already.
    Header(Secret),
    /// A token from there.
    Token(Request),
}

/// A request for a token.
pub(crate) struct Request {
    pub(crate) to: Target,
    /// What is posted; without it, it is a request for a document.
    form: Option<Secret>,
    /// The header for credentials.
    basic: Option<Secret>,
}

/// Decides how to answer the challenges of a registry.
pub(crate) fn answer(
    challenges: &[Challenge],
    asked: &Target,
    repository: &str,
    auth: Option<&Auth>,
) -> Result<Wanted, Cause> {
    let bearer = challenges
        .iter()
        .find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    match bearer {
        Some(Challenge::Bearer {
            realm,
            service,
            scope,
        }) => {
            let request = request(
                realm,
                service.as_deref(),
                scope.as_deref(),
                asked,
                repository,
                auth,
            )?;
            Ok(Wanted::Token(request))
        }
        Some(Challenge::Basic) | None => {
            if !challenges.contains(&Challenge::Basic) {
                return Err(Cause::Challenge("neither Basic nor Bearer".to_owned()));
            }
            match auth {
                Some(auth) if auth.identity_token.is_empty() => Ok(Wanted::Header(auth.to_basic())),
                Some(_) => Err(Cause::Challenge(
                    "Basic, which takes no identity token".to_owned(),
                )),
                None => Err(Cause::Denied(401, String::new())),
            }
        }
    }
}

fn request(
    realm: &str,
    service: Option<&str>,
    scope: Option<&str>,
    asked: &Target,
    repository: &str,
    auth: Option<&Auth>,
) -> Result<Request, Cause> {
    let mut to =
        Target::parse(realm).ok_or_else(|| Cause::Challenge("its realm is no URL".to_owned()))?;
    if asked.is_tls && !to.is_tls {
        return Err(Cause::Challenge("its realm is without TLS".to_owned()));
    }
    // A mirror may call the repository otherwise, but more than to pull from one is never wanted.
    let own = format!("repository:{repository}:pull");
    let is_pull = |scope: &&str| {
        let name = scope
            .strip_prefix("repository:")
            .and_then(|scope| scope.strip_suffix(":pull"));
        name.is_some_and(|name| !name.contains([' ', ',']))
    };
    let scope = scope.filter(is_pull).unwrap_or(&own);
    let mut query = Query::default();
    if let Some(service) = service {
        query.add("service", service.as_bytes());
    }
    query.add("scope", scope.as_bytes());
    if let Some(auth) = auth.filter(|auth| !auth.identity_token.is_empty()) {
        query.add("client_id", CLIENT.as_bytes());
        query.add("grant_type", b"refresh_token");
        query.add("refresh_token", auth.identity_token.expose());
        return Ok(Request {
            to,
            form: Some(Secret::new(query.0)),
            basic: None,
        });
    }
    if let Some(auth) = auth {
        query.add("account", auth.username.as_bytes());
    }
    to.path.push(if to.path.contains('?') { '&' } else { '?' });
    // Everything in it was made of ASCII.
    to.path.push_str(&String::from_utf8_lossy(&query.0));
    Ok(Request {
        to,
        form: None,
        basic: auth.map(Auth::to_basic),
    })
}

/// Pairs as forms and queries have them (WHATWG URL, application/x-www-form-urlencoded).
#[derive(Default)]
struct Query(Vec<u8>);

impl Query {
    fn add(&mut self, key: &str, value: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let room = key
            .len()
            .saturating_add(value.len().saturating_mul(3))
            .saturating_add(2);
        let mut longer = Vec::with_capacity(self.0.len().saturating_add(room));
        longer.extend_from_slice(&self.0);
        if !longer.is_empty() {
            longer.push(b'&');
        }
        longer.extend_from_slice(key.as_bytes());
        longer.push(b'=');
        for byte in value {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                longer.push(*byte);
            } else {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                longer.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        // What is given up may hold a secret.
        drop(Secret::new(std::mem::replace(&mut self.0, longer)));
    }
}

impl Request {
    /// The request itself. What hyper copies of it is not wiped.
    pub(crate) fn to_http(&self) -> Result<http::Request<Full<Bytes>>, Cause> {
        let method = if self.form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let body = self.form.as_ref().map_or(&b""[..], Secret::expose);
        let mut request = crate::client::request(method, &self.to, Bytes::copy_from_slice(body))?;
        let headers = request.headers_mut();
        if self.form.is_some() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, form);
        }
        if let Some(basic) = &self.basic {
            headers.insert(AUTHORIZATION, header(basic)?);
        }
        Ok(request)
    }
}

/// A header that is shown nowhere.
pub(crate) fn header(value: &Secret) -> Result<HeaderValue, Cause> {
    let mut header = HeaderValue::from_bytes(value.expose())
        .map_err(|_| Cause::Challenge("a token that cannot be in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Reads the answer: the header for what was asked for.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Secret, Cause> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        token: Option<std::borrow::Cow<'a, str>>,
        #[serde(borrow)]
        access_token: Option<std::borrow::Cow<'a, str>>,
    }
    let bytes = Secret::new(bytes);
    let malformed = |why: String| Cause::Malformed("token".to_owned(), why);
    let answer: Answer<'_> = serde_json::from_slice(bytes.expose())
        // The message of serde_json would quote what is there.
        .map_err(|error| malformed(format!("no JSON at byte {}", error.column())))?;
    let token = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())
        .ok_or_else(|| malformed("there is no token in it".to_owned()))?;
    let is_token = |byte: u8| (0x21..0x7f).contains(&byte);
    if !token.bytes().all(is_token) {
        return Err(malformed("it has spaces or worse in it".to_owned()));
    }
    Ok(Secret::new([b"Bearer ", token.as_bytes()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Target {
        Target::parse("https://h.io/v2/a/b/manifests/c").unwrap()
    }

    fn bearer(realm: &str, scope: Option<&str>) -> Vec<Challenge> {
        vec![Challenge::Bearer {
            realm: realm.to_owned(),
            service: Some("s&t".to_owned()),
            scope: scope.map(str::to_owned),
        }]
    }

    fn token_request(challenges: &[Challenge], auth: Option<&Auth>) -> Request {
        match answer(challenges, &asked(), "a/b", auth).unwrap() {
            Wanted::Token(request) => request,
            Wanted::Header(_) => unreachable!("a token is wanted"),
        }
    }

    #[test]
    fn a_token_is_asked_for_with_the_password_if_there_is_one() {
        let challenges = bearer("https://auth.io/token?x=y", None);
        let request = token_request(&challenges, None);
        assert_eq!(
            request.to.path,
            "/token?x=y&service=s%26t&scope=repository%3Aa%2Fb%3Apull"
        );
        assert!(request.basic.is_none() && request.form.is_none());

        let auth = Auth::basic("me", b"secret");
        let http = token_request(&challenges, Some(&auth)).to_http().unwrap();
        assert!(http.uri().query().unwrap().ends_with("&account=me"));
        assert!(!http.uri().to_string().contains("secret"));
        let header = &http.headers()[AUTHORIZATION];
        assert!(header.is_sensitive());
        assert_eq!(header.to_str().unwrap(), "Basic bWU6c2VjcmV0");
    }

    #[test]
    fn an_identity_token_is_posted_and_never_in_a_url() {
        let auth = Auth {
            identity_token: Secret::new(b"t/oken".to_vec()),
            ..Auth::default()
        };
        let request = token_request(&bearer("https://auth.io/token", None), Some(&auth));
        assert_eq!(request.to.path, "/token");
        let form = String::from_utf8(request.form.as_ref().unwrap().expose().to_vec()).unwrap();
        assert!(
            form.ends_with("&grant_type=refresh_token&refresh_token=t%2Foken"),
            "{form}"
        );
        assert_eq!(request.to_http().unwrap().method(), Method::POST);
    }

    #[test]
    fn nothing_more_than_pulling_is_asked_for() {
        let scope = |scope: &str| {
            let request = token_request(&bearer("https://auth.io/", Some(scope)), None);
            request.to.path.rsplit('=').next().unwrap().to_owned()
        };
        assert_eq!(
            scope("repository:proxy/a/b:pull"),
            "repository%3Aproxy%2Fa%2Fb%3Apull"
        );
        for more in [
            "repository:a/b:pull,push",
            "repository:a:push repository:b:pull",
            "registry:catalog:*",
            "",
        ] {
            assert_eq!(scope(more), "repository%3Aa%2Fb%3Apull", "{more}");
        }
    }

    #[test]
    fn no_password_goes_where_it_can_be_read_or_is_not_known_how() {
        let auth = Auth::basic("me", b"secret");
        let refused =
            |challenges: &[Challenge]| match answer(challenges, &asked(), "a", Some(&auth)) {
                Err(cause) => cause.to_string(),
                Ok(_) => unreachable!("it is refused"),
            };
        assert!(refused(&bearer("http://auth.io/token", None)).contains("without TLS"));
        assert!(refused(&bearer("/token", None)).contains("no URL"));
        assert!(refused(&[]).contains("neither Basic nor Bearer"));
        let none = answer(&[Challenge::Basic], &asked(), "a", None);
        assert!(matches!(none, Err(Cause::Denied(401, _))));
    }

    #[test]
    fn answers_have_a_token_and_nothing_of_them_is_shown() {
        let of = |text: &str| read(text.as_bytes().to_vec());
        assert_eq!(
            of(r#"{"token":"a.b","expires_in":300}"#).unwrap().expose(),
            b"Bearer a.b"
        );
        assert_eq!(
            of(r#"{"token":"","access_token":"c"}"#).unwrap().expose(),
            b"Bearer c"
        );
        for text in [
            "",
            "[]",
            "{}",
            r#"{"token":"hidden b"}"#,
            r#"{"token":"hidden\n"}"#,
            r#"{"token":hidden"#,
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(
                error.contains("token") && !error.contains("hidden"),
                "{error}"
            );
        }
    }
}
