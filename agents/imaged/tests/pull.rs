// SPDX-License-Identifier: MPL-2.0
//! imaged as machined sees it, with a real registry behind it.
//!
//! Owns: what becomes of images that are there, are not, change, or are not what they say.
//! Never: runs a container.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

#[path = "pull/full.rs"]
mod full;

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ichor_registry::{Form, Real, Sample, Setup, digest};
use imaged::Places;
use proto::Greeting;
use proto::images::{Ensure, Fetch, Keep, MAX_MESSAGE, PageFrom, Pull, Reply, Request, Stage};
use serde_json::json;
use sys::seqpacket::{self, Received};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running imaged with a folder of its own. Its thread ends with the program.
struct Lab {
    folder: tempfile::TempDir,
    registry: Option<Real>,
    address: String,
}

/// What `Ready` said.
#[derive(Debug, PartialEq, Eq)]
struct There {
    path: PathBuf,
    program: String,
    args: Vec<String>,
    uid: u32,
    gid: u32,
}

/// How an image ended, and what was told before.
type Ended = (Result<There, String>, Vec<(Stage, String)>);

impl Lab {
    fn new() -> Self {
        let registry = Real::start(&Setup::default());
        let address = registry.address.clone();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        let mut lab = Self::around(folder, address);
        lab.registry = Some(registry);
        lab
    }

    /// imaged with its store in this folder, and a registry of this address.
    fn around(folder: tempfile::TempDir, address: String) -> Self {
        let lab = Self {
            folder,
            registry: None,
            address,
        };
        lab.mirror(&lab.address);
        lab.start();
        lab
    }

