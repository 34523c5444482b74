// SPDX-License-Identifier: MPL-2.0
//! Where the client configuration is, and reading and writing files that hold secrets.
//!
//! Owns: the search order, and the rights of written files.
//! Never: overwrites what it was not told to.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use config::{ClientConfig, ClientContext};
use pki::{Secret, UnixTime};

use crate::args::Globals;
use crate::replaced::{is_stream, replace};
use crate::screen::Screen;
use crate::signals::Signals;
use crate::trouble::Trouble;

/// Where a pod finds its configuration.
const POD_CONFIG: &str = "/var/run/secrets/talos.dev/config";

/// What the process was started with.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `$TALOSCONFIG`, when it is set and not empty.
    pub talosconfig: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, when it is set and not empty.
    pub xdg: Option<PathBuf>,
    /// Where a pod finds its client configuration; `None`: where `inject serviceaccount` mounts it.
    pub pod: Option<PathBuf>,
    /// The folder that relative paths start from; `None`: that of the process.
    pub folder: Option<PathBuf>,
    /// `$TALOS_EDITOR`, else `$EDITOR`, when one is set and not empty.
    pub editor: Option<OsString>,
    /// Where files for a while go; `None`: where the system has them.
    pub temporary: Option<PathBuf>,
    /// `$DOCKER_CONFIG`, the folder of docker's configuration, when it is set and not empty.
    pub docker: Option<PathBuf>,
    /// `$SSL_CERT_FILE`, the authorities that are trusted, when it is set and not empty.
    pub authorities: Option<PathBuf>,
    /// The time that ages in tables are counted to; `None`: that of the clock when the answer is there.
    pub ages_until: Option<UnixTime>,
    /// The pause between two looks at a node that goes down; `None`: a second.
    pub pause: Option<Duration>,
    /// How long nodes may take to say what a word can be (`ICHORCTL_COMPLETION_SECONDS`); `None`: two seconds.
    pub patience: Option<Duration>,
    /// What becomes of signals.
    pub signals: Signals,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            talosconfig: value("TALOSCONFIG").map(PathBuf::from),
            home: value("HOME").map(PathBuf::from),
            xdg: value("XDG_CONFIG_HOME").map(PathBuf::from),
            pod: None,
            folder: None,
            editor: value("TALOS_EDITOR").or_else(|| value("EDITOR")),
            temporary: None,
            docker: value("DOCKER_CONFIG").map(PathBuf::from),
            authorities: value("SSL_CERT_FILE").map(PathBuf::from),
            ages_until: None,
            pause: None,
            patience: value("ICHORCTL_COMPLETION_SECONDS")
                .and_then(|seconds| seconds.to_str()?.parse().ok())
                .map(Duration::from_secs),
            signals: Signals::Heard,
        }
    }

    /// The time that ages in tables are counted to. To be asked when what happened before is known.
    pub(crate) fn ages_until(&self) -> UnixTime {
        self.ages_until.unwrap_or_else(now)
    }

    /// The folder for what is needed for a while.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.temporary.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Resolves a path from the command line.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.folder
            .as_deref()
            .map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The client configuration: `--talosconfig`, `$TALOSCONFIG`, the first default that exists.
    pub(crate) fn client_config(&self, globals: &Globals) -> Result<PathBuf, Trouble> {
        let named = globals.talosconfig.as_ref().or(self.talosconfig.as_ref());
        if let Some(path) = named {
            return Ok(self.path(path));
        }
        // The documents name two orders (docs: cli.md, talosctl.md); this one is right for both as long as
        // a file is in one place.
        let home = self.home.as_ref().map(|home| home.join(".talos/config"));
        let xdg = self.xdg.as_ref().map(|xdg| xdg.join("talos/config.yaml"));
        let pod = self.pod.clone().unwrap_or_else(|| POD_CONFIG.into());
        let places = [home.clone(), xdg, Some(pod)];
        let present = places.into_iter().flatten().find(|path| path.exists());
        present.or(home).ok_or_else(|| {
            Trouble::new("there is no $HOME to look for a talosconfig")
                .hint("name the file with --talosconfig or $TALOSCONFIG")
        })
    }
}

