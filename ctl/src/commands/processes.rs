// SPDX-License-Identifier: MPL-2.0
//! `processes`.
//!
//! Owns: the table, its order, and its repetition.
//! Never: ends a watch because one answer failed to come from one node.

use std::time::Duration;

use api::machine::ProcessInfo;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::Sort;
use crate::commands::frame;
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

const HEAD: [&str; 8] = [
    "NODE", "PID", "STATE", "THREADS", "CPU-TIME", "VIRTMEM", "RESMEM", "COMMAND",
];

pub(crate) async fn run(
    session: &Session,
    sort: Sort,
    watch: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if !watch {
        let (table, troubles) = ask(session, sort).await?;
        for trouble in troubles {
            screen.complain(&trouble);
        }
        screen.table(&table);
        return Ok(());
    }
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !screen.is_closed() {
        ticks.tick().await;
        let (table, troubles) = ask(session, sort).await?;
        // Terminals change their size.
        let size = screen.is_to_terminal().then(frame::size);
        screen.draw(&frame::frame(&table.to_string(), &troubles, size));
    }
    Ok(())
}

/// The table of the nodes that answer, and what the others say.
async fn ask(session: &Session, sort: Sort) -> Result<(Table, Vec<Trouble>), Trouble> {
    let reply = session.machine().processes(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut troubles = Vec::new();
    let mut table = Table::new(&HEAD);
    for message in reply.messages {
        let node = match session.answered(message.metadata.as_ref()) {
            Ok(node) => node,
            Err(trouble) => {
                troubles.push(trouble);
                continue;
            }
        };
        let mut processes = message.processes;
        order(&mut processes, sort);
        for process in processes {
            table.row([
                node.clone(),
                process.pid.to_string(),
                process.state.clone(),
                process.threads.to_string(),
                format!("{:.2}", process.cpu_time),
                units::size(process.virtual_memory),
                units::size(process.resident_memory),
                command(&process),
            ]);
        }
    }
    Ok((table, troubles))
}

/// Largest first, of one node.
fn order(processes: &mut [ProcessInfo], sort: Sort) {
    processes.sort_by(|a, b| match sort {
        Sort::Rss => b.resident_memory.cmp(&a.resident_memory),
        Sort::Cpu => b.cpu_time.total_cmp(&a.cpu_time),
    });
}

/// The whole command line; kernel threads have only a name, which stands in brackets.
pub(crate) fn command(process: &ProcessInfo) -> String {
    match (process.executable.as_str(), process.args.as_str()) {
        ("", "") => format!("[{}]", process.command),
        (executable, "") => executable.to_owned(),
        ("", args) => args.to_owned(),
        (executable, args) if args.starts_with(executable) => args.to_owned(),
        // A program may call itself what it wants; both are shown then.
        (executable, args) => match args.split_once(' ') {
            Some((first, rest)) if executable.ends_with(first) => format!("{executable} {rest}"),
            _ if executable.ends_with(args) => executable.to_owned(),
            _ => format!("{executable} {args}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(command: &str, executable: &str, args: &str) -> ProcessInfo {
        ProcessInfo {
            command: command.to_owned(),
            executable: executable.to_owned(),
            args: args.to_owned(),
            ..ProcessInfo::default()
        }
    }

    #[test]
    fn a_command_is_shown_with_its_program_and_arguments_once() {
        for (shown, given) in [
            ("[kthreadd]", process("kthreadd", "", "")),
            ("/sbin/init", process("init", "/sbin/init", "")),
            (
                "/sbin/init -x",
                process("init", "/sbin/init", "/sbin/init -x"),
            ),
            (
                "/usr/lib/apid -v",
                process("apid", "/usr/lib/apid", "apid -v"),
            ),
            ("/usr/lib/apid", process("apid", "/usr/lib/apid", "apid")),
            (
                "/usr/lib/apid liar x",
                process("apid", "/usr/lib/apid", "liar x"),
            ),
        ] {
            assert_eq!(command(&given), shown);
        }
    }

    #[test]
    fn the_order_is_by_memory_or_by_time_and_largest_first() {
        let row = |memory, cpu_time| ProcessInfo {
            resident_memory: memory,
            cpu_time,
            ..Default::default()
        };
        let mut rows = vec![row(1, 3.0), row(3, f64::NAN), row(2, 5.0)];

        order(&mut rows, Sort::Rss);
        assert_eq!(
            rows.iter().map(|r| r.resident_memory).collect::<Vec<_>>(),
            [3, 2, 1]
        );
        order(&mut rows, Sort::Cpu);
        assert_eq!(
            rows.iter().map(|r| r.resident_memory).collect::<Vec<_>>(),
            [3, 2, 1]
        );
    }
}
