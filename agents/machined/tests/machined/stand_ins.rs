// SPDX-License-Identifier: MPL-2.0
//! The agents around machined, as far as it sees them: they speak the real protocol.
//!
//! Owns: what init, netd, logd and udevd answer.
//! Never: does what they are asked to.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};

use machined::seqpacket::Connection;
use proto::service::{Exit, ServiceStatus, State};
use proto::supervisor::{Page, Reply, Request, Volume};
use proto::{Greeting, Refusal, images, log, net, udev};
use tokio::sync::watch;

use crate::node::{InitState, NetState, status};

pub(crate) async fn serve_netd(connection: Connection, mut net: watch::Receiver<NetState>) {
    let mut buffer = vec![0; proto::MAX_MESSAGE];
    let mut out = vec![0; proto::MAX_MESSAGE];
    while let Ok(Some(bytes)) = connection.receive(&mut buffer).await {
        match net::Request::decode(bytes).unwrap() {
            net::Request::Hello(_) => {
                let len = net::Reply::Welcome(Greeting::OURS)
                    .encode(&mut out)
                    .unwrap();
                // machined may have been killed meanwhile.
                if connection.send(&out[..len]).await.is_err() {
                    return;
                }
            }
            net::Request::PacketSocket(()) => {
                let socket = sys::packet::unbound().unwrap();
                let len = net::Reply::PacketSocket(()).encode(&mut out).unwrap();
                let sent = connection.send_with(&out[..len], socket.as_fd()).await;
                sent.unwrap();
            }
            net::Request::Subscribe(()) => loop {
                let news = net.borrow_and_update().news.clone();
                for reply in news.into_iter().chain([net::Reply::Synced(())]) {
                    let len = reply.encode(&mut out).unwrap();
                    if connection.send(&out[..len]).await.is_err() {
                        return;
                    }
                }
                if net.changed().await.is_err() {
                    return;
                }
            },
        }
    }
}

pub(crate) async fn serve_init(
    connection: Connection,
    state: Arc<Mutex<InitState>>,
    news: watch::Sender<u64>,
) {
    let mut buffer = vec![0; proto::MAX_MESSAGE];
    let mut out = vec![0; proto::MAX_MESSAGE];
    while let Ok(Some(bytes)) = connection.receive(&mut buffer).await {
        let request = Request::decode(bytes).unwrap();
        let subscribe = matches!(request, Request::Subscribe(()));
        let reply = answer_as_init(&state, &news, request);
        let len = reply.encode(&mut out).unwrap();
        if connection.send(&out[..len]).await.is_err() {
            return;
        }
        if subscribe {
            let mut changed = news.subscribe();
            loop {
                let all: Vec<ServiceStatus> =
                    state.lock().unwrap().services.values().cloned().collect();
                for status in all {
                    let len = Reply::Changed(status).encode(&mut out).unwrap();
                    if connection.send(&out[..len]).await.is_err() {
                        return;
                    }
                }
                changed.changed().await.unwrap();
            }
        }
    }
}

