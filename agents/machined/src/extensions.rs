// SPDX-License-Identifier: MPL-2.0
//! Extension services: programs that an image brings along, described in
//! `/usr/local/etc/containers/*.yaml`.
//!
//! Owns: reading those descriptions strictly, and telling init about them.
//! Never: guesses: what a description asks for and is not built yet refuses the whole service.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proto::heapless;
use proto::service::{Access, Console, Mount, Ready, Restart, Seccomp, ServiceSpec, State};
use proto::supervisor::{Named, Request};
use serde_yaml_ng::{Mapping, Value};

use crate::news::{Error, init};
use crate::node::Node;

/// What the names of extension services begin with at init and in the API.
pub(crate) const PREFIX: &str = "ext-";
/// Where their roots are.
const ROOTS: &str = "/usr/local/lib/containers";
/// The largest description: some lines, with room.
const FILE_MAX: u64 = 64 * 1024;
/// The most descriptions: init knows 64 services, of which a dozen are ours.
const FILES_MAX: usize = 48;
/// `memory.max`: as much as one may take of a small board without starving the node.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;
const PIDS_MAX: u32 = 1024;
/// The documents' number.
const OOM_SCORE_ADJ: i16 = -600;
/// All capabilities: extension services are privileged (40 are known to Linux 6.12).
const CAPABILITIES: u64 = (1 << 41) - 1;

/// A description, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// Its name, without prefix.
    pub name: String,
    entrypoint: String,
    args: Vec<String>,
    environment: Vec<String>,
    mounts: Vec<Bind>,
    after: Vec<String>,
    restart: Restart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bind {
    source: String,
    target: String,
    access: Access,
}

/// Why a description is refused: the key, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    key: String,
    reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.key, self.reason)
        }
    }
}

fn refused<T>(key: impl Into<String>, reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused {
        key: key.into(),
        reason: reason.into(),
    })
}

const NOT_YET: &str = "not supported yet";

impl Extension {
    /// Reads a description.
    ///
    /// # Errors
    /// It is not YAML, lacks something, or asks for something that is not built.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let value: Value = match serde_yaml_ng::from_str(text) {
            Ok(value) => value,
            Err(error) => return refused("", format!("not YAML: {error}")),
        };
        let root = mapping("", &value)?;
        known("", root, &["name", "container", "depends", "restart"])?;
        let container = match root.get("container") {
            Some(container) => mapping("container", container)?,
            None => return refused("container", "missing"),
        };
        known(
            "container",
            container,
            &["entrypoint", "args", "environment", "mounts"],
        )?;
        let extension = Self {
            name: name(root)?,
            entrypoint: entrypoint(container)?,
            args: texts("container.args", container.get("args"))?,
            environment: environment(container.get("environment"))?,
            mounts: mounts(container.get("mounts"))?,
            after: depends(root.get("depends"))?,
            restart: restart(root.get("restart"))?,
        };
        extension.check_limits()?;
        Ok(extension)
    }

    /// The name that init and the API know it by.
    #[must_use]
    pub(crate) fn id(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    fn check_limits(&self) -> Result<(), Refused> {
        use proto::service::{AFTER_MAX, ARGS_MAX, ENV_MAX, MOUNTS_MAX};
        for (key, count, max) in [
            ("container.args", self.args.len(), ARGS_MAX),
            ("container.environment", self.environment.len(), ENV_MAX),
            ("container.mounts", self.mounts.len(), MOUNTS_MAX),
            ("depends", self.after.len(), AFTER_MAX),
        ] {
            if count > max {
                return refused(
                    key,
                    format!("has {count} entries, at most {max} are possible"),
                );
            }
        }
        if self.id().len() > proto::NAME_MAX {
            return refused("name", "too long");
        }
        Ok(())
    }

    /// Calls `with` with what init is to be told.
    fn with_spec<R>(&self, with: impl FnOnce(ServiceSpec<'_>) -> R) -> R {
        let id = self.id();
        let root = format!("{ROOTS}/{}", self.name);
        let mut spec = ServiceSpec::new(&id, &self.entrypoint);
        // The limits were checked: everything fits.
        spec.args = collect(self.args.iter().map(String::as_str));
        spec.env = collect(self.environment.iter().map(String::as_str));
        spec.after = collect(self.after.iter().map(String::as_str));
        spec.mounts = collect(self.mounts.iter().map(|bind| Mount {
            source: &bind.source,
            target: &bind.target,
            access: bind.access,
        }));
        spec.capabilities = CAPABILITIES;
        spec.memory_max = MEMORY_MAX;
        spec.pids_max = PIDS_MAX;
        spec.oom_score_adj = OOM_SCORE_ADJ;
        spec.restart = self.restart;
        spec.ready = Ready::OnExec;
        spec.seccomp = Seccomp::Unconfined;
        spec.console = Console::Quiet;
        spec.root = &root;
        with(spec)
    }
}

fn collect<T, const N: usize>(from: impl Iterator<Item = T>) -> heapless::Vec<T, N> {
    from.take(N).collect()
}

fn mapping<'a>(key: &str, value: &'a Value) -> Result<&'a Mapping, Refused> {
    match value.as_mapping() {
        Some(mapping) => Ok(mapping),
        None => refused(key, "a mapping is needed"),
    }
}

