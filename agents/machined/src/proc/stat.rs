// SPDX-License-Identifier: MPL-2.0
//! `/proc/stat`: what processors did, interrupts, processes.
//!
//! Owns: that file.
//! Never: stops at a line it does not know.

use api::machine::{CpuStat, SoftIrqStat, SystemStat};

/// `USER_HZ`: in what the kernel counts processor time for programs (time(7)); 100 on all our
/// architectures.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the text of `/proc/stat`.
#[must_use]
pub(crate) fn parse(text: &str) -> SystemStat {
    let mut stat = SystemStat::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        let first = numbers.first().copied().unwrap_or(0);
        match name {
            "cpu" => stat.cpu_total = Some(processor(&numbers)),
            "intr" => {
                stat.irq_total = first;
                stat.irq = numbers.into_iter().skip(1).collect();
            }
            "ctxt" => stat.context_switches = first,
            "btime" => stat.boot_time = first,
            "processes" => stat.process_created = first,
            "procs_running" => stat.process_running = first,
            "procs_blocked" => stat.process_blocked = first,
            "softirq" => {
                stat.soft_irq_total = first;
                stat.soft_irq = Some(soft(&numbers));
            }
            _ if name.starts_with("cpu") => stat.cpu.push(processor(&numbers)),
            _ => {}
        }
    }
    stat
}

fn processor(numbers: &[u64]) -> CpuStat {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the API counts seconds in doubles"
    )]
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0) as f64 / TICKS_PER_SECOND;
    CpuStat {
        user: at(0),
        nice: at(1),
        system: at(2),
        idle: at(3),
        iowait: at(4),
        irq: at(5),
        soft_irq: at(6),
        steal: at(7),
        guest: at(8),
        guest_nice: at(9),
    }
}

/// The first number is the total of those after it.
fn soft(numbers: &[u64]) -> SoftIrqStat {
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    SoftIrqStat {
        hi: at(1),
        timer: at(2),
        net_tx: at(3),
        net_rx: at(4),
        block: at(5),
        block_io_poll: at(6),
        tasklet: at(7),
        sched: at(8),
        hrtimer: at(9),
        rcu: at(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 2 300 4000 5 0 6 0 0 0\ncpu0 50 1 150 2000 2 0 3 0 0 0\n\
        cpu1 50 1 150 2000 3 0 3 0 0 0\nintr 777 1 0 9\nctxt 1234\nbtime 1700000000\n\
        processes 321\nprocs_running 2\nprocs_blocked 1\n\
        softirq 55 1 2 3 4 5 6 7 8 9 10\nnovelty 5\n";

    #[test]
    fn rpc_045_every_counter_finds_its_place() {
        let stat = parse(STAT);

        assert_eq!(stat.cpu.len(), 2);
        let total = stat.cpu_total.unwrap();
        assert_eq!((total.user, total.idle), (1.0, 40.0));
        assert_eq!((stat.irq_total, stat.irq), (777, vec![1, 0, 9]));
        assert_eq!(
            (stat.context_switches, stat.boot_time),
            (1234, 1_700_000_000)
        );
        assert_eq!(
            (
                stat.process_created,
                stat.process_running,
                stat.process_blocked
            ),
            (321, 2, 1)
        );
        assert_eq!(stat.soft_irq_total, 55);
        let soft = stat.soft_irq.unwrap();
        assert_eq!((soft.hi, soft.rcu), (1, 10));
    }

    #[test]
    fn nonsense_is_zeros() {
        for text in ["", "cpu", "cpu x", "intr -5 6", "\u{0}"] {
            let stat = parse(text);
            assert_eq!((stat.irq_total, stat.boot_time), (0, 0), "{text}");
        }
    }
}
