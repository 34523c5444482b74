// SPDX-License-Identifier: MPL-2.0
//! Virtual machines in software emulation, with their console as a stream of lines with times.
//!
//! Owns: QEMU's arguments, its process, and what the machine said on its serial line.
//! Never: relies on hardware virtualisation, or leaves a machine running when it is dropped.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::lan::Seat;
use crate::places::Places;

/// The port of the API inside the machine.
pub const API_PORT: u16 = 50000;
/// Memory of a machine: the budget in which a node must boot and answer.
pub const MEMORY_MIB: u32 = 128;
/// How many console lines an error shows.
const SHOWN_LINES: usize = 60;
/// What the kernel prints when it gives up; waiting longer is pointless then.
const PANIC: &str = "Kernel panic - not syncing";

/// A machine that is not started yet.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The architecture.
    pub arch: Arch,
    /// The kernel image.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Kernel arguments after the console.
    pub cmdline: String,
    /// The network: user-mode with the API forwarded, a silent one, or none.
    pub network: Network,
    /// Ports of the machine, besides the API's, that get a local port.
    pub forwards: Vec<u16>,
    /// Images of disks, in the order in which the machine has them.
    pub disks: Vec<PathBuf>,
    /// What QEMU does when the machine starts again.
    pub reboot: Reboot,
    /// A screen and a keyboard; QEMU takes its own orders about them at this socket (QMP).
    pub screen: Option<PathBuf>,
    /// Further arguments of QEMU.
    pub extra: Vec<String>,
    /// Where the console's text is also written, as it comes.
    pub log: Option<PathBuf>,
    /// Also copies the console to standard output, and standard input to the console.
    pub interactive: bool,
}

/// What the machine's network card is connected to.
#[derive(Clone, Debug)]
pub enum Network {
    /// QEMU's own network with DHCP; the API is forwarded from a free local port.
    User,
    /// A card with carrier where nobody answers: no DHCP server, no neighbour.
    Silent,
    /// A network that it shares with other machines.
    Shared(Seat),
    /// No network card.
    None,
}

/// What becomes of a machine that starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// QEMU ends, so that a test sees it.
    Ends,
    /// It goes on from the kernel, as a machine does.
    GoesOn,
}

/// One line of the console, and when it was complete, counted from the start of QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since the start.
    pub at: Duration,
    /// Without the line end.
    pub text: String,
}

/// A machine that runs; dropping it ends it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    started_at: Instant,
    receiver: Receiver<Line>,
    lines: Vec<Line>,
    /// How many lines a wait has already looked at.
    seen: usize,
    /// The machine's ports and the local ports that lead to them.
    ports: Vec<(u16, u16)>,
    kind: String,
}

impl Machine {
    /// A machine with the built kernel and image, 128 MiB and user-mode network.
    #[must_use]
    pub fn new(places: &Places, arch: Arch) -> Self {
        let out = places.out_of(arch);
        Self {
            arch,
            kernel: out.join("vmlinuz"),
            initramfs: out.join("initramfs"),
            memory_mib: MEMORY_MIB,
            cmdline: String::new(),
            network: Network::User,
            forwards: Vec::new(),
            disks: Vec::new(),
            reboot: Reboot::Ends,
            screen: None,
            extra: Vec::new(),
            log: None,
            interactive: false,
        }
    }

