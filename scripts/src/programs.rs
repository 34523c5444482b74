// SPDX-License-Identifier: MPL-2.0
//! Builds the programs of the workspace: those of the node, those of tests, and the client.
//!
//! Owns: which target and which compiler's flags each program is built with.
//! Never: changes how cargo sees the sources; `cargo build` in a crate gives the same code.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::command;
use crate::places::{Places, install};
use crate::say::Step;

/// Programs without libc: they are built for Debian's own target, of which only `core` is used.
const BARE: &[&str] = &["init", "sandbox", "udevd", "netd", "logd"];
/// Programs with std: static, with musl.
const STATIC: &[&str] = &["machined", "apid", "trustd", "imaged", "console"];
/// The bare yardstick of the boot time budget; not on the node.
pub const YARDSTICK: &str = "hello-init";

/// What every program of the node gets from the linker. The build id would only take space.
const LINK: &[&str] = &["-C", "link-arg=-Wl,--build-id=none"];

/// How a program of the node is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Without libc, at a fixed address; `lib/sys/link.rs` tells the linker the rest.
    Bare,
    /// With std and musl.
    Static,
}

impl Kind {
    /// The target's name.
    fn target(self, arch: Arch) -> String {
        match self {
            Self::Bare => arch.bare_target(),
            Self::Static => arch.musl_target(),
        }
    }

    /// The profile of `Cargo.toml`, and the folder cargo puts its programs into.
    const fn profile(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Static => "release",
        }
    }

    /// What the compiler is told besides.
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Bare => &["-C", "relocation-model=static"],
            Self::Static => &[],
        }
    }
}

/// The toolchain that `./x` laid out, and where cargo puts its results.
#[derive(Clone, Debug)]
pub struct Toolchain {
    prefix: PathBuf,
    target_dir: PathBuf,
}

impl Toolchain {
    /// Finds the toolchain that `./x` prepared.
    ///
    /// # Errors
    /// When this program was not started by `./x`.
    pub fn find(places: &Places) -> Result<Self> {
        let prefix = std::env::var_os("ICHOR_TOOLCHAIN")
            .context("ICHOR_TOOLCHAIN is not set: start this through ./x")?;
        Ok(Self {
            prefix: PathBuf::from(prefix),
            target_dir: places.target.clone(),
        })
    }

    /// A cargo of this toolchain, in the checkout.
    #[must_use]
    pub fn cargo(&self, places: &Places) -> Command {
        self.program(places, "cargo")
    }

    /// One of cargo's own subcommands, as `cargo-<name>`. Cargo would look for it among the user's
    /// own programs first, where another toolchain's may be.
    #[must_use]
    pub fn subcommand(&self, places: &Places, name: &str) -> Command {
        let mut command = self.program(places, &format!("cargo-{name}"));
        command.arg(name);
        command
    }

    fn program(&self, places: &Places, name: &str) -> Command {
        let bin = self.prefix.join("bin");
        let mut command = Command::new(bin.join(name));
        command
            .current_dir(&places.root)
            .env("CARGO", bin.join("cargo"))
            .env("RUSTFMT", bin.join("rustfmt"))
            .env("RUSTC", self.prefix.join("bin/rustc"))
            .env("CARGO_TARGET_DIR", &self.target_dir);
        command
    }

    /// A cargo that builds for a node: the right linker, and no path of this machine in the result.
    fn cross(&self, places: &Places, arch: Arch, kind: Kind) -> Command {
        let target = kind.target(arch);
        let gcc = format!("{}gcc", arch.tool_prefix());
        let upper = target.to_uppercase().replace('-', "_");
        let lower = target.replace('-', "_");
        let mut command = self.cargo(places);
        command
            .args(["build", "--locked", "--target", &target])
            .args(["--profile", kind.profile()])
            .env(format!("CARGO_TARGET_{upper}_LINKER"), &gcc)
            .env(format!("AR_{lower}"), format!("{}ar", arch.tool_prefix()))
            .env("CARGO_ENCODED_RUSTFLAGS", encoded(places, kind.flags()));
        if kind == Kind::Static {
            let wrapper = format!("bin/{}-musl-cc", arch.machine());
            command.env(format!("CC_{lower}"), self.prefix.join(wrapper));
            // C code of crates must not hold this machine's paths either.
            let map = format!("-ffile-prefix-map={}=/cargo", cargo_home().display());
            command.env(format!("CFLAGS_{lower}"), map);
        }
        command
    }
}

