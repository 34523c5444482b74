// SPDX-License-Identifier: MPL-2.0
//! Which places are asked for the images of a registry.
//!
//! Owns: the order of mirrors and the registry itself, and the paths there.
//! Never: asks one.

use crate::error::Cause;
use crate::settings::Registries;
use crate::target::Target;

/// Where images of `docker.io` really are.
const DOCKER: &str = "registry-1.docker.io";
/// The mirrors of registries that are not named.
const ALL: &str = "*";
/// The most mirrors of a registry: each may take its time.
const MIRRORS_MAX: usize = 16;

/// A place that has images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Its URL, as far as the names of repositories.
    pub(crate) base: Target,
    /// The registry that it stands for, if it is a mirror.
    namespace: Option<String>,
}

impl Endpoint {
    /// Where something of a repository is: `manifests/<tag>`, `blobs/<digest>`.
    pub(crate) fn at(&self, repository: &str, what: &str) -> Target {
        let folder = self.base.path.trim_end_matches('/');
        let mut path = format!("{folder}/{repository}/{what}");
        if let Some(namespace) = &self.namespace {
            // Mirrors for several registries tell them apart by this, as containerd asks them.
            path.push_str("?ns=");
            path.push_str(namespace);
        }
        Target {
            path,
            ..self.base.clone()
        }
    }
}

/// The places to ask, in order.
pub(crate) fn all(
    registries: &Registries,
    registry: &str,
) -> Result<Vec<Endpoint>, (String, Cause)> {
    let mut endpoints = Vec::new();
    let mirrors = &registries.mirrors;
    let mirror = mirrors.get(registry).or_else(|| mirrors.get(ALL));
    if let Some(mirror) = mirror {
        if mirror.endpoints.len() > MIRRORS_MAX {
            let what = format!("more than {MIRRORS_MAX} mirrors");
            return Err((registry.to_owned(), Cause::Setting(what)));
        }
        for url in &mirror.endpoints {
            let Some(mut base) = Target::parse(url) else {
                let what =
                    "a mirror wants http:// or https://, a host, and neither user nor password";
                // What stands before an @ may be a password.
                let shown = url.rsplit('@').next().unwrap_or_default();
                return Err((crate::error::line(shown), Cause::Setting(what.to_owned())));
            };
            if base.path.contains('?') {
                let what = "the URL of a mirror has no question mark".to_owned();
                return Err((base.to_string(), Cause::Setting(what)));
            }
            let folder = base.path.trim_end_matches('/').to_owned();
            base.path = if mirror.override_path || folder.ends_with("/v2") {
                folder
            } else {
                format!("{folder}/v2")
            };
            endpoints.push(Endpoint {
                base,
                namespace: Some(registry.to_owned()),
            });
        }
    }
    if mirror.is_none_or(|mirror| !mirror.skip_fallback) {
        let own = own(registries, registry)?;
        // The list of mirrors may end with the registry itself.
        let is_there = |other: &Endpoint| other.base == own.base;
        if let Some(other) = endpoints.iter_mut().find(|other| is_there(other)) {
            other.namespace = None;
        } else {
            endpoints.push(own);
        }
    }
    if endpoints.is_empty() {
        let what = "it has no mirrors, and is not asked itself".to_owned();
        return Err((registry.to_owned(), Cause::Setting(what)));
    }
    Ok(endpoints)
}

/// The registry itself: with TLS, but for one on this machine of which nothing else is said.
fn own(registries: &Registries, registry: &str) -> Result<Endpoint, (String, Cause)> {
    let host = if registry == "docker.io" {
        DOCKER
    } else {
        registry
    };
    let wrong = || {
        (
            registry.to_owned(),
            Cause::Setting("it is no host".to_owned()),
        )
    };
    let mut base = Target::parse(&format!("https://{host}/v2")).ok_or_else(wrong)?;
    let is_set_up = registries
        .config
        .get(registry)
        .is_some_and(|config| !config.tls.ca.is_empty() || config.tls.insecure_skip_verify);
    if base.is_local() && !is_set_up {
        base = Target::parse(&format!("http://{host}/v2")).ok_or_else(wrong)?;
    }
    Ok(Endpoint {
        base,
        namespace: None,
    })
}

