// SPDX-License-Identifier: MPL-2.0
//! Resources of what processors and memory do.
//!
//! Owns: the counters, as `/proc` has them.
//! Never: reads one.

use super::field::{record, spec};

record! {
    /// What a processor did since the start of the machine, in seconds each.
    CpuTimes {
        1 "user" user: f64, keep, "Programs, in seconds.";
        2 "nice" nice: f64, keep, "Programs that yield.";
        3 "system" system: f64, keep, "The kernel.";
        4 "idle" idle: f64, keep, "Nothing.";
        5 "iowait" iowait: f64, keep, "Nothing, while a disk is waited for.";
        6 "irq" irq: f64, keep, "Interrupts.";
        7 "softIrq" soft_irq: f64, keep, "What interrupts left for later.";
        8 "steal" steal: f64, keep, "Other machines on the same processor.";
        9 "guest" guest: f64, keep, "Machines of ours.";
        10 "guestNice" guest_nice: f64, keep, "Those that yield.";
    }
}

spec! {
    /// What the processors did. Its id is `latest`.
    CpuStats,
    "CPUStats.perf.talos.dev" in "perf",
    ["cpustat", "cpus"],
    ["User" = "{.cpuTotal.user}", "System" = "{.cpuTotal.system}"],
    Public,
    {
        1 "cpu" processors: Vec<CpuTimes>, keep, "Each of them.";
        2 "cpuTotal" total: CpuTimes, keep, "All together.";
        3 "irqTotal" interrupts: u64, keep, "Interrupts.";
        4 "contextSwitches" context_switches: u64, keep, "How often one task followed another.";
        5 "processCreated" processes_created: u64, keep, "Processes that were started.";
        6 "processRunning" processes_running: u64, keep, "Those that run.";
        7 "processBlocked" processes_blocked: u64, keep, "Those that wait for a disk.";
        8 "softIrqTotal" soft_interrupts: u64, keep, "What interrupts left for later.";
    }
}

