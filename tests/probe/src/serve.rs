// SPDX-License-Identifier: MPL-2.0
//! The command loop: one line in, lines out, a line with a single dot at the end.
//!
//! | command | answer |
//! |---|---|
//! | `pids` | `<service> <pid>` for each process in a service's cgroup |
//! | `kill <pid>` | `ok`, when its service is killed |
//! | `pss` | `<pid> <name> <kB>` for each process with memory of its own |
//! | `read <path>` | the file; what is no UTF-8 in it is replaced |
//! | `spawn <path>` | the first line that the program says on standard error; it is killed then |
//! | `storm <socket> <count> <seed>` | see [`crate::storm`] |
//!
//! Owns: the commands and the form of their answers.
//! Never: keeps state between two commands.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::misbehave::say;
use crate::storm;

/// Where init keeps one cgroup for each service.
const SERVICES: &str = "/sys/fs/cgroup/system";

/// Answers commands on `port`, one client after the other.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    say(&format!("probe listens on port {port}"));
    for stream in listener.incoming() {
        if let Err(error) = stream.and_then(|stream| converse(&stream)) {
            say(&format!("probe: client: {error}"));
        }
    }
    Ok(())
}

fn converse(stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut out = stream;
    while let Some(line) = lines.next().transpose()? {
        let answer = match answer(&line) {
            Ok(answer) => answer,
            Err(error) => format!("error: {error}"),
        };
        write!(out, "{}\n.\n", answer.trim_end())?;
    }
    Ok(())
}

fn answer(line: &str) -> io::Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["pids"] => pids(),
        ["kill", pid] => kill(pid),
        ["pss"] => pss(),
        ["read", path] => fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        ["spawn", path] => spawn(path),
        ["storm", socket, count, seed] => {
            let report = storm::storm(socket, number(count)?, number(seed)?)?;
            Ok(format!("{report:?}"))
        }
        _ => Err(io::Error::other(format!("{line}: no such command"))),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse()
        .map_err(|_| io::Error::other(format!("{text}: not a number")))
}

/// The node's processes with their services: its `/proc` is mounted over the container's own, in
/// which nobody else is.
fn pids() -> io::Result<String> {
    let mut out = String::new();
    for pid in processes()? {
        // A process may end between the listing and the reading.
        let Ok(group) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
            continue;
        };
        if let Some(service) = group.trim_end().strip_prefix("0::/system/") {
            out.push_str(&format!("{service} {pid}\n"));
        }
    }
    Ok(out)
}

/// The numbers of all processes, in order.
fn processes() -> io::Result<Vec<u32>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        all.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok()),
        );
    }
    all.sort_unstable();
    Ok(all)
}

/// Kills the service of a process: signals do not leave the container, writes to the node's
/// control groups do.
fn kill(pid: &str) -> io::Result<String> {
    let pid: u32 = number(pid)?;
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let service = group.trim_end().strip_prefix("0::/system/");
    let service = service.ok_or_else(|| io::Error::other("of no service"))?;
    fs::write(format!("{SERVICES}/{service}/cgroup.kill"), "1")?;
    Ok("ok".to_owned())
}

fn spawn(path: &str) -> io::Result<String> {
    let mut child = Command::new(path).stderr(Stdio::piped()).spawn()?;
    let mut line = String::new();
    if let Some(said) = child.stderr.take() {
        BufReader::new(said).read_line(&mut line)?;
    }
    child.kill()?;
    child.wait()?;
    Ok(line)
}

fn pss() -> io::Result<String> {
    let mut out = String::new();
    for pid in processes()? {
        // A process may end between the listing and the reading.
        let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            continue;
        };
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let kb = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .and_then(|rest| rest.split_whitespace().next())
            .unwrap_or("0");
        out.push_str(&format!("{pid} {} {kb}\n", comm.trim_end()));
    }
    Ok(out)
}