/// Refuses keys that are not in `keys`.
fn known(at: &str, mapping: &Mapping, keys: &[&str]) -> Result<(), Refused> {
    for key in mapping.keys() {
        let text = key.as_str().unwrap_or("?");
        if !keys.contains(&text) {
            let path = if at.is_empty() {
                text.to_owned()
            } else {
                format!("{at}.{text}")
            };
            return refused(path, NOT_YET);
        }
    }
    Ok(())
}

fn text<'a>(key: &str, value: Option<&'a Value>) -> Result<&'a str, Refused> {
    match value.map(Value::as_str) {
        None => refused(key, "missing"),
        Some(Some("")) => refused(key, "empty"),
        Some(Some(text)) if text.contains('\0') => refused(key, "has a NUL"),
        Some(Some(text)) => Ok(text),
        Some(None) => refused(key, "a text is needed"),
    }
}

fn items<'a>(key: &str, value: Option<&'a Value>) -> Result<&'a [Value], Refused> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Sequence(items)) => Ok(items),
        Some(_) => refused(key, "a list is needed"),
    }
}

fn texts(key: &str, value: Option<&Value>) -> Result<Vec<String>, Refused> {
    let mut found = Vec::new();
    for (index, item) in items(key, value)?.iter().enumerate() {
        let at = format!("{key}[{index}]");
        // An empty argument is an argument.
        match item.as_str() {
            Some(text) if !text.contains('\0') => found.push(text.to_owned()),
            _ => return refused(at, "a text is needed"),
        }
    }
    Ok(found)
}

fn name(root: &Mapping) -> Result<String, Refused> {
    let name = text("name", root.get("name"))?;
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.bytes().all(fits) {
        Ok(name.to_owned())
    } else {
        refused("name", "only a-z, 0-9, - and _ are possible")
    }
}

/// The entrypoint is relative to the root of the container; init wants it absolute.
fn entrypoint(container: &Mapping) -> Result<String, Refused> {
    let key = "container.entrypoint";
    let written = text(key, container.get("entrypoint"))?;
    let path = written.trim_start_matches("./").trim_start_matches('/');
    if path.is_empty() || path.split('/').any(|part| part == ".." || part.is_empty()) {
        return refused(key, "not a path inside of the container");
    }
    Ok(format!("/{path}"))
}

fn environment(value: Option<&Value>) -> Result<Vec<String>, Refused> {
    let key = "container.environment";
    let variables = texts(key, value)?;
    match variables
        .iter()
        .position(|v| !v.contains('=') || v.starts_with('='))
    {
        Some(index) => refused(format!("{key}[{index}]"), "NAME=value is needed"),
        None => Ok(variables),
    }
}

fn mounts(value: Option<&Value>) -> Result<Vec<Bind>, Refused> {
    let key = "container.mounts";
    let mut binds = Vec::new();
    for (index, item) in items(key, value)?.iter().enumerate() {
        let at = format!("{key}[{index}]");
        let mount = mapping(&at, item)?;
        known(&at, mount, &["source", "destination", "type", "options"])?;
        if let Some(kind) = mount.get("type")
            && kind.as_str() != Some("bind")
        {
            return refused(format!("{at}.type"), NOT_YET);
        }
        let path = |name: &str| -> Result<String, Refused> {
            let at = format!("{at}.{name}");
            let path = text(&at, mount.get(name))?;
            let inside = Path::new(path)
                .components()
                .all(|part| !matches!(part, std::path::Component::ParentDir));
            if path.starts_with('/') && inside {
                Ok(path.to_owned())
            } else {
                refused(at, "an absolute path without .. is needed")
            }
        };
        let mut access = Access::ReadWrite;
        for (number, option) in texts(&format!("{at}.options"), mount.get("options"))?
            .iter()
            .enumerate()
        {
            match option.as_str() {
                "ro" => access = Access::ReadOnly,
                "rw" => access = Access::ReadWrite,
                "bind" | "rbind" => {}
                _ => return refused(format!("{at}.options[{number}]"), NOT_YET),
            }
        }
        binds.push(Bind {
            source: path("source")?,
            target: path("destination")?,
            access,
        });
    }
    Ok(binds)
}

