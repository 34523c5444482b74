// SPDX-License-Identifier: MPL-2.0
//! An operator's desk: a folder, the command line, what it printed.
//!
//! Owns: a folder of its own for each test, with a generated cluster in it.
//! Never: reads the environment of the process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use config::SecretsBundle;
use ichorctl::{Environment, Outcome, Screen, Signals};
use pki::{Authority, Leaf, UnixTime};

/// When tables are looked at, in the double's time, which stands still.
pub(crate) const LATER: UnixTime = UnixTime(1_790_007_205);

pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
    pub(crate) environment: Environment,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) outcome: Outcome,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn done(self) -> String {
        assert_eq!(self.outcome, Outcome::Done, "{self:?}");
        self.out
    }

    pub(crate) fn failed(self) -> String {
        assert_eq!(self.outcome, Outcome::Failed, "{self:?}");
        self.err
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_dir_all(self.folder.with_extension("tmp"));
    }
}

impl Desk {
    pub(crate) fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ichorctl-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let environment = Environment {
            talosconfig: None,
            home: Some(folder.join("home")),
            xdg: None,
            pod: Some(folder.join("pod")),
            folder: Some(folder.clone()),
            editor: None,
            temporary: Some(folder.with_extension("tmp")),
            docker: None,
            authorities: None,
            ages_until: Some(LATER),
            pause: Some(Duration::from_millis(10)),
            // A machine that is busy with other tests may take a while.
            patience: Some(Duration::from_secs(30)),
            signals: Signals::Left,
        };
        std::fs::create_dir_all(folder.with_extension("tmp")).unwrap();
        Self {
            folder,
            environment,
        }
    }

    /// A desk with a cluster `home` in the default client configuration.
    pub(crate) fn with_cluster() -> Self {
        let desk = Self::empty();
        desk.run("gen secrets").done();
        desk.run("gen config home https://10.0.0.2:6443 --with-secrets secrets.yaml")
            .done();
        desk.run("config merge talosconfig").done();
        desk
    }

    pub(crate) fn run(&self, line: &str) -> Said {
        let words = std::iter::once("ichorctl").chain(line.split_whitespace());
        self.run_these(words.map(OsString::from))
    }

    /// Runs a command that says how far it is whenever it can.
    pub(crate) fn run_telling(&self, line: &str) -> Said {
        let words = std::iter::once("ichorctl").chain(line.split_whitespace());
        self.run_paced(words.map(OsString::from), Some(Duration::ZERO))
    }

    fn run_these(&self, words: impl Iterator<Item = OsString>) -> Said {
        self.run_paced(words, None)
    }

    fn run_paced(&self, words: impl Iterator<Item = OsString>, pace: Option<Duration>) -> Said {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err);
        if let Some(pace) = pace {
            screen = screen.paced(pace);
        }
        let outcome = ichorctl::run(words, &self.environment, &mut screen);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            outcome,
            out: text(out),
            err: text(err),
        }
    }

    /// Runs words that hold spaces.
    pub(crate) fn run_words(&self, words: &[&str]) -> Said {
        let words = std::iter::once("ichorctl").chain(words.iter().copied());
        self.run_these(words.map(OsString::from))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    pub(crate) fn authority(&self) -> Authority {
        SecretsBundle::load(self.read("secrets.yaml").as_bytes())
            .unwrap()
            .machine_authority()
            .unwrap()
    }

    /// Replaces the client's certificate by one with these roles, valid from `start` for a day.
    pub(crate) fn become_client(&self, authority: &Authority, roles: &[&str], start: UnixTime) {
        let leaf = Leaf::client(roles, Duration::from_secs(86_400));
        let client = authority.issue(&leaf, start).unwrap();
        self.write("me.crt", client.certificate.to_pem());
        self.write("me.key", client.key.to_pem().unwrap().expose());
        self.write("ca.crt", self.authority().certificate().to_pem());
        self.run("config add me --ca ca.crt --crt me.crt --key me.key")
            .done();
        self.run("config context me").done();
    }
}

pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}
