// SPDX-License-Identifier: MPL-2.0
//! Builds the kernel from Debian's source package and the fragments, or finds it in the cache.
//!
//! The key that signs its modules is made by the build and lives as long as the build: the kernel and
//! its modules come from one entry of the cache, or they do not know each other.
//!
//! Owns: the recipe; what is asked for and whether it took effect is in `kernel_config`.
//! Never: changes the sources, uses a kernel whose configuration differs from the fragments, or
//! keeps the signing key.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::arch::Arch;
use crate::kernel_config::{self, Symbols};
use crate::places::{Places, install, make_folder, sha256};
use crate::say::{self, Step};
use crate::{command, kernel_modules};

/// The package that carries the sources. Debian keeps one long-term version per release.
const SOURCE_PACKAGE: &str = "linux-source-6.12";

/// Part of the cache key: raise it when this file changes what comes out.
const RECIPE: &str = "2";

/// What the kernel says in `uname -v`: fixed, so that the same inputs give the same bytes.
const BUILD_STAMP: &[(&str, &str)] = &[
    ("KBUILD_BUILD_TIMESTAMP", "Wed Jan  1 00:00:00 UTC 2025"),
    ("KBUILD_BUILD_USER", "ichor"),
    ("KBUILD_BUILD_HOST", "build"),
    ("KBUILD_BUILD_VERSION", "1"),
    ("LC_ALL", "C"),
];

/// Lines that a build prints; only for the progress display.
const STEPS_ABOUT: usize = 3300;

/// The file that says what `uname -r` says.
const RELEASE: &str = "kernel.release";

/// Where the build puts the key that it makes for signing modules, below its folder.
const SIGNING_KEY: &str = "certs/signing_key.pem";

/// A kernel that is built, with the modules that it takes.
#[derive(Clone, Debug)]
pub struct Built {
    /// What it is found by: equal inputs, equal key.
    pub key: String,
    /// `vmlinuz`, `kernel.config`, `System.map`, and `modules/` as it is on a node.
    pub folder: PathBuf,
}

impl Built {
    /// Returns what `uname -r` says with this kernel.
    ///
    /// # Errors
    /// When the entry of the cache is damaged.
    pub fn release(&self) -> Result<String> {
        let text = read(&self.folder.join(RELEASE))?;
        Ok(text.trim_end().to_owned())
    }

    /// Returns the folder that is `/lib/modules/<release>` on a node.
    ///
    /// # Errors
    /// When the entry of the cache is damaged.
    pub fn modules(&self) -> Result<PathBuf> {
        Ok(self
            .folder
            .join("modules/lib/modules")
            .join(self.release()?))
    }
}

/// Makes `out/<arch>/vmlinuz`, `kernel.config`, what the root has of both, and the extensions with the kernel's modules; from
/// the cache when the inputs are the same.
///
/// # Errors
/// When the sources are missing, a symbol did not take effect, or the build fails.
pub fn build(places: &Places, arch: Arch) -> Result<()> {
    let built = built(places, arch)?;
    let out = places.out_of(arch);
    for file in ["vmlinuz", "kernel.config", RELEASE] {
        install(&built.folder.join(file), &out.join(file))?;
    }
    for file in kernel_modules::FOR_THE_ROOT {
        let target = modules_of_root(places, arch).join(file);
        install(&built.modules()?.join(file), &target)?;
    }
    kernel_modules::pack(places, arch, &built)?;
    say::note(format!(
        "kernel {arch}: {} ({})",
        places.shown(&out.join("vmlinuz")),
        built.key
    ));
    Ok(())
}

/// Returns what `uname -r` says with the kernel that [`build`] put into `out/<arch>`.
///
/// # Errors
/// When there is none.
pub fn release(places: &Places, arch: Arch) -> Result<String> {
    let text = read(&places.out_of(arch).join(RELEASE)).context("build the kernel first")?;
    Ok(text.trim_end().to_owned())
}

/// Returns where [`build`] puts what the root has of the kernel's modules folder.
#[must_use]
pub fn modules_of_root(places: &Places, arch: Arch) -> PathBuf {
    places.out_of(arch).join("modules")
}

/// Finds the kernel of this tree in the cache, or builds it.
///
/// # Errors
/// When the sources are missing, a symbol did not take effect, or the build fails.
pub fn built(places: &Places, arch: Arch) -> Result<Built> {
    let wanted = kernel_config::wanted(places, arch)?;
    let exceptions = kernel_config::exceptions(places, arch)?;
    let key = cache_key(arch, &wanted, &exceptions)?;
    let folder = places.cache.join("kernel").join(format!("{arch}-{key}"));
    if !folder.join("vmlinuz").is_file() {
        compile(places, arch, &wanted, &exceptions, &folder)?;
    }
    Ok(Built { key, folder })
}

/// Names everything that the result depends on.
fn cache_key(arch: Arch, wanted: &Symbols, exceptions: &Symbols) -> Result<String> {
    let version =
        command::output(Command::new("dpkg-query").args(["-Wf", "${Version}", SOURCE_PACKAGE]))
            .context("the kernel sources are not installed; run ./x once as root")?;
    let prefix = arch.tool_prefix();
    let mut inputs = format!("recipe {RECIPE}\nsource {version}\narch {arch}\n{BUILD_STAMP:?}\n");
    for tool in ["gcc", "ld"] {
        let said = command::output(Command::new(format!("{prefix}{tool}")).arg("--version"))?;
        let _ = writeln!(inputs, "{tool} {}", said.lines().next().unwrap_or_default());
    }
    let _ = write!(inputs, "{wanted:?}\n{exceptions:?}\n");
    let mut key = sha256(inputs.as_bytes())?;
    key.truncate(16);
    Ok(key)
}

