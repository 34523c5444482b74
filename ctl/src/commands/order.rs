// SPDX-License-Identifier: MPL-2.0
//! Orders that change what runs or is installed on a node.
//!
//! Owns: what is sent.
//! Never: sends an order twice, or bootstraps with half a snapshot.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::common::Data;
use api::machine as m;
use api::machine::reset_request::WipeMode as Wire;
use tokio::time::interval;

use crate::args::{Globals, RebootMode};
use crate::args_order::{Bootstrap, Order, Reset, Upgrade, WipeMode};
use crate::commands::power::{End, Watches, accepted, finish};
use crate::commands::{etcd, power};
use crate::places::Environment;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

/// How much of a snapshot is sent at once.
const CHUNK: usize = 64 * 1024;
/// How often it is looked how much of it was sent.
const LOOK: Duration = Duration::from_millis(100);

/// Does what the line says.
pub(crate) async fn run(
    asked: Order,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let open = || Session::open(globals, environment);
    match asked {
        Order::Bootstrap(asked) => bootstrap(&open().await?, &asked, environment, screen).await,
        Order::Etcd(asked) => etcd::run(&open().await?, &asked, environment, screen).await,
        Order::Reboot { mode, wait } => {
            power::reboot(&open().await?, mode, &wait, environment, screen).await
        }
        Order::Reset(asked) => reset(&asked, globals, environment, screen).await,
        Order::Rollback => rollback(&open().await?, screen).await,
        Order::Shutdown { force, wait } => {
            power::shutdown(&open().await?, force, &wait, environment, screen).await
        }
        Order::Upgrade(asked) => upgrade(&asked, globals, environment, screen).await,
    }
}

async fn bootstrap(
    session: &Session,
    asked: &Bootstrap,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("bootstrap")?;
    let failed = |status| session.failed_at(node, &status);
    if let Some(path) = &asked.recover_from {
        let path = environment.path(path);
        let (chunks, broken) = Chunks::open(&path)?;
        let (sent, size) = (Arc::clone(&chunks.sent), chunks.size);
        let mut progress = Progress::new(path.display().to_string(), size);
        let request = session.request_to(node, tokio_stream::iter(chunks))?;
        let mut machine = session.machine();
        let mut sending = std::pin::pin!(machine.etcd_recover(request));
        let mut ticks = interval(LOOK);
        let reply = loop {
            tokio::select! {
                reply = &mut sending => break reply,
                _ = ticks.tick() => progress.at(sent.load(Ordering::Relaxed), screen),
            }
        };
        if let Some(error) = broken.get() {
            return Err(Trouble::file("read", &path, error));
        }
        reply.map_err(failed)?;
        screen.warn(format_args!("the snapshot {} is there", path.display()));
    }
    let request = m::BootstrapRequest {
        recover_etcd: asked.recover_from.is_some(),
        recover_skip_hash_check: asked.recover_skip_hash_check,
    };
    let request = session.request_to(node, request)?;
    session.machine().bootstrap(request).await.map_err(failed)?;
    screen.print(format_args!(
        "{}: the order is accepted\n",
        session.name_of(node)
    ));
    Ok(())
}

/// The pieces of a file; an error ends them and is kept.
struct Chunks {
    file: File,
    size: u64,
    /// How much was taken so far.
    sent: Arc<AtomicU64>,
    broken: Arc<OnceLock<io::Error>>,
}

impl Chunks {
    fn open(path: &Path) -> Result<(Self, Arc<OnceLock<io::Error>>), Trouble> {
        let file = File::open(path).map_err(|error| Trouble::file("read", path, &error))?;
        let size = file
            .metadata()
            .map_err(|error| Trouble::file("read", path, &error))?
            .len();
        let broken = Arc::new(OnceLock::new());
        let chunks = Self {
            file,
            size,
            sent: Arc::default(),
            broken: Arc::clone(&broken),
        };
        Ok((chunks, broken))
    }
}

impl Iterator for Chunks {
    type Item = Data;