    /// Starts the machine.
    ///
    /// # Errors
    /// When the kernel or image is missing, or QEMU cannot be started.
    pub fn boot(&self) -> Result<Running> {
        for file in [&self.kernel, &self.initramfs] {
            if !file.is_file() {
                bail!(
                    "{} is missing: build it with ./x image --arch {}",
                    file.display(),
                    self.arch
                );
            }
        }
        let ports = self.ports()?;
        let mut command = self.command(&ports);
        let input = if self.interactive {
            Stdio::inherit()
        } else {
            Stdio::piped()
        };
        let started_at = Instant::now();
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program()))?;
        let stdout = child.stdout.take().context("QEMU has no standard output")?;
        let (sender, receiver) = channel();
        let log = match &self.log {
            Some(path) => Some(File::create(path).context("cannot write the console's log")?),
            None => None,
        };
        let reader = Reader {
            started_at,
            interactive: self.interactive,
            log,
            sender,
        };
        // It ends when QEMU closes its end, that is, when QEMU ends.
        std::thread::spawn(move || reader.follow(stdout));
        let kind = format!("{} machine", self.arch);
        Ok(Running {
            child,
            started_at,
            receiver,
            lines: Vec::new(),
            seen: 0,
            ports,
            kind,
        })
    }

    /// The machine's ports and the local ones that lead to them; a shared network has chosen them.
    fn ports(&self) -> Result<Vec<(u16, u16)>> {
        if let Network::Shared(seat) = &self.network {
            return Ok(seat.ports());
        }
        let ports = std::iter::once(API_PORT).chain(self.forwards.iter().copied());
        ports.map(|port| Ok((port, free_port()?))).collect()
    }

    fn program(&self) -> String {
        format!("qemu-system-{}", self.arch.machine())
    }

    fn command(&self, ports: &[(u16, u16)]) -> Command {
        // The machine ends with the thread that started it, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", &self.program()]);
        // Without KVM also where there is one: every machine then behaves the same.
        command.args([
            "-accel",
            "tcg,thread=multi",
            "-nodefaults",
            "-no-user-config",
        ]);
        if self.reboot == Reboot::Ends {
            command.arg("-no-reboot");
        }
        command.args(["-display", "none", "-serial", "stdio"]);
        command.args(["-m", &self.memory_mib.to_string(), "-smp", "2"]);
        let console = match self.arch {
            Arch::Amd64 => {
                command.args(["-M", "pc", "-cpu", "max"]);
                "ttyS0"
            }
            Arch::Arm64 => {
                // Everything that the emulator knows, so that all of it is tried; its own cipher
                // for pointer authentication, because the architecture's costs a third of the time.
                command.args(["-M", "virt", "-cpu", "max,pauth-impdef=on"]);
                "ttyAMA0"
            }
        };
        command
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs);
        let mut consoles = format!("console={console}");
        if let Some(socket) = &self.screen {
            // The last one is also `/dev/console`.
            consoles.insert_str(0, "console=tty0 ");
            command.args(["-vga", "std"]);
            let monitor = format!("unix:{},server=on,wait=off", socket.display());
            command.args(["-qmp", &monitor]);
        }
        command
            .arg("-append")
            .arg(format!("{consoles} panic=-1 {}", self.cmdline).trim_end());
        command.args(["-device", "virtio-rng-pci"]);
        self.connect(&mut command, ports);
        for (number, disk) in self.disks.iter().enumerate() {
            // What the machine flushed is in the host's cache, which outlives QEMU.
            let drive = format!("if=none,id=disk{number},format=raw,file={}", disk.display());
            command.args(["-drive", &drive]);
            command.args(["-device", &format!("virtio-blk-pci,drive=disk{number}")]);
        }
        command.args(&self.extra);
        command
    }

    fn connect(&self, command: &mut Command, ports: &[(u16, u16)]) {
        let backend = match &self.network {
            Network::User => {
                let mut user = "user,id=net0".to_owned();
                for (port, local) in ports {
                    let _ = write!(user, ",hostfwd=tcp:127.0.0.1:{local}-:{port}");
                }
                user
            }
            Network::Silent => "hubport,id=net0,hubid=0".to_owned(),
            Network::Shared(seat) => {
                command.args(seat.arguments());
                return;
            }
            Network::None => return,
        };
        // The card needs no boot ROM: the kernel is given.
        command.args(["-netdev", &backend]);
        command.args(["-device", "virtio-net-pci,netdev=net0,romfile="]);
    }
}

/// Reads the console as long as the machine runs.
struct Reader {
    started_at: Instant,
    interactive: bool,
    log: Option<File>,
    sender: Sender<Line>,
}

