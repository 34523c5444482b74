// SPDX-License-Identifier: MPL-2.0
//! Rules about the documents besides the main one.
//!
//! Owns: what each kind needs.
//! Never: looks at the main document.

use super::container;
use crate::document::{ExtensionServiceConfig, ExtensionServiceFile, Extra, NetworkRuleConfig};
use crate::error::{Fault, Path, Problem};
use crate::network::Cidr;
use crate::url::{Url, split_port};

/// The problems of all documents; `document` counts within `extras`.
pub(super) fn check(extras: &[Extra]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (document, extra) in extras.iter().enumerate() {
        for (path, fault) in faults(extra) {
            problems.push(Problem {
                document,
                path,
                position: None,
                fault,
            });
        }
    }
    problems
}

fn faults(extra: &Extra) -> Vec<(Path, Fault)> {
    if let Extra::ContainerConfig(container) = extra {
        return container::faults(container);
    }
    let placed = flat(extra).into_iter();
    placed
        .map(|(path, fault)| (Path::new(path), fault))
        .collect()
}

/// What is wrong with a document that has no lists to point into.
fn flat(extra: &Extra) -> Vec<(&'static str, Fault)> {
    let bad = |path, words| vec![(path, Fault::BadValue(words))];
    match extra {
        Extra::ContainerConfig(_) => Vec::new(),
        Extra::SideroLinkConfig(link) => match Url::parse(&link.api_url) {
            Some(url) if is_root(&url) && matches!(url.scheme.as_str(), "https" | "grpc") => {
                Vec::new()
            }
            _ => bad("apiUrl", "an https:// or grpc:// URL without path"),
        },
        Extra::EventSinkConfig(sink) => match split_port(&sink.endpoint) {
            Some((_, Some(_))) => Vec::new(),
            _ => bad("endpoint", "a host and a port"),
        },
        Extra::ExtensionServiceConfig(service) => service_faults(service),
        Extra::KmsgLogConfig(log) => {
            let mut faults = Vec::new();
            if log.name.is_empty() {
                faults.push(("name", Fault::Missing));
            }
            let url = Url::parse(&log.url)
                .filter(is_root)
                .filter(|url| url.port.is_some());
            if !url.is_some_and(|url| matches!(url.scheme.as_str(), "tcp" | "udp")) {
                faults.extend(bad("url", "a tcp:// or udp:// URL with a port"));
            }
            faults
        }
        Extra::MetricsConfig(metrics) if metrics.address().is_some() => Vec::new(),
        Extra::MetricsConfig(_) => bad(
            "listen",
            "an address of loopback and a port, like 127.0.0.1:9100",
        ),
        Extra::NetworkDefaultActionConfig(action) => match action.ingress.as_str() {
            "accept" | "block" => Vec::new(),
            _ => bad("ingress", "accept or block"),
        },
        Extra::NetworkRuleConfig(rule) => rule_faults(rule),
    }
}

/// Whether there is no path; a query is fine.
fn is_root(url: &Url) -> bool {
    matches!(url.path.split(['?', '#']).next(), Some("" | "/") | None)
}

fn service_faults(service: &ExtensionServiceConfig) -> Vec<(&'static str, Fault)> {
    let mut faults = Vec::new();
    if service.name.is_empty() {
        faults.push(("name", Fault::Missing));
    }
    let files = &service.config_files;
    let is_placed =
        |file: &ExtensionServiceFile| file.mount_path.starts_with('/') && !file.content.is_empty();
    if !files.iter().all(is_placed) {
        let what = "a content and an absolute mountPath each";
        faults.push(("configFiles", Fault::BadValue(what)));
    }
    let is_named = |text: &String| {
        text.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty())
    };
    if !service.environment.iter().all(is_named) {
        faults.push(("environment", Fault::BadValue("NAME=value")));
    }
    if files.is_empty() && service.environment.is_empty() {
        faults.push((
            "",
            Fault::Rule("either configFiles or environment is needed"),
        ));
    }
    faults
}

fn rule_faults(rule: &NetworkRuleConfig) -> Vec<(&'static str, Fault)> {
    let mut faults = Vec::new();
    if rule.name.is_empty() {
        faults.push(("name", Fault::Missing));
    }
    let selector = &rule.port_selector;
    if !matches!(
        selector.protocol.as_str(),
        "tcp" | "udp" | "icmp" | "icmpv6"
    ) {
        faults.push((
            "portSelector.protocol",
            Fault::BadValue("tcp, udp, icmp or icmpv6"),
        ));
    }
    let mut ports = selector.ports.clone();
    ports.sort();
    let overlap = ports.windows(2).any(|pair| match pair {
        [one, next] => next.first <= one.last,
        _ => false,
    });
    if ports.is_empty() || overlap {
        faults.push((
            "portSelector.ports",
            Fault::BadValue("ports that do not overlap"),
        ));
    }
    let is_network = |text: &str| Cidr::parse(text).is_some();
    let well_written = rule.ingress.iter().all(|from| {
        is_network(&from.subnet) && (from.except.is_empty() || is_network(&from.except))
    });
    if !well_written {
        faults.push(("ingress", Fault::BadValue("networks")));
    }
    faults
}
