// SPDX-License-Identifier: MPL-2.0
//! What breaks in a node stays where it broke.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ichor_tests::layers::Layer;
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Crowd, Node, Probe, Setup, on_each_architecture, wait};
use tonic::Code;

on_each_architecture! {
    storms_of_bad_messages_harm_nobody_and_cost_no_memory
    killed_agents_come_back_and_what_they_managed_never_left
    crowds_that_wait_and_crowds_that_read_nothing_fit_the_door
    machined_killed_under_a_hundred_streams_ends_them_as_unavailable_and_nothing_else
    services_that_misbehave_are_contained_and_seen
}

/// A hundred streams, as one client tool opens them: some on each of its connections.
const CONNECTIONS: usize = 4;
const STREAMS: usize = 25;

/// Connections that wait for news, and calls on each: most of what a small door takes.
const WAITING: (usize, usize) = (20, 50);
/// What apid needs for those connections and those calls: 72 and 5 kB each.
const WAITING_KB: (u64, u64) = (20 * 72, 20 * 50 * 5);
/// Connections that read nothing, and calls on each.
const CARELESS: (usize, usize) = (8, 60);

const SOCKETS: [(&str, &str); 5] = [
    ("init", "/run/ichor/init.sock"),
    ("logd", "/run/ichor/logd.sock"),
    ("netd", "/run/ichor/netd.sock"),
    ("udevd", "/run/ichor/udevd.sock"),
    ("machined", "/run/ichor/machined.sock"),
];

const AGENTS: [&str; 5] = ["logd", "udevd", "netd", "machined", "apid"];

/// How much more memory our programs may use after a storm, in kB: what page faults of code that
/// had not run before explain.
const STORM_KB: u64 = 1024;

/// How soon the API answers again after an agent was killed. The machine's clock is the host's:
/// emulation makes the machine slower, not its time longer.
const BACK_AGAIN: Duration = Duration::from_secs(2);

/// How soon a node that has misbehaving services answers one command of the client.
const RESPONSIVE: Duration = Duration::from_secs(5);

fn storms_of_bad_messages_harm_nobody_and_cost_no_memory(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let before = main_pids(&mut probe)?;
    // The first storm runs code that never ran before; what counts is that the second adds nothing.
    for (_, socket) in SOCKETS {
        probe.ask(&format!("storm {socket} 500 1"))?;
    }
    let memory_before = total_kb(&mut probe)?;

    for (seed, (name, socket)) in (2..).zip(SOCKETS) {
        let report = probe.ask(&format!("storm {socket} 10000 {seed}"))?;
        ensure!(!report.is_empty(), "{name}: no report");
    }

    let memory_after = total_kb(&mut probe)?;
    ensure!(
        memory_after <= memory_before.saturating_add(STORM_KB),
        "memory grew from {memory_before} kB to {memory_after} kB"
    );
    ensure!(main_pids(&mut probe)? == before, "an agent was restarted");
    node.ctl(&["services"])?.ok().map(|_| ())
}

fn killed_agents_come_back_and_what_they_managed_never_left(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let guest = probe.pid("ext-probe")?;

    for round in 0..10 {
        for victim in AGENTS {
            let before = main_pids(&mut probe)?;
            let pid = before
                .get(victim)
                .with_context(|| format!("no {victim}: {before:?}"))?;
            let others: BTreeMap<_, _> =
                before.iter().filter(|(name, _)| *name != victim).collect();
            probe.kill(*pid)?;
            let killed_at = Instant::now();

            wait::until(LIMIT, || {
                let now = probe.pid(victim)?;
                ensure!(now != *pid, "still the same");
                Ok(())
            })?;
            node.wait_until_running()?;
            let took = killed_at.elapsed();
            ensure!(took < BACK_AGAIN, "round {round}: {victim} took {took:?}");
            let now = main_pids(&mut probe)?;
            for (name, pid) in others {
                ensure!(
                    now.get(name) == Some(pid),
                    "{name} was restarted when {victim} died"
                );
            }
        }
    }

    ensure!(probe.pid("ext-probe")? == guest, "the guest was restarted");
    let services = node.ctl(&["services"])?.ok()?;
    ensure!(services.contains("ext-probe"), "{services}");
    Ok(())
}