spec! {
    /// What memory is used for. Its id is `latest`.
    MemoryStats,
    "MemoryStats.perf.talos.dev" in "perf",
    ["memorystat", "ms"],
    ["Used" = "{.used}", "Total" = "{.total}"],
    Public,
    {
        1 "total" total: u64, keep, "`total` in KiB, as `/proc/meminfo` has it.";
        2 "used" used: u64, keep, "What is not free, caches included, in KiB.";
        3 "available" available: u64, keep, "`available` in KiB, as `/proc/meminfo` has it.";
        4 "buffers" buffers: u64, keep, "`buffers` in KiB, as `/proc/meminfo` has it.";
        5 "cached" cached: u64, keep, "`cached` in KiB, as `/proc/meminfo` has it.";
        6 "swapCached" swap_cached: u64, keep, "`swapCached` in KiB, as `/proc/meminfo` has it.";
        7 "active" active: u64, keep, "`active` in KiB, as `/proc/meminfo` has it.";
        8 "inactive" inactive: u64, keep, "`inactive` in KiB, as `/proc/meminfo` has it.";
        9 "activeAnon" active_anon: u64, keep, "`activeAnon` in KiB, as `/proc/meminfo` has it.";
        10 "inactiveAnon" inactive_anon: u64, keep, "`inactiveAnon` in KiB, as `/proc/meminfo` has it.";
        11 "activeFile" active_file: u64, keep, "`activeFile` in KiB, as `/proc/meminfo` has it.";
        12 "inactiveFile" inactive_file: u64, keep, "`inactiveFile` in KiB, as `/proc/meminfo` has it.";
        13 "unevictable" unevictable: u64, keep, "`unevictable` in KiB, as `/proc/meminfo` has it.";
        14 "mlocked" mlocked: u64, keep, "`mlocked` in KiB, as `/proc/meminfo` has it.";
        15 "swapTotal" swap_total: u64, keep, "`swapTotal` in KiB, as `/proc/meminfo` has it.";
        16 "swapFree" swap_free: u64, keep, "`swapFree` in KiB, as `/proc/meminfo` has it.";
        17 "dirty" dirty: u64, keep, "`dirty` in KiB, as `/proc/meminfo` has it.";
        18 "writeback" writeback: u64, keep, "`writeback` in KiB, as `/proc/meminfo` has it.";
        19 "anonPages" anon_pages: u64, keep, "`anonPages` in KiB, as `/proc/meminfo` has it.";
        20 "mapped" mapped: u64, keep, "`mapped` in KiB, as `/proc/meminfo` has it.";
        21 "shmem" shmem: u64, keep, "`shmem` in KiB, as `/proc/meminfo` has it.";
        22 "slab" slab: u64, keep, "`slab` in KiB, as `/proc/meminfo` has it.";
        23 "sreclaimable" s_reclaimable: u64, keep, "`sreclaimable` in KiB, as `/proc/meminfo` has it.";
        24 "sunreclaim" s_unreclaim: u64, keep, "`sunreclaim` in KiB, as `/proc/meminfo` has it.";
        25 "kernelStack" kernel_stack: u64, keep, "`kernelStack` in KiB, as `/proc/meminfo` has it.";
        26 "pageTables" page_tables: u64, keep, "`pageTables` in KiB, as `/proc/meminfo` has it.";
        27 "nfsunstable" nfs_unstable: u64, keep, "`nfsunstable` in KiB, as `/proc/meminfo` has it.";
        28 "bounce" bounce: u64, keep, "`bounce` in KiB, as `/proc/meminfo` has it.";
        29 "writeBacktmp" writeback_tmp: u64, keep, "`writeBacktmp` in KiB, as `/proc/meminfo` has it.";
        30 "commitLimit" commit_limit: u64, keep, "`commitLimit` in KiB, as `/proc/meminfo` has it.";
        31 "commitTedas" committed_as: u64, keep, "`commitTedas` in KiB, as `/proc/meminfo` has it.";
        32 "vmallocTotal" vmalloc_total: u64, keep, "`vmallocTotal` in KiB, as `/proc/meminfo` has it.";
        33 "vmallocUsed" vmalloc_used: u64, keep, "`vmallocUsed` in KiB, as `/proc/meminfo` has it.";
        34 "vmallocChunk" vmalloc_chunk: u64, keep, "`vmallocChunk` in KiB, as `/proc/meminfo` has it.";
        35 "hardwareCorrupted" hardware_corrupted: u64, keep, "`hardwareCorrupted` in KiB, as `/proc/meminfo` has it.";
        36 "anonHugePages" anon_huge_pages: u64, keep, "`anonHugePages` in KiB, as `/proc/meminfo` has it.";
        37 "shmemHugePages" shmem_huge_pages: u64, keep, "`shmemHugePages` in KiB, as `/proc/meminfo` has it.";
        38 "shmemPmdMapped" shmem_pmd_mapped: u64, keep, "`shmemPmdMapped` in KiB, as `/proc/meminfo` has it.";
        39 "cmaTotal" cma_total: u64, keep, "`cmaTotal` in KiB, as `/proc/meminfo` has it.";
        40 "cmaFree" cma_free: u64, keep, "`cmaFree` in KiB, as `/proc/meminfo` has it.";
        41 "hugePagesTotal" huge_pages_total: u64, keep, "`hugePagesTotal`, in pages.";
        42 "hugePagesFree" huge_pages_free: u64, keep, "`hugePagesFree`, in pages.";
        43 "hugePagesRsvd" huge_pages_rsvd: u64, keep, "`hugePagesRsvd`, in pages.";
        44 "hugePagesSurp" huge_pages_surp: u64, keep, "`hugePagesSurp`, in pages.";
        45 "hugepagesize" huge_page_size: u64, keep, "`hugepagesize` in KiB, as `/proc/meminfo` has it.";
        46 "directMap4k" direct_map_4k: u64, keep, "`directMap4k` in KiB, as `/proc/meminfo` has it.";
        47 "directMap2m" direct_map_2m: u64, keep, "`directMap2m` in KiB, as `/proc/meminfo` has it.";
        48 "directMap1g" direct_map_1g: u64, keep, "`directMap1g` in KiB, as `/proc/meminfo` has it.";
    }
}

/// The only id of both.
pub(crate) const LATEST: &str = "latest";
