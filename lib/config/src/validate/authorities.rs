// SPDX-License-Identifier: MPL-2.0
//! Rules about certificates and keys.
//!
//! Owns: the table of authorities a configuration has, and who must have their keys.
//! Never: prints a key.

use super::Situation;
use crate::document::CertificateAndKey;
use crate::error::{Fault, Path, Problem};
use crate::scalar::{Base64Bytes, REDACTED};
use pki::{Authority, Certificate, Key, UnixTime};

/// An authority of the configuration.
struct Row<'a> {
    path: &'a str,
    pair: Option<&'a CertificateAndKey>,
    /// Without the machine's authority nobody could be let in, and the node would be out of reach.
    is_required: bool,
    needs_key: bool,
}

pub(super) fn check(situation: &Situation<'_>) -> Vec<Problem> {
    let (machine, cluster) = (situation.machine, situation.cluster);
    let is_control_plane = situation.kind.is_control_plane();
    let etcd = cluster.etcd.as_ref();
    let rows = [
        Row {
            path: "machine.ca",
            pair: machine.ca.as_ref(),
            is_required: true,
            needs_key: is_control_plane,
        },
        Row {
            path: "cluster.ca",
            pair: cluster.ca.as_ref(),
            is_required: false,
            needs_key: is_control_plane,
        },
        Row {
            path: "cluster.aggregatorCA",
            pair: cluster.aggregator_ca.as_ref(),
            is_required: false,
            needs_key: is_control_plane,
        },
        Row {
            path: "cluster.etcd.ca",
            pair: etcd.and_then(|etcd| etcd.ca.as_ref()),
            is_required: etcd.is_some(),
            needs_key: is_control_plane,
        },
    ];
    let now = situation.now;
    let found = rows.iter().filter_map(|row| problem(row, now));
    let mut problems: Vec<Problem> = found.collect();
    if let Some(account) = &cluster.service_account {
        let key = account.key.expose();
        if key != REDACTED.as_bytes()
            && let Err(error) = Key::from_pem(key)
        {
            let path = Path::new("cluster.serviceAccount.key");
            problems.push(Problem::new(path, Fault::BadPem(error)));
        }
    }
    let accepted = Path::new("machine.acceptedCAs");
    for (index, authority) in machine.accepted_cas.iter().enumerate() {
        if let Some(fault) = not_an_authority(&authority.crt, now) {
            let path = accepted.index(index).key("crt");
            problems.push(Problem::new(path, fault));
        }
    }
    problems
}

/// What keeps the certificate from being an authority's.
fn not_an_authority(certificate: &Base64Bytes, now: Option<UnixTime>) -> Option<Fault> {
    if certificate.0.is_empty() {
        return Some(Fault::Missing);
    }
    match Certificate::from_pem(&certificate.0) {
        Ok(certificate) if !certificate.is_authority() => {
            Some(Fault::BadPem(pki::Error::NotAnAuthority))
        }
        Ok(certificate) if now.is_some_and(|now| certificate.not_after() < now) => {
            Some(Fault::Rule("the certificate has expired"))
        }
        Ok(_) => None,
        Err(error) => Some(Fault::BadPem(error)),
    }
}

fn problem(row: &Row<'_>, now: Option<UnixTime>) -> Option<Problem> {
    let path = Path::new(row.path);
    let (crt, key) = (path.key("crt"), path.key("key"));
    let Some(pair) = row.pair else {
        return row.is_required.then(|| Problem::new(path, Fault::Missing));
    };
    if let Some(fault) = not_an_authority(&pair.crt, now) {
        return Some(Problem::new(crt, fault));
    }
    if pair.key.is_empty() {
        return row.needs_key.then(|| Problem::new(key, Fault::Missing));
    }
    if pair.key.expose() == REDACTED.as_bytes() {
        return Some(Problem::new(
            key,
            Fault::BadValue("the key; it was taken out of this text"),
        ));
    }
    match Authority::from_pem(&pair.crt.0, pair.key.expose()) {
        Ok(_) => None,
        Err(error) => Some(Problem::new(key, Fault::BadPem(error))),
    }
}