/// A client configuration and the file it came from.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    pub(crate) config: ClientConfig,
}

impl Kept {
    /// Reads the configuration; a file that is not there is an empty one.
    pub(crate) fn open(globals: &Globals, environment: &Environment) -> Result<Self, Trouble> {
        let path = environment.client_config(globals)?;
        let config = match fs::read(&path) {
            Ok(bytes) => load(&bytes, &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => ClientConfig::default(),
            Err(error) => return Err(Trouble::file("read", &path, &error)),
        };
        Ok(Self { path, config })
    }

    /// Writes it back.
    pub(crate) fn save(&self) -> Result<(), Trouble> {
        replace(&self.path, self.config.to_yaml().as_bytes())
    }

    /// The context to use: that of `--context`, else the current one.
    pub(crate) fn context(&self, globals: &Globals) -> Result<&ClientContext, Trouble> {
        let name = self.context_name(globals)?;
        self.config
            .contexts
            .get(name)
            .ok_or_else(|| self.no_context(name))
    }

    /// The same, to be changed.
    pub(crate) fn context_mut(&mut self, globals: &Globals) -> Result<&mut ClientContext, Trouble> {
        let name = self.context_name(globals)?.to_owned();
        let missing = self.no_context(&name);
        self.config.contexts.get_mut(&name).ok_or(missing)
    }

    /// The name of the context to use.
    pub(crate) fn context_name<'s>(&'s self, globals: &'s Globals) -> Result<&'s str, Trouble> {
        let name = globals.context.as_deref().unwrap_or(&self.config.context);
        if name.is_empty() {
            return Err(Trouble::new(format!("no context is selected in {}", self.path.display()))
                .hint(
                    "make one with `ichorctl gen config` and `ichorctl config merge ./talosconfig`, \
                     or name a file with --talosconfig",
                ));
        }
        Ok(name)
    }

    /// The error for a context that is not there.
    pub(crate) fn no_context(&self, name: &str) -> Trouble {
        let known: Vec<&str> = self.config.contexts.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        Trouble::new(format!(
            "there is no context {name:?} in {}",
            self.path.display()
        ))
        .hint(format!("contexts there: {known}"))
    }
}

/// Reads a client configuration from bytes of `path`.
pub(crate) fn load(bytes: &[u8], path: &Path) -> Result<ClientConfig, Trouble> {
    ClientConfig::load(bytes).map_err(|error| {
        Trouble::new(format!(
            "{} is not a client configuration: {error}",
            path.display()
        ))
    })
}

/// Reads a file that must be there.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    fs::read(path).map_err(|error| Trouble::file("read", path, &error))
}

/// Reads a file from the command line; `-` is standard input.
pub(crate) fn read_input(path: &Path, environment: &Environment) -> Result<Vec<u8>, Trouble> {
    if path != Path::new("-") {
        return read(&environment.path(path));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Trouble::file("read", Path::new("standard input"), &error))?;
    Ok(bytes)
}

/// Whether a file that is there may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes a new file that only its owner can read.
pub(crate) fn create(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Trouble> {
    if existing == Existing::Replace || is_stream(path) {
        return replace(path, bytes);
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file.and_then(|mut file| file.write_all(bytes)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Trouble::new(format!("{} exists already", path.display()))
                .hint("use --force to overwrite it, or name another place with --output"))
        }
        Err(error) => Err(Trouble::file("write", path, &error)),
    }
}

/// Writes several new files, or none of them if one exists already, and says so.
pub(crate) fn create_all(
    files: &[(PathBuf, Secret)],
    existing: Existing,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if existing == Existing::Keep
        && let Some((path, _)) = files
            .iter()
            .find(|(path, _)| path.exists() && !is_stream(path))
    {
        return Err(Trouble::new(format!(
            "{} exists already; nothing is written",
            path.display()
        ))
        .hint("use --force to overwrite it, or name another place"));
    }
    for (path, bytes) in files {
        create(path, bytes.expose(), existing)?;
        // Scripts and people find it whatever folder they are in.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        screen.warn(format_args!("created {}", path.display()));
    }
    Ok(())
}

/// The time now, for certificates and ages.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
