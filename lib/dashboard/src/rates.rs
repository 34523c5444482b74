// SPDX-License-Identifier: MPL-2.0
//! How much in how long: two samples of counters become rates.
//!
//! Owns: the arithmetic.
//! Never: shows a rate that is not known: without two samples there is none.

use std::collections::BTreeMap;

use api::machine::{CpuStat, DiskStat, NetDev};

use crate::sample::Sample;

/// Disks count in these, whatever their own sectors are (proc_diskstats(5)).
const SECTOR: f64 = 512.0;

/// Parts of the time of all processors, of 100.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Busy {
    pub(crate) user: f64,
    pub(crate) system: f64,
    pub(crate) waiting: f64,
    /// Everything but idling and waiting.
    pub(crate) all: f64,
}

/// A disk, in bytes for each second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DiskRate {
    pub(crate) name: String,
    pub(crate) read: f64,
    pub(crate) written: f64,
    /// Part of the time with something to do, of 100.
    pub(crate) busy: f64,
}

/// A link, in bytes for each second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LinkRate {
    pub(crate) name: String,
    pub(crate) received: f64,
    pub(crate) sent: f64,
    /// Errors and losses since the start.
    pub(crate) errors: u64,
}

/// What happened between two samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    pub(crate) busy: Option<Busy>,
    pub(crate) disks: Vec<DiskRate>,
    pub(crate) links: Vec<LinkRate>,
    /// By the number of the process: part of the time of one processor, of 100.
    pub(crate) processes: BTreeMap<i32, f64>,
    pub(crate) context_switches: Option<f64>,
}

impl Rates {
    /// Compares two samples.
    pub(crate) fn between(before: &Sample, now: &Sample) -> Self {
        let seconds = now.at.saturating_sub(before.at).as_secs_f64();
        if seconds <= 0.0 {
            return Self::default();
        }
        let stats = before.stat.as_ref().zip(now.stat.as_ref());
        let busy =
            stats.and_then(|(old, new)| busy(old.cpu_total.as_ref()?, new.cpu_total.as_ref()?));
        let switches =
            stats.map(|(old, new)| grown(old.context_switches, new.context_switches) / seconds);
        let disks = now.disks.iter().filter_map(|new| {
            let old = before.disks.iter().find(|old| old.name == new.name)?;
            Some(disk(old, new, seconds))
        });
        let links = now.links.iter().filter_map(|new| {
            let old = before.links.iter().find(|old| old.name == new.name)?;
            Some(link(old, new, seconds))
        });
        let old_times: BTreeMap<i32, f64> = before
            .processes
            .iter()
            .flatten()
            .map(|process| (process.pid, process.cpu_time))
            .collect();
        let processes = now.processes.iter().flatten().filter_map(|new| {
            let spent = new.cpu_time - old_times.get(&new.pid)?;
            Some((new.pid, (100.0 * spent / seconds).max(0.0)))
        });
        Self {
            busy,
            disks: disks.collect(),
            links: links.collect(),
            processes: processes.collect(),
            context_switches: switches,
        }
    }
}

/// How much a counter grew; one that fell began anew.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn grown(old: u64, new: u64) -> f64 {
    new.saturating_sub(old) as f64
}

fn busy(old: &CpuStat, new: &CpuStat) -> Option<Busy> {
    let part = |of: fn(&CpuStat) -> f64| (of(new) - of(old)).max(0.0);
    let user = part(|cpu| cpu.user + cpu.nice);
    let system = part(|cpu| cpu.system + cpu.irq + cpu.soft_irq);
    let stolen = part(|cpu| cpu.steal);
    let waiting = part(|cpu| cpu.iowait);
    let whole = user + system + stolen + waiting + part(|cpu| cpu.idle);
    let percent = |value: f64| 100.0 * value / whole;
    (whole > 0.0).then(|| Busy {
        user: percent(user),
        system: percent(system),
        waiting: percent(waiting),
        all: percent(user + system + stolen),
    })
}

fn disk(old: &DiskStat, new: &DiskStat, seconds: f64) -> DiskRate {
    DiskRate {
        name: new.name.clone(),
        read: grown(old.read_sectors, new.read_sectors) * SECTOR / seconds,
        written: grown(old.write_sectors, new.write_sectors) * SECTOR / seconds,
        busy: (grown(old.io_time_ms, new.io_time_ms) / seconds / 10.0).min(100.0),
    }
}

fn link(old: &NetDev, new: &NetDev, seconds: f64) -> LinkRate {
    let losses = [new.rx_errors, new.rx_dropped, new.tx_errors, new.tx_dropped];
    LinkRate {
        name: new.name.clone(),
        received: grown(old.rx_bytes, new.rx_bytes) / seconds,
        sent: grown(old.tx_bytes, new.tx_bytes) / seconds,
        errors: losses.into_iter().fold(0, u64::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::machine::{ProcessInfo, SystemStat};
    use std::time::Duration;

    fn sample(seconds: u64, times: u64) -> Sample {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let time = times as f64;
        let cpu = CpuStat {
            user: 1.0 * time,
            system: 0.5 * time,
            iowait: 0.5 * time,
            idle: 2.0 * time,
            ..CpuStat::default()
        };
        Sample {
            at: Duration::from_secs(seconds),
            stat: Some(SystemStat {
                cpu_total: Some(cpu),
                context_switches: times.saturating_mul(200),
                ..SystemStat::default()
            }),
            disks: vec![DiskStat {
                name: "vda".to_owned(),
                read_sectors: times.saturating_mul(8),
                io_time_ms: times.saturating_mul(1000),
                ..DiskStat::default()
            }],
            links: vec![NetDev {
                name: "eth0".to_owned(),
                rx_bytes: times.saturating_mul(4096),
                tx_dropped: 3,
                ..NetDev::default()
            }],
            processes: Some(vec![ProcessInfo {
                pid: 7,
                cpu_time: time,
                ..ProcessInfo::default()
            }]),
            ..Sample::default()
        }
    }

    #[test]
    fn dash_04_counters_become_rates() {
        let rates = Rates::between(&sample(10, 1), &sample(12, 2));

        let busy = rates.busy.unwrap();
        assert_eq!((busy.user, busy.system), (25.0, 12.5));
        assert_eq!((busy.waiting, busy.all), (12.5, 37.5));
        assert_eq!(rates.disks.first().unwrap().read, 2048.0);
        assert_eq!(rates.disks.first().unwrap().busy, 50.0);
        assert_eq!(rates.links.first().unwrap().received, 2048.0);
        assert_eq!(rates.links.first().unwrap().errors, 3);
        assert_eq!(rates.processes.get(&7), Some(&50.0));
        assert_eq!(rates.context_switches, Some(100.0));
    }

    #[test]
    fn a_node_that_started_anew_has_no_negative_rates() {
        let rates = Rates::between(&sample(10, 100), &sample(12, 1));

        assert_eq!(rates.busy, None);
        assert_eq!(rates.disks.first().unwrap().read, 0.0);
        assert_eq!(rates.processes.get(&7), Some(&0.0));
        let none = Rates::between(&sample(10, 1), &sample(10, 2));
        assert!(none.disks.is_empty() && none.busy.is_none());
        let other = Sample {
            at: Duration::from_secs(1),
            ..Sample::default()
        };
        assert!(Rates::between(&other, &sample(2, 2)).links.is_empty());
    }
}
