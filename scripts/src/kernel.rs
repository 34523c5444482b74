// SPDX-License-Identifier: MPL-2.0
//! Builds the kernel from Debian's source package and the fragments, or finds it in the cache.
//!
//! Owns: the recipe, and the check that every asked-for symbol took effect.
//! Never: changes the sources, or uses a kernel whose configuration differs from the fragments.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::arch::Arch;
use crate::command;
use crate::places::{Places, install, make_folder, sha256};
use crate::say::{self, Step};

/// The package that carries the sources. Debian keeps one long-term version per release.
const SOURCE_PACKAGE: &str = "linux-source-6.12";

/// Fragments of every architecture; the one of the architecture comes last.
const FRAGMENTS: &[&str] = &[
    "base",
    "network",
    "container",
    "storage",
    "virt",
    "hardening",
];

/// Part of the cache key: raise it when this file changes what comes out.
const RECIPE: &str = "1";

/// What the kernel says in `uname -v`: fixed, so that the same inputs give the same bytes.
const BUILD_STAMP: &[(&str, &str)] = &[
    ("KBUILD_BUILD_TIMESTAMP", "Wed Jan  1 00:00:00 UTC 2025"),
    ("KBUILD_BUILD_USER", "ichor"),
    ("KBUILD_BUILD_HOST", "build"),
    ("KBUILD_BUILD_VERSION", "1"),
    ("LC_ALL", "C"),
];

/// Lines that a build prints; only for the progress display.
const STEPS_ABOUT: usize = 3200;

/// What a symbol is set to: `y`, `n`, a number or a quoted text.
type Symbols = BTreeMap<String, String>;

/// Makes `out/<arch>/vmlinuz` and `kernel.config`; from the cache when the inputs are the same.
///
/// # Errors
/// When the sources are missing, a symbol did not take effect, or the build fails.
pub fn build(places: &Places, arch: Arch) -> Result<()> {
    let wanted = wanted_symbols(places, arch)?;
    let exceptions = exceptions(places, arch)?;
    let key = cache_key(arch, &wanted, &exceptions)?;
    let cached = places.cache.join("kernel").join(format!("{arch}-{key}"));
    if !cached.join("vmlinuz").is_file() {
        compile(places, arch, &wanted, &exceptions, &cached)?;
    }
    let out = places.out_of(arch);
    for file in ["vmlinuz", "kernel.config"] {
        install(&cached.join(file), &out.join(file))?;
    }
    say::note(format!(
        "kernel {arch}: {} ({key})",
        places.shown(&out.join("vmlinuz"))
    ));
    Ok(())
}

/// Reads a fragment: every `CONFIG_X=value` line; anything else must be a comment.
fn read_symbols(text: &str) -> Result<Symbols> {
    let mut symbols = Symbols::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .filter(|(name, value)| name.starts_with("CONFIG_") && !value.is_empty())
            .with_context(|| format!("line {number}: expected CONFIG_NAME=value"))?;
        let before = symbols.insert(name.to_owned(), value.to_owned());
        ensure!(before.is_none(), "line {number}: {name} is set twice");
    }
    Ok(symbols)
}

/// Reads all fragments of an architecture; a symbol may be asked for only once.
fn wanted_symbols(places: &Places, arch: Arch) -> Result<Symbols> {
    let mut all = Symbols::new();
    for name in FRAGMENTS.iter().copied().chain([arch.name()]) {
        let path = places
            .root
            .join("kernel-config")
            .join(format!("{name}.config"));
        let text = read(&path)?;
        let symbols = read_symbols(&text).with_context(|| format!("in {}", path.display()))?;
        for (symbol, value) in symbols {
            if all.insert(symbol.clone(), value).is_some() {
                bail!("{}: {symbol} is also in another fragment", path.display());
            }
        }
    }
    Ok(all)
}

/// Reads the recommendations that are deliberately not followed on this architecture.
fn exceptions(places: &Places, arch: Arch) -> Result<Symbols> {
    let path = places.root.join("kernel-config/hardening.exceptions");
    let symbols = read_symbols(&read(&path)?).with_context(|| format!("in {}", path.display()))?;
    Ok(symbols
        .into_iter()
        .filter_map(|(symbol, value)| match value.split_once(' ') {
            None => Some((symbol, value)),
            Some((value, only)) => (only == arch.name()).then(|| (symbol, value.to_owned())),
        })
        .collect())
}

