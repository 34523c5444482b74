// SPDX-License-Identifier: MPL-2.0
//! Nodes that are told to go down, from before the order to the end.
//!
//! Owns: what is open before the order, one watch for each node, and what is told of it.
//! Never: lets a node that does not come back hide the others.

use std::future::pending;
use std::time::Duration;

use api::common::Data;
use api::machine::{DmesgRequest, Event, EventsRequest};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use crate::args::Wait;
use crate::commands::power::Accepted;
use crate::commands::power::course::{Course, End, Step};
use crate::commands::power::look::{self, Looking};
use crate::commands::power::sequence::{Sequence, Told};
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::units;

/// The pause between two looks at a node.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a node may take to open a stream before the order.
const PATIENCE: Duration = Duration::from_secs(10);
/// News that wait to be shown; who makes more waits.
const NEWS: usize = 16;

/// A node as it was before the order.
#[derive(Debug)]
struct Watch {
    session: Session,
    node: Option<String>,
    name: String,
    boot: Option<String>,
    sequence: Sequence,
    /// Its end says that the node went down. None when the node gives none.
    events: Option<Streaming<Event>>,
    kernel: Option<Streaming<Data>>,
}

impl Watch {
    async fn open(session: Session, node: Option<String>, with_kernel: bool) -> Self {
        let (of_events, of_kernel) = (session.clone(), session.clone());
        let name = node.as_deref();
        let events = async {
            let request = of_events.request_to(name, EventsRequest::default()).ok()?;
            let opened = timeout(PATIENCE, of_events.machine().events(request)).await;
            Some(opened.ok()?.ok()?.into_inner())
        };
        let kernel = async {
            let asked = DmesgRequest {
                follow: true,
                tail: true,
            };
            let request = of_kernel.request_to(name, asked).ok()?;
            let opened = timeout(PATIENCE, of_kernel.machine().dmesg(request)).await;
            Some(opened.ok()?.ok()?.into_inner())
        };
        let kernel = async { if with_kernel { kernel.await } else { None } };
        let boot = look::boot_id(&session, name);
        let (events, kernel, boot) = tokio::join!(events, kernel, boot);
        Self {
            name: session.name_of(name),
            session,
            node,
            boot,
            sequence: Sequence::of(String::new()),
            events,
            kernel,
        }
    }
}

/// The nodes of a session before the order.
#[derive(Debug)]
pub(crate) struct Watches {
    each: Vec<Watch>,
    /// The boot of whoever was dialled, which may have another name among the nodes.
    of_endpoint: Option<String>,
}

impl Watches {
    /// Begins to watch, if that is asked for. A node that cannot be watched refuses the order, too,
    /// and says why.
    pub(crate) async fn begin(session: &Session, wait: &Wait) -> Option<Self> {
        if !wait.wait && !wait.debug {
            return None;
        }
        let named = session.target.nodes.iter().cloned().map(Some);
        let mut nodes: Vec<Option<String>> = named.collect();
        if nodes.is_empty() {
            nodes.push(None);
        }
        let mut opening = JoinSet::new();
        for node in nodes {
            opening.spawn(Watch::open(session.clone(), node, wait.debug));
        }
        let each = opening.join_all().await;
        let has_door = |watch: &Watch| session.door_of(watch.node.as_deref()).is_some();
        let of_endpoint = if each.iter().all(has_door) {
            None
        } else {
            look::boot_id(session, None).await
        };
        Some(Self { each, of_endpoint })
    }

    /// Leaves out nodes that did not take the order.
    pub(super) fn of(self, accepted: &[Accepted]) -> Self {
        let taken = |mut watch: Watch| {
            let mut accepted = accepted.iter();
            let accepted =
                accepted.find(|accepted| watch.node.is_none() || accepted.node == watch.name)?;
            watch.sequence = Sequence::of(accepted.actor_id.clone());
            Some(watch)
        };
        let each = self.each.into_iter().filter_map(taken).collect();
        Self { each, ..self }
    }
}

/// What is told of a node while it is watched.
#[derive(Debug)]
enum News {
    /// Something happened on the way.
    Line(String),
    /// The kernel said so.
    Kernel(Vec<u8>),
    /// It is where it was to be.
    Done(String),
    /// It never will be.
    Failed(Trouble),
}

