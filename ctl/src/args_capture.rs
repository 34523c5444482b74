// SPDX-License-Identifier: MPL-2.0
//! The command line of `pcap`.
//!
//! Owns: its flags, defaults and help texts, and the text of a filter.
//! Never: does anything.

use std::path::PathBuf;
use std::time::Duration;

use api::machine::BpfInstruction;
use clap::Args;

use crate::args::duration;

/// The longest filter, in instructions (linux/bpf_common.h, `BPF_MAXINSNS`).
const FILTER_MAX: usize = 4096;

#[derive(Debug, Args)]
pub(crate) struct Pcap {
    /// Which packets, as `tcpdump -dd` writes it; leave out what comes of port 50000
    #[arg(long, value_name = "PROGRAM", value_parser = filter)]
    pub(crate) bpf_filter: Option<Filter>,
    /// How long; without it until it is broken off
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// The interface
    #[arg(short, long, value_name = "NAME", default_value = "eth0")]
    pub(crate) interface: String,
    /// Write the packets to a file in pcap form, - is standard output; without it a line each is shown
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    pub(crate) output: Option<PathBuf>,
    /// Packets that are for others, too
    #[arg(long)]
    pub(crate) promiscuous: bool,
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter(pub(crate) Vec<BpfInstruction>);

/// Reads lines of `{ 0x28, 0, 0, 0x0000000c },`.
fn filter(text: &str) -> Result<Filter, String> {
    let mut filter = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let instruction = instruction(line).ok_or_else(|| {
            let line_number = index.saturating_add(1);
            format!(
                "line {line_number}: {{ code, jt, jf, k }} is wanted, as `tcpdump -dd` writes it"
            )
        })?;
        filter.push(instruction);
    }
    match filter.len() {
        0 => Err("it has no instruction".to_owned()),
        1..=FILTER_MAX => Ok(Filter(filter)),
        more => Err(format!(
            "it has {more} instructions, at most {FILTER_MAX} are possible"
        )),
    }
}

fn instruction(line: &str) -> Option<BpfInstruction> {
    let line = line.strip_suffix(',').unwrap_or(line).trim_end();
    let inner = line.strip_prefix('{')?.strip_suffix('}')?;
    let mut numbers = inner.split(',').map(|word| number(word.trim()));
    let instruction = BpfInstruction {
        op: numbers.next()?.filter(|op| *op <= u32::from(u16::MAX))?,
        jt: numbers.next()?.filter(|jt| *jt <= u32::from(u8::MAX))?,
        jf: numbers.next()?.filter(|jf| *jf <= u32::from(u8::MAX))?,
        k: numbers.next()??,
    };
    numbers.next().is_none().then_some(instruction)
}

fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_as_tcpdump_writes_it() {
        let text =
            "{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x000086dd },\n\n{ 0x6, 0, 0, 262144 }\n";
        let step = |op, jt, jf, k| BpfInstruction { op, jt, jf, k };

        assert_eq!(
            filter(text).unwrap().0,
            [
                step(0x28, 0, 0, 12),
                step(0x15, 0, 1, 0x86dd),
                step(6, 0, 0, 262_144)
            ]
        );
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_line() {
        for (text, reason) in [
            ("", "no instruction"),
            ("\n \n", "no instruction"),
            ("tcp port 80", "line 1"),
            ("{ 6, 0, 0, 0 },\n{ 6, 0, 0 },", "line 2"),
            ("{ 6, 0, 0, 0, 0 }", "line 1"),
            ("{ 0x10000, 0, 0, 0 }", "line 1"),
            ("{ 6, 256, 0, 0 }", "line 1"),
            ("{ 6, -1, 0, 0 }", "line 1"),
            ("{ 6, 0, 0, 0x100000000 }", "line 1"),
            (&"{ 6, 0, 0, 0 },\n".repeat(4097), "at most 4096"),
        ] {
            let error = filter(text).unwrap_err();
            assert!(error.contains(reason), "{text:.30}: {error}");
        }
    }
}
