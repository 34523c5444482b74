// SPDX-License-Identifier: MPL-2.0
//! `run`: a container on a node, from a line.
//!
//! Owns: adding it to the node's configuration, following it to its end, and taking it out again.
//! Never: changes a container that is there.

use std::path::Path;
use std::time::Duration;

use api::common::{ContainerDriver, Data};
use api::machine::{LogsRequest, ServiceInfo};
use tonic::Streaming;

use crate::args_resource::{Change, ChangeMode};
use crate::args_run::Run;
use crate::commands::apply;
use crate::commands::change::{self, Refusal};
use crate::container;
use crate::patches;
use crate::resources::Reader;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// How often the node is asked how the container fares.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the last lines of a container that ended may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    session: &Session,
    asked: &Run,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let document = container::document(asked)?;
    let name = container::name(asked);
    let readers = Reader::each(session);
    let [reader] = readers.as_slice() else {
        return Err(Trouble::new("a container is run on one node").hint(
            "name it with -n; for several nodes put a ContainerConfig into their configurations",
        ));
    };
    let change = change_of();
    let before = change::read(reader, &change).await.map_err(|trouble| {
        trouble.hint("a node in maintenance mode runs no containers: give it a configuration first")
    })?;
    let text = container::added(&before, &document, &name)
        .map_err(|trouble| trouble.at(&reader.name()))?;
    write(session, reader, &before, text, screen).await?;
    let id = format!("ctr-{name}");
    if asked.detach {
        screen.print(format_args!("{id}\n"));
        return Ok(());
    }
    let outcome = follow(session, reader, &id, screen).await;
    if asked.rm {
        remove(session, reader, &name, screen).await?;
    }
    outcome
}

/// A change that takes effect at once, or not at all.
fn change_of() -> Change {
    Change {
        kind: "machineconfig".to_owned(),
        id: None,
        namespace: None,
        mode: ChangeMode::NoReboot,
        dry_run: false,
        timeout: Duration::from_secs(60),
        confirm: None,
    }
}

async fn write(
    session: &Session,
    reader: &Reader<'_>,
    before: &str,
    text: String,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let name = reader.name();
    let written = change::write(session, reader.node(), &change_of(), before, text).await;
    let messages = written.map_err(|refusal| match refusal {
        Refusal::Wrong(reason) => Trouble::new(format!(
            "{name}: the container is refused, nothing is applied: {reason}"
        )),
        Refusal::Other(trouble) => trouble,
    })?;
    for message in messages {
        apply::show_warnings(&name, &message, screen);
    }
    Ok(())
}

/// Takes the container out of the configuration as it is now.
async fn remove(
    session: &Session,
    reader: &Reader<'_>,
    name: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let before = change::read(reader, &change_of()).await?;
    let patch = config::patch::Patch::parse("removal", container::removal(name).as_bytes());
    let patch = patch.map_err(|error| Trouble::new(error.to_string()))?;
    let what = format!("the configuration of {}", reader.name());
    let text = patches::apply(Path::new(&what), before.as_bytes(), &[patch])?;
    write(session, reader, &before, text, screen).await
}

/// How a container fares.
enum Fares {
    /// It was not started yet; what is said of that.
    Waits(String),
    /// It runs.
    Runs,
    /// It ended with 0.
    Ended,
    /// It ended otherwise, or cannot be started: why.
    Failed(String),
}

fn fares(service: &ServiceInfo) -> Fares {
    let events = service.events.as_ref();
    let last = events.and_then(|events| events.events.last());
    let words = last.map(|event| event.msg.clone()).unwrap_or_default();
    match service.state.as_str() {
        "Finished" => Fares::Ended,
        "Failed" => Fares::Failed(words),
        "Running" | "Stopping" => Fares::Runs,
        _ => Fares::Waits(words),
    }
}

/// The log of a container, from its first line on.
enum Log {
    /// There is none yet.
    Unopened,
    Open(Box<Streaming<Data>>),
    /// It broke off; what it had was shown.
    Over,
}

/// Shows what a container writes until it ends, and what it waits for before.
async fn follow(
    session: &Session,
    reader: &Reader<'_>,
    id: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut told = String::new();
    let mut log = Log::Unopened;
    loop {
        match look(session, reader, id).await? {
            Fares::Waits(words) => {
                if words != told {
                    screen.warn(format_args!("{id}: {words}"));
                    told = words;
                }
            }
            Fares::Runs => {}
            Fares::Ended => {
                last_words(session, reader, id, log, screen).await;
                return Ok(());
            }
            Fares::Failed(reason) => {
                last_words(session, reader, id, log, screen).await;
                return Err(Trouble::new(format!("{id}: {reason}")).at(&reader.name()));
            }
        }
        // Without a line written there is no log.
        if matches!(log, Log::Unopened)
            && let Ok(stream) = open(session, reader, id, Follow::On).await
        {
            log = Log::Open(Box::new(stream));
        }
        show(&mut log, LOOK_AGAIN, screen).await;
        if screen.is_closed() {
            return Ok(());
        }
    }
}

async fn look(session: &Session, reader: &Reader<'_>, id: &str) -> Result<Fares, Trouble> {
    let request = session.request_to(reader.node(), ())?;
    let reply = session.machine().service_list(request).await;
    let reply = reply.map_err(|status| session.failed_at(reader.node(), &status))?;
    let mut services = reply
        .into_inner()
        .messages
        .into_iter()
        .flat_map(|message| message.services);
    Ok(services
        .find(|service| service.id == id)
        .map_or(Fares::Waits(String::new()), |service| fares(&service)))
}

/// Whether a log goes on with what comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    On,
    Off,
}

async fn open(
    session: &Session,
    reader: &Reader<'_>,
    id: &str,
    follow: Follow,
) -> Result<Streaming<Data>, Trouble> {
    let request = LogsRequest {
        namespace: "system".to_owned(),
        id: id.to_owned(),
        driver: ContainerDriver::Containerd.into(),
        follow: follow == Follow::On,
        tail_lines: -1,
    };
    let request = session.request_to(reader.node(), request)?;
    let reply = session.machine().logs(request).await;
    let reply = reply.map_err(|status| session.failed_at(reader.node(), &status))?;
    Ok(reply.into_inner())
}

/// Shows what comes within a time.
async fn show(log: &mut Log, time: Duration, screen: &mut Screen<'_>) {
    let shown = async {
        loop {
            let Log::Open(stream) = log else {
                return std::future::pending().await;
            };
            match stream.message().await {
                Ok(Some(data)) => screen.write(&data.bytes),
                Ok(None) | Err(_) => *log = Log::Over,
            }
        }
    };
    // The time is what it waits for: the next look at the container.
    let _over: Result<(), _> = tokio::time::timeout(time, shown).await;
}

/// Shows what a container that ended wrote and was not shown yet.
async fn last_words(
    session: &Session,
    reader: &Reader<'_>,
    id: &str,
    mut log: Log,
    screen: &mut Screen<'_>,
) {
    if matches!(log, Log::Unopened)
        && let Ok(stream) = open(session, reader, id, Follow::Off).await
    {
        log = Log::Open(Box::new(stream));
    }
    show(&mut log, LAST_WORDS, screen).await;
}
