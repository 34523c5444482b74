// SPDX-License-Identifier: MPL-2.0
//! Extension services: programs that an image brings along, described in
//! `/usr/local/etc/containers/*.yaml`.
//!
//! Owns: reading those descriptions, and telling init about them.
//! Never: holds the boot for one of them.

mod description;
mod mount;
mod read;
mod security;
mod spec;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proto::service::State;
use proto::supervisor::{Named, Request};

use self::description::Extension;
use self::read::{Refused, refused};
use self::spec::Additions;
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
            extension
                .with_spec(&Additions::default(), |spec| {
                    Request::Define(spec).encode(buffer)
                })
                .unwrap_or(Err(proto::EncodeError))
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
}
