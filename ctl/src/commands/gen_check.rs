// SPDX-License-Identifier: MPL-2.0
//! What the rules say of a configuration that `gen config` is about to write.
//!
//! Owns: which flag each problem comes from, and what to do about it.
//! Never: refuses by rules of its own; lib/config has them.

use config::{Circumstances, Configuration, Document, Mode, Problem, Report};

use crate::places;
use crate::screen::Screen;
use crate::trouble::Trouble;

/// A flag, the part of the configuration that it makes, and what else it can be given.
struct Source {
    path: &'static str,
    flag: &'static str,
    remedy: &'static str,
}

const fn source(path: &'static str, flag: &'static str, remedy: &'static str) -> Source {
    Source { path, flag, remedy }
}

const OTHER_SECRETS: &str = "name a file of secrets that are valid, or leave it out for new ones";

/// What is said of an endpoint that no rule refuses.
pub(crate) const ENDPOINT: &str = "the endpoint: cluster.controlPlane.endpoint: the Kubernetes API is \
                                   reached over https only";

/// The first that fits counts.
const SOURCES: &[Source] = &[
    source("persist", "--persist=false", "leave it out"),
    source(
        "machine.install",
        "--install-disk",
        "name a disk such as /dev/sda",
    ),
    source(
        "machine.certSANs",
        "--additional-sans",
        "name addresses and DNS names, separated by commas",
    ),
    source(
        "machine.network.kubespan",
        "--with-kubespan",
        "leave it out, or leave out --with-cluster-discovery=false",
    ),
    source(
        "cluster.network.dnsDomain",
        "--dns-domain",
        "name a domain such as cluster.local",
    ),
    source(
        "cluster.controlPlane.endpoint",
        "the endpoint",
        "name a URL such as https://10.0.0.1:6443",
    ),
    source("machine.ca", "--with-secrets", OTHER_SECRETS),
    source("cluster.ca", "--with-secrets", OTHER_SECRETS),
    source("cluster.aggregatorCA", "--with-secrets", OTHER_SECRETS),
    source("cluster.etcd.ca", "--with-secrets", OTHER_SECRETS),
    source("cluster.id", "--with-secrets", OTHER_SECRETS),
    source("cluster.secret", "--with-secrets", OTHER_SECRETS),
];

/// Refuses what `validate` would refuse. `plain` is the configuration before it was patched: what is
/// wrong in it as well does not come from a patch.
pub(crate) fn check(
    kind: &str,
    plain: &Configuration,
    patched: &Configuration,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let before = report(plain);
    let after = report(patched);
    let (own, patches): (Vec<&Problem>, Vec<&Problem>) = after
        .errors
        .iter()
        .partition(|problem| is_among(problem, &before.errors));
    if let Some(first) = own.first() {
        let what = format!("cannot generate the configuration {kind}, nothing is written");
        let story = own.iter().fold(what, |story, problem| {
            let source = source_of(problem).map_or(String::new(), |s| format!("{}: ", s.flag));
            format!("{story}\n  {source}{}", told(problem))
        });
        let trouble = Trouble::new(story);
        return Err(match source_of(first) {
            Some(source) => trouble.hint(source.remedy),
            None => trouble,
        });
    }
    if !patches.is_empty() {
        let story: Vec<String> = patches.iter().map(|problem| told(problem)).collect();
        return Err(Trouble::new(format!(
            "cannot patch the generated {kind}: {}",
            story.join("\n  ")
        )));
    }
    for warning in &after.warnings {
        let source = source_of(warning)
            .filter(|_| is_among(warning, &before.warnings))
            .map_or(String::new(), |s| format!("{}: ", s.flag));
        screen.warn(format_args!("warning: {kind}: {source}{}", told(warning)));
    }
    if !patched.document().is_none_or(Document::has_secure_endpoint) {
        screen.warn(format_args!("warning: {kind}: {ENDPOINT}"));
    }
    Ok(())
}

/// With an installation in it, a configuration is for metal; without, it can only be for the others.
fn report(configuration: &Configuration) -> Report {
    let machine = configuration
        .document()
        .and_then(|document| document.machine.as_ref());
    let mode = match machine.and_then(|machine| machine.install.as_ref()) {
        Some(_) => Mode::Metal,
        None => Mode::Cloud,
    };
    let circumstances = Circumstances {
        mode,
        installed: false,
    };
    configuration.validate_at(circumstances, places::now())
}

fn is_among(problem: &Problem, others: &[Problem]) -> bool {
    others
        .iter()
        .any(|other| other.path == problem.path && other.fault == problem.fault)
}

fn source_of(problem: &Problem) -> Option<&'static Source> {
    let path = problem.path.to_string();
    SOURCES.iter().find(|source| {
        let rest = path.strip_prefix(source.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// A problem without its line: nobody has seen the text.
fn told(problem: &Problem) -> String {
    let mut problem = problem.clone();
    problem.position = None;
    problem.to_string()
}