pub(crate) fn answer_as_init(
    state: &Mutex<InitState>,
    news: &watch::Sender<u64>,
    request: Request<'_>,
) -> Reply {
    let mut state = state.lock().unwrap();
    let set = |state: &mut InitState, name: &str, new: State| {
        let Some(status) = state.services.get_mut(name) else {
            return Reply::Refused(Refusal::NotFound);
        };
        status.state = new;
        if new == State::Stopped {
            status.last_exit = Some(Exit::Signal(15));
            status.pid = 0;
        } else {
            status.pid += 100;
        }
        news.send_modify(|version| *version += 1);
        Reply::Done(())
    };
    // Every control plane has it, whatever else a test is about.
    let about_trustd = match &request {
        Request::Define(spec) => (spec.name == "trustd").then_some("define"),
        Request::Start(named) => (named.name == "trustd").then_some("start"),
        Request::Stop(named) => (named.name == "trustd").then_some("stop"),
        Request::Hello(_)
        | Request::List(_)
        | Request::Restart(_)
        | Request::Subscribe(_)
        | Request::Remove(_)
        | Request::Down(_)
        | Request::Pipes(_)
        | Request::Mount(_) => None,
    };
    if let Some(order) = about_trustd {
        state.trustd.push(order);
        return Reply::Done(());
    }
    match request {
        Request::Hello(_) => Reply::Welcome(Greeting::OURS),
        Request::List(from) => {
            let all = state.services.values().cloned();
            Reply::Page(Page {
                total: u16::try_from(state.services.len()).unwrap(),
                // Small pages: machined must turn them.
                services: all.skip(usize::from(from.index)).take(2).collect(),
            })
        }
        Request::Start(named) => {
            state.orders.push(format!("start {}", named.name));
            set(&mut state, named.name, State::Running)
        }
        Request::Stop(named) => {
            state.orders.push(format!("stop {}", named.name));
            set(&mut state, named.name, State::Stopped)
        }
        Request::Restart(named) => {
            state.orders.push(format!("restart {}", named.name));
            set(&mut state, named.name, State::Running)
        }
        Request::Define(_) if state.refuse_define => Reply::Refused(Refusal::Full),
        Request::Define(spec) => {
            state.orders.push(format!("define {}", spec.name));
            let environment = spec.env.iter().map(|text| (*text).to_owned());
            let targets = spec.mounts.iter().map(|mount| mount.target.to_owned());
            let all = environment.chain(targets).collect();
            state.described.insert(spec.name.to_owned(), all);
            let known = state.services.contains_key(spec.name);
            if !known {
                let new = status(spec.name, State::Stopped, 0);
                state.services.insert(spec.name.to_owned(), new);
                news.send_modify(|version| *version += 1);
            }
            Reply::Done(())
        }
        Request::Remove(named) => {
            state.orders.push(format!("remove {}", named.name));
            state.services.remove(named.name);
            Reply::Done(())
        }
        Request::Pipes(()) => Reply::Refused(Refusal::NotAllowed),
        Request::Down(action) => {
            state.downs.push(action);
            Reply::Done(())
        }
        Request::Subscribe(()) => Reply::Done(()),
        Request::Mount(Volume::State) => Reply::Mounting(state.state_volume),
    }
}

/// Every log has three lines; `kernel` and the core services have one.
const LINES: &[u8] = b"one\ntwo\nthree\n";
/// A log that always has one line more than its reader has read.
const FLOOD: &str = "flood";
pub(crate) const FLOOD_LINE: &[u8] = b"flood line\n";
const FLOOD_TWO: &[u8] = b"flood line\nflood line\n";

pub(crate) fn answer_as_logd(bytes: &[u8], out: &mut [u8]) -> usize {
    let known = ["kernel", "machined", "logd", "apid", log::CONTROLLERS];
    let known = |name: &str| known.contains(&name);
    let reply = match log::Request::decode(bytes).unwrap() {
        log::Request::Hello(_) => log::Reply::Welcome(Greeting::OURS),
        log::Request::Tail(tail) if tail.log == FLOOD => log::Reply::Begun(log::Begun {
            end: u64::from(tail.lines) * FLOOD_LINE.len() as u64,
            first: log::Chunk {
                from: 0,
                next: FLOOD_LINE.len() as u64,
                bytes: FLOOD_LINE,
            },
        }),
        // Pieces are not as long as the lines of the tail are.
        log::Request::Read(from) if from.log == FLOOD => log::Reply::Chunk(log::Chunk {
            from: from.cursor,
            next: from.cursor + FLOOD_TWO.len() as u64,
            bytes: FLOOD_TWO,
        }),
        log::Request::Tail(tail) if known(tail.log) => {
            let start = match tail.lines {
                0 => LINES.len(),
                1 => 8,
                2 => 4,
                _ => 0,
            };
            log::Reply::Begun(log::Begun {
                end: LINES.len() as u64,
                first: line_at(start as u64),
            })
        }
        log::Request::Read(from) => chunk(from.cursor),
        log::Request::Follow(from) if from.cursor >= LINES.len() as u64 => return 0,
        log::Request::Follow(from) => chunk(from.cursor),
        // Nothing ever grows.
        log::Request::Grown(_) => return 0,
        log::Request::Append(_) => log::Reply::Appended(()),
        log::Request::Tail(_) | log::Request::Log(_) | log::Request::Raw(_) => {
            log::Reply::Refused(Refusal::NotFound)
        }
    };
    reply.encode(out).unwrap()
}

fn chunk(cursor: u64) -> log::Reply<'static> {
    log::Reply::Chunk(line_at(cursor))
}

