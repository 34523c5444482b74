// SPDX-License-Identifier: MPL-2.0
//! A DHCP server of a few lines, whose every answer the test decides. Real servers do not give
//! leases of seconds.

use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use heapless::String;
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fs::{Mode, OFlags};
use sys::net::{RecvFlags, SendFlags};
use sys::packet::Instruction;
use sys::thread::{LinkNameSpaceType, move_into_link_name_space};
use wire::dhcp::{ClasslessRoute, Endpoints, Kind, Message, PACKET_MAX, emit_packet, parse_packet};

use super::PATIENCE;

pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// What the server does.
#[derive(Clone)]
pub(crate) struct Script {
    /// Whether it answers at all.
    pub(crate) answers: bool,
    /// Whether it answers what is sent to it alone.
    pub(crate) answers_unicast: bool,
    /// Whether it refuses requests.
    pub(crate) denies: bool,
    pub(crate) address: Ipv4Addr,
    pub(crate) lease_s: u32,
    pub(crate) times: Option<(u32, u32)>,
    pub(crate) mtu: Option<u16>,
    pub(crate) routes: Vec<ClasslessRoute>,
    pub(crate) router: Option<Ipv4Addr>,
    pub(crate) dns: Vec<Ipv4Addr>,
    pub(crate) domain: &'static str,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: true,
            answers_unicast: true,
            denies: false,
            address: Ipv4Addr::new(10, 9, 0, 15),
            lease_s: 600,
            times: None,
            mtu: None,
            routes: Vec::new(),
            router: Some(ADDRESS),
            dns: vec![ADDRESS],
            domain: "lab.test",
        }
    }
}

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) message: Message,
    pub(crate) unicast: bool,
}

pub(crate) struct Server {
    script: Arc<Mutex<Script>>,
    seen: Receiver<Seen>,
    stop: Sender<()>,
}

impl Server {
    /// Starts a server on `link` in the namespace `name`.
    pub(crate) fn start(name: &str, link: &str, script: Script) -> Self {
        let script = Arc::new(Mutex::new(script));
        let (seen_sender, seen) = channel();
        let (stop, stopped) = channel();
        let (ready_sender, ready) = channel();
        let path = format!("/run/netns/{name}");
        let (theirs, link) = (script.clone(), link.to_owned());
        std::thread::spawn(move || {
            let namespace = sys::fs::open(
                path.as_str(),
                OFlags::RDONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )
            .unwrap();
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(sys::fd::AsFd::as_fd(&namespace), network).unwrap();
            serve(&link, &theirs, &seen_sender, &ready_sender, &stopped);
        });
        ready.recv_timeout(PATIENCE).unwrap();
        Self { script, seen, stop }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Waits for a message that `fits`.
    pub(crate) fn wait(&self, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(seen) = self.seen.recv_timeout(left) else {
                panic!("never came: {what}");
            };
            if fits(&seen) {
                return seen;
            }
        }
    }

    /// Forgets what came so far.
    pub(crate) fn forget(&self) {
        self.seen.try_iter().for_each(drop);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(());
    }
}

fn serve(
    link: &str,
    script: &Mutex<Script>,
    seen: &Sender<Seen>,
    ready: &Sender<()>,
    stopped: &Receiver<()>,
) {
    // Everything is let through.
    let filter = [Instruction {
        code: 6,
        if_true: 0,
        if_false: 0,
        operand: u32::MAX,
    }];
    let any = sys::net::socket_with(
        sys::net::AddressFamily::INET,
        sys::net::SocketType::DGRAM,
        sys::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let index = sys::net::netdevice::name_to_index(&any, link).unwrap();
    let socket = sys::packet::open(index, 0x0800, &filter).unwrap();
    ready.send(()).unwrap();
    while stopped.try_recv().is_err() {
        let mut polled = [PollFd::new(&socket, PollFlags::IN)];
        let slice = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        let _ = poll(&mut polled, Some(&slice));
        let mut frame = [0; PACKET_MAX];
        let Ok((_, len)) = sys::net::recv(&socket, &mut frame[..], RecvFlags::empty()) else {
            continue;
        };
        let Ok((ends, payload)) = parse_packet(&frame[..len]) else {
            continue;
        };
        if ends.destination_port != 67 {
            continue;
        }
        let message = Message::parse(payload).expect("netd sent what is no DHCP");
        let unicast = ends.destination != Ipv4Addr::BROADCAST;
        let script = script.lock().unwrap().clone();
        let answer = answer(&script, &message, unicast);
        let _ = seen.send(Seen { message, unicast });
        if let Some(answer) = answer {
            let to = Endpoints {
                source_hardware: ends.destination_hardware.map(|byte| byte & 0xfe),
                destination_hardware: ends.source_hardware,
                source: ADDRESS,
                destination: if unicast {
                    script.address
                } else {
                    Ipv4Addr::BROADCAST
                },
                source_port: 67,
                destination_port: 68,
            };
            let (mut room, mut frame) = ([0; PACKET_MAX], [0; PACKET_MAX]);
            let payload = answer.emit(&mut room).unwrap();
            let frame = emit_packet(&to, payload, &mut frame).unwrap();
            let _ = sys::net::send(&socket, frame, SendFlags::empty());
        }
    }
}

fn answer(script: &Script, message: &Message, unicast: bool) -> Option<Message> {
    if !script.answers || (unicast && !script.answers_unicast) {
        return None;
    }
    let kind = match message.kind {
        Kind::Discover => Kind::Offer,
        Kind::Request if script.denies => Kind::Nak,
        Kind::Request => Kind::Ack,
        _ => return None,
    };
    let mut answer = Message::new(kind, message.transaction, message.hardware);
    answer.options.server = Some(ADDRESS);
    if kind == Kind::Nak {
        return Some(answer);
    }
    answer.yours = script.address;
    let options = &mut answer.options;
    options.subnet_mask = Some(Ipv4Addr::new(255, 255, 255, 0));
    options.broadcast = Some(Ipv4Addr::new(10, 9, 0, 255));
    options.lease_s = Some(script.lease_s);
    options.renewal_s = script.times.map(|(renewal_s, _)| renewal_s);
    options.rebinding_s = script.times.map(|(_, rebinding_s)| rebinding_s);
    options.mtu = script.mtu;
    options.routes = script.routes.iter().copied().collect();
    options.routers = script.router.into_iter().collect();
    options.dns = script.dns.iter().copied().collect();
    options.domain = String::try_from(script.domain).unwrap();
    Some(answer)
}