    fn next(&mut self) -> Option<Data> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        match (&self.file).take(limit).read_to_end(&mut bytes) {
            Ok(0) => None,
            Ok(count) => {
                self.sent.fetch_add(count as u64, Ordering::Relaxed);
                Some(Data {
                    metadata: None,
                    bytes,
                })
            }
            Err(error) => {
                // The first one is the reason.
                let _ = self.broken.set(error);
                None
            }
        }
    }
}

async fn rollback(session: &Session, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let request = session.request(m::RollbackRequest {})?;
    let reply = session.machine().rollback(request).await;
    let reply = reply.map_err(|status| session.failed(&status))?;
    for message in reply.into_inner().messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            screen.print(format_args!("{node}: the order is accepted\n"));
        }
    }
    Ok(())
}

/// Connections to those who are meant; nodes in maintenance mode have one each.
async fn sessions(
    insecure: bool,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Vec<Session>, Trouble> {
    if !insecure {
        return Ok(vec![Session::open(globals, environment).await?]);
    }
    let mut sessions = Vec::new();
    for target in Target::insecure(globals, &[])? {
        match target.open().await {
            Ok(session) => sessions.push(session),
            Err(trouble) => screen.complain(&trouble),
        }
    }
    Ok(sessions)
}

async fn reset(
    asked: &Reset,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mode = match asked.wipe_mode {
        WipeMode::All => Wire::All,
        WipeMode::SystemDisk => Wire::SystemDisk,
        WipeMode::UserDisks => Wire::UserDisks,
    };
    let labels = asked.system_labels_to_wipe.iter();
    let order = m::ResetRequest {
        graceful: asked.graceful,
        reboot: asked.reboot,
        system_partitions_to_wipe: labels
            .map(|label| m::ResetPartitionSpec {
                label: label.clone(),
                wipe: true,
            })
            .collect(),
        user_disks_to_wipe: asked.user_disks_to_wipe.clone(),
        mode: mode.into(),
    };
    let end = if asked.reboot { End::Back } else { End::Off };
    for session in sessions(asked.insecure, globals, environment, screen).await? {
        let watches = watches(&session, asked.insecure, &asked.wait).await;
        let request = session.request(order.clone())?;
        let reply = session.machine().reset(request).await;
        let reply = match reply {
            Ok(reply) => reply.into_inner(),
            // The others get the order all the same.
            Err(status) => {
                screen.complain(&session.failed(&status));
                continue;
            }
        };
        let answers = reply.messages.into_iter();
        let answers = answers.map(|message| (message.metadata, message.actor_id));
        let nodes = accepted(&session, answers, screen);
        finish(watches, &nodes, end, &asked.wait, environment, screen).await;
    }
    Ok(())
}

/// In maintenance mode nobody may follow events: the order is all that there is.
async fn watches(session: &Session, insecure: bool, wait: &crate::args::Wait) -> Option<Watches> {
    if insecure {
        return None;
    }
    Watches::begin(session, wait).await
}

async fn upgrade(
    asked: &Upgrade,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mode = match asked.reboot_mode {
        RebootMode::Default => m::upgrade_request::RebootMode::Default,
        RebootMode::Powercycle => m::upgrade_request::RebootMode::Powercycle,
    };
    let image = asked.image.clone();
    let order = m::UpgradeRequest {
        image: image.unwrap_or_else(config::default_images::installer),
        preserve: asked.preserve,
        stage: asked.stage,
        force: asked.force,
        reboot_mode: mode.into(),
    };
    for session in sessions(asked.insecure, globals, environment, screen).await? {
        let watches = watches(&session, asked.insecure, &asked.wait).await;
        let request = session.request(order.clone())?;
        let reply = session.machine().upgrade(request).await;
        let reply = match reply {
            Ok(reply) => reply.into_inner(),
            Err(status) => {
                screen.complain(&session.failed(&status));
                continue;
            }
        };
        let answers = reply.messages.into_iter();
        let answers = answers.map(|message| (message.metadata, message.actor_id));
        let nodes = accepted(&session, answers, screen);
        finish(watches, &nodes, End::Back, &asked.wait, environment, screen).await;
    }
    Ok(())
}
