// SPDX-License-Identifier: MPL-2.0
//! What processors and memory do, as resources.
//!
//! Owns: what of `/proc` is in which field.
//! Never: reads it for nobody; `on_demand` says when.

use api::machine::{CpuStat, MemInfo, SystemStat};

use crate::node::Node;
use crate::proc;
use crate::resources::{CpuStats, CpuTimes, LATEST, MemoryStats};

/// Who writes them.
pub(crate) const OWNER: &str = "perf.StatsController";

/// Reads processors and what they do now. What cannot be read stays as it was.
pub(crate) fn refresh_processors(node: &Node) {
    if let Ok(text) = std::fs::read_to_string(node.places.at("/proc/stat")) {
        node.put(OWNER, LATEST, cpu_stats(&proc::stat::parse(&text)));
    }
}

/// Reads what memory is used for now. What cannot be read stays as it was.
pub(crate) fn refresh_memory(node: &Node) {
    if let Ok(memory) = proc::memory::read(&node.places) {
        node.put(OWNER, LATEST, memory_stats(&proc::memory::wire(&memory)));
    }
}

fn cpu_stats(stat: &SystemStat) -> CpuStats {
    CpuStats {
        processors: stat.cpu.iter().map(times).collect(),
        total: stat.cpu_total.as_ref().map(times).unwrap_or_default(),
        interrupts: stat.irq_total,
        context_switches: stat.context_switches,
        processes_created: stat.process_created,
        processes_running: stat.process_running,
        processes_blocked: stat.process_blocked,
        soft_interrupts: stat.soft_irq_total,
    }
}

fn times(stat: &CpuStat) -> CpuTimes {
    CpuTimes {
        user: stat.user,
        nice: stat.nice,
        system: stat.system,
        idle: stat.idle,
        iowait: stat.iowait,
        irq: stat.irq,
        soft_irq: stat.soft_irq,
        steal: stat.steal,
        guest: stat.guest,
        guest_nice: stat.guest_nice,
    }
}

fn memory_stats(memory: &MemInfo) -> MemoryStats {
    MemoryStats {
        total: memory.memtotal,
        // Caches count. The table of `memory` leaves them out, and comes from another method.
        used: memory.memtotal.saturating_sub(memory.memfree),
        available: memory.memavailable,
        buffers: memory.buffers,
        cached: memory.cached,
        swap_cached: memory.swapcached,
        active: memory.active,
        inactive: memory.inactive,
        active_anon: memory.activeanon,
        inactive_anon: memory.inactiveanon,
        active_file: memory.activefile,
        inactive_file: memory.inactivefile,
        unevictable: memory.unevictable,
        mlocked: memory.mlocked,
        swap_total: memory.swaptotal,
        swap_free: memory.swapfree,
        dirty: memory.dirty,
        writeback: memory.writeback,
        anon_pages: memory.anonpages,
        mapped: memory.mapped,
        shmem: memory.shmem,
        slab: memory.slab,
        s_reclaimable: memory.sreclaimable,
        s_unreclaim: memory.sunreclaim,
        kernel_stack: memory.kernelstack,
        page_tables: memory.pagetables,
        nfs_unstable: memory.nfsunstable,
        bounce: memory.bounce,
        writeback_tmp: memory.writebacktmp,
        commit_limit: memory.commitlimit,
        committed_as: memory.committedas,
        vmalloc_total: memory.vmalloctotal,
        vmalloc_used: memory.vmallocused,
        vmalloc_chunk: memory.vmallocchunk,
        hardware_corrupted: memory.hardwarecorrupted,
        anon_huge_pages: memory.anonhugepages,
        shmem_huge_pages: memory.shmemhugepages,
        shmem_pmd_mapped: memory.shmempmdmapped,
        cma_total: memory.cmatotal,
        cma_free: memory.cmafree,
        huge_pages_total: memory.hugepagestotal,
        huge_pages_free: memory.hugepagesfree,
        huge_pages_rsvd: memory.hugepagesrsvd,
        huge_pages_surp: memory.hugepagessurp,
        huge_page_size: memory.hugepagesize,
        direct_map_4k: memory.directmap4k,
        direct_map_2m: memory.directmap2m,
        direct_map_1g: memory.directmap1g,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsrc_105_to_107_counters_find_their_fields() {
        let stat = proc::stat::parse("cpu 100 2\ncpu0 50\ncpu1 50\nintr 7\nctxt 9\n");
        let stats = cpu_stats(&stat);
        assert_eq!((stats.processors.len(), stats.interrupts), (2, 7));
        assert_eq!((stats.total.user, stats.context_switches), (1.0, 9));

        let memory = MemInfo {
            memtotal: 100,
            memfree: 40,
            buffers: 5,
            cached: 15,
            memavailable: 55,
            hugepagesize: 2048,
            ..MemInfo::default()
        };
        let stats = memory_stats(&memory);
        assert_eq!((stats.total, stats.used, stats.available), (100, 60, 55));
        assert_eq!((stats.cached, stats.huge_page_size), (15, 2048));
    }
}
