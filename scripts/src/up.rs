// SPDX-License-Identifier: MPL-2.0
//! From nothing to a running node: what `./x up` does.
//!
//! Owns: the order of the steps, and what is shown at the end.
//! Never: goes on after a step that failed; the console then says why.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::client::Client;
use crate::places::{Places, make_folder};
use crate::qemu::{Machine, Reboot, Running};
use crate::say::{self, Step};
use crate::{boot_image, kernel, programs, wait};

/// How long a node may take for each step: many times what it takes on two idle cores.
const LIMIT: Duration = Duration::from_secs(240);
/// What the console says when the node takes a configuration from anyone.
pub const MAINTENANCE: &str = "waits for one: maintenance mode";

/// Builds everything, boots a node, configures it, and shows it. Then it runs until Ctrl-C, or ends
/// at once with `check`.
///
/// # Errors
/// When a step fails; the console's text is then in `out/<arch>/console.log` and, with `check`,
/// printed.
pub fn up(places: &Places, arch: Arch, memory_mib: u32, check: bool) -> Result<()> {
    let program = build(places, arch)?;
    let console = places.out_of(arch).join("console.log");
    let machine = Machine {
        memory_mib,
        log: Some(console.clone()),
        // A machine starts again; this one has no disk, and waits for its configuration then.
        reboot: Reboot::GoesOn,
        ..Machine::new(places, arch)
    };
    let mut running = machine.boot()?;
    let folder = places.out_of(arch).join("node");
    make_folder(&folder)?;
    let endpoint = format!("127.0.0.1:{}", running.api_port());
    let client = Client {
        program,
        folder,
        endpoint,
    };
    let result = bring_up(&mut running, &client, arch).and_then(|()| show(&client, places, arch));
    if let Err(error) = result {
        if check {
            say::note(running.console_text());
        }
        return Err(error.context(format!("the console's text is in {}", console.display())));
    }
    if check {
        say::line(format!("{arch}: the node ran and answered"));
        return Ok(());
    }
    keep(&mut running)
}

fn build(places: &Places, arch: Arch) -> Result<std::path::PathBuf> {
    kernel::build(places, arch)?;
    programs::build(places, arch)?;
    boot_image::build(places, arch)?;
    programs::build_client(places)
}

fn bring_up(running: &mut Running, client: &Client, arch: Arch) -> Result<()> {
    let step = Step::start(format!("{arch}: boot in QEMU (software emulation)"));
    client.generate()?;
    running.wait_for(MAINTENANCE, LIMIT)?;
    step.done();

    let step = Step::start(format!(
        "{arch}: apply the configuration over the maintenance API"
    ));
    // QEMU accepts connections before the node does, so the first answer is what counts.
    wait::until(LIMIT, || alive(running).and_then(|()| client.apply()))?;
    step.done();

    let step = Step::start(format!("{arch}: wait until the node runs"));
    wait::until(LIMIT, || {
        alive(running)?;
        check_services(&client.ask(&["services"])?)
    })?;
    step.done();
    say::note(format!(
        "    {:.1} s after power-on",
        running.uptime().as_secs_f64()
    ));
    Ok(())
}

/// Refuses a machine that is gone, so that nobody asks it for minutes.
fn alive(running: &mut Running) -> Result<()> {
    if running.is_running()? {
        Ok(())
    } else {
        bail!("the machine ended")
    }
}

/// Refuses a table of services in which one does not run.
fn check_services(table: &str) -> Result<()> {
    let mut rows = table.lines();
    let state = rows.next().and_then(|header| header.find("STATE"));
    let state = state.context("the table of services has no STATE")?;
    let mut count: usize = 0;
    for row in rows.filter(|row| !row.is_empty()) {
        if !row
            .get(state..)
            .is_some_and(|rest| rest.starts_with("Running"))
        {
            bail!("a service does not run: {row}");
        }
        count = count.saturating_add(1);
    }
    if count == 0 {
        bail!("the node has no services")
    } else {
        Ok(())
    }
}

/// Prints what the node says of itself, and what to try next.
fn show(client: &Client, places: &Places, arch: Arch) -> Result<()> {
    say::line("");
    for question in [&["version"][..], &["services"], &["memory"]] {
        say::line(client.ask(question)?);
        say::line("");
    }
    let program = places.shown(&client.program);
    say::line(format!(
        "{arch} node at {}, console in out/{arch}/console.log",
        client.endpoint
    ));
    say::line("Try, in another terminal:");
    say::line(format!(
        "  export TALOSCONFIG=$PWD/{}",
        places.shown(&client.talosconfig())
    ));
    for example in ["services", "logs machined", "dmesg", "processes", "reboot"] {
        say::line(format!("  {program} {example}"));
    }
    Ok(())
}

/// Waits for the node to end; Ctrl-C ends it with this program.
fn keep(running: &mut Running) -> Result<()> {
    say::note("The node runs until Ctrl-C.");
    let status = running.wait_exit(Duration::from_secs(u64::from(u32::MAX)))?;
    say::note(format!("The node powered off ({status})."));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "NODE       SERVICE   STATE     HEALTH   LAST CHANGE   LAST EVENT\n";

    #[test]
    fn a_table_where_all_run_passes() {
        let table = format!(
            "{HEADER}127.0.0.1  apid      Running   OK       1s ago        ready\n\
             127.0.0.1  logd      Running   ?        2s ago        started\n"
        );

        assert!(check_services(&table).is_ok());
    }

    #[test]
    fn a_service_that_does_not_run_is_refused() {
        let table =
            format!("{HEADER}127.0.0.1  Running   Failed    OK       1s ago        Running\n");

        assert!(check_services(&table).is_err());
    }

    #[test]
    fn a_table_without_services_is_refused() {
        assert!(check_services(HEADER).is_err());
        assert!(check_services("").is_err());
        assert!(check_services("something else\n").is_err());
    }
}
