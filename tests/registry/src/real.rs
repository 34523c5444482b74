// SPDX-License-Identifier: MPL-2.0
//! Debian's `docker-registry`, with a configuration and a store of its own.
//!
//! Owns: the process, its folder, and pushing to it.
//! Never: takes a fixed port: it says in its log which one it got.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::http::{Said, ask};
use crate::sample::Sample;

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who may pull from a registry with [`Setup::has_password`].
pub const USER: &str = "reader";
/// The password, with what has to be packed well.
pub const PASSWORD: &str = "pass:word";
/// The line of a password file for the two (bcrypt, cost 5).
const HTPASSWD: &str = "reader:$2b$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki\n";

/// What kind of registry.
#[derive(Debug, Default, Clone)]
pub struct Setup {
    /// A certificate and its key, PEM.
    pub tls: Option<(Vec<u8>, Vec<u8>)>,
    /// The authority of clients that may connect, PEM.
    pub clients: Option<Vec<u8>>,
    /// Whether [`USER`] and [`PASSWORD`] are wanted.
    pub has_password: bool,
    /// The registry that it stands before as a cache.
    pub mirror_of: Option<String>,
    /// The store of another one, to have the same images.
    pub store: Option<PathBuf>,
}

/// A running registry.
#[derive(Debug)]
pub struct Real {
    folder: tempfile::TempDir,
    child: Child,
    /// `127.0.0.1:<port>`.
    pub address: String,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// When it does not start; without the package `docker-registry` it cannot.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yml");
        std::fs::write(&file, configuration(setup, folder.path())).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry, from Debian's package of that name: {error}")
            });
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that it never waits for somebody to read.
            for line in log.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = String::new();
        let address = loop {
            let Ok(line) = receiver.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                panic!("docker-registry does not listen:\n{said}");
            };
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(['"', ',']).unwrap_or(rest.len());
                break rest.get(..end).unwrap().to_owned();
            }
            let _ = writeln!(said, "{line}");
        };
        Self {
            folder,
            child,
            address,
        }
    }

    /// Where its images are.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Pushes an image under a name and a tag.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn push(&self, repository: &str, tag: &str, sample: &Sample) {
        for blob in &sample.blobs {
            self.push_blob(repository, blob);
        }
        self.push_manifest(repository, tag, &sample.media_type, &sample.manifest);
    }

    /// Pushes one blob.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn push_blob(&self, repository: &str, blob: &[u8]) {
        let begun = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        assert_eq!(begun.status, 202, "{begun:?}");
        let place = begun.header("location").unwrap();
        let at = place.find("/v2/").unwrap();
        let path = format!(
            "{}&digest={}",
            place.get(at..).unwrap(),
            crate::digest(blob)
        );
        let headers = "Content-Type: application/octet-stream\r\n";
        let ended = self.ask("PUT", &path, headers, blob);
        assert_eq!(ended.status, 201, "{ended:?}");
    }

    /// Pushes a manifest or an index.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn push_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let headers = format!("Content-Type: {media_type}\r\n");
        let said = self.ask(
            "PUT",
            &format!("/v2/{repository}/manifests/{tag}"),
            &headers,
            bytes,
        );
        assert_eq!(said.status, 201, "{said:?}");
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Said {
        ask(&self.address, method, path, headers, body)
    }
}

fn configuration(setup: &Setup, folder: &Path) -> String {
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let store = setup.store.clone().unwrap_or_else(|| folder.join("store"));
    let mut text = format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}}}\n",
        store.display()
    );
    if setup.has_password {
        let path = file("htpasswd", HTPASSWD.as_bytes());
        let _ = writeln!(text, "auth: {{htpasswd: {{realm: test, path: {path}}}}}");
    }
    if let Some(url) = &setup.mirror_of {
        let _ = writeln!(text, "proxy: {{remoteurl: \"{url}\"}}");
    }
    text.push_str("http:\n  addr: 127.0.0.1:0\n  secret: test\n");
    if let Some((certificate, key)) = &setup.tls {
        let (certificate, key) = (file("crt.pem", certificate), file("key.pem", key));
        let _ = write!(
            text,
            "  tls:\n    certificate: {certificate}\n    key: {key}\n"
        );
        if let Some(clients) = &setup.clients {
            let _ = writeln!(text, "    clientcas: [{}]", file("clients.pem", clients));
        }
    }
    text
}
