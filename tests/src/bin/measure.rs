// SPDX-License-Identifier: MPL-2.0
//! Measures what is promised of a running node, for `./x size`.
//!
//! Prints one line `measured NAME VALUE` for each number of `tests/budgets.toml` that only a machine
//! can tell.
//!
//! Owns: how each of them is measured.
//! Never: knows what was promised.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ichor_tests::layers::{self, Layer};
use ichor_tests::node::{LIMIT, generate, host_listener};
use ichor_tests::probe::Probe;
use ichor_tests::{Arch, Node, Setup};
use xtask::places::Places;
use xtask::qemu::{MEMORY_MIB, Machine};
use xtask::wait;

/// How often each start is timed. What else this machine does comes and goes, so starts that follow
/// each other are compared, and the median of what they say counts: the fastest of each would be the
/// shorter one's advantage, which fits into a quieter moment.
const ROUNDS: usize = 9;
/// How many layers a node is given to see what they cost.
const LAYERS: usize = 20;
/// The services of the layer that rests.
const SERVICES: u32 = 10;
/// Programs that talk to the network by TLS, whose shares of memory are promised one by one.
const SPEAKERS: [&str; 3] = ["apid", "machined", "trustd"];
/// What the bare init prints.
const HELLO: &str = "HELLO FROM INIT";

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let arch = Arch::ALL.into_iter().find(|arch| arch.name() == name);
    let arch = arch.context("usage: measure amd64|arm64")?;
    let places = Places::find()?;

    let layers = tempfile::tempdir()?;
    let with_layers = layers::many(&places, arch, LAYERS, layers.path())?;
    let mut idle_mib = f64::MAX;
    let (mut bares, mut answers, mut layereds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut first, mut more) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = time_bare_init(&places, arch)?.as_secs_f64();
        let (answered, idle_now) = time_first_answer(&places, Setup::new(arch))?;
        let mut setup = Setup::new(arch);
        setup.initramfs = Some(with_layers.clone());
        let (layered, _) = time_first_answer(&places, setup)?;
        let (answered, layered) = (answered.as_secs_f64(), layered.as_secs_f64());
        first.push(answered / bare);
        more.push(layered / answered);
        bares.push(bare);
        answers.push(answered);
        layereds.push(layered);
        idle_mib = idle_mib.min(idle_now);
    }
    println!(
        "bare init {:.2} s, first answer {:.2} s, with {LAYERS} layers {:.2} s",
        median(&mut bares)?,
        median(&mut answers)?,
        median(&mut layereds)?
    );
    println!("measured first-answer {:.3}", median(&mut first)?);
    println!("measured layers-boot {:.3}", median(&mut more)?);
    println!("measured machine-memory {MEMORY_MIB}");
    println!("measured idle-memory {idle_mib:.1}");
    measure_services(arch)
}

/// The one in the middle.
fn median(values: &mut [f64]) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    values.get(middle).copied().context("nothing was measured")
}

/// Times a machine that starts nothing but one program, which prints a line.
fn time_bare_init(places: &Places, arch: Arch) -> Result<Duration> {
    let mut machine = Machine::new(places, arch);
    machine.initramfs = places.out_of(arch).join("yardstick.initramfs");
    Ok(machine.boot()?.wait_for(HELLO, LIMIT)?.at)
}

