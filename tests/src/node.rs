// SPDX-License-Identifier: MPL-2.0
//! A node for one test: booted, configured and driven the way a user does it.
//!
//! Owns: a running machine, its client configuration, and the folder of both.
//! Never: shares a node between tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use xtask::arch::Arch;
use xtask::places::Places;
use xtask::qemu::{Machine, Network, Reboot, Running};
use xtask::wait;

use crate::ctl::{self, Output};
use crate::layers::{self, Layer};
use crate::probe::Probe;
use crate::screen::Screen;

/// How long a node may take to be where a test wants it: many times what it takes on a quiet
/// machine, so that a busy one fails no test.
pub const LIMIT: Duration = Duration::from_secs(180);
/// How long the first attempt to be answered may take; each that was too short doubles it.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// What the console says when a node has booted with its configuration.
const BOOTED: &str = "boot sequence: done";

/// The port of the probe inside the machine.
const PROBE_PORT: u16 = 7777;
/// The socket of a machine's screen, in the test's folder.
const SCREEN: &str = "screen.sock";

/// What a test wants to boot.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The architecture.
    pub arch: Arch,
    /// Layers over the root.
    pub layers: Vec<Layer>,
    /// An initramfs of the test's own instead, with whatever it has.
    pub initramfs: Option<PathBuf>,
    /// Further kernel arguments.
    pub cmdline: String,
    /// What the network card is connected to.
    pub network: Network,
    /// Images of disks.
    pub disks: Vec<PathBuf>,
    /// What becomes of the machine when it starts again.
    pub reboot: Reboot,
    /// Whether there is a screen with a keyboard.
    pub screen: Screens,
    /// Further arguments of QEMU, for devices.
    pub devices: Vec<String>,
}

impl Setup {
    /// The image as it ships, on a network with DHCP.
    #[must_use]
    pub fn new(arch: Arch) -> Self {
        Self {
            arch,
            layers: Vec::new(),
            initramfs: None,
            cmdline: String::new(),
            network: Network::User,
            disks: Vec::new(),
            reboot: Reboot::Ends,
            screen: Screens::None,
            devices: Vec::new(),
        }
    }

    /// The same with a disk, on a machine that goes on when it starts again.
    #[must_use]
    pub fn with_disk(mut self, image: PathBuf) -> Self {
        self.disks.push(image);
        self.reboot = Reboot::GoesOn;
        self
    }

    /// The same with layers.
    #[must_use]
    pub fn with(mut self, layers: &[Layer]) -> Self {
        self.layers.extend_from_slice(layers);
        self
    }
}

/// What a machine shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screens {
    /// Nothing: it has a serial line alone.
    None,
    /// A screen, which the kernel writes its messages on too.
    One,
}

/// A node that runs; dropping it ends it.
#[derive(Debug)]
pub struct Node {
    /// Its machine.
    pub machine: Running,
    /// The test's folder: configurations, keys.
    pub folder: TempDir,
    client: PathBuf,
}

