// SPDX-License-Identifier: MPL-2.0
//! Client configurations with certificates that a node must refuse, or must limit.
//!
//! Owns: how a test comes by a certificate that the client would never make.
//! Never: used by anything that ships.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{Authority, Identity, Leaf, UnixTime};
use serde_yaml_ng::Value;

/// Now, as certificates count it.
#[must_use]
pub fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The machine CA of a generated `controlplane.yaml`.
///
/// # Errors
/// The file is not one.
pub fn machine_ca(file: &Path) -> Result<Authority> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let document: Value = serde_yaml_ng::from_str(&text)?;
    let part = |name: &str| -> Result<Vec<u8>> {
        let text = document
            .get("machine")
            .and_then(|machine| machine.get("ca"))
            .and_then(|ca| ca.get(name))
            .and_then(Value::as_str)
            .with_context(|| format!("no machine.ca.{name}"))?;
        Ok(STANDARD.decode(text)?)
    };
    Authority::from_pem(&part("crt")?, &part("key")?).context("machine.ca")
}

/// A client of `authority` with `roles`, issued at `issued_at` for `lifetime`.
///
/// # Errors
/// The library refuses.
pub fn client(
    authority: &Authority,
    roles: &[&str],
    issued_at: UnixTime,
    lifetime: Duration,
) -> Result<Identity> {
    authority
        .issue(&Leaf::client(roles, lifetime), issued_at)
        .context("cannot issue")
}

/// Writes a client configuration that shows `identity`, or nothing, and trusts `ca`.
///
/// # Errors
/// The file cannot be written.
pub fn talosconfig(file: &Path, ca: &Authority, identity: Option<&Identity>) -> Result<()> {
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    let mut text = String::from("context: forged\ncontexts:\n  forged:\n    endpoints: []\n");
    text.push_str(&format!("    ca: {}\n", encode(&ca.certificate().to_pem())));
    if let Some(identity) = identity {
        let key = identity.key.to_pem().context("the key")?;
        text.push_str(&format!(
            "    crt: {}\n",
            encode(&identity.certificate.to_pem())
        ));
        text.push_str(&format!("    key: {}\n", encode(key.expose())));
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
