// SPDX-License-Identifier: MPL-2.0
//! What tells this node from all others.
//!
//! It is made once and kept on the STATE partition. A node without one has it in memory, as long as
//! the machine runs; a partition that is found late has the last word, or gets what there was.
//!
//! Owns: `Identity`, and the file that keeps it.
//! Never: makes one before the partition that would keep it was looked for.

use std::io;

use resource::{Body, Controller, Desired, Failure, Input, Output};
use serde_yaml_ng::{Mapping, Value};

use crate::places::Places;
use crate::resources::{AcquireConfigSpec, Identity, MachineStage, MachineStatus, MountStatus};
use crate::{base62, files, stored};

/// How many bytes an identity has.
const LEN: usize = 32;
/// Letters that the text of one may have at most: six bits each, or five now and then.
const TEXT_MAX: usize = LEN * 8 / 5 + 1;
const KEY: &str = "nodeId";
/// The file holds one of these and its key.
const FILE_MAX: u64 = 4096;

/// Where an identity is kept, the better place last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    InMemory,
    OnPartition,
}

pub(super) fn controller(places: &Places) -> Controller {
    let places = places.clone();
    // The identity, once there is one, and where it is kept.
    let mut held: Option<Identity> = None;
    let mut kept: Option<Kept> = None;
    Controller {
        name: "cluster.NodeIdentityController",
        inputs: vec![
            Input::of::<MountStatus>().only("STATE"),
            Input::of::<AcquireConfigSpec>().only(AcquireConfigSpec::ID),
            Input::of::<MachineStatus>().only(MachineStatus::ID),
        ],
        outputs: vec![Output::of::<Identity>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let is_mounted = view.get::<MountStatus>("STATE").is_some();
            // A configuration is looked for after the partition; a machined that was started again does
            // neither.
            let was_looked_for = view
                .get::<AcquireConfigSpec>(AcquireConfigSpec::ID)
                .is_some();
            let stage = view.get::<MachineStatus>(MachineStatus::ID);
            let is_past_boot = stage.is_some_and(|s| s.stage != MachineStage::Booting);
            let is_known = is_mounted || was_looked_for || is_past_boot;
            let place = if is_mounted {
                Kept::OnPartition
            } else {
                Kept::InMemory
            };
            if is_known && kept.is_none_or(|kept| kept < place) {
                settle(&places, &mut held)?;
                kept = Some(place);
            }
            if let Some(identity) = &held {
                desired.put("local", identity.clone());
            }
            Ok(())
        })),
    }
}

/// Takes the identity that is kept; where there is none, keeps the one that is held, or a new one. What is
/// made is held also when it cannot be written: the next try keeps the same.
fn settle(places: &Places, held: &mut Option<Identity>) -> Result<(), Failure> {
    let path = places.node_identity();
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format_args!("{}: {error}", path.display()));
    match files::read_text(&path, FILE_MAX) {
        Ok(text) => {
            let found = parse(&text).ok_or_else(|| failed(&"it is no identity of a node"))?;
            *held = Some(found);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = match held {
                Some(identity) => identity,
                None => held.insert(Identity {
                    node_id: base62::encode(&*pki::random_bytes::<LEN>()?),
                }),
            };
            let mapping = Mapping::from_iter([(KEY.into(), identity.node_id.as_str().into())]);
            let text = serde_yaml_ng::to_string(&mapping).map_err(|error| failed(&error))?;
            stored::write_whole(&path, text.as_bytes()).map_err(|error| failed(&error))
        }
        Err(error) => Err(failed(&error)),
    }
}

