// SPDX-License-Identifier: MPL-2.0
//! What waits: packets for a processor, datagrams for a program, tasks for a processor.
//!
//! Owns: `/proc/net/softnet_stat`, `/proc/net/udp`, `/proc/net/udp6` and `/proc/schedstat` as metrics.
//! Never: is an error where the kernel was built without one of them.

use super::Failure;
use super::exposition::{Kind, Parts, Text};
use super::source::Source;

/// The counters of a line of `softnet_stat`: its place, name, kind and meaning.
const SOFTNET: &[(usize, &str, Kind, &str)] = &[
    (
        0,
        "node_softnet_processed_total",
        Kind::Counter,
        "Packets that a processor took.",
    ),
    (
        1,
        "node_softnet_dropped_total",
        Kind::Counter,
        "Packets for which there was no room in the queue of a processor.",
    ),
    (
        2,
        "node_softnet_times_squeezed_total",
        Kind::Counter,
        "How often a processor's time was over before its packets.",
    ),
    (
        8,
        "node_softnet_cpu_collision_total",
        Kind::Counter,
        "How often two processors wanted one device.",
    ),
    (
        9,
        "node_softnet_received_rps_total",
        Kind::Counter,
        "How often a processor was woken to take packets.",
    ),
    (
        10,
        "node_softnet_flow_limit_count_total",
        Kind::Counter,
        "How often the limit of a flow was reached.",
    ),
    (
        11,
        "node_softnet_backlog_len",
        Kind::Gauge,
        "Packets that wait for a processor.",
    ),
];
/// Where a line of `softnet_stat` says whose it is.
const SOFTNET_PROCESSOR: usize = 12;

pub(super) fn packets(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read_if_there("/proc/net/softnet_stat")?;
    softnet(&all.unwrap_or_default(), text)
}

fn softnet(all: &str, text: &mut Text) -> Result<(), Failure> {
    let rows: Result<Vec<Vec<u64>>, _> = all
        .lines()
        .map(|line| {
            let words = line.split_ascii_whitespace();
            words.map(|word| u64::from_str_radix(word, 16)).collect()
        })
        .collect();
    let rows = rows.map_err(|_| Failure::Form)?;
    for (place, name, kind, help) in SOFTNET {
        let values: Vec<(usize, u64)> = rows
            .iter()
            .enumerate()
            .filter_map(|(line, row)| {
                let processor = row.get(SOFTNET_PROCESSOR).copied();
                let processor = processor.and_then(|it| usize::try_from(it).ok());
                Some((processor.unwrap_or(line), *row.get(*place)?))
            })
            .collect();
        if !values.is_empty() {
            text.metric(name, *kind, help);
        }
        for (processor, value) in values {
            text.sample(name, &[("cpu", &processor.to_string())], value);
        }
    }
    Ok(())
}

pub(super) fn datagrams(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let name = "node_udp_queues";
    let mut sums = Vec::new();
    for (path, family) in [("/proc/net/udp", "v4"), ("/proc/net/udp6", "v6")] {
        if let Some(all) = source.read_if_there(path)? {
            let (sent, received) = queues(&all)?;
            sums.extend([(family, "tx", sent), (family, "rx", received)]);
        }
    }
    if !sums.is_empty() {
        let help = "Bytes that wait in queues of UDP sockets.";
        text.metric(name, Kind::Gauge, help);
    }
    for (family, queue, bytes) in sums {
        text.sample(name, &[("queue", queue), ("ip", family)], bytes);
    }
    Ok(())
}

/// Adds up the queues of all sockets: what is to be sent, and what has come.
fn queues(all: &str) -> Result<(u64, u64), Failure> {
    /// Number, own address, peer and state before it.
    const QUEUES: usize = 4;
    let mut sums = (0_u64, 0_u64);
    // The beginning of a file that is very long ends within a line.
    let whole = all.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines().skip(1) {
        let both = line.split_ascii_whitespace().nth(QUEUES);
        let (sent, received) = both
            .and_then(|both| both.split_once(':'))
            .ok_or(Failure::Form)?;
        let number = |word| u64::from_str_radix(word, 16).map_err(|_| Failure::Form);
        sums.0 = sums.0.saturating_add(number(sent)?);
        sums.1 = sums.1.saturating_add(number(received)?);
    }
    Ok(sums)
}

