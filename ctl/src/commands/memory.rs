// SPDX-License-Identifier: MPL-2.0
//! `memory`.
//!
//! Owns: the table in MiB and the long form in kB.
//! Never: sums what the kernel counts apart, but for "used".

use api::machine::MemInfo;

use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;

pub(crate) async fn run(
    session: &Session,
    verbose: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let reply = session.machine().memory(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&[
        "NODE",
        "TOTAL",
        "USED",
        "FREE",
        "SHARED",
        "BUFFERS",
        "CACHE",
        "AVAILABLE",
    ]);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        let memory = message.meminfo.unwrap_or_default();
        if verbose {
            screen.print(format_args!("NODE: {node}\n{}", long(&memory)));
        } else {
            table.row(std::iter::once(node).chain(short(&memory)));
        }
    }
    if !verbose {
        screen.table(&table);
    }
    Ok(())
}

fn short(memory: &MemInfo) -> [String; 7] {
    let used = memory
        .memtotal
        .saturating_sub(memory.memfree)
        .saturating_sub(memory.cached)
        .saturating_sub(memory.buffers);
    [
        memory.memtotal,
        used,
        memory.memfree,
        memory.shmem,
        memory.buffers,
        memory.cached,
        memory.memavailable,
    ]
    .map(|kilobytes| (kilobytes / 1024).to_string())
}

/// Every number under the kernel's name (proc_meminfo(5)), as lines of talosctl: numbers of pages have
/// no unit.
pub(crate) fn long(m: &MemInfo) -> String {
    let mut lines = String::new();
    for (name, value) in [
        ("MemTotal", m.memtotal),
        ("MemFree", m.memfree),
        ("MemAvailable", m.memavailable),
        ("Buffers", m.buffers),
        ("Cached", m.cached),
        ("SwapCached", m.swapcached),
        ("Active", m.active),
        ("Inactive", m.inactive),
        ("ActiveAnon", m.activeanon),
        ("InactiveAnon", m.inactiveanon),
        ("ActiveFile", m.activefile),
        ("InactiveFile", m.inactivefile),
        ("Unevictable", m.unevictable),
        ("Mlocked", m.mlocked),
        ("SwapTotal", m.swaptotal),
        ("SwapFree", m.swapfree),
        ("Dirty", m.dirty),
        ("Writeback", m.writeback),
        ("AnonPages", m.anonpages),
        ("Mapped", m.mapped),
        ("Shmem", m.shmem),
        ("Slab", m.slab),
        ("SReclaimable", m.sreclaimable),
        ("SUnreclaim", m.sunreclaim),
        ("KernelStack", m.kernelstack),
        ("PageTables", m.pagetables),
        ("NFSUnstable", m.nfsunstable),
        ("Bounce", m.bounce),
        ("WritebackTmp", m.writebacktmp),
        ("CommitLimit", m.commitlimit),
        ("CommittedAS", m.committedas),
        ("VmallocTotal", m.vmalloctotal),
        ("VmallocUsed", m.vmallocused),
        ("VmallocChunk", m.vmallocchunk),
        ("HardwareCorrupted", m.hardwarecorrupted),
        ("AnonHugePages", m.anonhugepages),
        ("ShmemHugePages", m.shmemhugepages),
        ("ShmemPmdMapped", m.shmempmdmapped),
        ("CmaTotal", m.cmatotal),
        ("CmaFree", m.cmafree),
        ("HugePagesTotal", m.hugepagestotal),
        ("HugePagesFree", m.hugepagesfree),
        ("HugePagesRsvd", m.hugepagesrsvd),
        ("HugePagesSurp", m.hugepagessurp),
        ("Hugepagesize", m.hugepagesize),
        ("DirectMap4k", m.directmap4k),
        ("DirectMap2M", m.directmap2m),
        ("DirectMap1G", m.directmap1g),
    ] {
        let unit = if name.starts_with("HugePages") {
            ""
        } else {
            " kB"
        };
        lines.push_str(&format!("{name}: {value}{unit}\n"));
    }
    lines
}