impl Node {
    /// Boots a node; it has not come further than the kernel yet.
    ///
    /// # Errors
    /// Something is not built, or QEMU does not start.
    pub fn boot(setup: &Setup) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        Self::boot_in(setup, folder)
    }

    /// As [`Self::boot`], with a folder that holds something already.
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub fn boot_in(setup: &Setup, folder: TempDir) -> Result<Self> {
        let places = Places::find()?;
        let machine = boot(&places, setup, folder.path())?;
        let client = places.out.join("host/ichorctl");
        Ok(Self {
            machine,
            folder,
            client,
        })
    }

    /// Cuts the machine's power and starts it again with what is on its disks.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn cut_power(&mut self, setup: &Setup) -> Result<()> {
        self.machine.kill();
        self.machine = boot(&Places::find()?, setup, self.folder.path())?;
        Ok(())
    }

    /// Boots a node and brings it to a running one, as the README does.
    ///
    /// # Errors
    /// It does not get there.
    pub fn running(setup: &Setup) -> Result<Self> {
        let mut node = Self::boot(setup)?;
        node.maintenance()?;
        node.generate()?;
        node.apply("controlplane.yaml")?.ok()?;
        node.wait_until_running()?;
        Ok(node)
    }

    /// Waits until the node asks for a configuration on its console and its door answers.
    ///
    /// # Errors
    /// It does not within [`LIMIT`].
    pub fn maintenance(&mut self) -> Result<()> {
        self.machine.wait_for(xtask::up::MAINTENANCE, LIMIT)?;
        let insecure = self.address();
        self.eventually("the maintenance API", || {
            ctl::run(
                &self.client,
                self.folder.path(),
                &["version", "--insecure", "--nodes", &insecure],
            )
            .and_then(|output| {
                // The documents give `Version` in maintenance to SideroLink peers only, so the
                // answer of a node that is ready is this refusal.
                let said = format!("{}{}", output.stdout, output.stderr);
                anyhow::ensure!(said.contains("Unimplemented") || output.code == 0, "{said}");
                Ok(())
            })
        })
    }

    fn eventually<T>(&self, what: &str, ask: impl FnMut() -> Result<T>) -> Result<T> {
        wait::until(LIMIT, ask).with_context(|| what.to_owned())
    }

    /// Writes `controlplane.yaml`, `worker.yaml` and `talosconfig` into the test's folder.
    ///
    /// # Errors
    /// The client fails.
    pub fn generate(&self) -> Result<()> {
        generate(&self.client, self.folder.path())
    }

    /// Applies a file of the test's folder over the maintenance API.
    ///
    /// # Errors
    /// The client cannot be started.
    pub fn apply(&self, file: &str) -> Result<Output> {
        self.apply_with(file, &[])
    }

    /// As [`Self::apply`], with further flags.
    ///
    /// # Errors
    /// The client cannot be started.
    pub fn apply_with(&self, file: &str, flags: &[&str]) -> Result<Output> {
        let address = self.address();
        let apply = [
            "apply-config",
            "--insecure",
            "--nodes",
            &address,
            "-f",
            file,
        ];
        self.client(&[&apply[..], flags].concat())
    }

    /// Waits until an authenticated call is answered.
    ///
    /// # Errors
    /// None is within [`LIMIT`].
    pub fn wait_until_running(&self) -> Result<()> {
        let address = self.address();
        let mut version = self.as_client("talosconfig", &address);
        version.push("version");
        let mut patience = FIRST_PATIENCE;
        self.eventually("an authenticated answer", || {
            let said = ctl::run_within(&self.client, self.folder.path(), &version, patience)?;
            let said = said.with_context(|| {
                let present = patience;
                patience = patience.saturating_mul(2);
                format!("no answer within {present:?}")
            });
            said?.ok().map(|_| ())
        })
    }

    /// Waits until a machine that was started again has booted with its configuration, and answers.
    ///
    /// # Errors
    /// It does not within [`LIMIT`].
    pub fn wait_until_back(&mut self) -> Result<()> {
        self.machine.wait_for(BOOTED, LIMIT)?;
        self.wait_until_running()
    }

    /// Runs the client without adding anything.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn client(&self, arguments: &[&str]) -> Result<Output> {
        ctl::run(&self.client, self.folder.path(), arguments)
    }

    /// Runs the client as the cluster's administrator against this node.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ctl(&self, arguments: &[&str]) -> Result<Output> {
        self.ctl_as("talosconfig", arguments)
    }

    /// Lays a patch over the configuration of the node, without a reboot.
    ///
    /// # Errors
    /// It is refused.
    pub fn patch(&self, text: &str) -> Result<()> {
        let file = self.file("patch.yaml");
        std::fs::write(&file, text)?;
        let patch = format!("@{}", file.display());
        let command = ["patch", "machineconfig", "--mode", "no-reboot", "--patch"];
        self.ctl(&[&command[..], &[&patch]].concat())?.ok()?;
        Ok(())
    }

    /// Runs the client as an administrator who has an editor.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ctl_with_editor(&self, editor: &str, arguments: &[&str]) -> Result<Output> {
        let address = self.address();
        let mut all = self.as_client("talosconfig", &address);
        all.extend_from_slice(arguments);
        ctl::run_with(&self.client, self.folder.path(), &all, Some(editor))
    }

    /// Runs the client as the administrator until each of `wanted` has been in a line.
    ///
    /// # Errors
    /// Not all of them came within [`LIMIT`].
    pub fn follow(&self, arguments: &[&str], wanted: &[&str]) -> Result<()> {
        let address = self.address();
        let mut all = self.as_client("talosconfig", &address);
        all.extend_from_slice(arguments);
        ctl::follow(&self.client, self.folder.path(), &all, wanted, LIMIT)
    }

    fn as_client<'a>(&self, file: &'a str, address: &'a str) -> Vec<&'a str> {
        vec![
            "--talosconfig",
            file,
            "--endpoints",
            address,
            "--nodes",
            "127.0.0.1",
        ]
    }

    /// Runs the client with the client configuration `file` against this node.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ctl_as(&self, file: &str, arguments: &[&str]) -> Result<Output> {
        let address = self.address();
        let mut all = self.as_client(file, &address);
        all.extend_from_slice(arguments);
        self.client(&all)
    }

    /// The local address that leads to the node's API.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.machine.api_port())
    }

    /// Connects to the node's API port as bytes.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(&self) -> Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.machine.api_port()));
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(stream)
    }

    /// Connects to the probe; the image must have its layer.
    ///
    /// # Errors
    /// It does not answer.
    pub fn probe(&self) -> Result<Probe> {
        let port = self
            .machine
            .port(PROBE_PORT)
            .context("no port for the probe")?;
        Probe::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), LIMIT)
    }

    /// Looks at the node's screen.
    ///
    /// # Errors
    /// It has none.
    pub fn screen(&self) -> Result<Screen> {
        Screen::connect(&self.file(SCREEN))
    }

    /// A file of the test's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Starts a machine; what is made for it is in `folder`.
fn boot(places: &Places, setup: &Setup, folder: &Path) -> Result<Running> {
    let mut machine = Machine::new(places, setup.arch);
    machine.cmdline.clone_from(&setup.cmdline);
    machine.network.clone_from(&setup.network);
    machine.forwards = vec![PROBE_PORT];
    machine.disks.clone_from(&setup.disks);
    machine.reboot = setup.reboot;
    machine.extra.clone_from(&setup.devices);
    machine.screen = match setup.screen {
        Screens::None => None,
        Screens::One => Some(folder.join(SCREEN)),
    };
    if let Some(initramfs) = &setup.initramfs {
        machine.initramfs.clone_from(initramfs);
    } else if !setup.layers.is_empty() {
        machine.initramfs = layers::image(places, setup.arch, &setup.layers, folder)?;
    }
    machine.boot()
}

/// Runs `gen config` in `folder`.
///
/// # Errors
/// The client fails.
pub fn generate(client: &Path, folder: &Path) -> Result<()> {
    // Tests reach the node through a forwarded local port, so its certificate must say 127.0.0.1.
    let arguments = [
        "gen",
        "config",
        "test",
        "https://10.0.2.15:6443",
        "--additional-sans",
        "127.0.0.1",
        "--output",
        ".",
        "--force",
    ];
    ctl::run(client, folder, &arguments)?.ok().map(|_| ())
}

/// A listener for a file that the machine fetches; the machine sees this host as 10.0.2.2.
///
/// # Errors
/// There is no free port.
pub fn host_listener() -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}
