// SPDX-License-Identifier: MPL-2.0
//! The process that is the node, from inside and from outside.
//!
//! Owns: its start, its end, and what the kernel says it used.
//! Never: is shared with the client, so that what is counted is the node's alone.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use ::api::machine;
use config::Configuration;
use pki::{Authority, Identity, Leaf};
use proto::net::{Address, Link, Reply};

use crate::clients::as_admin;
use crate::configurations::configuration;
use crate::node::{NetState, TestNode, eth0};

/// The file that clients read, and its size.
pub(crate) const FILE: &str = "/system/large";
pub(crate) const FILE_LEN: u64 = 256 * 1024 * 1024;
/// How often a resource changes when it is told to.
pub(crate) const UPDATES: usize = 1000;
/// if_addr.h: the address is not to be used for what begins.
const IFA_F_DEPRECATED: u32 = 0x20;

/// A node in a process of its own; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// What it is ordered to do.
    orders: Option<ChildStdin>,
    pub(crate) door: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) admin: Identity,
}

impl Server {
    /// Starts this program again as a node, and waits until its door is open.
    pub(crate) fn start(argument: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let door = lines.next().unwrap().unwrap().parse().unwrap();
        let file = lines.next().unwrap().unwrap();
        let loaded = Configuration::load(&std::fs::read(file).unwrap()).unwrap();
        let machine = loaded.document().unwrap().machine.clone().unwrap();
        let authority = machine.ca.unwrap().authority().unwrap();
        let leaf = Leaf::client(&["os:admin"], Duration::from_secs(3600));
        let admin = authority
            .issue(&leaf, crate::configurations::now())
            .unwrap();
        Self {
            child,
            orders,
            door,
            authority,
            admin,
        }
    }

    /// Has a link or an address of the node change [`UPDATES`] times.
    pub(crate) fn change(&mut self, what: Flapping) {
        let mut orders = self.orders.as_ref().unwrap();
        writeln!(orders, "{}", what.name()).unwrap();
    }

    /// Processor time that the node has used.
    pub(crate) fn used(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // proc_pid_stat(5): after the name in parentheses the fields count from 3; 14 and 15 are
        // the time in user and system mode, in hundredths of a second.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |field: usize| fields[field - 3].parse::<u64>().unwrap();
        Duration::from_millis((ticks(14) + ticks(15)) * 10)
    }

    /// Bytes of the node's memory that are its own (PSS).
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.orders.take());
        let _ended = self.child.wait();
    }
}

/// What changes again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flapping {
    /// An address that is deprecated and is not, by turns.
    Address,
    /// A link, each time with another MTU.
    Link,
}

impl Flapping {
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Link => "link",
        }
    }

    /// News of [`UPDATES`] changes; the first is one after `count` of them.
    fn news(self, count: usize) -> NetState {
        let mut told = eth0("10.5.0.2");
        let (Reply::Address(address), Reply::Link(link)) = (told.remove(1), told.remove(0)) else {
            panic!("there is a link and its address");
        };
        let news = (count..count + UPDATES).map(|number| match self {
            Self::Address => Reply::Address(Address {
                flags: address.flags ^ (IFA_F_DEPRECATED * u32::from(number % 2 == 0)),
                ..address.clone()
            }),
            Self::Link => Reply::Link(Link {
                mtu: 1500 + u32::try_from(number).unwrap() + 1,
                ..link.clone()
            }),
        });
        NetState {
            news: news.collect(),
        }
    }
}

/// Opens the door in a thread of its own: on a node machined and apid are two processes of one thread each.
fn open_door(places: apid::Places) -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let Err(fatal) = apid::serve(listener, places, None).await;
            panic!("{fatal}");
        });
    });
    address
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Is the node, and does what it is ordered to, until its input ends.
pub(crate) fn run() {
    runtime().block_on(async {
        let node = TestNode::started("");
        node.until_maintenance().await;
        let request = machine::ApplyConfigurationRequest {
            data: configuration("box.lab.example").into_bytes(),
            ..Default::default()
        };
        let mut client = node.client().await;
        client.apply_configuration(as_admin(request)).await.unwrap();
        node.until_stage(machine::machine_status_event::MachineStage::Running)
            .await;
        let large = std::fs::File::create(node.path(&FILE[1..])).unwrap();
        large.set_len(FILE_LEN).unwrap();
        // What is measured is the API: the kernel has the file in memory, as it would any that is
        // read twice.
        let mut large = std::fs::File::open(node.path(&FILE[1..])).unwrap();
        std::io::copy(&mut large, &mut std::io::sink()).unwrap();
        println!("{}", open_door(node.door_places()));
        println!("{}", node.path("system/state/config.yaml").display());
        std::io::stdout().flush().unwrap();
        let (sender, mut orders) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for order in std::io::stdin().lines() {
                sender.send(order.unwrap()).unwrap();
            }
        });
        for count in (0..).step_by(UPDATES) {
            let Some(order) = orders.recv().await else {
                return;
            };
            let what = [Flapping::Address, Flapping::Link]
                .into_iter()
                .find(|what| what.name() == order);
            node.net.send_replace(what.unwrap().news(count));
        }
    });
}
