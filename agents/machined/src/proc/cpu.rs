// SPDX-License-Identifier: MPL-2.0
//! `/proc/cpuinfo`.
//!
//! Owns: its fields in the API, as x86 names them; arm64 has few of them.
//! Never: computes one.

use std::collections::HashMap;

use api::machine::CpuInfo;
use procfs_core::prelude::FromRead as _;

/// Reads the text of `/proc/cpuinfo`.
#[must_use]
pub(crate) fn parse(text: &str) -> Vec<CpuInfo> {
    let Ok(all) = procfs_core::CpuInfo::from_read(text.as_bytes()) else {
        return Vec::new();
    };
    all.cpus
        .iter()
        .map(|own| processor(&all.fields, own))
        .collect()
}

fn processor(shared: &HashMap<String, String>, own: &HashMap<String, String>) -> CpuInfo {
    let text = |name: &str| {
        own.get(name)
            .or_else(|| shared.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let number = |name: &str| text(name).parse::<u32>().unwrap_or(0);
    let decimal = |name: &str| text(name).parse::<f64>().unwrap_or(0.0);
    let words = |name: &str| -> Vec<String> {
        text(name)
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let mut flags = words("flags");
    if flags.is_empty() {
        // Its name on arm64.
        flags = words("Features");
    }
    CpuInfo {
        processor: number("processor"),
        vendor_id: text("vendor_id"),
        cpu_family: text("cpu family"),
        model: text("model"),
        model_name: text("model name"),
        stepping: text("stepping"),
        microcode: text("microcode"),
        cpu_mhz: decimal("cpu MHz"),
        cache_size: text("cache size"),
        physical_id: text("physical id"),
        siblings: number("siblings"),
        core_id: text("core id"),
        cpu_cores: number("cpu cores"),
        apic_id: text("apicid"),
        initial_apic_id: text("initial apicid"),
        fpu: text("fpu"),
        fpu_exception: text("fpu_exception"),
        cpu_id_level: number("cpuid level"),
        wp: text("wp"),
        flags,
        bugs: words("bugs"),
        bogo_mips: decimal("bogomips").max(decimal("BogoMIPS")),
        cl_flush_size: number("clflush size"),
        cache_alignment: number("cache_alignment"),
        address_sizes: text("address sizes"),
        power_management: text("power management"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_008_processors_of_both_architectures_are_read() {
        let x86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU @ 2GHz\n\
            cpu MHz\t\t: 2000.5\ncpu cores\t: 2\nflags\t\t: fpu vme\n\n\
            processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU @ 2GHz\n\
            cpu MHz\t\t: 1999.5\ncpu cores\t: 2\nflags\t\t: fpu vme\n\n";
        let all = parse(x86);
        let seen: Vec<_> = all
            .iter()
            .map(|cpu| (cpu.processor, cpu.cpu_mhz, cpu.cpu_cores, cpu.flags.len()))
            .collect();
        assert_eq!(seen, [(0, 2000.5, 2, 2), (1, 1999.5, 2, 2)]);

        let arm = "processor\t: 0\nBogoMIPS\t: 125.00\nFeatures\t: fp asimd\n\
            CPU implementer\t: 0x41\n\n";
        let all = parse(arm);
        let seen: Vec<_> = all
            .iter()
            .map(|cpu| (cpu.bogo_mips, cpu.flags.len()))
            .collect();
        assert_eq!(seen, [(125.0, 2)]);
    }

    #[test]
    fn nonsense_is_no_processor() {
        for text in ["", "\n", "nonsense\n"] {
            assert!(parse(text).len() <= 1, "{text}");
        }
    }
}