/// Where cargo keeps the sources of other people's crates.
fn cargo_home() -> PathBuf {
    match (std::env::var_os("CARGO_HOME"), std::env::var_os("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => PathBuf::from(home).join(".cargo"),
        (None, None) => PathBuf::from("/.cargo"),
    }
}

/// Joins compiler flags in the form in which a path may hold a space.
fn encoded(places: &Places, flags: &[&str]) -> String {
    let map = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut all = vec![
        map(&places.root, "/ichor"),
        map(&cargo_home(), "/cargo"),
        // Generated sources lie below it; of the prefixes that match, the last one counts.
        map(&places.target, "/ichor/target"),
    ];
    all.extend(LINK.iter().chain(flags).map(|flag| (*flag).to_owned()));
    all.join("\x1f")
}

/// Where the programs of an architecture lie after [`build`].
#[must_use]
pub fn folder(places: &Places, arch: Arch) -> PathBuf {
    places.out_of(arch).join("programs")
}

/// Builds what runs on a node and puts it into `out/<arch>/programs/`.
///
/// # Errors
/// When a program does not build.
pub fn build(places: &Places, arch: Arch) -> Result<()> {
    let toolchain = Toolchain::find(places)?;
    let mut bare = BARE.to_vec();
    bare.push(YARDSTICK);
    build_set(places, &toolchain, arch, Kind::Bare, &bare)?;
    build_set(places, &toolchain, arch, Kind::Static, STATIC)
}

/// Builds only the yardstick of the boot time budget.
///
/// # Errors
/// When it does not build.
pub fn build_yardstick(places: &Places, arch: Arch) -> Result<()> {
    let toolchain = Toolchain::find(places)?;
    build_set(places, &toolchain, arch, Kind::Bare, &[YARDSTICK])
}

/// Builds the guests of test images: a program that looks at a node from inside, and one that does
/// nothing.
///
/// # Errors
/// When it does not build.
pub fn build_guests(places: &Places, arch: Arch) -> Result<()> {
    let toolchain = Toolchain::find(places)?;
    build_set(places, &toolchain, arch, Kind::Bare, &["hello"])?;
    build_set(places, &toolchain, arch, Kind::Static, &["probe"])
}

fn build_set(
    places: &Places,
    toolchain: &Toolchain,
    arch: Arch,
    kind: Kind,
    programs: &[&str],
) -> Result<()> {
    let step = Step::start(format!("{arch}: compile {}", programs.join(", ")));
    let mut command = toolchain.cross(places, arch, kind);
    for program in programs {
        command.args(["-p", program]);
    }
    command::run(&mut command)?;
    let built = toolchain
        .target_dir
        .join(kind.target(arch))
        .join(kind.profile());
    for program in programs {
        install(&built.join(program), &folder(places, arch).join(program))?;
    }
    step.done();
    Ok(())
}

/// Builds the client for this machine: `out/host/ichorctl`.
///
/// # Errors
/// When it does not build.
pub fn build_client(places: &Places) -> Result<PathBuf> {
    let toolchain = Toolchain::find(places)?;
    let step = Step::start("this machine: compile ichorctl");
    let mut command = toolchain.cargo(places);
    command.args(["build", "--locked", "--profile", "host", "-p", "ichorctl"]);
    command::run(&mut command)?;
    let client = places.out.join("host/ichorctl");
    install(&toolchain.target_dir.join("host/ichorctl"), &client)?;
    step.done();
    Ok(client)
}