    /// Has the registry stand before one of this name.
    fn mirror(&self, name: &str) {
        // A registry without TLS is one that settings name so.
        let endpoint = format!("http://{}", self.address);
        let mirror = json!({ "endpoints": [endpoint], "override_path": false });
        let settings = json!({ "mirrors": { name: mirror }, "config": {} });
        std::fs::write(self.at("registries.json"), settings.to_string()).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self) {
        let places = Places {
            store: self.at("store"),
            socket: self.at("store/imaged.sock").display().to_string(),
            registries: self.at("registries.json"),
            roots: self.at("none"),
            pause: Duration::from_secs(3600),
            asker: sys::process::geteuid().as_raw(),
        };
        let (mut reader, writer) = std::io::pipe().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let error = runtime.block_on(imaged::run(&places, Some(writer.into())));
            panic!("{error:?}");
        });
        // Readiness is a newline.
        reader.read_exact(&mut [0]).unwrap();
    }

    /// A reference to what the registry has.
    fn named(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }

    fn registry(&self) -> &Real {
        self.registry.as_ref().unwrap()
    }

    fn connect(&self) -> OwnedFd {
        let path = self.at("store/imaged.sock");
        let line = seqpacket::connect(path.to_str().unwrap(), PATIENCE).unwrap();
        send(&line, &Request::Hello(Greeting::OURS));
        let mut buffer = vec![0; MAX_MESSAGE];
        assert_eq!(receive(&line, &mut buffer), Reply::Welcome(Greeting::OURS));
        line
    }

    /// Asks for an image and waits for what becomes of it, or for trouble.
    fn ensure(&self, reference: &str, pull: Pull, user: &str) -> Ended {
        let line = self.connect();
        let ensure = Ensure {
            reference,
            pull,
            user,
            group: "",
            entrypoint: [].into_iter().collect(),
            args: ["-x"].into_iter().collect(),
        };
        send(&line, &Request::Ensure(ensure));
        let mut told = Vec::new();
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            match receive(&line, &mut buffer) {
                Reply::Progress(progress) => {
                    told.push((progress.stage, progress.trouble.to_owned()));
                    if progress.stage == Stage::Waiting {
                        return (Err("it waits".to_owned()), told);
                    }
                }
                Reply::Ready(ready) => {
                    let there = There {
                        path: PathBuf::from(ready.path),
                        program: ready.program.to_owned(),
                        args: ready.args.iter().map(|&text| text.to_owned()).collect(),
                        uid: ready.uid,
                        gid: ready.gid,
                    };
                    return (Ok(there), told);
                }
                Reply::Failed(failed) => return (Err(failed.reason.to_owned()), told),
                other @ (Reply::Welcome(_)
                | Reply::Refused(_)
                | Reply::Kept(_)
                | Reply::Fetched(_)
                | Reply::Page(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    /// Asks for an image as an operator does; its digest and size, or why there is none.
    fn fetch(&self, reference: &str) -> Result<(String, u64), String> {
        let line = self.connect();
        send(&line, &Request::Fetch(Fetch { reference }));
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            match receive(&line, &mut buffer) {
                Reply::Progress(progress) if progress.stage == Stage::Waiting => {
                    return Err(format!("it waits: {}", progress.trouble));
                }
                Reply::Progress(_) => {}
                Reply::Fetched(fetched) => return Ok((fetched.digest.to_owned(), fetched.size)),
                Reply::Failed(failed) => return Err(failed.reason.to_owned()),
                other @ (Reply::Welcome(_)
                | Reply::Refused(_)
                | Reply::Ready(_)
                | Reply::Kept(_)
                | Reply::Page(_)) => panic!("{other:?}"),
            }
        }
    }

    /// References, digests and sizes of what is there.
    fn list(&self) -> Vec<(String, String, u64)> {
        let line = self.connect();
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut found = Vec::new();
        loop {
            let index = u16::try_from(found.len()).unwrap();
            send(&line, &Request::List(PageFrom { index }));
            let Reply::Page(page) = receive(&line, &mut buffer) else {
                panic!("no page");
            };
            let images = page.images.iter();
            found.extend(images.map(|image| {
                let digest = image.digest.to_owned();
                (image.reference.to_owned(), digest, image.size)
            }));
            if found.len() >= usize::from(page.total) {
                return found;
            }
        }
    }

    /// Says which references are wanted and, if that is known, with which roots containers run.
    fn keep(&self, references: &[&str], roots: Option<&[&Path]>) -> u16 {
        let line = self.connect();
        let references = references.iter().copied().collect();
        let roots = roots.map(|roots| roots.iter().map(|root| root.to_str().unwrap()).collect());
        send(&line, &Request::Keep(Keep { references, roots }));
        let mut buffer = vec![0; MAX_MESSAGE];
        let reply = receive(&line, &mut buffer);
        let Reply::Kept(kept) = reply else {
            panic!("{reply:?}");
        };
        kept.removed
    }

    /// The files of the store but its socket.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.at("store")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "imaged.sock").collect();
        names.sort();
        names
    }
}

fn send(line: &OwnedFd, request: &Request<'_>) {
    let mut buffer = vec![0; MAX_MESSAGE];
    let len = request.encode(&mut buffer).unwrap();
    seqpacket::send(line, &buffer[..len]).unwrap();
}

fn receive<'b>(line: &OwnedFd, buffer: &'b mut [u8]) -> Reply<'b> {
    let received = seqpacket::receive(line, buffer).unwrap();
    let Received::Message(len, _) = received else {
        panic!("{received:?}");
    };
    Reply::decode(&buffer[..len]).unwrap()
}

