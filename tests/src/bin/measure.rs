// SPDX-License-Identifier: MPL-2.0
//! Measures what is promised of a running node, for `./x size`.
//!
//! Prints one line `measured NAME VALUE` for each number of `tests/budgets.toml` that only a machine
//! can tell.
//!
//! Owns: how each of them is measured.
//! Never: knows what was promised.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ichor_tests::layers::Layer;
use ichor_tests::node::{LIMIT, generate, host_listener};
use ichor_tests::{Arch, Node, Setup};
use xtask::places::Places;
use xtask::qemu::{MEMORY_MIB, Machine};

/// How often each start is timed at most; the fastest counts, because everything else on this
/// machine only ever makes it slower.
const STARTS_MAX: usize = 16;
/// After so many starts in a row of which none was faster, the fastest is what the node can do.
const STARTS_IN_VAIN: usize = 4;
/// By how much a start must be faster to count as such.
const FASTER: Duration = Duration::from_millis(10);
/// What the bare init prints.
const HELLO: &str = "HELLO FROM INIT";

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let arch = Arch::ALL.into_iter().find(|arch| arch.name() == name);
    let arch = arch.context("usage: measure amd64|arm64")?;
    let places = Places::find()?;

    let mut bare = Duration::MAX;
    let mut answered = Duration::MAX;
    let mut idle_mib = f64::MAX;
    let mut in_vain: usize = 0;
    for _ in 0..STARTS_MAX {
        let bare_now = time_bare_init(&places, arch)?;
        let (answered_now, idle_now) = time_first_answer(&places, arch)?;
        let faster = |now: Duration, best: Duration| now.saturating_add(FASTER) < best;
        in_vain = if faster(bare_now, bare) || faster(answered_now, answered) {
            0
        } else {
            in_vain.saturating_add(1)
        };
        bare = bare.min(bare_now);
        answered = answered.min(answered_now);
        idle_mib = idle_mib.min(idle_now);
        if in_vain == STARTS_IN_VAIN {
            break;
        }
    }
    println!(
        "bare init {:.2} s, first answer {:.2} s",
        bare.as_secs_f64(),
        answered.as_secs_f64()
    );
    println!(
        "measured first-answer {:.3}",
        answered.as_secs_f64() / bare.as_secs_f64()
    );
    println!("measured machine-memory {MEMORY_MIB}");
    println!("measured idle-memory {idle_mib:.1}");
    measure_shares(arch)
}

/// Times a machine that starts nothing but one program, which prints a line.
fn time_bare_init(places: &Places, arch: Arch) -> Result<Duration> {
    let mut machine = Machine::new(places, arch);
    machine.initramfs = places.out_of(arch).join("yardstick.initramfs");
    Ok(machine.boot()?.wait_for(HELLO, LIMIT)?.at)
}

/// Times a node from power-on to its first answer to an administrator. It fetches its configuration
/// from the network, so nobody's typing counts. Also returns the MiB it then uses.
fn time_first_answer(places: &Places, arch: Arch) -> Result<(Duration, f64)> {
    let folder = tempfile::tempdir()?;
    generate(&places.out.join("host/ichorctl"), folder.path())?;
    let configuration = std::fs::read(folder.path().join("controlplane.yaml"))?;
    let (listener, port) = host_listener()?;
    let mut setup = Setup::new(arch);
    setup.cmdline = format!("talos.platform=metal talos.config=http://10.0.2.2:{port}/node.yaml");

    let node = Node::boot_in(&setup, folder)?;
    let (stream, _) = listener.accept()?;
    BufReader::new(&stream).read_line(&mut String::new())?;
    let mut out = &stream;
    let length = configuration.len();
    write!(
        out,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    out.write_all(&configuration)?;
    drop(stream);
    node.wait_until_running()?;
    let time = node.machine.uptime();

    let memory = node.ctl(&["memory"])?.ok()?;
    let row = memory.lines().nth(1).context("no memory table")?;
    let available = row
        .split_whitespace()
        .next_back()
        .context("no memory table")?;
    let available: f64 = available.parse().with_context(|| memory.clone())?;
    ensure!(available > 0.0, "{memory}");
    Ok((time, f64::from(MEMORY_MIB) - available))
}

/// Measures the shares of memory of all our programs, from inside.
fn measure_shares(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut all: u64 = 0;
    let mut init: u64 = 0;
    for process in node.probe()?.pss()? {
        if process.pid == 1 {
            init = process.kb;
        }
        // The guest is not ours to count, and kernel threads have no memory of their own.
        if process.name != "probe" {
            all = all.saturating_add(process.kb);
        }
    }
    ensure!(init > 0, "the probe does not see init");
    // Shares are in KiB.
    println!("measured init-pss {:.1}", kb(init));
    println!("measured userspace-pss {:.3}", kb(all) / 1e3);
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a machine has less than 2^53 KiB"
)]
fn kb(kib: u64) -> f64 {
    kib as f64 * 1.024
}