/// The names under which settings for a place may be.
pub(crate) fn names(target: &Target) -> Vec<String> {
    let mut names = vec![target.authority(), target.host_and_port()];
    if target.bare_host() == DOCKER {
        names.extend(["docker.io".to_owned(), "index.docker.io".to_owned()]);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Mirror, Registry, Tls};

    fn mirror(endpoints: &[&str]) -> Mirror {
        Mirror {
            endpoints: endpoints.iter().map(ToString::to_string).collect(),
            ..Mirror::default()
        }
    }

    fn urls(registries: &Registries, registry: &str) -> Vec<String> {
        let endpoints = all(registries, registry).unwrap();
        let url = |endpoint: &Endpoint| {
            let target = endpoint.at("a/b", "manifests/c");
            format!("{target}{}", target.path)
        };
        endpoints.iter().map(url).collect()
    }

    #[test]
    fn reg_04_mirrors_come_first_and_the_registry_itself_last() {
        let mut registries = Registries::default();
        let two = ["http://10.5.0.1:5000", "https://m/x/"];
        registries
            .mirrors
            .insert("docker.io".to_owned(), mirror(&two));
        registries
            .mirrors
            .insert("*".to_owned(), mirror(&["http://all/v2"]));
        registries
            .mirrors
            .insert("own".to_owned(), mirror(&["https://own", "http://m"]));

        assert_eq!(
            urls(&registries, "docker.io"),
            [
                "http://10.5.0.1:5000/v2/a/b/manifests/c?ns=docker.io",
                "https://m/x/v2/a/b/manifests/c?ns=docker.io",
                "https://registry-1.docker.io/v2/a/b/manifests/c",
            ]
        );
        assert_eq!(
            urls(&registries, "ghcr.io"),
            [
                "http://all/v2/a/b/manifests/c?ns=ghcr.io",
                "https://ghcr.io/v2/a/b/manifests/c"
            ]
        );
        assert_eq!(
            urls(&registries, "own"),
            [
                "https://own/v2/a/b/manifests/c",
                "http://m/v2/a/b/manifests/c?ns=own"
            ]
        );
    }

    #[test]
    fn reg_05_a_path_is_taken_as_it_is_when_that_is_said() {
        let mut registries = Registries::default();
        let mirror = Mirror {
            override_path: true,
            skip_fallback: true,
            ..mirror(&["http://harbor/v2/proxy-docker.io"])
        };
        registries.mirrors.insert("docker.io".to_owned(), mirror);
        let wanted = "http://harbor/v2/proxy-docker.io/a/b/manifests/c?ns=docker.io";
        assert_eq!(urls(&registries, "docker.io"), [wanted]);
    }

    #[test]
    fn a_registry_on_this_machine_is_asked_without_tls_unless_it_has_settings() {
        let mut registries = Registries::default();
        for registry in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert_eq!(
                urls(&registries, registry),
                [format!("http://{registry}/v2/a/b/manifests/c")]
            );
        }
        let tls = Tls {
            ca: b"x".to_vec(),
            ..Tls::default()
        };
        let registry = Registry { tls, auth: None };
        registries
            .config
            .insert("localhost:5000".to_owned(), registry);
        assert_eq!(
            urls(&registries, "localhost:5000"),
            ["https://localhost:5000/v2/a/b/manifests/c"]
        );
        assert_eq!(urls(&registries, "h"), ["https://h/v2/a/b/manifests/c"]);
    }

    #[test]
    fn mirrors_that_make_no_sense_are_named() {
        let many = ["http://m"; MIRRORS_MAX + 1];
        for (endpoints, place) in [
            (&["m"][..], "m"),
            (&["http://u:p@m"], "m"),
            (&["http://m/?a"], "http://m"),
            (&many, "r"),
        ] {
            let mut registries = Registries::default();
            registries.mirrors.insert("r".to_owned(), mirror(endpoints));
            assert_eq!(all(&registries, "r").unwrap_err().0, place);
        }
        let mut registries = Registries::default();
        let none = Mirror {
            skip_fallback: true,
            ..Mirror::default()
        };
        registries.mirrors.insert("r".to_owned(), none);
        assert!(all(&registries, "r").is_err());
    }
}