/// A layer of files: path, mode, content.
fn tar(files: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, mode, content) in files {
        let mut block = vec![0; 512];
        let mut put = |at: usize, text: &str| {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, path);
        put(100, &format!("{mode}\x000000000\x000000000\x00"));
        put(
            124,
            &format!("{:011o}\x0014000000000\x00        0", content.len()),
        );
        put(257, "ustar\x0000");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        // The flag counted as itself, and the field of the sum as spaces.
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend_from_slice(content.as_bytes());
        block.resize(block.len().next_multiple_of(512), 0);
        archive.extend(block);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// An image of one layer, which it says has the digest `id` unpacked, for the machine of the test.
fn image(layer: &[u8], id: &str) -> Sample {
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let configuration = json!({
        "architecture": architecture, "os": "linux",
        "config": { "Entrypoint": ["hello", "-a"], "Cmd": ["-b"], "User": "web", "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [id] },
    });
    Sample::with(Form::Oci, &configuration, &[&gzip(layer)])
}

const PASSWD: &str = "root:x:0:0::/:\nweb:x:101:102::/:\nother:x:7:8::/:\n";

/// A good image whose program says `word`.
fn good(word: &str) -> Sample {
    let layer = tar(&[
        ("bin/hello", "0000755", word),
        ("etc/passwd", "0000644", PASSWD),
    ]);
    image(&layer, &digest(&layer))
}

fn read(image: &Path, file: &str) -> String {
    let shown = std::process::Command::new("unsquashfs")
        .args(["-cat", image.to_str().unwrap(), file])
        .output()
        .unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

#[test]
fn an_image_comes_once_and_is_there_when_its_registry_is_not() {
    let mut lab = Lab::new();
    lab.registry().push("tools/hello", "v1", &good("one"));

    let (first, told) = lab.ensure(&lab.named("tools/hello:v1"), Pull::IfNotPresent, "");

    let first = first.unwrap();
    assert_eq!(first.program, "hello");
    assert_eq!(first.args, ["-a", "-x"]);
    assert_eq!((first.uid, first.gid), (101, 102));
    assert_eq!(read(&first.path, "bin/hello"), "one");
    assert!(!told.is_empty());
    assert_eq!(lab.files().len(), 2, "{:?}", lab.files());

    lab.registry = None;
    for pull in [Pull::IfNotPresent, Pull::Never, Pull::Always] {
        let (again, _) = lab.ensure(&lab.named("tools/hello:v1"), pull, "other");
        let again = again.unwrap();
        assert_eq!((again.uid, again.gid), (7, 8), "{pull:?}");
        assert_eq!(again.path, first.path);
    }
    let pinned = lab.named(&format!("tools/hello@{}", good("one").digest()));
    assert!(lab.ensure(&pinned, Pull::Always, "").0.is_ok());
}

#[test]
fn a_tag_that_moves_is_followed_when_asked_for() {
    let lab = Lab::new();
    let reference = &lab.named("tools/hello:v1");
    lab.registry().push("tools/hello", "v1", &good("one"));
    let first = lab.ensure(reference, Pull::IfNotPresent, "").0.unwrap();
    lab.registry().push("tools/hello", "v1", &good("two"));

    let kept = lab.ensure(reference, Pull::IfNotPresent, "").0.unwrap();
    assert_eq!(kept.path, first.path);
    let moved = lab.ensure(reference, Pull::Always, "").0.unwrap();
    assert_eq!(read(&moved.path, "bin/hello"), "two");

    // A container may still run that was started with the first.
    assert_eq!(lab.keep(&[reference], None), 0);
    assert_eq!(lab.keep(&[reference], Some(&[&first.path])), 0);
    assert!(first.path.exists() && moved.path.exists());
}

#[test]
fn what_does_not_come_says_why_and_leaves_nothing() {
    let lab = Lab::new();
    let layer = tar(&[("bin/hello", "0000755", "x")]);
    let lies = image(&layer, &digest(b"other"));
    lab.registry().push("bad/id", "v1", &lies);
    let hostile = tar(&[("../../etc/passwd", "0000644", "x")]);
    let hostile = image(&hostile, &digest(&hostile));
    lab.registry().push("bad/path", "v1", &hostile);
    let userless = image(&layer, &digest(&layer));
    lab.registry().push("bad/user", "v1", &userless);
    let wrong = lab.named(&format!("bad/user@{}", digest(b"nothing")));
    let asked = Pull::IfNotPresent;
    for (reference, pull, words) in [
        (
            &*lab.named("not/there:v1"),
            asked,
            "has no such manifest (404",
        ),
        (wrong.as_str(), asked, "has no such manifest (404"),
        (
            &*lab.named("bad/id:v1"),
            asked,
            "is not the layer that the configuration names",
        ),
        (&*lab.named("bad/path:v1"), asked, "the name leads out"),
        (
            &*lab.named("not/there:v1"),
            Pull::Never,
            "its pull policy is Never",
        ),
        ("Not A Reference", asked, "Not A Reference"),
    ] {
        let reason = lab.ensure(reference, pull, "").0.unwrap_err();
        assert!(reason.contains(words), "{reference}: {reason}");
        assert!(!reason.contains('\n'), "{reason}");
        assert_eq!(lab.files(), [""; 0], "{reference}");
    }
    // Whole, but nobody for this container.
    let reason = lab.ensure(&lab.named("bad/user:v1"), asked, "").0;
    let reason = reason.unwrap_err();
    assert!(reason.contains("no user \"web\""), "{reason}");
    assert_eq!(lab.files().len(), 2);
}

#[test]
fn a_registry_that_is_down_is_waited_for_with_the_reason() {
    let mut lab = Lab::new();
    lab.registry = None;
    let reference = &lab.named("tools/hello:v1");

    let (ended, told) = lab.ensure(reference, Pull::IfNotPresent, "");

    assert_eq!(ended.unwrap_err(), "it waits");
    let (_, trouble) = told.last().unwrap();
    assert!(trouble.contains("cannot be reached"), "{trouble}");
    assert!(trouble.contains(&lab.address), "{trouble}");
    // Whoever asked is gone, and the next one is served.
    assert!(lab.ensure(reference, Pull::Never, "").0.is_err());
}

#[test]
fn what_a_mirror_does_not_have_is_waited_for_while_its_registry_is_away() {
    let lab = Lab::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = listener.local_addr().unwrap().to_string();
    drop(listener);
    lab.mirror(&away);

    let (ended, told) = lab.ensure(&format!("{away}/not/there:v1"), Pull::IfNotPresent, "");

    assert_eq!(ended.unwrap_err(), "it waits");
    let (_, trouble) = told.last().unwrap();
    for said in [
        format!("http://{} has no such manifest (404", lab.address),
        format!("http://{away} cannot be reached ("),
    ] {
        assert!(trouble.contains(&said), "{said}: {trouble}");
    }
}

#[test]
fn an_operator_pulls_an_image_that_no_container_wants_and_it_is_listed() {
    let lab = Lab::new();
    let reference = &lab.named("tools/hello:v1");
    lab.registry().push("tools/hello", "v1", &good("one"));

    let (digest, size) = lab.fetch(reference).unwrap();

    assert_eq!(digest, good("one").digest());
    assert_eq!(lab.list(), [(reference.clone(), digest, size)]);
    assert_eq!(lab.keep(&[], None), 0, "its day is not over");
    let error = lab.fetch(&lab.named("tools/hello:v2")).unwrap_err();
    assert!(error.contains("has no such manifest (404"), "{error}");
    let error = lab.fetch("Not A Reference").unwrap_err();
    assert!(error.contains("Not A Reference"), "{error}");

    // Asked for again, the tag is looked at again.
    lab.registry().push("tools/hello", "v1", &good("two"));
    let (digest, _) = lab.fetch(reference).unwrap();
    assert_eq!(digest, good("two").digest());
    let mut names: Vec<String> = lab.list().into_iter().map(|(name, ..)| name).collect();
    names.sort();
    let old = lab.named(&format!("tools/hello@{}", good("one").digest()));
    assert_eq!(names, [reference.clone(), old]);
    let there = lab.ensure(reference, Pull::Never, "").0.unwrap();
    assert_eq!(read(&there.path, "bin/hello"), "two");
}
