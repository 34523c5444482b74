// SPDX-License-Identifier: MPL-2.0
//! Extension services: programs that an image brings along, described in
//! `/usr/local/etc/containers/*.yaml`.
//!
//! Owns: reading those descriptions, and telling init about them.
//! Never: holds the boot for one of them.

mod conditions;
mod console;
mod cycles;
mod description;
mod kept;
pub(crate) mod mount;
mod read;
pub(crate) mod security;
mod settings;
pub(crate) mod spec;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proto::service::State;

use self::conditions::Conditions;
use self::console::From;
use self::description::Extension;
use self::kept::Service;
use self::read::{Refused, refused};
use self::spec::Limits;
use crate::files;
use crate::keeper::{self, Kept as _};
use crate::node::Node;
use crate::proc;

/// What the names of extension services begin with at init and in the API.
pub(crate) const PREFIX: &str = "ext-";
/// Where their roots are.
const ROOTS: &str = "/usr/local/lib/containers";
/// The largest description: some lines, with room.
const FILE_MAX: u64 = 64 * 1024;
/// The most descriptions: init knows 64 services, of which a dozen are ours.
const FILES_MAX: usize = 48;

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
    let waits = cycles::waits(read.iter().filter_map(|(_, result)| result.as_ref().ok()));
    for (_, result) in &mut read {
        if let Ok(extension) = result
            && let Some(cycle) = cycles::cycle(&waits, &extension.id())
        {
            let cycle = cycle.join(" waits for ");
            *result = refused("depends", format!("never starts: {cycle}"));
        }
    }
    read
}

fn read_one(path: &Path) -> Result<Extension, Refused> {
    match files::read_text(path, FILE_MAX) {
        Ok(text) => Extension::parse(&text),
        Err(error) => refused("", error.to_string()),
    }
}

/// Reads every description, and has each service kept, for ever.
pub(crate) async fn start(node: Arc<Node>) {
    let all = read_all(&node.places.extension_services());
    if all.is_empty() {
        node.keepers.all_are_kept();
        return;
    }
    wait_for_core(&node).await;
    let limits = Limits::of(proc::memory::read(&node.places).map_or(0, |memory| memory.mem_total));
    for (path, result) in all {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let file = file.escape_debug().to_string();
        match result {
            Ok(extension) => keep(&node, extension, limits),
            Err(refusal) => {
                let id = format!("{PREFIX}{}", file.trim_end_matches(".yaml"));
                keeper::refuse(&node, Service::KIND, &id, &format!("{file}: {refusal}"));
            }
        }
    }
    node.keepers.all_are_kept();
}

fn keep(node: &Arc<Node>, extension: Extension, limits: Limits) {
    let id = extension.id();
    if extension.log_to_console {
        // After a restart of machined, what was said before has been shown.
        let from = match node.state().services.get(&id) {
            Some(_) => From::Now,
            None => From::Beginning,
        };
        tokio::spawn(console::show(Arc::clone(node), id, from));
    }
    let conditions = Conditions::default();
    keeper::keep(
        node,
        Service {
            extension,
            limits,
            conditions,
        },
    );
}

/// Waits until the agents that everybody needs run.
pub(crate) async fn wait_for_core(node: &Node) {
    loop {
        let next = node.services_changed.notified();
        let up = |name: &str| {
            let state = node.state();
            let entry = state.services.get(name);
            entry.is_some_and(|entry| entry.status.state == State::Running)
        };
        // With half a list, a service that runs would look like one that never did.
        let listed = node.state().services.is_listed();
        if listed && ["logd", "udevd", "netd"].iter().all(|name| up(name)) {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const HELLO: &str = "name: hello\ncontainer:\n  entrypoint: ./hello\nrestart: never\n";

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

    #[test]
    fn ext_09_services_that_wait_for_each_other_are_refused_by_name() {
        let folder = Folder::new();
        for (name, other) in [("a", "b"), ("b", "a"), ("c", "a")] {
            let text = HELLO.replace("hello\nc", &format!("{name}\nc"));
            let text = format!("{text}depends:\n- service: ext-{other}\n");
            std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
        }

        let read = read_all(folder.path());

        let said: Vec<String> = read
            .iter()
            .map(|(_, result)| match result {
                Ok(extension) => extension.id(),
                Err(refusal) => refusal.to_string(),
            })
            .collect();
        assert_eq!(
            said,
            [
                "depends: never starts: ext-a waits for ext-b waits for ext-a",
                "depends: never starts: ext-b waits for ext-a waits for ext-b",
                "ext-c",
            ]
        );
    }
}
