// SPDX-License-Identifier: MPL-2.0
//! From a reference to an image of the store.
//!
//! Owns: what is asked of registries and when, and the way of a layer into a root.
//! Never: pulls two images at once, or holds a layer in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use extension::Problem;
use extension::container::Root;
use oci::{Client, Image, Layer, Patience, Platform, Reference};
use proto::images::{Pull, Stage};
use tokio::sync::{Mutex as Turn, watch};

use crate::present::Present;
use crate::retry::Pauses;
use crate::store::record::{Record, Run};
use crate::store::{Store, plan};
use crate::{Places, journal, settings, store};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) reference: String,
    pub(crate) pull: Pull,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) args: Vec<String>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) stage: Stage,
    pub(crate) percent: u8,
    pub(crate) trouble: String,
}

impl State {
    pub(crate) fn queued() -> Self {
        Self {
            stage: Stage::Queued,
            percent: 0,
            trouble: String::new(),
        }
    }
}

/// Why it did not come.
enum Trouble {
    /// It may come when it is tried again.
    Passes(String),
    /// It does not.
    Stays(String),
}

impl From<oci::Error> for Trouble {
    fn from(error: oci::Error) -> Self {
        if error.passes() {
            Self::Passes(error.to_string())
        } else {
            Self::Stays(error.to_string())
        }
    }
}

/// All that pulls share.
#[derive(Debug)]
pub(crate) struct Works {
    places: Places,
    store: Mutex<Store>,
    /// Who has it pulls.
    turn: Turn<()>,
}