fn parse(text: &str) -> Option<Identity> {
    let value: Value = serde_yaml_ng::from_str(text).ok()?;
    let node_id = value.get(KEY)?.as_str()?;
    let is_sound = (1..=TEXT_MAX).contains(&node_id.len())
        && node_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_sound.then(|| Identity {
        node_id: node_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::Folder;

    fn stage(stage: MachineStage) -> MachineStatus {
        MachineStatus {
            stage,
            unmet: Vec::new(),
        }
    }

    fn mounted() -> MountStatus {
        MountStatus {
            source: "/dev/vda5".to_owned(),
            ..MountStatus::default()
        }
    }

    fn id(bench: &Bench) -> Option<String> {
        let found = bench.store.get::<Identity>("local");
        found.map(|found| found.node_id.clone())
    }

    #[test]
    fn disc_06_an_identity_is_made_once_and_read_ever_after() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let mut bench = Bench::of(controller(&places));
        bench.say("STATE", mounted());
        bench.run();
        let first = id(&bench).unwrap();

        let mut again = Bench::of(controller(&places));
        again.say("STATE", mounted());
        again.run();

        assert_eq!(id(&again).unwrap(), first);
        let text = std::fs::read_to_string(places.node_identity()).unwrap();
        assert_eq!(text, format!("nodeId: {first}\n"));
        assert!((43..=TEXT_MAX).contains(&first.len()), "{first}");
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn nothing_is_made_before_the_partition_was_looked_for() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let mut bench = Bench::of(controller(&places));
        bench.say(MachineStatus::ID, stage(MachineStage::Booting));
        bench.run();
        assert_eq!(id(&bench), None);
        assert!(!places.node_identity().exists());

        bench.say(AcquireConfigSpec::ID, AcquireConfigSpec);
        bench.run();

        assert!(id(&bench).is_some());
    }

    #[test]
    fn a_partition_that_is_found_late_has_the_last_word_or_gets_what_there_was() {
        for on_disk in [None, Some("nodeId: abc123\n")] {
            let folder = Folder::new();
            let places = Places::under(folder.path());
            let mut bench = Bench::of(controller(&places));
            bench.say(MachineStatus::ID, stage(MachineStage::Maintenance));
            bench.run();
            let in_memory = id(&bench).unwrap();
            // The mount hides what was in memory.
            std::fs::remove_file(places.node_identity()).unwrap();
            if let Some(text) = on_disk {
                std::fs::write(places.node_identity(), text).unwrap();
            }

            bench.say("STATE", mounted());
            bench.run();

            match on_disk {
                Some(_) => assert_eq!(id(&bench).unwrap(), "abc123"),
                None => assert_eq!(id(&bench).unwrap(), in_memory),
            }
            assert!(places.node_identity().exists());
        }
    }

    #[test]
    fn what_cannot_be_written_at_first_is_the_same_when_it_can() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let mut bench = Bench::of(controller(&places));
        bench.say(MachineStatus::ID, stage(MachineStage::Maintenance));
        bench.run();
        let in_memory = id(&bench).unwrap();
        // A partition without the file, and something in its way.
        let path = places.node_identity();
        std::fs::remove_file(&path).unwrap();
        let in_the_way = path.with_extension("new");
        std::fs::create_dir(&in_the_way).unwrap();
        bench.say("STATE", mounted());
        assert_eq!(bench.run().failures.len(), 1);
        std::fs::remove_dir(&in_the_way).unwrap();
        bench.now.monotonic += std::time::Duration::from_secs(60);

        assert!(bench.run().failures.is_empty());

        assert_eq!(id(&bench).unwrap(), in_memory);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("nodeId: {in_memory}\n"));
    }

    #[test]
    fn a_file_without_an_end_and_a_pipe_hold_nobody_up() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let path = places.node_identity();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let status = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(status.unwrap().success());
        let mut bench = Bench::of(controller(&places));
        bench.say("STATE", mounted());
        assert_eq!(bench.run().failures.len(), 1);

        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        bench.now.monotonic += std::time::Duration::from_secs(60);

        assert_eq!(bench.run().failures.len(), 1);
    }

    #[test]
    fn a_file_that_is_none_is_said_and_left_alone() {
        for text in ["", "nodeId: ''", "nodeId: a/b", "nodeId: [1]", "{"] {
            let folder = Folder::new();
            let places = Places::under(folder.path());
            stored::write_whole(&places.node_identity(), text.as_bytes()).unwrap();
            let mut bench = Bench::of(controller(&places));
            bench.say("STATE", mounted());

            let ran = bench.run();

            assert_eq!(ran.failures.len(), 1, "{text}");
            assert_eq!(
                std::fs::read_to_string(places.node_identity()).unwrap(),
                text
            );
            assert_eq!(id(&bench), None);
        }
    }
}
