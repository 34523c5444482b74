// SPDX-License-Identifier: MPL-2.0
//! Processors, processes, interrupts and pressure.
//!
//! Owns: `/proc/stat`, `/proc/loadavg`, `/proc/pressure` and cpufreq as metrics.
//! Never: stops at a line it does not know.

use super::exposition::{Kind, Parts, Text};
use super::source::Source;
use super::{Failure, Gauge, gauges};

/// `USER_HZ` (time(7)); 100 on all our architectures.
const TICKS_PER_SECOND: u64 = 100;
/// The columns of `cpu` lines (proc_stat(5)).
const MODES: &[&str] = &[
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];
/// Two columns more: they are part of the first two.
const GUESTS: &[&str] = &["user", "nice"];

const fn seconds(ticks: u64) -> Parts {
    Parts {
        parts: ticks,
        per_one: TICKS_PER_SECOND,
    }
}

pub(super) fn stat(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let stat = source.read("/proc/stat")?;
    let mut processors = Vec::new();
    for line in stat.lines() {
        let Some((name, rest)) = line.split_once(' ') else {
            continue;
        };
        let number = name.strip_prefix("cpu").filter(|number| !number.is_empty());
        if let Some(number) = number {
            let ticks = rest.split_ascii_whitespace();
            let ticks: Vec<u64> = ticks.map_while(|word| word.parse().ok()).collect();
            processors.push((number.to_owned(), ticks));
        }
    }
    let name = "node_cpu_seconds_total";
    text.metric(
        name,
        Kind::Counter,
        "Time of each processor, by what it did.",
    );
    for (number, ticks) in &processors {
        for (mode, ticks) in MODES.iter().zip(ticks) {
            text.sample(name, &[("cpu", number), ("mode", mode)], seconds(*ticks));
        }
    }
    let name = "node_cpu_guest_seconds_total";
    let help = "Time of each processor for virtual machines, by what it did.";
    text.metric(name, Kind::Counter, help);
    for (number, ticks) in &processors {
        for (mode, ticks) in GUESTS.iter().zip(ticks.iter().skip(MODES.len())) {
            text.sample(name, &[("cpu", number), ("mode", mode)], seconds(*ticks));
        }
    }
    for (key, name, kind, help) in [
        (
            "intr",
            "node_intr_total",
            Kind::Counter,
            "Interrupts since the start.",
        ),
        (
            "ctxt",
            "node_context_switches_total",
            Kind::Counter,
            "Switches from one task to another.",
        ),
        (
            "processes",
            "node_forks_total",
            Kind::Counter,
            "Processes and threads that were made.",
        ),
        (
            "btime",
            "node_boot_time_seconds",
            Kind::Gauge,
            "When the machine started, since 1970.",
        ),
        (
            "procs_running",
            "node_procs_running",
            Kind::Gauge,
            "Tasks that run or could.",
        ),
        (
            "procs_blocked",
            "node_procs_blocked",
            Kind::Gauge,
            "Tasks that wait for a device.",
        ),
    ] {
        let found = stat.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(key)).then_some(())?;
            words.next()?.parse::<u64>().ok()
        });
        if let Some(value) = found {
            text.one(name, kind, help, value);
        }
    }
    Ok(())
}

pub(super) fn randomness(source: &Source, text: &mut Text) -> Result<(), Failure> {
    const FILES: &[Gauge] = &[
        (
            "entropy_avail",
            "node_entropy_available_bits",
            "Bits of entropy that the kernel has.",
        ),
        (
            "poolsize",
            "node_entropy_pool_size_bits",
            "Bits of entropy that the kernel can have.",
        ),
    ];
    gauges(source, "/proc/sys/kernel/random", FILES, text)
}

pub(super) fn load(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let averages = source.read("/proc/loadavg")?;
    let mut words = averages.split_ascii_whitespace();
    for (name, help) in [
        ("node_load1", "1m load average."),
        ("node_load5", "5m load average."),
        ("node_load15", "15m load average."),
    ] {
        let average = words.next().and_then(|word| word.parse::<f64>().ok());
        text.one(name, Kind::Gauge, help, average.ok_or(Failure::Form)?);
    }
    Ok(())
}

/// Rows of pressure: the file, the line, the metric.
const PRESSURE: &[(&str, &str, &str, &str)] = &[
    (
        "cpu",
        "some",
        "node_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a processor.",
    ),
    (
        "io",
        "some",
        "node_pressure_io_waiting_seconds_total",
        "Time in which some task waited for a device.",
    ),
    (
        "io",
        "full",
        "node_pressure_io_stalled_seconds_total",
        "Time in which all tasks waited for a device.",
    ),
    (
        "memory",
        "some",
        "node_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
    ),
    (
        "memory",
        "full",
        "node_pressure_memory_stalled_seconds_total",
        "Time in which all tasks waited for memory.",
    ),
];

/// A kernel without pressure has no such files: nothing is told then.
pub(super) fn pressure(source: &Source, text: &mut Text) -> Result<(), Failure> {
    for (file, line, name, help) in PRESSURE {
        let Some(pressure) = source.read_if_there(&format!("/proc/pressure/{file}"))? else {
            continue;
        };
        let line = pressure.lines().find(|text| text.starts_with(line));
        let total = line.and_then(|line| line.rsplit_once("total=")?.1.parse().ok());
        let total = Parts {
            parts: total.ok_or(Failure::Form)?,
            per_one: 1_000_000,
        };
        text.one(name, Kind::Counter, help, total);
    }
    Ok(())
}

/// Files of cpufreq, in kilohertz, and the metrics.
const FREQUENCIES: &[(&str, &str, &str)] = &[
    (
        "scaling_cur_freq",
        "node_cpu_scaling_frequency_hertz",
        "How fast the processor is asked to run.",
    ),
    (
        "scaling_min_freq",
        "node_cpu_scaling_frequency_min_hertz",
        "The slowest that it may be asked for.",
    ),
    (
        "scaling_max_freq",
        "node_cpu_scaling_frequency_max_hertz",
        "The fastest that it may be asked for.",
    ),
];

pub(super) fn frequency(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let folder = "/sys/devices/system/cpu";
    let all = source.names(folder)?;
    let processors: Vec<&str> = (all.iter())
        .filter_map(|name| name.strip_prefix("cpu"))
        .filter(|number| number.parse::<u32>().is_ok())
        .collect();
    for (file, name, help) in FREQUENCIES {
        let mut has_begun = false;
        for number in &processors {
            let path = format!("{folder}/cpu{number}/cpufreq/{file}");
            let Ok(Some(kilohertz)) = source.number(&path) else {
                continue;
            };
            if !has_begun {
                text.metric(name, Kind::Gauge, help);
                has_begun = true;
            }
            let hertz = u64::try_from(kilohertz).unwrap_or(0).saturating_mul(1000);
            text.sample(name, &[("cpu", number)], hertz);
        }
    }
    Ok(())
}