fn line_at(cursor: u64) -> log::Chunk<'static> {
    let at = usize::try_from(cursor).unwrap().min(LINES.len());
    // One line a piece, so that reading takes several.
    let rest = &LINES[at..];
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    log::Chunk {
        from: cursor,
        next: cursor + end as u64,
        bytes: &rest[..end],
    }
}

pub(crate) fn answer_as_udevd(bytes: &[u8], out: &mut [u8]) -> usize {
    let settled = udev::Settled {
        events: 1,
        overruns: 0,
    };
    let reply = match udev::Request::decode(bytes).unwrap() {
        udev::Request::Hello(_) => udev::Reply::Welcome(Greeting::OURS),
        // No device ever comes or goes.
        udev::Request::Changed(known) if known == settled => return 0,
        udev::Request::Settle(()) | udev::Request::Changed(_) => udev::Reply::Settled(settled),
        udev::Request::Load(_) => udev::Reply::Loaded(udev::Loaded::Now),
    };
    reply.encode(out).unwrap()
}

/// What the stand-in for imaged was asked, and what it says of every image.
#[derive(Debug, Default)]
pub(crate) struct ImagedState {
    pub asked: Vec<String>,
    /// What it says before the end.
    pub progress: Vec<images::Progress<'static>>,
    /// `Err`: no image comes, for this reason. `None`: nothing comes.
    pub end: Option<Result<&'static str, &'static str>>,
    /// What it has.
    pub held: Vec<images::Known<'static>>,
    /// The roots that are in use, as it was told last.
    pub roots: Option<Vec<String>>,
}

pub(crate) async fn serve_imaged(connection: Connection, state: Arc<Mutex<ImagedState>>) {
    let mut buffer = vec![0; images::MAX_MESSAGE];
    while let Ok(Some(bytes)) = connection.receive(&mut buffer).await {
        let mut replies = Vec::new();
        {
            let mut state = state.lock().unwrap();
            match images::Request::decode(bytes).unwrap() {
                images::Request::Hello(_) => replies.push(images::Reply::Welcome(Greeting::OURS)),
                images::Request::Ensure(ensure) => {
                    state
                        .asked
                        .push(format!("{} {}", ensure.reference, ensure.args.join(" ")));
                    let progress = state.progress.iter().copied();
                    replies.extend(progress.map(images::Reply::Progress));
                    replies.extend(state.end.map(end));
                }
                images::Request::Keep(keep) => {
                    state
                        .asked
                        .push(format!("keep {}", keep.references.join(" ")));
                    let roots = keep.roots.as_ref();
                    state.roots =
                        roots.map(|roots| roots.iter().map(|&root| root.to_owned()).collect());
                    let (removed, bytes) = (0, 0);
                    replies.push(images::Reply::Kept(images::Kept { removed, bytes }));
                }
                images::Request::List(from) => {
                    // Small pages: machined must turn them.
                    let held = state.held.iter().copied().skip(usize::from(from.index));
                    replies.push(images::Reply::Page(images::Page {
                        total: u16::try_from(state.held.len()).unwrap(),
                        images: held.take(2).collect(),
                    }));
                }
                images::Request::Fetch(fetch) => {
                    state.asked.push(format!("fetch {}", fetch.reference));
                    let progress = state.progress.iter().copied();
                    replies.extend(progress.map(images::Reply::Progress));
                    replies.extend(state.end.map(fetched));
                }
            }
        }
        let mut out = vec![0; images::MAX_MESSAGE];
        for reply in replies {
            let len = reply.encode(&mut out).unwrap();
            if connection.send(&out[..len]).await.is_err() {
                return;
            }
        }
    }
}

fn fetched(result: Result<&'static str, &'static str>) -> images::Reply<'static> {
    match result {
        Ok(_) => images::Reply::Fetched(images::Fetched {
            digest: "sha256:0",
            size: 4096,
        }),
        Err(reason) => images::Reply::Failed(images::Failed { reason }),
    }
}

fn end(result: Result<&'static str, &'static str>) -> images::Reply<'static> {
    match result {
        Ok(program) => images::Reply::Ready(images::Ready {
            path: "/var/lib/ichor/images/sha256-0.sqsh",
            digest: "sha256:0",
            size: 4096,
            program,
            args: [].into_iter().collect(),
            environment: ["A=image"].into_iter().collect(),
            working_folder: "",
            lowest_port: 80,
            uid: 101,
            gid: 102,
            groups: [].into_iter().collect(),
        }),
        Err(reason) => images::Reply::Failed(images::Failed { reason }),
    }
}