pub(super) fn tasks(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read_if_there("/proc/schedstat")?;
    schedule(&all.unwrap_or_default(), text)
}

fn schedule(all: &str, text: &mut Text) -> Result<(), Failure> {
    /// The three last of nine numbers (sched-stats.rst of the kernel).
    const RUNNING: usize = 6;
    let mut rows = Vec::new();
    for line in all.lines() {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().and_then(|name| name.strip_prefix("cpu"));
        if let Some(processor) = name {
            let numbers: Result<Vec<u64>, _> = words.map(str::parse).collect();
            let numbers = numbers.map_err(|_| Failure::Form)?;
            rows.push((processor, numbers));
        }
    }
    for (place, name, per_one, help) in [
        (
            RUNNING,
            "node_schedstat_running_seconds_total",
            1_000_000_000,
            "Time that tasks ran on a processor.",
        ),
        (
            RUNNING + 1,
            "node_schedstat_waiting_seconds_total",
            1_000_000_000,
            "Time that tasks waited for a processor.",
        ),
        (
            RUNNING + 2,
            "node_schedstat_timeslices_total",
            1,
            "How often a task got a processor.",
        ),
    ] {
        if !rows.is_empty() {
            text.metric(name, Kind::Counter, help);
        }
        for (processor, numbers) in &rows {
            let parts = *numbers.get(place).ok_or(Failure::Form)?;
            text.sample(name, &[("cpu", processor)], Parts { parts, per_one });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(text: Text) -> Vec<String> {
        let text = text.finish();
        let lines = text.lines().filter(|line| line.starts_with("node_"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn a_processor_has_the_number_that_its_line_says() {
        let mut text = Text::default();
        let line = "0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 \
                    00000004 00000005 00000006 00000007";
        // Old kernels say less.
        let old =
            "00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000";

        softnet(&format!("{line}\n{old}\n"), &mut text).unwrap();

        let told = samples(text);
        assert_eq!(told[0], "node_softnet_processed_total{cpu=\"7\"} 10");
        assert_eq!(told[1], "node_softnet_processed_total{cpu=\"1\"} 16");
        assert!(told.contains(&"node_softnet_backlog_len{cpu=\"7\"} 6".to_owned()));
        assert_eq!(told.len(), 7 + 4);
        assert_eq!(softnet("x\n", &mut Text::default()), Err(Failure::Form));
    }

    #[test]
    fn queues_of_all_sockets_are_added_up() {
        let all = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n\
                   1: 00000000:0044 00000000:0000 07 00000001:00000010 00:00000000\n\
                   2: 0100007F:007B 00000000:0000 07 00000002:000000FF 00:00000000\n";

        assert_eq!(queues(all), Ok((3, 0x10F)));
        assert_eq!(queues(&all[..all.len() - 40]), Ok((1, 0x10)));
        assert_eq!(queues("head\n1: 2 3 4 5\n"), Err(Failure::Form));
    }

    #[test]
    fn times_of_the_scheduler_are_seconds() {
        let mut text = Text::default();
        let all = "version 16\ntimestamp 4294\ncpu0 0 0 0 0 0 0 1500000000 2 3\ndomain0 3 0\n";

        schedule(all, &mut text).unwrap();

        assert_eq!(
            samples(text),
            [
                "node_schedstat_running_seconds_total{cpu=\"0\"} 1.5",
                "node_schedstat_waiting_seconds_total{cpu=\"0\"} 0.000000002",
                "node_schedstat_timeslices_total{cpu=\"0\"} 3",
            ]
        );
        assert_eq!(
            schedule("cpu0 1\n", &mut Text::default()),
            Err(Failure::Form)
        );
    }
}