/// Unpacks the sources once per version; the build folders are inside, so that no absolute path
/// gets into the kernel.
fn sources(places: &Places) -> Result<PathBuf> {
    let version =
        command::output(Command::new("dpkg-query").args(["-Wf", "${Version}", SOURCE_PACKAGE]))?;
    let folder = places.cache.join("src").join(format!("linux-{version}"));
    if folder.join("Makefile").is_file() {
        return Ok(folder);
    }
    let step = Step::start(format!("unpack {SOURCE_PACKAGE} {version}"));
    let staged = places
        .cache
        .join("src")
        .join(format!("new-{}", std::process::id()));
    make_folder(&staged)?;
    let archive = format!("/usr/src/{SOURCE_PACKAGE}.tar.xz");
    command::run(
        Command::new("tar")
            .args(["-xJf", &archive, "--strip-components=1", "-C"])
            .arg(&staged),
    )?;
    // Another build may have been faster; its tree is as good as ours.
    if std::fs::rename(&staged, &folder).is_err() {
        std::fs::remove_dir_all(&staged).context("cannot remove the second copy")?;
    }
    step.done();
    Ok(folder)
}

/// A `make` that is the same on every machine.
fn make(arch: Arch, sources: &Path, build: &Path, places: &Places) -> Command {
    let prefix = arch.tool_prefix();
    let mut command = Command::new("nice");
    command
        .args(["-n", "10", "make", "-C"])
        .arg(sources)
        .arg(format!("O={}", build.display()))
        .arg(format!("ARCH={}", arch.kernel()))
        .arg(format!("CROSS_COMPILE={prefix}"))
        .arg(format!("CC=ccache {prefix}gcc"))
        .env("CCACHE_DIR", places.cache.join("ccache"))
        .env("CCACHE_MAXSIZE", "2G")
        .env_remove("MAKEFLAGS")
        .env_remove("KCFLAGS")
        .envs(BUILD_STAMP.iter().copied());
    command
}

/// Configures, checks, compiles, and stores the result under its key.
fn compile(
    places: &Places,
    arch: Arch,
    wanted: &Symbols,
    exceptions: &Symbols,
    cached: &Path,
) -> Result<()> {
    let sources = sources(places)?;
    let build = sources.join(format!("build-{arch}-{}", std::process::id()));
    make_folder(&build)?;
    let mut step = Step::start(format!(
        "kernel {arch}: configure and compile (about 10 minutes)"
    ));
    let log = places.out_of(arch).join("kernel.log");
    make_folder(&places.out_of(arch))?;
    configure(places, arch, wanted, &sources, &build, &log, &mut step)?;

    let effective = read(&build.join(".config"))?;
    let wrong = kernel_config::check(wanted, exceptions, &effective);
    ensure!(
        wrong.is_empty(),
        "kernel configuration for {arch}:\n  {}",
        wrong.join("\n  ")
    );

    let made = make_all(places, arch, &sources, &build, &log, &mut step);
    // Whatever became of the build, nobody signs with its key again.
    forget_key(&build)?;
    made?;

    let modules = build.join("install/lib/modules");
    remove_folder(&cached.join("modules"))?;
    kernel_modules::keep(&modules, &cached.join("modules/lib/modules"))?;
    for (from, to) in [
        (".config", "kernel.config"),
        ("System.map", "System.map"),
        ("include/config/kernel.release", RELEASE),
        // Last, because its presence says that the entry is whole.
        (arch.kernel_image().1, "vmlinuz"),
    ] {
        install(&build.join(from), &cached.join(to))?;
    }
    remove_folder(&build)?;
    step.done();
    Ok(())
}

/// Compiles the kernel and its modules, and installs the modules, signed, below the build folder.
fn make_all(
    places: &Places,
    arch: Arch,
    sources: &Path,
    build: &Path,
    log: &Path,
    step: &mut Step,
) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = make(arch, sources, build, places);
    command
        .arg(format!("-j{jobs}"))
        .args([arch.kernel_image().0, "modules"]);
    command::run_logged(&mut command, log, step, STEPS_ABOUT)?;
    let mut command = make(arch, sources, build, places);
    command
        // The index is made over all layers of an image, not here.
        .arg("DEPMOD=true")
        .arg("INSTALL_MOD_STRIP=1")
        .arg(format!(
            "INSTALL_MOD_PATH={}",
            build.join("install").display()
        ))
        .arg("modules_install");
    command::run_logged(&mut command, log, step, STEPS_ABOUT)
}

/// Deletes the key that signed the modules, if the build came so far as to make one.
fn forget_key(build: &Path) -> Result<()> {
    let key = build.join(SIGNING_KEY);
    match std::fs::remove_file(&key) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot delete the signing key {}", key.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `.config`: everything off, then what the fragments ask for.
fn configure(
    places: &Places,
    arch: Arch,
    wanted: &Symbols,
    sources: &Path,
    build: &Path,
    log: &Path,
    step: &mut Step,
) -> Result<()> {
    let fragment = build.join("wanted.config");
    let mut text = String::new();
    for (symbol, value) in wanted {
        let _ = writeln!(text, "{symbol}={value}");
    }
    std::fs::write(&fragment, text)
        .with_context(|| format!("cannot write {}", fragment.display()))?;
    let mut command = make(arch, sources, build, places);
    command
        .env("KCONFIG_ALLCONFIG", &fragment)
        .arg("allnoconfig");
    command::run_logged(&mut command, log, step, STEPS_ABOUT)
}

/// Reads a text file and says which one cannot be read.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
