// SPDX-License-Identifier: MPL-2.0
//! A store whose file system gets full while an image comes.
//!
//! Owns: a file system in memory, which the registry fills at the worst moment.
//! Never: fills anything of the machine that runs the test: the mount is of one thread and what it starts.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ichor_registry::{Faulty, Sample, digest};
use proto::images::Pull;
use sys::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use sys::thread::UnshareFlags;

use crate::{Lab, image, tar};

/// How large the file system is.
const SIZE: u64 = 32 << 20;
/// The file that fills it.
const BALLAST: &str = "ballast";

/// An image of one large layer that does not get smaller when it is packed.
fn large() -> Sample {
    let mut state: u32 = 0x9E37_79B9;
    let letters = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'0' + state.to_le_bytes()[1] % 64)
    });
    let text: String = letters.take(4 << 20).collect();
    let layer = tar(&[
        ("bin/hello", "0000755", &text),
        ("etc/passwd", "0000644", crate::PASSWD),
    ]);
    image(&layer, &digest(&layer))
}

fn free(folder: &Path) -> u64 {
    let found = sys::fs::statfs(folder).unwrap();
    found.f_bavail * u64::try_from(found.f_bsize).unwrap()
}

/// Leaves so many bytes of a file system.
fn fill(folder: &Path, left: u64) {
    let taken = usize::try_from(free(folder) - left).unwrap();
    let mut file = File::create(folder.join(BALLAST)).unwrap();
    file.write_all(&vec![7; taken]).unwrap();
}

/// A registry of the image that fills the store before it sends the layer: it leaves as much as is said.
fn filling(sample: &Sample, store: PathBuf, left: Arc<Mutex<Option<u64>>>) -> Faulty {
    let sample = sample.clone();
    Faulty::start(move |asked, wire| {
        if asked.path.contains("/manifests/") {
            let headers = format!("Content-Type: {}\r\n", sample.media_type);
            return wire.say(200, &headers, &sample.manifest);
        }
        let found = sample.blobs.iter();
        let mut found = found.filter(|blob| asked.path.contains(&digest(blob)));
        let blob = found.next().unwrap();
        if *blob == sample.blobs[1]
            && let Some(left) = *left.lock().unwrap()
        {
            fill(&store, left);
        }
        wire.say(200, "", blob);
    })
}

/// Runs a test in a mount namespace of its own, with a file system in memory at a new store.
fn in_memory(test: impl FnOnce(tempfile::TempDir) + Send + 'static) {
    let run = move || {
        sys::spawn::unshare(UnshareFlags::NEWNS).unwrap();
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        sys::mount::mount_change("/", private).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        std::fs::create_dir(&store).unwrap();
        let options = std::ffi::CString::new(format!("size={SIZE}")).unwrap();
        let flags = MountFlags::NODEV;
        sys::mount::mount("store", &store, "tmpfs", flags, options.as_c_str()).unwrap();
        test(folder);
        let _gone = sys::mount::unmount(&store, UnmountFlags::DETACH);
    };
    std::thread::spawn(run).join().unwrap();
}

#[test]
fn issue_4_a_file_system_that_gets_full_is_said_and_all_room_comes_back() {
    in_memory(|folder| {
        let sample = large();
        let packed = u64::try_from(sample.blobs[1].len()).unwrap();
        let left = Arc::new(Mutex::new(None));
        let store = folder.path().join("store");
        let registry = filling(&sample, store.clone(), Arc::clone(&left));
        let lab = Lab::around(folder, registry.address.clone());
        let reference = &lab.named("tools/large:v1");
        let empty = free(&store);

        for (case, room, words) in [
            ("nothing is left", 0, "cannot be kept (No space left"),
            (
                "half of the layer fits",
                packed / 2,
                "cannot be kept (No space left",
            ),
            (
                "the layer fits, and half of the root",
                packed * 3 / 2,
                "No space left",
            ),
        ] {
            *left.lock().unwrap() = Some(room);

            let reason = lab.ensure(reference, Pull::IfNotPresent, "").0.unwrap_err();

            assert!(reason.contains(words), "{case}: {reason}");
            assert!(reason.contains(&lab.address), "{case}: {reason}");
            assert_eq!(lab.files(), [BALLAST], "{case}");
            std::fs::remove_file(store.join(BALLAST)).unwrap();
            assert_eq!(free(&store), empty, "{case}");
        }

        *left.lock().unwrap() = None;
        let there = lab.ensure(reference, Pull::IfNotPresent, "").0;
        assert!(there.is_ok(), "{there:?}");
        assert_eq!(lab.files().len(), 2);
    });
}