fn crowds_that_wait_and_crowds_that_read_nothing_fit_the_door(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let pids = main_pids(&mut probe)?;
    let idle = door_kb(&mut probe)?;
    // Those that wait cost what apid's limits.rs counts for them.
    let mut waiting = Crowd::connect(&node, WAITING.0)?;
    let connected = door_kb(&mut probe)?;
    waiting.watch(WAITING.1)?;
    let full = door_kb(&mut probe)?;
    let connections = connected.saturating_sub(idle);
    let calls = full.saturating_sub(connected);
    ensure!(
        connections <= WAITING_KB.0 && calls <= WAITING_KB.1,
        "{connections} kB for {} connections, {calls} kB for calls, {WAITING_KB:?} promised",
        WAITING.0
    );

    // Those that read nothing have much more for them than there is room for.
    let answered = waiting.neglect(&node, CARELESS.0, CARELESS.1)?;
    ensure!(answered > CARELESS.1, "{answered} answers");
    waiting.ask()?;
    node.ctl(&["services"])?.ok()?;
    ensure!(main_pids(&mut probe)? == pids, "an agent was restarted");
    Ok(())
}

fn machined_killed_under_a_hundred_streams_ends_them_as_unavailable_and_nothing_else(
    arch: Arch,
) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let before = main_pids(&mut probe)?;
    let machined = before.get("machined").context("no machined")?;
    let mut crowd = Crowd::connect(&node, CONNECTIONS)?;
    crowd.follow(STREAMS)?;

    probe.kill(*machined)?;

    let ends = crowd.ends()?;
    ensure!(ends.len() == CONNECTIONS * STREAMS, "{}", ends.len());
    ensure!(
        ends.iter().all(|end| *end == Some(Code::Unavailable)),
        "{ends:?}"
    );
    // On the connections that there were, and on new ones.
    crowd.ask()?;
    Crowd::connect(&node, 1)?.ask()?;
    crowd.follow(STREAMS)?;
    let mut after = main_pids(&mut probe)?;
    ensure!(
        after.insert("machined".to_owned(), *machined) != Some(*machined),
        "machined was not killed"
    );
    ensure!(after == before, "{before:?} became {after:?}");
    Ok(())
}

fn services_that_misbehave_are_contained_and_seen(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe, Layer::Misbehave]))?;
    let mut probe = node.probe()?;
    let agents = main_pids(&mut probe)?;

    let row = |service: &str| -> Result<String> {
        let services = node.ctl(&["services"])?.ok()?;
        let row = services.lines().find(|line| line.contains(service));
        row.map(str::to_owned)
            .with_context(|| format!("no {service}:\n{services}"))
    };
    wait::until(LIMIT, || {
        let events = node.ctl(&["service", "ext-exit"])?.ok()?;
        ensure!(events.contains("exit") && events.contains('3'), "{events}");
        Ok(())
    })?;
    wait::until(LIMIT, || {
        let events = node.ctl(&["service", "ext-eat"])?.ok()?;
        ensure!(events.to_lowercase().contains("memory"), "{events}");
        Ok(())
    })?;
    wait::until(LIMIT, || {
        let log = node.ctl(&["logs", "ext-fork"])?.ok()?;
        let events = node.ctl(&["service", "ext-fork"])?.ok()?;
        ensure!(
            log.contains("refused") && !log.contains(" 0 refused"),
            "{log}{events}"
        );
        Ok(())
    })?;
    let flood = wait::until(LIMIT, || {
        let log = node.ctl(&["logs", "ext-flood", "--tail", "5"])?.ok()?;
        ensure!(log.lines().count() == 5, "{log}");
        Ok(log)
    })?;
    ensure!(
        flood.lines().all(|line| line.contains(": flood line ")),
        "{flood}"
    );

    let asked_at = Instant::now();
    row("ext-flood")?;
    ensure!(
        asked_at.elapsed() < RESPONSIVE,
        "the node is not responsive"
    );
    let now = main_pids(&mut probe)?;
    for agent in AGENTS {
        ensure!(now.get(agent) == agents.get(agent), "{agent} was restarted");
    }
    let machined = node.ctl(&["logs", "machined", "--tail", "1"])?.ok()?;
    ensure!(!machined.is_empty(), "the flood drowned machined's log");
    Ok(())
}

/// The first process of each agent and of the guest.
fn main_pids(probe: &mut Probe) -> Result<BTreeMap<String, u32>> {
    let all = probe.pids()?;
    let known = |name: &str| AGENTS.contains(&name) || name == "ext-probe";
    Ok(all
        .into_iter()
        .filter(|(name, _)| known(name))
        .filter_map(|(name, pids)| Some((name, *pids.first()?)))
        .collect())
}

/// Memory of apid alone.
fn door_kb(probe: &mut Probe) -> Result<u64> {
    let pid = probe.pid("apid")?;
    let pss = probe.pss()?;
    let door = pss.iter().find(|one| one.pid == pid);
    Ok(door.with_context(|| format!("{pss:?}"))?.kb)
}

/// The memory of init and the agents together.
fn total_kb(probe: &mut Probe) -> Result<u64> {
    let all = probe.pss()?;
    Ok(all
        .iter()
        .filter(|one| one.name != "probe")
        .map(|one| one.kb)
        .sum())
}
