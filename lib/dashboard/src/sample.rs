// SPDX-License-Identifier: MPL-2.0
//! What a node said about itself at one time.
//!
//! Owns: the bounds of what is kept of it.
//! Never: asks.

use std::time::Duration;

use api::machine::{CpuInfo, DiskStat, LoadAvg, MemInfo, NetDev, ProcessInfo, SystemStat};

use crate::facts::Facts;
use crate::units::harmless;

/// More processes, disks, links or logs of one node are not shown.
pub(crate) const EACH_MAX: usize = 2048;
/// A longer text is cut, in letters.
const TEXT_MAX: usize = 160;

/// Everything that is shown, but logs. What a node does not tell is not there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// When it was asked, by the clock of the one who asks.
    pub(crate) at: Duration,
    /// The version of the system.
    pub(crate) version: Option<String>,
    /// Counters of the processors and of the kernel.
    pub(crate) stat: Option<SystemStat>,
    /// What the processors are.
    pub(crate) processors: Option<Processors>,
    /// The load.
    pub(crate) load: Option<LoadAvg>,
    /// The memory, in kilobytes.
    pub(crate) memory: Option<MemInfo>,
    /// Counters of each disk.
    pub(crate) disks: Vec<DiskStat>,
    /// Counters of each link.
    pub(crate) links: Vec<NetDev>,
    /// Every process.
    pub(crate) processes: Option<Vec<ProcessInfo>>,
    /// The services that have a log.
    pub(crate) services: Vec<String>,
    /// What resources say; not there when they were not read this time.
    pub(crate) facts: Option<Facts>,
    /// Why something is missing that should be there.
    pub(crate) refused: Option<String>,
}

/// The processors of a machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Processors {
    pub(crate) count: usize,
    /// Empty where the kernel does not say.
    pub(crate) model: String,
    /// 0 where the kernel does not say.
    pub(crate) megahertz: f64,
}

impl Processors {
    /// Takes what matters of the list of all.
    pub(crate) fn of(list: &[CpuInfo]) -> Option<Self> {
        let first = list.first()?;
        Some(Self {
            count: list.len(),
            model: text(&first.model_name),
            megahertz: first.cpu_mhz,
        })
    }
}

/// A text of a node as it may be shown.
pub(crate) fn text(of_node: &str) -> String {
    harmless(of_node.trim()).chars().take(TEXT_MAX).collect()
}

impl Sample {
    /// Brings everything within its bounds.
    pub(crate) fn bounded(mut self) -> Self {
        self.version = self.version.map(|version| text(&version));
        self.disks.retain(|disk| !is_idle_memory(disk));
        self.disks.truncate(EACH_MAX);
        for disk in &mut self.disks {
            disk.name = text(&disk.name);
        }
        self.links.truncate(EACH_MAX);
        for link in &mut self.links {
            link.name = text(&link.name);
        }
        for process in self.processes.iter_mut().flatten() {
            process.state = text(&process.state);
            process.command = text(&process.command);
            process.executable = text(&process.executable);
            process.args = text(&process.args);
        }
        if let Some(processes) = &mut self.processes {
            processes.truncate(EACH_MAX);
        }
        self.services.truncate(EACH_MAX);
        self
    }

    /// How long the system runs: what its first processor counted. Unlike the time of its start, this
    /// needs no clock that is right, here or there (proc_stat(5)).
    pub(crate) fn uptime(&self) -> Option<Duration> {
        let cpu = self.stat.as_ref()?.cpu.first()?;
        let parts = [
            cpu.user,
            cpu.nice,
            cpu.system,
            cpu.idle,
            cpu.iowait,
            cpu.irq,
            cpu.soft_irq,
            cpu.steal,
        ];
        Duration::try_from_secs_f64(parts.iter().sum()).ok()
    }
}

/// Whether it is a loop device or a disk of memory that nothing ever used.
fn is_idle_memory(disk: &DiskStat) -> bool {
    let is_kind = ["loop", "ram", "zram"]
        .iter()
        .any(|kind| disk.name.starts_with(kind));
    is_kind && disk.read_completed == 0 && disk.write_completed == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::machine::CpuStat;

    #[test]
    fn the_time_since_the_start_needs_no_clock() {
        let cpu = CpuStat {
            user: 100.5,
            idle: 7000.0,
            system: 104.5,
            ..CpuStat::default()
        };
        let stat = SystemStat {
            cpu: vec![cpu, CpuStat::default()],
            ..SystemStat::default()
        };
        let sample = Sample {
            stat: Some(stat),
            ..Sample::default()
        };

        assert_eq!(sample.uptime(), Some(Duration::from_secs(7205)));
        assert_eq!(Sample::default().uptime(), None);
        let mut broken = sample;
        for cpu in broken.stat.iter_mut().flat_map(|stat| &mut stat.cpu) {
            cpu.idle = f64::NAN;
        }
        assert_eq!(broken.uptime(), None);
    }

    #[test]
    fn what_is_kept_of_an_answer_is_bounded_and_cannot_draw() {
        let process = ProcessInfo {
            command: "\x1b[2J".repeat(1000),
            args: "x".repeat(100_000),
            ..ProcessInfo::default()
        };
        let disk = |name: &str| DiskStat {
            name: name.to_owned(),
            ..DiskStat::default()
        };
        let sample = Sample {
            processes: Some(vec![process; 10_000]),
            disks: vec![disk("loop3"), disk("vda"), disk("ram0")],
            ..Sample::default()
        }
        .bounded();

        let processes = sample.processes.unwrap();
        assert_eq!(processes.len(), EACH_MAX);
        assert!(processes.iter().all(|process| {
            process.args.len() == TEXT_MAX && !process.command.contains('\x1b')
        }));
        assert_eq!(sample.disks.len(), 1);
    }
}