fn depends(value: Option<&Value>) -> Result<Vec<String>, Refused> {
    let mut services = Vec::new();
    for (index, item) in items("depends", value)?.iter().enumerate() {
        let at = format!("depends[{index}]");
        let dependency = mapping(&at, item)?;
        known(&at, dependency, &["service"])?;
        let service = text(&format!("{at}.service"), dependency.get("service"))?;
        services.push(service.to_owned());
    }
    Ok(services)
}

fn restart(value: Option<&Value>) -> Result<Restart, Refused> {
    match text("restart", value)? {
        "always" => Ok(Restart::Always),
        "never" => Ok(Restart::Never),
        "untilSuccess" => Ok(Restart::UntilSuccess),
        _ => refused("restart", "always, never or untilSuccess are possible"),
    }
}

/// Reads every description of the image, in the order of their names.
pub(crate) fn read_all(folder: &Path) -> Vec<(PathBuf, Result<Extension, Refused>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    paths.sort();
    let mut read: Vec<(PathBuf, Result<Extension, Refused>)> = paths
        .into_iter()
        .enumerate()
        .map(|(index, path)| {
            let result = if index < FILES_MAX {
                read_one(&path)
            } else {
                refused("", format!("more than {FILES_MAX} extension services"))
            };
            (path, result)
        })
        .collect();
    // Two of one name: the first stays.
    let mut names = Vec::new();
    for (_, result) in &mut read {
        if let Ok(extension) = result {
            if names.contains(&extension.name) {
                *result = refused("name", "another extension service has it");
            } else {
                names.push(extension.name.clone());
            }
        }
    }
    read
}

fn read_one(path: &Path) -> Result<Extension, Refused> {
    let long = std::fs::metadata(path).is_ok_and(|file| file.len() > FILE_MAX);
    if long {
        return refused("", format!("longer than {FILE_MAX} bytes"));
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Extension::parse(&text),
        Err(error) => refused("", error.to_string()),
    }
}

/// Tells init about every extension service and starts those that never ran.
pub(crate) async fn start(node: Arc<Node>) {
    let all = read_all(&node.places.extension_services());
    if all.is_empty() {
        return;
    }
    wait_for_core(&node).await;
    for (path, result) in all {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        match result {
            Ok(extension) => define_and_start(&node, &extension).await,
            Err(refusal) => {
                let message = format!("{file}: {refusal}");
                node.journal
                    .console(format_args!("extension service refused: {message}"));
                let event = api::machine::ServiceStateEvent {
                    service: format!("{PREFIX}{}", file.trim_end_matches(".yaml")),
                    action: api::machine::service_state_event::Action::Failed.into(),
                    message,
                    health: None,
                };
                node.publish("", "ServiceStateEvent", &event);
            }
        }
    }
}

/// Waits until the agents that everybody needs run.
async fn wait_for_core(node: &Node) {
    let news = Arc::clone(&node.state().events.news);
    loop {
        let next = news.notified();
        let up = |name: &str| {
            let state = node.state();
            let entry = state.services.get(name);
            entry.is_some_and(|entry| entry.status.state == State::Running)
        };
        if ["logd", "udevd", "netd"].iter().all(|name| up(name)) {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), next).await;
    }
}