/// Times a node from power-on to its first answer to an administrator. It fetches its configuration
/// from the network, so nobody's typing counts. Also returns the MiB it then uses.
fn time_first_answer(places: &Places, mut setup: Setup) -> Result<(Duration, f64)> {
    let folder = tempfile::tempdir()?;
    generate(&places.out.join("host/ichorctl"), folder.path())?;
    let configuration = std::fs::read(folder.path().join("controlplane.yaml"))?;
    let (listener, port) = host_listener()?;
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

/// Measures the memory of all our programs from inside, without services and with ten of them, and
/// how long a service takes to start.
fn measure_services(arch: Arch) -> Result<()> {
    let alone = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let alone = shares(&mut alone.probe()?)?;
    println!("measured init-pss {:.1}", kb(alone.init));
    println!("measured userspace-pss {:.3}", kb(alone.all) / 1e3);
    for name in SPEAKERS {
        let share = alone.of.get(name);
        let share = share.with_context(|| format!("the probe does not see {name}"))?;
        println!("measured {name}-pss {:.3}", kb(*share) / 1e3);
    }

    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe, Layer::Resting]))?;
    for number in 0..SERVICES {
        said(&node, number, 1)?;
    }
    let mut probe = node.probe()?;
    let resting = shares(&mut probe)?;
    let more = |with: u64, without: u64| kb(with) - kb(without);
    let services = more(resting.all, alone.all) + more(resting.shared, alone.shared);
    println!(
        "measured service-memory {:.1}",
        services / f64::from(SERVICES)
    );

    let mut bare = 0.0;
    let mut contained = 0.0;
    for number in 0..SERVICES {
        bare += age_ms(probe.ask("spawn /hello")?.first())?;
        node.ctl(&["service", &service(number), "restart"])?.ok()?;
        contained += age_ms(said(&node, number, 2)?.last())?;
    }
    let each = |sum: f64| sum / f64::from(SERVICES);
    println!(
        "a program starts in {:.1} ms, in a container in {:.1} ms",
        each(bare),
        each(contained)
    );
    // An emulator makes milliseconds of microseconds; both are measured in the same one.
    println!("measured service-start {:.3}", contained / bare);
    Ok(())
}

/// The id of one of the services that rest.
fn service(number: u32) -> String {
    format!("ext-hello-{number}")
}

/// What a service that rests has said, when that is `count` lines.
fn said(node: &Node, number: u32, count: usize) -> Result<Vec<String>> {
    wait::until(LIMIT, || {
        let said = node.ctl(&["logs", &service(number)])?.ok()?;
        let said: Vec<String> = said.lines().map(str::to_owned).collect();
        ensure!(said.len() >= count, "{}: {said:?}", service(number));
        Ok(said)
    })
}

/// Reads `hello after 20 ms`.
fn age_ms(line: Option<&String>) -> Result<f64> {
    let line = line.context("hello says nothing")?;
    let words = line.split_once("hello after ");
    let age = words.and_then(|(_, rest)| rest.strip_suffix(" ms"));
    let age = age.with_context(|| format!("not what hello says: {line}"))?;
    Ok(f64::from(age.parse::<u32>()?))
}

/// Memory, in KiB.
struct Shares {
    init: u64,
    /// All our programs, init among them.
    all: u64,
    /// What is in files that are only in memory: the logs.
    shared: u64,
    /// All processes of a name together.
    of: BTreeMap<String, u64>,
}

/// Asks for the shares of memory of all our programs. The guests are not ours to count, and kernel
/// threads have no memory of their own.
fn shares(probe: &mut Probe) -> Result<Shares> {
    let mut shares = Shares {
        init: 0,
        all: 0,
        shared: 0,
        of: BTreeMap::new(),
    };
    for process in probe.pss()? {
        if process.pid == 1 {
            shares.init = process.kb;
        }
        if !["probe", "hello"].contains(&process.name.as_str()) {
            shares.all = shares.all.saturating_add(process.kb);
        }
        let of = shares.of.entry(process.name).or_default();
        *of = of.saturating_add(process.kb);
    }
    ensure!(shares.init > 0, "the probe does not see init");
    let memory = probe.read("/proc/meminfo")?;
    let shared = memory.lines().find_map(|line| line.strip_prefix("Shmem:"));
    let shared = shared.and_then(|rest| rest.split_whitespace().next());
    shares.shared = shared.context("no Shmem in /proc/meminfo")?.parse()?;
    Ok(shares)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a machine has less than 2^53 KiB"
)]
fn kb(kib: u64) -> f64 {
    kib as f64 * 1.024
}