impl Reader {
    fn follow(mut self, console: impl Read) {
        for bytes in BufReader::new(console).split(b'\n') {
            let Ok(bytes) = bytes else { return };
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches('\r')
                .to_owned();
            let line = Line {
                at: self.started_at.elapsed(),
                text,
            };
            if self.interactive {
                crate::say::line(&line.text);
            }
            // A full disk must not end the machine: without somebody who reads, it would stop.
            let _ = self
                .log
                .as_mut()
                .map(|log| log.write_all(show(slice::from_ref(&line)).as_bytes()));
            // Nobody may be waiting for lines any more; the machine goes on all the same.
            let _ = self.sender.send(line);
        }
    }
}

impl Running {
    /// Returns the local port that leads to the machine's API.
    #[must_use]
    pub fn api_port(&self) -> u16 {
        self.port(API_PORT).unwrap_or_default()
    }

    /// Returns the local port that leads to `port` of the machine, if one was asked for.
    #[must_use]
    pub fn port(&self, port: u16) -> Option<u16> {
        self.ports
            .iter()
            .find_map(|(of, local)| (*of == port).then_some(*local))
    }

    /// Returns the process id of QEMU.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how long the machine has run.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Waits for a console line that contains `pattern`, after those that earlier waits returned.
    ///
    /// # Errors
    /// When it does not come within `limit`, the machine ends, or its kernel panics; with the end of
    /// the console.
    pub fn wait_for(&mut self, pattern: &str, limit: Duration) -> Result<Line> {
        let deadline = Instant::now()
            .checked_add(limit)
            .context("the limit is too long")?;
        loop {
            while let Some(line) = self.lines.get(self.seen) {
                self.seen = self.seen.saturating_add(1);
                if line.text.contains(pattern) {
                    return Ok(line.clone());
                }
                if line.text.contains(PANIC) && pattern != PANIC {
                    bail!(
                        "{}: kernel panic while waiting for {pattern:?}\n{}",
                        self.kind,
                        self.shown()
                    );
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receiver.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "{}: no {pattern:?} within {limit:?}\n{}",
                        self.kind,
                        self.shown()
                    );
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!(
                        "{}: ended while waiting for {pattern:?}\n{}",
                        self.kind,
                        self.shown()
                    );
                }
            }
        }
    }

    /// Waits until QEMU ends by itself, as after a power-off, or a reboot under `-no-reboot`.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now()
            .checked_add(limit)
            .context("the limit is too long")?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receiver.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "{}: still runs after {limit:?}\n{}",
                        self.kind,
                        self.shown()
                    );
                }
                // Its output is closed, so it ends now.
                Err(RecvTimeoutError::Disconnected) => {
                    return self.child.wait().context("cannot wait for QEMU");
                }
            }
        }
    }

    /// Tells whether the machine still runs.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self
            .child
            .try_wait()
            .context("cannot ask for QEMU")?
            .is_none())
    }

    /// Types on the console.
    ///
    /// # Errors
    /// When the machine is gone, or its console belongs to the user.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self
            .child
            .stdin
            .as_mut()
            .context("the console is not ours")?;
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .context("cannot type on the console")
    }

    /// Returns every console line so far.
    pub fn console(&mut self) -> &[Line] {
        self.lines.extend(self.receiver.try_iter());
        &self.lines
    }

    /// Returns the whole console so far as text with times.
    pub fn console_text(&mut self) -> String {
        let lines = self.console();
        show(lines)
    }

    /// Ends the machine as a power cut would.
    pub fn kill(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns the end of the console for an error.
    fn shown(&self) -> String {
        let from = self.lines.len().saturating_sub(SHOWN_LINES);
        show(self.lines.get(from..).unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn show(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "[{:7.2}] {}", line.at.as_secs_f64(), line.text);
    }
    text
}

/// Finds a local port that nobody listens on.
///
/// QEMU binds it only later, so it is none of those that the kernel gives to whoever asks for any
/// (`/proc/sys/net/ipv4/ip_local_port_range` begins at 32768): a test beside this one would be given it.
pub(crate) fn free_port() -> Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other programs of these tests begin elsewhere.
    let [.., high, low] = std::process::id().to_be_bytes();
    let begin = u16::from_be_bytes([high, low]) % COUNT;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST.saturating_add(begin.saturating_add(step % COUNT) % COUNT);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free local port from {FIRST} on")
}
