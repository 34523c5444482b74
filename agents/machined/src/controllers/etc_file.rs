// SPDX-License-Identifier: MPL-2.0
//! Writes the files that are to be below `/etc`.
//!
//! Owns: the folder that they are seen through, and `EtcFileStatus`.
//! Never: writes outside of it, or decides what is in a file.

use std::path::{Component, Path};

use resource::{Body, Controller, Desired, Input, Output};

use crate::places::Places;
use crate::resources::{EtcFileSpec, EtcFileStatus};

pub(super) fn controller(places: &Places) -> Controller {
    let folder = places.etc();
    Controller {
        name: "files.EtcFileController",
        inputs: vec![Input::of::<EtcFileSpec>().strong()],
        outputs: vec![Output::of::<EtcFileStatus>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            for file in view.list::<EtcFileSpec>() {
                let id = &file.metadata.id;
                match write(&folder, id, &file.spec.contents.0) {
                    Ok(()) => {
                        let spec_version = file.metadata.version.to_string();
                        desired.put(id.clone(), EtcFileStatus { spec_version });
                    }
                    // Without a status: of what is there now nobody knows what it is.
                    Err(error) => {
                        desired.fail(format_args!("{}: {error}", folder.join(id).display()));
                    }
                }
            }
            Ok(())
        })),
    }
}

fn write(folder: &Path, id: &str, contents: &[u8]) -> std::io::Result<()> {
    let mut parts = Path::new(id).components();
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(std::io::Error::other("not a path below /etc"));
    }
    let path = folder.join(id);
    if std::fs::read(&path).is_ok_and(|present| present == contents) {
        return Ok(());
    }
    std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
    std::fs::write(&path, contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::values::Octets;
    use crate::testing::Folder;

    fn spec(text: &str) -> EtcFileSpec {
        EtcFileSpec {
            contents: Octets(text.as_bytes().to_vec()),
            mode: 0o644,
        }
    }

    #[test]
    fn rsrc_018_a_status_says_which_version_of_a_file_is_written() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let mut bench = Bench::of(controller(&places));
        bench.say("hosts", spec("one"));
        bench.say("a/b.conf", spec("below"));
        assert!(bench.run().failures.is_empty());

        bench.say("hosts", spec("two"));
        assert!(bench.run().failures.is_empty());

        let etc = places.etc();
        assert_eq!(std::fs::read_to_string(etc.join("hosts")).unwrap(), "two");
        assert_eq!(
            std::fs::read_to_string(etc.join("a/b.conf")).unwrap(),
            "below"
        );
        // The finalizer that the controller holds was a version of its own.
        let status = bench.store.get::<EtcFileStatus>("hosts").unwrap();
        let kind = <EtcFileSpec as resource::ResourceSpec>::KIND;
        let spec = bench.store.get_any("files", kind, "hosts").unwrap();
        assert_eq!(status.spec_version, spec.metadata.version.to_string());
    }

    #[test]
    fn nothing_outside_of_the_folder_is_written() {
        let folder = Folder::new();
        let mut bench = Bench::of(controller(&Places::under(folder.path())));
        for id in ["../x", "/x", "a/../../x"] {
            bench.say(id, spec("bad"));
        }
        bench.say("good", spec("good"));

        let ran = bench.run();

        let (_, failure, _) = ran.failures.first().unwrap();
        assert!(
            failure.to_string().contains("not a path below /etc"),
            "{failure}"
        );
        assert!(!folder.path().join("x").exists() && !folder.path().join("system/x").exists());
        // The others are written, and say so.
        let statuses = bench.store.list::<EtcFileStatus>();
        let ids: Vec<_> = statuses.map(|status| &status.metadata.id).collect();
        assert_eq!(ids, ["good"]);
    }
}
