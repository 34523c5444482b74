// SPDX-License-Identifier: MPL-2.0
//! What a request is granted.
//!
//! Owns: the decision: names and a common name as asked for, and nothing else.
//! Never: signs an organisation, which would be a role, or any use but a server's.

use std::fmt;

use pki::{Authority, Leaf, Request, UnixTime};

use crate::limits;

/// Why a request is not signed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It cannot be read, or its key did not sign it.
    Unreadable(pki::Error),
    /// It asks for more names than a node has.
    TooManyNames,
    /// The certificate cannot be made: what it asks for has no form.
    NotIssued(pki::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "csr: {error}"),
            Self::TooManyNames => {
                write!(f, "csr: at most {} names are signed", limits::NAMES_MAX)
            }
            Self::NotIssued(error) => write!(f, "csr: cannot be signed as it is: {error}"),
        }
    }
}

/// Signs a PEM request; returns the certificate as PEM.
pub(crate) fn sign(request: &[u8], ca: &Authority, now: UnixTime) -> Result<Vec<u8>, Refusal> {
    let request = Request::from_pem(request).map_err(Refusal::Unreadable)?;
    // Its organisations are left behind here: the leaf of a server has none.
    let wish = request.leaf(pki::Usage::Server, std::time::Duration::ZERO);
    let names = wish
        .names
        .dns
        .len()
        .saturating_add(wish.names.addresses.len());
    if names > limits::NAMES_MAX {
        return Err(Refusal::TooManyNames);
    }
    let leaf = Leaf::api_server(&wish.common_name, wish.names);
    let certificate = ca
        .issue_request(&leaf, &request, now)
        .map_err(Refusal::NotIssued)?;
    Ok(certificate.to_pem())
}

/// Whether two tokens are the same, in a time that tells nothing but their lengths.
pub(crate) fn is_same(token: &[u8], other: &[u8]) -> bool {
    let differences = token.iter().zip(other).fold(0, |differences, (a, b)| {
        std::hint::black_box(differences | (a ^ b))
    });
    // A node without a token has no trust to give.
    !token.is_empty() && token.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use pki::{Algorithm, Certificate, Key, Names};
    use proptest::prelude::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn csr(organizations: &[&str], names: &[&str]) -> Vec<u8> {
        let key = Key::generate(Algorithm::Ed25519).unwrap();
        let names = Names::parse(names.iter().copied()).unwrap();
        Request::new(&key, "box", organizations, &names)
            .unwrap()
            .to_pem()
    }

    #[test]
    fn svc_08_a_request_becomes_a_servers_certificate_without_its_organisations() {
        let ca = Authority::machine(NOW).unwrap();

        let pem = sign(&csr(&["os:admin", "x"], &["box.lab", "10.0.0.7"]), &ca, NOW).unwrap();

        let certificate = Certificate::from_pem(&pem).unwrap();
        assert_eq!(certificate.organizations(), [] as [String; 0]);
        assert_eq!(certificate.common_name(), Some("box"));
        assert_eq!(certificate.dns_names(), ["box.lab"]);
        assert_eq!(certificate.addresses().len(), 1);
        assert!(!certificate.is_authority() && !certificate.is_only_for_clients());
        let lifetime = certificate.not_before().until(certificate.not_after());
        assert!(lifetime < std::time::Duration::from_secs(2 * 86_400));
    }

    #[test]
    fn what_cannot_be_signed_is_refused_with_its_reason() {
        let ca = Authority::machine(NOW).unwrap();
        let many: Vec<String> = (0..65).map(|n| format!("n{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut forged = csr(&[], &["a"]);
        let middle = forged.len() / 2;
        forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };

        for bytes in [csr(&[], &many), forged, b"no request".to_vec(), Vec::new()] {
            let refusal = sign(&bytes, &ca, NOW).unwrap_err();
            assert!(refusal.to_string().starts_with("csr: "), "{refusal}");
        }
        sign(&csr(&[], &many[..64]), &ca, NOW).unwrap();
    }

    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(is_same(b"abc.def", b"abc.def"));
        for other in [&b"abc.deg"[..], b"abc.de", b"abc.deff", b""] {
            assert!(!is_same(b"abc.def", other));
        }
        assert!(!is_same(b"", b""));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let ca = Authority::machine(NOW).unwrap();
            let _ = sign(&bytes, &ca, NOW);
        }
    }
}
