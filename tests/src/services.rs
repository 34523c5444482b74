// SPDX-License-Identifier: MPL-2.0
//! Services of a node, as its operator sees them.
//!
//! Owns: waiting for what a service writes, and for how it fares.
//! Never: waits without a deadline.

use anyhow::{Context as _, Result, bail, ensure};

use crate::node::{LIMIT, Node};
use crate::wait;

/// Waits until the log of a service has a line that ends so; returns the log.
///
/// # Errors
/// It does not come in time; with the log and the history.
pub fn until_logged(node: &Node, service: &str, line: &str) -> Result<String> {
    wait::until(LIMIT, || {
        let log = node.ctl(&["logs", service])?.ok()?;
        if !log.lines().any(|one| one.ends_with(line)) {
            let events = node.ctl(&["service", service])?.ok()?;
            bail!("no {line}: {log}{events}");
        }
        Ok(log)
    })
}

/// Waits until the list of services has a row with a state.
///
/// # Errors
/// It does not come in time.
pub fn until_state(node: &Node, service: &str, state: &str) -> Result<()> {
    until_row(node, service, &[state])
}

/// Waits until the row of a service has all these words: its state, and its last event.
///
/// # Errors
/// They do not come in time.
pub fn until_row(node: &Node, service: &str, words: &[&str]) -> Result<()> {
    wait::until(LIMIT, || {
        let services = node.ctl(&["services"])?.ok()?;
        let row = services.lines().find(|line| line.contains(service));
        let row = row.with_context(|| format!("no {service}: {services}"))?;
        for word in words {
            ensure!(row.contains(word), "not {word}: {row}");
        }
        Ok(())
    })
}

/// Waits until the list of services has no such row.
///
/// # Errors
/// It stays.
pub fn until_gone(node: &Node, service: &str) -> Result<()> {
    wait::until(LIMIT, || {
        let services = node.ctl(&["services"])?.ok()?;
        ensure!(!services.contains(service), "{services}");
        Ok(())
    })
}