/// Watches nodes until each is where it is to be, or the time is over.
pub(crate) async fn until(
    end: End,
    watches: Watches,
    wait: &Wait,
    environment: &Environment,
    screen: &mut Screen<'_>,
) {
    let deadline = Instant::now().checked_add(wait.timeout);
    let pause = environment.pause.unwrap_or(PAUSE);
    let Watches { each, of_endpoint } = watches;
    let is_endpoint = |watch: &Watch| watch.boot.is_some() && watch.boot == of_endpoint;
    let is_alone = each
        .iter()
        .any(|watch| is_endpoint(watch) || watch.session.door_of(watch.node.as_deref()).is_some());
    let (sender, mut news) = mpsc::channel(NEWS);
    let mut following = JoinSet::new();
    let mut missing: Vec<String> = Vec::new();
    for watch in each {
        let looking = Looking::at(&watch.session, watch.node.as_deref(), is_endpoint(&watch));
        let course = Course::new(end, watch.boot.clone(), is_alone);
        missing.push(watch.name.clone());
        following.spawn(follow(watch, looking, course, pause, sender.clone()));
    }
    drop(sender);
    let over = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => pending().await,
        }
    };
    let mut over = std::pin::pin!(over);
    loop {
        let told = tokio::select! {
            told = news.recv() => told,
            () = &mut over => break,
        };
        let Some((name, told)) = told else { break };
        match told {
            News::Line(text) => screen.warn(format_args!("{name}: {text}")),
            News::Kernel(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                screen.print(format_args!("{name}: {}\n", text.trim_end()));
            }
            News::Done(story) => {
                missing.retain(|missing| *missing != name);
                screen.print(format_args!("{name}: {story}\n"));
            }
            News::Failed(trouble) => {
                missing.retain(|missing| *missing != name);
                screen.complain(&trouble.at(&name));
            }
        }
    }
    for name in missing {
        screen.complain(
            &Trouble::new(format!("not done within {}", units::span(wait.timeout)))
                .at(&name)
                .hint("it may still go on; look at the console, or wait longer with --timeout"),
        );
    }
}

/// Watches one node to its end.
async fn follow(
    mut watch: Watch,
    mut looking: Looking,
    mut course: Course,
    pause: Duration,
    sender: mpsc::Sender<(String, News)>,
) {
    let mut look_at = Instant::now();
    loop {
        let news = tokio::select! {
            // What it said is told before what became of it.
            biased;
            said = said(&mut watch.events) => match said {
                Some(event) => of_event(watch.sequence.take(&event)),
                // When the connection to the endpoint broke, that says nothing of the node behind it.
                None if watch.node.is_none() || look::answers(&watch.session).await => {
                    of_step(course.hung_up())
                }
                None => None,
            },
            said = said(&mut watch.kernel) => said.map(|data| News::Kernel(data.bytes)),
            () = sleep_until(look_at) => {
                let look = looking.look().await;
                look_at = Instant::now().checked_add(pause).unwrap_or(look_at);
                of_step(course.looked(&look))
            }
        };
        let Some(news) = news else { continue };
        let is_over = match news {
            News::Line(_) | News::Kernel(_) => false,
            News::Done(_) | News::Failed(_) => true,
        };
        if sender.send((watch.name.clone(), news)).await.is_err() || is_over {
            return;
        }
    }
}

fn of_step(step: Step) -> Option<News> {
    match step {
        Step::Nothing => None,
        Step::Down => Some(News::Line("went down".to_owned())),
        Step::Done(story) => Some(News::Done(story.to_owned())),
        Step::Failed(what, hint) => Some(News::Failed(Trouble::new(what).hint(hint))),
    }
}

fn of_event(told: Told) -> Option<News> {
    match told {
        Told::Nothing => None,
        Told::Phase(text) => Some(News::Line(text)),
        Told::Failed(why) => Some(News::Failed(
            Trouble::new(why).hint("see what came before with `ichorctl dmesg`"),
        )),
    }
}

/// What comes next in a stream; none once, when it ends, however it ends, and nothing after.
async fn said<T>(stream: &mut Option<Streaming<T>>) -> Option<T> {
    let Some(open) = stream else {
        return pending().await;
    };
    let next: Result<Option<T>, Status> = open.message().await;
    let next = next.unwrap_or_default();
    if next.is_none() {
        *stream = None;
    }
    next
}