async fn define_and_start(node: &Node, extension: &Extension) {
    let id = extension.id();
    let mut tries = 0_u32;
    loop {
        // The description borrows, so the message is made before anything is awaited.
        let defined = init::order_with(node, |buffer| {
            extension.with_spec(|spec| Request::Define(spec).encode(buffer))
        });
        match defined.await {
            Ok(()) => break,
            Err(error @ Error::Refused(_)) => {
                node.journal
                    .console(format_args!("extension service {id} refused: {error}"));
                return;
            }
            Err(error) => {
                tries = tries.saturating_add(1);
                if tries > 20 {
                    node.journal
                        .console(format_args!("extension service {id}: {error}"));
                    return;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
    // After a restart of machined the service may run, or somebody stopped it: both stay.
    let ran = node.state().services.get(&id).is_some_and(|entry| {
        entry.status.state != State::Stopped || entry.status.last_exit.is_some()
    });
    if ran {
        return;
    }
    if let Err(error) = init::order(node, &Request::Start(Named { name: &id })).await {
        node.journal.console(format_args!(
            "extension service {id} does not start: {error}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const HELLO: &str = "name: hello\ncontainer:\n  entrypoint: ./hello\n  args: [--once, '']\n  \
        environment: [A=b]\n  mounts:\n    - source: /run\n      destination: /host/run\n      \
        type: bind\n      options: [rbind, ro]\ndepends:\n  - service: netd\nrestart: never\n";

    #[test]
    fn a_description_becomes_what_init_is_told() {
        let extension = Extension::parse(HELLO).unwrap();

        extension.with_spec(|spec| {
            assert_eq!((spec.name, spec.path), ("ext-hello", "/hello"));
            assert_eq!(spec.root, "/usr/local/lib/containers/hello");
            assert_eq!(spec.args.as_slice(), ["--once", ""]);
            assert_eq!(spec.env.as_slice(), ["A=b"]);
            assert_eq!(spec.after.as_slice(), ["netd"]);
            assert_eq!(spec.restart, Restart::Never);
            let mount = spec.mounts.first().unwrap();
            assert_eq!(
                (mount.target, mount.access),
                ("/host/run", Access::ReadOnly)
            );
            assert!(spec.memory_max > 0 && spec.pids_max > 0);
        });
    }

    #[test]
    fn what_is_not_built_or_wrong_is_refused_by_key() {
        for (from, to, message) in [
            ("name: hello", "name: Hello", "name: only a-z"),
            ("name: hello", "", "name: missing"),
            ("name: hello", "name: [a]", "name: a text is needed"),
            ("./hello", "../hello", "container.entrypoint: not a path"),
            ("A=b", "A", "container.environment[0]: NAME=value"),
            (
                "type: bind",
                "type: tmpfs",
                "container.mounts[0].type: not supported yet",
            ),
            (
                "rbind, ro",
                "rbind, rshared",
                "container.mounts[0].options[1]: not supported yet",
            ),
            (
                "source: /run",
                "source: run",
                "container.mounts[0].source: an absolute",
            ),
            (
                "source: /run",
                "source: /a/../b",
                "container.mounts[0].source: an absolute",
            ),
            (
                "- service: netd",
                "- time: true",
                "depends[0].time: not supported yet",
            ),
            (
                "- service: netd",
                "- network: [addresses]",
                "depends[0].network: not supported",
            ),
            (
                "restart: never",
                "restart: sometimes",
                "restart: always, never",
            ),
            ("restart: never", "", "restart: missing"),
            (
                "restart: never",
                "restart: never\nlogToConsole: true",
                "logToConsole: not supp",
            ),
            (
                "container:\n",
                "container:\n  security: {}\n",
                "container.security: not supp",
            ),
            ("container:\n", "container: 5\nx:\n", "x: not supported yet"),
            ("restart: never", "restart: never\n- x", "not YAML"),
        ] {
            let text = HELLO.replace(from, to);
            assert_ne!(text, HELLO, "{from}");
            let refusal = Extension::parse(&text).unwrap_err().to_string();
            assert!(refusal.starts_with(message), "{refusal} for {to}");
        }
        for text in [
            "",
            "[]",
            "5",
            "name: a",
            "\u{0}",
            "container: {}\nname: a\nrestart: never",
        ] {
            assert!(Extension::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_much_for_init_is_refused() {
        let many = format!("args: [{}]", "a, ".repeat(33));
        let text = HELLO.replace("args: [--once, '']", &many);
        assert!(
            Extension::parse(&text)
                .unwrap_err()
                .to_string()
                .starts_with("container.args: has 33")
        );
        let long = HELLO.replace("name: hello", &format!("name: {}", "a".repeat(60)));
        assert_eq!(
            Extension::parse(&long).unwrap_err().to_string(),
            "name: too long"
        );
    }

    #[test]
    fn all_descriptions_are_read_in_order_and_the_second_of_a_name_is_refused() {
        let folder = Folder::new();
        for (file, text) in [
            ("b.yaml", HELLO),
            ("a.yaml", HELLO),
            ("c.yaml", "nonsense"),
            ("d.txt", HELLO),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }

        let read = read_all(folder.path());

        let good: Vec<bool> = read.iter().map(|(_, result)| result.is_ok()).collect();
        assert_eq!(good, [true, false, false]);
        assert!(read_all(Path::new("/nonexistent")).is_empty());
    }
}
