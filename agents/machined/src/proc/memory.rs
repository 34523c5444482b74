// SPDX-License-Identifier: MPL-2.0
//! `/proc/meminfo` and `/proc/loadavg`.
//!
//! Owns: their fields in the API, memory in KiB.
//! Never: invents a field: what a kernel does not say is 0, as in the API.

use api::machine::{LoadAvg, MemInfo};
use procfs_core::prelude::FromRead as _;
use procfs_core::{LoadAverage, Meminfo, ProcResult};

use crate::places::Places;

/// Reads `/proc/meminfo`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(places: &Places) -> ProcResult<Meminfo> {
    Meminfo::from_file(places.at("/proc/meminfo"))
}

/// Memory as the API has it.
#[must_use]
pub(crate) fn wire(memory: &Meminfo) -> MemInfo {
    let kib = |bytes: u64| bytes / 1024;
    let maybe = |bytes: Option<u64>| kib(bytes.unwrap_or(0));
    MemInfo {
        memtotal: kib(memory.mem_total),
        memfree: kib(memory.mem_free),
        memavailable: maybe(memory.mem_available),
        buffers: kib(memory.buffers),
        cached: kib(memory.cached),
        swapcached: kib(memory.swap_cached),
        active: kib(memory.active),
        inactive: kib(memory.inactive),
        activeanon: maybe(memory.active_anon),
        inactiveanon: maybe(memory.inactive_anon),
        activefile: maybe(memory.active_file),
        inactivefile: maybe(memory.inactive_file),
        unevictable: maybe(memory.unevictable),
        mlocked: maybe(memory.mlocked),
        swaptotal: kib(memory.swap_total),
        swapfree: kib(memory.swap_free),
        dirty: kib(memory.dirty),
        writeback: kib(memory.writeback),
        anonpages: maybe(memory.anon_pages),
        mapped: kib(memory.mapped),
        shmem: maybe(memory.shmem),
        slab: kib(memory.slab),
        sreclaimable: maybe(memory.s_reclaimable),
        sunreclaim: maybe(memory.s_unreclaim),
        kernelstack: maybe(memory.kernel_stack),
        pagetables: maybe(memory.page_tables),
        nfsunstable: maybe(memory.nfs_unstable),
        bounce: maybe(memory.bounce),
        writebacktmp: maybe(memory.writeback_tmp),
        commitlimit: maybe(memory.commit_limit),
        committedas: kib(memory.committed_as),
        vmalloctotal: kib(memory.vmalloc_total),
        vmallocused: kib(memory.vmalloc_used),
        vmallocchunk: kib(memory.vmalloc_chunk),
        hardwarecorrupted: maybe(memory.hardware_corrupted),
        anonhugepages: maybe(memory.anon_hugepages),
        shmemhugepages: maybe(memory.shmem_hugepages),
        shmempmdmapped: maybe(memory.shmem_pmd_mapped),
        cmatotal: maybe(memory.cma_total),
        cmafree: maybe(memory.cma_free),
        // These are counts of pages.
        hugepagestotal: memory.hugepages_total.unwrap_or(0),
        hugepagesfree: memory.hugepages_free.unwrap_or(0),
        hugepagesrsvd: memory.hugepages_rsvd.unwrap_or(0),
        hugepagessurp: memory.hugepages_surp.unwrap_or(0),
        hugepagesize: maybe(memory.hugepagesize),
        directmap4k: maybe(memory.direct_map_4k),
        directmap2m: maybe(memory.direct_map_2M),
        directmap1g: maybe(memory.direct_map_1G),
    }
}

/// Reads `/proc/loadavg`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn load(places: &Places) -> ProcResult<LoadAvg> {
    let load = LoadAverage::from_file(places.at("/proc/loadavg"))?;
    Ok(LoadAvg {
        metadata: None,
        load1: f64::from(load.one),
        load5: f64::from(load.five),
        load15: f64::from(load.fifteen),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:         119012 kB\nMemFree:           80404 kB\n\
        MemAvailable:      95688 kB\nBuffers:             512 kB\nCached:            20996 kB\n\
        SwapCached:            0 kB\nActive:             4160 kB\nInactive:          24212 kB\n\
        SwapTotal:             0 kB\nSwapFree:              0 kB\nDirty:                 4 kB\n\
        Writeback:             0 kB\nMapped:             9392 kB\nSlab:               5336 kB\n\
        Committed_AS:      31072 kB\nVmallocTotal:   34359738367 kB\nVmallocUsed:        1076 kB\n\
        VmallocChunk:          0 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n";

    #[test]
    fn memory_is_told_in_kib_and_pages_in_pages() {
        let memory = wire(&Meminfo::from_read(MEMINFO.as_bytes()).unwrap());

        assert_eq!((memory.memtotal, memory.memfree), (119_012, 80_404));
        assert_eq!((memory.memavailable, memory.buffers), (95_688, 512));
        assert_eq!((memory.hugepagestotal, memory.hugepagesize), (3, 2048));
        assert_eq!((memory.shmem, memory.cmafree), (0, 0));
    }

    #[test]
    fn a_file_without_memory_is_an_error() {
        for text in ["", "MemTotal: x kB\n", "nonsense", "MemTotal: 5 kB\n"] {
            assert!(Meminfo::from_read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