impl Works {
    pub(crate) fn new(places: Places, store: Store) -> Self {
        Self {
            places,
            store: Mutex::new(store),
            turn: Turn::new(()),
        }
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that an image is there; `told` hears how far it is. Who drops this calls it off.
    ///
    /// # Errors
    /// One line: why it is not and will not be there as things are.
    pub(crate) async fn ensure(
        &self,
        wanted: &Wanted,
        told: &watch::Sender<State>,
    ) -> Result<Present, String> {
        let reference = Reference::parse(&wanted.reference).map_err(|error| error.to_string())?;
        let mut pauses = Pauses::from(self.places.pause);
        loop {
            if let Some(present) = self.present(&reference, wanted)? {
                return Ok(present);
            }
            let trouble = {
                let _turn = self.turn.lock().await;
                // It may have come for somebody else meanwhile.
                if let Some(present) = self.present(&reference, wanted)? {
                    return Ok(present);
                }
                match self.pull(&reference, told).await {
                    Ok(name) => return self.take(&name, &reference, wanted),
                    Err(Trouble::Stays(reason)) => return Err(reason),
                    Err(Trouble::Passes(reason)) => reason,
                }
            };
            let there = self.store().find(&reference.to_string()).map(str::to_owned);
            if let Some(name) = there {
                journal::say(format_args!("{trouble}; the image that is there is taken"));
                return self.take(&name, &reference, wanted);
            }
            wait(&mut pauses, trouble, told).await;
        }
    }

    /// Sees to it that the image is there which a reference means now, and notes that an operator wants
    /// it; `told` hears how far it is. Who drops this calls it off. Returns its digest and size.
    ///
    /// # Errors
    /// As [`Works::ensure`].
    pub(crate) async fn fetch(
        &self,
        reference: &str,
        told: &watch::Sender<State>,
    ) -> Result<(String, u64), String> {
        let reference = Reference::parse(reference).map_err(|error| error.to_string())?;
        let mut pauses = Pauses::from(self.places.pause);
        loop {
            let trouble = {
                let _turn = self.turn.lock().await;
                match self.pull(&reference, told).await {
                    Ok(name) => return self.order(&name, &reference),
                    Err(Trouble::Stays(reason)) => return Err(reason),
                    Err(Trouble::Passes(reason)) => reason,
                }
            };
            wait(&mut pauses, trouble, told).await;
        }
    }

    fn order(&self, name: &str, reference: &Reference) -> Result<(String, u64), String> {
        let mut store = self.store();
        let noted = store.order(name, store::now());
        noted.map_err(|error| format!("{reference}: cannot keep the image: {error}"))?;
        let known = store
            .record(name)
            .map(|record| (record.digest.clone(), record.size));
        known.ok_or_else(|| format!("{reference}: the image is gone"))
    }

    /// The image, if the registry need not be asked for it.
    fn present(&self, reference: &Reference, wanted: &Wanted) -> Result<Option<Present>, String> {
        let name = {
            let store = self.store();
            store.find(&reference.to_string()).map(str::to_owned)
        };
        let is_pinned = reference.digest().is_some();
        match (name, wanted.pull) {
            (Some(name), Pull::IfNotPresent | Pull::Never) => {
                self.take(&name, reference, wanted).map(Some)
            }
            // The registry could say nothing else.
            (Some(name), Pull::Always) if is_pinned => {
                self.take(&name, reference, wanted).map(Some)
            }
            (None, Pull::Never) => Err(format!(
                "{reference} is not on the node, and its pull policy is Never"
            )),
            (Some(_), Pull::Always) | (None, Pull::IfNotPresent | Pull::Always) => Ok(None),
        }
    }

    fn take(&self, name: &str, reference: &Reference, wanted: &Wanted) -> Result<Present, String> {
        let mut store = self.store();
        let present = Present::of(&store, name, wanted);
        store.touch(name, store::now());
        present.map_err(|reason| format!("{reference}: {reason}"))
    }

    /// Asks the registry, and pulls what is not there; returns the name of the image.
    async fn pull(
        &self,
        reference: &Reference,
        told: &watch::Sender<State>,
    ) -> Result<String, Trouble> {
        let tell = |stage, percent| {
            let state = State {
                stage,
                percent,
                trouble: String::new(),
            };
            told.send_if_modified(|known| {
                let is_news = *known != state;
                *known = state;
                is_news
            });
        };
        tell(Stage::Resolving, 0);
        let registries = settings::read(&self.places).map_err(Trouble::Stays)?;
        let mut client = Client::new(registries, Patience::default())?;
        let image = client.resolve(reference, &platform()).await?;
        let name = Store::name_of(&image.manifest);
        if self.store().record(&name).is_some() {
            let noted = self
                .store()
                .note(&name, &reference.to_string(), store::now());
            return noted.map(|()| name).map_err(|error| unkept(&error));
        }
        let sizes = image.layers.iter().map(|layer| layer.descriptor.size);
        let room = self.store().make_room(plan::needed(sizes));
        room.map_err(|error| Trouble::Stays(format!("cannot keep {reference}: {error}")))?;
        tell(Stage::Pulling, 0);
        self.unpack(&mut client, &image, &name, &|bytes| {
            let all = image.size().max(1);
            let percent = bytes.saturating_mul(100).checked_div(all).unwrap_or(0);
            tell(
                Stage::Pulling,
                u8::try_from(percent.min(100)).unwrap_or(100),
            );
        })
        .await?;
        Ok(name)
    }

    /// Pulls all layers into a root and makes it an image of the store.
    async fn unpack(
        &self,
        client: &mut Client,
        image: &Image,
        name: &str,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Trouble> {
        let begun = self.store().begin();
        let (new, file) = begun.map_err(|error| unkept(&error))?;
        let flag = Flag::default();
        let broken = |layer: Option<&Layer>, problem: &Problem| {
            let of = layer.map(|layer| format!(" layer {}:", layer.descriptor.digest));
            let of = of.unwrap_or_default();
            Trouble::Stays(format!("{}:{of} {problem}", image.reference))
        };
        let mut root = Root::new(BufWriter::new(file)).map_err(|problem| broken(None, &problem))?;
        let mut done = 0_u64;
        for layer in &image.layers {
            let scratch = self.store().scratch();
            let mut packed = scratch.map_err(|error| unkept(&error))?;
            let so_far = done;
            let fetched = client.fetch(image, layer, &mut packed, |bytes| {
                progress(so_far.saturating_add(bytes));
            });
            fetched.await?;
            done = done.saturating_add(layer.descriptor.size);
            let (back, added) = lay(root, packed, flag.raised()).await?;
            root = back;
            let digest = added.map_err(|problem| broken(Some(layer), &problem))?;
            if digest != layer.unpacked.to_string() {
                let what = "is not the layer that the configuration names";
                return Err(broken(Some(layer), &Problem::new("", what)));
            }
        }
        let run = &image.configuration.run;
        let finished = root.finish().map_err(|problem| broken(None, &problem))?;
        for note in finished.notes {
            journal::say(format_args!("{}: {note}", image.reference));
        }
        let file = finished.out.into_inner();
        let file = file.map_err(|error| unkept(error.error()))?;
        file.sync_all().map_err(|error| unkept(&error))?;
        let now = store::now();
        let record = Record {
            references: BTreeMap::from([(image.reference.to_string(), now)]),
            digest: image.digest.to_string(),
            size: finished.len,
            created_at: now,
            ordered_at: None,
            run: Run {
                entrypoint: run.entrypoint.clone(),
                command: run.cmd.clone(),
                environment: run.env.clone(),
                user: run.user.clone(),
                working_folder: run.workdir.clone(),
                lowest_port: run.lowest_port,
            },
            passwd: finished.passwd,
            group: finished.group,
        };
        let kept = self.store().commit(new, name, record);
        kept.map_err(|error| unkept(&error))?;
        journal::say(format_args!("{} is there as {name}", image.reference));
        Ok(())
    }
}

/// Tells what went wrong, and waits for the next try.
async fn wait(pauses: &mut Pauses, trouble: String, told: &watch::Sender<State>) {
    let pause = pauses.next();
    journal::say(format_args!("{trouble}; again in {} s", pause.as_secs()));
    told.send_replace(State {
        stage: Stage::Waiting,
        percent: 0,
        trouble,
    });
    tokio::time::sleep(pause).await;
}

fn unkept(error: &io::Error) -> Trouble {
    Trouble::Stays(format!("cannot keep the image: {error}"))
}

/// The machine that images are for.
fn platform() -> Platform {
    if cfg!(target_arch = "aarch64") {
        Platform::arm64()
    } else {
        Platform::amd64()
    }
}

/// Ends what still reads when its owner is gone.
#[derive(Debug, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn raised(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A layer that ends when nobody wants it any more.
struct CalledOff {
    from: File,
    flag: Arc<AtomicBool>,
}

impl Read for CalledOff {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.flag.load(Ordering::Relaxed) {
            return Err(io::Error::other("called off"));
        }
        self.from.read(buffer)
    }
}

type Roots = Root<BufWriter<File>>;

/// Lays a layer into a root, on a thread of its own: it is work of seconds.
async fn lay(
    mut root: Roots,
    mut packed: File,
    flag: Arc<AtomicBool>,
) -> Result<(Roots, Result<String, Problem>), Trouble> {
    let work = tokio::task::spawn_blocking(move || {
        let rewound = packed.seek(SeekFrom::Start(0));
        let mut from = CalledOff { from: packed, flag };
        let added = match rewound {
            Ok(_) => root.add_layer(&mut from),
            Err(error) => Err(Problem::new("", error.to_string())),
        };
        (root, added)
    });
    work.await
        .map_err(|error| Trouble::Stays(format!("cannot unpack: {error}")))
}
