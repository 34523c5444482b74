// SPDX-License-Identifier: MPL-2.0
//! Asks the probe, the test image's guest, what a node looks like from inside.
//!
//! Owns: the client side of the probe's commands.
//! Never: used where the API shows the same: tests see a node as its users do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xtask::wait;

/// A connection to the probe.
#[derive(Debug)]
pub struct Probe {
    reader: BufReader<TcpStream>,
}

/// The memory of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pss {
    /// Its process id on the node.
    pub pid: u32,
    /// Its name in the kernel.
    pub name: String,
    /// Its proportional share of memory, in kB.
    pub kb: u64,
}

impl Probe {
    /// Connects to the forwarded port `address`, trying again until `timeout` is over: QEMU takes
    /// connections before the guest does, so a connection counts once the probe has answered.
    ///
    /// # Errors
    /// The probe did not answer in time.
    pub fn connect(address: SocketAddr, timeout: Duration) -> Result<Self> {
        wait::until(timeout, || Self::attempt(address))
            .with_context(|| format!("no probe at {address}"))
    }

    fn attempt(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut probe = Self {
            reader: BufReader::new(stream),
        };
        probe.ask("pids")?;
        probe
            .reader
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(probe)
    }

    /// Sends one command and returns the lines of its answer.
    ///
    /// # Errors
    /// The connection broke, or the probe answered with an error.
    pub fn ask(&mut self, command: &str) -> Result<Vec<String>> {
        writeln!(self.reader.get_mut(), "{command}")?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(
                self.reader.read_line(&mut line)? > 0,
                "{command}: the probe hung up"
            );
            let line = line.trim_end();
            if line == "." {
                break;
            }
            lines.push(line.to_owned());
        }
        if let Some(error) = lines.first().and_then(|line| line.strip_prefix("error: ")) {
            bail!("{command}: {error}");
        }
        Ok(lines)
    }

    /// The processes of each service.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn pids(&mut self) -> Result<BTreeMap<String, Vec<u32>>> {
        let mut services: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for line in self.ask("pids")? {
            if let Some((name, pid)) = line.split_once(' ') {
                services
                    .entry(name.to_owned())
                    .or_default()
                    .push(pid.parse()?);
            }
        }
        Ok(services)
    }

    /// The main process of `service`.
    ///
    /// # Errors
    /// As [`Self::ask`]; the service has no process.
    pub fn pid(&mut self, service: &str) -> Result<u32> {
        let pids = self.pids()?;
        let of = pids
            .get(service)
            .with_context(|| format!("{service} has no process: {pids:?}"))?;
        of.first()
            .copied()
            .with_context(|| format!("{service} has no process"))
    }

    /// Kills the service of process `pid` with SIGKILL.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn kill(&mut self, pid: u32) -> Result<()> {
        self.ask(&format!("kill {pid}")).map(|_| ())
    }

    /// The memory of every process that has its own, init included.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn pss(&mut self) -> Result<Vec<Pss>> {
        let mut all = Vec::new();
        for line in self.ask("pss")? {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [pid, name, kb] = words.as_slice() {
                all.push(Pss {
                    pid: pid.parse()?,
                    name: (*name).to_owned(),
                    kb: kb.parse()?,
                });
            }
        }
        Ok(all)
    }

    /// The text of a file on the node.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn read(&mut self, path: &str) -> Result<String> {
        Ok(self.ask(&format!("read {path}"))?.join("\n"))
    }
}