/// Lists every symbol whose effective value is not the one asked for.
fn disagreements(wanted: &Symbols, effective: &Symbols) -> Vec<String> {
    wanted
        .iter()
        .filter_map(|(symbol, value)| {
            let is = effective.get(symbol).map_or("n", String::as_str);
            (is != value).then(|| format!("{symbol}: asked for {value}, is {is}"))
        })
        .collect()
}

/// Lists every exception that is none, because the recommendation is in fact followed.
fn stale_exceptions(exceptions: &Symbols, effective: &Symbols) -> Vec<String> {
    exceptions
        .iter()
        .filter(|(symbol, value)| effective.get(*symbol).map_or("n", String::as_str) == *value)
        .map(|(symbol, value)| format!("{symbol}={value} is followed: remove the exception"))
        .collect()
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

    let effective = read_effective(&read(&build.join(".config"))?);
    let mut wrong = disagreements(wanted, &effective);
    wrong.extend(stale_exceptions(exceptions, &effective));
    ensure!(
        wrong.is_empty(),
        "kernel configuration for {arch}:\n  {}",
        wrong.join("\n  ")
    );

    let (target, image) = arch.kernel_image();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = make(arch, &sources, &build, places);
    command.arg(format!("-j{jobs}")).arg(target);
    command::run_logged(&mut command, &log, &mut step, STEPS_ABOUT)?;

    install(&build.join(".config"), &cached.join("kernel.config"))?;
    install(&build.join("System.map"), &cached.join("System.map"))?;
    // Last, because its presence says that the entry is whole.
    install(&build.join(image), &cached.join("vmlinuz"))?;
    std::fs::remove_dir_all(&build)
        .with_context(|| format!("cannot remove {}", build.display()))?;
    step.done();
    Ok(())
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

/// Reads a finished `.config`, where what is off is a comment or absent.
fn read_effective(text: &str) -> Symbols {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(symbol, value)| (symbol.to_owned(), value.to_owned()))
        .collect()
}

/// Reads a text file and says which one cannot be read.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(text: &str) -> Symbols {
        read_symbols(text).unwrap()
    }

    #[test]
    fn a_symbol_that_did_not_take_effect_is_named() {
        let wanted = symbols("CONFIG_A=y\nCONFIG_B=64\nCONFIG_C=n\n");
        let effective = read_effective("CONFIG_A=y\nCONFIG_B=32\n# CONFIG_C is not set\n");

        assert_eq!(
            disagreements(&wanted, &effective),
            ["CONFIG_B: asked for 64, is 32"]
        );
    }

    #[test]
    fn a_symbol_that_kconfig_does_not_know_counts_as_off() {
        let wanted = symbols("CONFIG_GONE=y\nCONFIG_OFF=n\n");

        assert_eq!(
            disagreements(&wanted, &Symbols::new()),
            ["CONFIG_GONE: asked for y, is n"]
        );
    }

    #[test]
    fn a_symbol_that_should_be_off_but_is_selected_is_named() {
        let wanted = symbols("CONFIG_A=n\n");
        let effective = read_effective("CONFIG_A=y\n");

        assert_eq!(
            disagreements(&wanted, &effective),
            ["CONFIG_A: asked for n, is y"]
        );
    }

    #[test]
    fn an_exception_that_is_followed_is_stale() {
        let exceptions = symbols("CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=y\n");
        let effective = read_effective("CONFIG_A=y\n");

        let stale = stale_exceptions(&exceptions, &effective);

        assert_eq!(stale.len(), 2);
        assert!(stale.iter().any(|line| line.starts_with("CONFIG_A=y")));
        assert!(stale.iter().any(|line| line.starts_with("CONFIG_B=n")));
    }

    #[test]
    fn a_line_that_is_no_setting_is_refused_with_its_number() {
        for bad in ["CONFIG_A", "A=y", "CONFIG_A=", "# x\nCONFIG B=y"] {
            let error = read_symbols(bad).unwrap_err().to_string();
            assert!(error.starts_with("line "), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_symbol_set_twice_is_refused() {
        let error = read_symbols("CONFIG_A=y\nCONFIG_A=n\n").unwrap_err();

        assert_eq!(error.to_string(), "line 2: CONFIG_A is set twice");
    }
}
