// SPDX-License-Identifier: MPL-2.0
//! The kernel's configuration as fragments: what is asked for, what is deliberately not, and whether
//! a finished configuration is that.
//!
//! Owns: reading `kernel-config/`, and the check that every asked-for symbol took effect.
//! Never: runs the kernel's own build.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::arch::Arch;
use crate::places::Places;

/// Fragments of every architecture; the one of the architecture comes last.
const FRAGMENTS: &[&str] = &[
    "base",
    "network",
    "container",
    "storage",
    "virt",
    "console",
    "hardening",
    "modules",
];

/// What a symbol is set to: `y`, `n`, a number or a quoted text.
pub(crate) type Symbols = BTreeMap<String, String>;

/// Reads a fragment: every `CONFIG_X=value` line; anything else must be a comment.
fn read_symbols(text: &str) -> Result<Symbols> {
    let mut symbols = Symbols::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .filter(|(name, value)| name.starts_with("CONFIG_") && !value.is_empty())
            .with_context(|| format!("line {number}: expected CONFIG_NAME=value"))?;
        let before = symbols.insert(name.to_owned(), value.to_owned());
        ensure!(before.is_none(), "line {number}: {name} is set twice");
    }
    Ok(symbols)
}

/// Reads all fragments of an architecture; a symbol may be asked for only once.
pub(crate) fn wanted(places: &Places, arch: Arch) -> Result<Symbols> {
    let mut all = Symbols::new();
    for name in FRAGMENTS.iter().copied().chain([arch.name()]) {
        let path = places
            .root
            .join("kernel-config")
            .join(format!("{name}.config"));
        let text = read(&path)?;
        let symbols = read_symbols(&text).with_context(|| format!("in {}", path.display()))?;
        for (symbol, value) in symbols {
            if all.insert(symbol.clone(), value).is_some() {
                bail!("{}: {symbol} is also in another fragment", path.display());
            }
        }
    }
    Ok(all)
}

/// Reads the recommendations that are deliberately not followed on this architecture.
pub(crate) fn exceptions(places: &Places, arch: Arch) -> Result<Symbols> {
    let path = places.root.join("kernel-config/hardening.exceptions");
    let symbols = read_symbols(&read(&path)?).with_context(|| format!("in {}", path.display()))?;
    Ok(symbols
        .into_iter()
        .filter_map(|(symbol, value)| match value.split_once(' ') {
            None => Some((symbol, value)),
            Some((value, only)) => (only == arch.name()).then(|| (symbol, value.to_owned())),
        })
        .collect())
}

/// Lists every symbol whose effective value is not the one asked for.
fn disagreements(wanted: &Symbols, effective: &Symbols) -> Vec<String> {
    wanted
        .iter()
        .filter_map(|(symbol, value)| {
            let is = effective.get(symbol).map_or("n", String::as_str);
            (is != value).then(|| format!("{symbol}: asked for {value}, is {is}"))
        })
        .collect()
}

/// Lists every exception that is none, because the recommendation is in fact followed.
fn stale_exceptions(exceptions: &Symbols, effective: &Symbols) -> Vec<String> {
    exceptions
        .iter()
        .filter(|(symbol, value)| effective.get(*symbol).map_or("n", String::as_str) == *value)
        .map(|(symbol, value)| format!("{symbol}={value} is followed: remove the exception"))
        .collect()
}

/// Lists everything in which a finished `.config` is not what the fragments ask for.
pub(crate) fn check(wanted: &Symbols, exceptions: &Symbols, finished: &str) -> Vec<String> {
    let effective = read_effective(finished);
    let mut wrong = disagreements(wanted, &effective);
    wrong.extend(stale_exceptions(exceptions, &effective));
    wrong
}

/// Reads a finished `.config`, where what is off is a comment or absent.
fn read_effective(text: &str) -> Symbols {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(symbol, value)| (symbol.to_owned(), value.to_owned()))
        .collect()
}

/// Reads a text file and says which one cannot be read.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(text: &str) -> Symbols {
        read_symbols(text).unwrap()
    }

    #[test]
    fn a_symbol_that_did_not_take_effect_is_named() {
        let wanted = symbols("CONFIG_A=y\nCONFIG_B=64\nCONFIG_C=n\n");
        let effective = read_effective("CONFIG_A=y\nCONFIG_B=32\n# CONFIG_C is not set\n");

        assert_eq!(
            disagreements(&wanted, &effective),
            ["CONFIG_B: asked for 64, is 32"]
        );
    }

    #[test]
    fn a_symbol_that_kconfig_does_not_know_counts_as_off() {
        let wanted = symbols("CONFIG_GONE=y\nCONFIG_OFF=n\n");

        assert_eq!(
            disagreements(&wanted, &Symbols::new()),
            ["CONFIG_GONE: asked for y, is n"]
        );
    }

    #[test]
    fn a_symbol_that_should_be_off_but_is_selected_is_named() {
        let wanted = symbols("CONFIG_A=n\n");
        let effective = read_effective("CONFIG_A=y\n");

        assert_eq!(
            disagreements(&wanted, &effective),
            ["CONFIG_A: asked for n, is y"]
        );
    }

    #[test]
    fn an_exception_that_is_followed_is_stale() {
        let exceptions = symbols("CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=y\n");
        let effective = read_effective("CONFIG_A=y\n");

        let stale = stale_exceptions(&exceptions, &effective);

        assert_eq!(stale.len(), 2);
        assert!(stale.iter().any(|line| line.starts_with("CONFIG_A=y")));
        assert!(stale.iter().any(|line| line.starts_with("CONFIG_B=n")));
    }

    #[test]
    fn a_line_that_is_no_setting_is_refused_with_its_number() {
        for bad in ["CONFIG_A", "A=y", "CONFIG_A=", "# x\nCONFIG B=y"] {
            let error = read_symbols(bad).unwrap_err().to_string();
            assert!(error.starts_with("line "), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_symbol_set_twice_is_refused() {
        let error = read_symbols("CONFIG_A=y\nCONFIG_A=n\n").unwrap_err();

        assert_eq!(error.to_string(), "line 2: CONFIG_A is set twice");
    }
}
