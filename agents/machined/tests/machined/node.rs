// SPDX-License-Identifier: MPL-2.0
//! A node in a folder: the real machined, with stand-ins for init, logd, netd and udevd that speak
//! the real protocol on real sockets.
//!
//! Owns: the folder, the stand-ins, and waiting for what the node does.
//! Never: waits for a fixed time; every wait is for an event and has a deadline.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::api::machine;
use machined::Start;
use machined::journal::Journal;
use machined::places::Places;
use machined::seqpacket::{self, Connection, Listener};
use proto::service::{ServiceStatus, State};
use proto::supervisor::{Action, Mounting};
use proto::{Greeting, heapless, net, paths};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clients::stages;
use crate::process::Process;
use crate::stand_ins::{ImagedState, serve_imaged};
use crate::stand_ins::{answer_as_logd, answer_as_udevd, serve_init, serve_netd};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the stand-in for init knows and was told.
#[derive(Debug)]
pub(crate) struct InitState {
    pub services: BTreeMap<String, ServiceStatus>,
    pub orders: Vec<String>,
    /// The orders about trustd, which are not among the others and change nothing.
    pub trustd: Vec<&'static str>,
    pub downs: Vec<Action>,
    pub refuse_define: bool,
    /// The environment and the mounts' targets of the services that it was told about.
    pub described: BTreeMap<String, Vec<String>>,
    /// How mounting STATE goes.
    pub state_volume: Mounting,
}

impl Default for InitState {
    fn default() -> Self {
        Self {
            services: BTreeMap::new(),
            orders: Vec::new(),
            trustd: Vec::new(),
            downs: Vec::new(),
            refuse_define: false,
            described: BTreeMap::new(),
            // ENOENT: the machine has no such partition.
            state_volume: Mounting::Failed(2),
        }
    }
}

/// What the stand-in for netd says.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetState {
    pub news: Vec<net::Reply>,
}

pub(crate) struct TestNode {
    root: PathBuf,
    pub init: Arc<Mutex<InitState>>,
    init_news: watch::Sender<u64>,
    pub net: watch::Sender<NetState>,
    pub(crate) agents: Vec<JoinHandle<()>>,
    machined: Option<Process>,
    /// Where its apid listens, as its health check sees it.
    pub apid_port: u16,
    /// Where its time servers listen.
    pub ntp_port: u16,
    door: std::os::fd::OwnedFd,
    api: std::os::fd::OwnedFd,
    trust: std::os::fd::OwnedFd,
    reader: std::os::fd::OwnedFd,
    /// Where trustd listens: on this node, and on those that it asks.
    pub(crate) trustd: std::net::SocketAddr,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) fn status(name: &str, state: State, pid: u32) -> ServiceStatus {
    ServiceStatus {
        name: name.try_into().unwrap(),
        state,
        pid,
        restarts: 0,
        changed_at_ms: 1,
        last_exit: None,
        retry_at_ms: 0,
    }
}

pub(crate) fn eth0(address: &str) -> Vec<net::Reply> {
    vec![
        net::Reply::Link(net::Link {
            index: 2,
            name: "eth0".try_into().unwrap(),
            arp_type: 1,
            flags: 1,
            mtu: 1500,
            hardware_address: heapless::Vec::from_slice(&[0x52, 0x54, 0, 1, 2, 3]).unwrap(),
            permanent_address: heapless::Vec::from_slice(&[0x52, 0x54, 0, 1, 2, 3]).unwrap(),
            broadcast_address: heapless::Vec::from_slice(&[0xff; 6]).unwrap(),
            lower_index: 0,
            master_index: 0,
            queue_discipline: "pfifo_fast".try_into().unwrap(),
            oper_state: 6,
            kind: net::Word::new(),
            slave_kind: net::Word::new(),
            hardware: net::Hardware {
                driver: "virtio_net".try_into().unwrap(),
                speed_mbit: net::SPEED_UNKNOWN,
                duplex: net::DUPLEX_UNKNOWN,
            },
        }),
        net::Reply::Address(net::Address {
            link_index: 2,
            link_name: "eth0".try_into().unwrap(),
            address: address.parse().unwrap(),
            local: Some(address.parse().unwrap()),
            broadcast: None,
            prefix_len: 24,
            scope: 0,
            flags: 0x80,
        }),
    ]
}

impl TestNode {
    /// Makes the folder and the stand-ins; machined does not run yet.
    pub(crate) fn new(kernel_arguments: &str) -> Self {
        Self::with_udevd(kernel_arguments, answer_as_udevd)
    }

    /// The same with another udevd: it answers what `answer` writes, or, to none, never again.
    pub(crate) fn with_udevd(
        kernel_arguments: &str,
        answer: fn(&[u8], &mut [u8]) -> usize,
    ) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("machined-{}-{number}", std::process::id()));
        for folder in [
            "run/ichor",
            "system/run/machined",
            "proc/sys/kernel",
            "proc/sys/net",
            "usr/local/etc/containers",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (file, text) in [
            ("proc/cmdline", kernel_arguments),
            ("proc/loadavg", "0.10 0.20 0.30 1/50 99\n"),
            ("proc/stat", "cpu 1 2 3 4\nintr 7 1\nbtime 1700000000\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Test CPU\n\n"),
            ("proc/sys/kernel/hostname", "(none)"),
            ("proc/sys/kernel/domainname", "(none)"),
            ("proc/sys/kernel/panic", "0\n"),
        ] {
            std::fs::write(root.join(file), text).unwrap();
        }
        std::fs::copy("/proc/meminfo", root.join("proc/meminfo")).unwrap();
        let init = Arc::new(Mutex::new(InitState::default()));
        for (name, pid) in [
            ("apid", 9),
            ("logd", 5),
            ("machined", 8),
            ("netd", 7),
            ("udevd", 6),
        ] {
            let status = status(name, State::Running, pid);
            init.lock()
                .unwrap()
                .services
                .insert(name.to_owned(), status);
        }
        let door = seqpacket::bind(&root.join("run/ichor/machined.sock")).unwrap();
        let trust = seqpacket::bind(&root.join("run/ichor/trust.sock")).unwrap();
        let api = root.join("system/run/machined/machine.sock");
        let api = std::os::unix::net::UnixListener::bind(api).unwrap();
        let reader = root.join("system/run/machined/reader.sock");
        let reader = std::os::unix::net::UnixListener::bind(reader).unwrap();
        let mut node = Self {
            root,
            init,
            init_news: watch::Sender::new(0),
            net: watch::Sender::new(NetState {
                news: eth0("10.5.0.2"),
            }),
            agents: Vec::new(),
            machined: None,
            // Nobody listens there: apid is not healthy, which changes nothing for most tests.
            apid_port: 1,
            ntp_port: 1,
            door,
            api: api.into(),
            trust,
            reader: reader.into(),
            // As with apid.
            trustd: ([127, 0, 0, 1], 1).into(),
        };
        node.start_init();
        node.start_netd();
        node.start_simple(paths::LOGD_SOCKET, answer_as_logd);
        node.start_simple(paths::UDEVD_SOCKET, answer);
        node
    }

    /// A node whose machined runs.
    pub(crate) fn started(kernel_arguments: &str) -> Self {
        let mut node = Self::new(kernel_arguments);
        node.start();
        node
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path(path), text).unwrap();
    }

    /// Starts machined, as init does: with sockets that outlive it.
    pub(crate) fn start(&mut self) {
        let mut places = Places::under(&self.root);
        places.trustd = self.trustd;
        places.apid = ([127, 0, 0, 1], self.apid_port).into();
        places.ntp_port = self.ntp_port;
        let start = Start {
            places,
            journal: Journal::Test,
            door: self.door.try_clone().unwrap(),
            api: self.api.try_clone().unwrap(),
            trust: self.trust.try_clone().unwrap(),
            reader: self.reader.try_clone().unwrap(),
            ready: None,
        };
        self.machined = Some(Process::start(start));
    }

    /// Changes a service at init, which tells its subscribers.
    pub(crate) fn set_service(&self, status: ServiceStatus) {
        let name = status.name.as_str().to_owned();
        self.init.lock().unwrap().services.insert(name, status);
        self.init_news.send_modify(|version| *version += 1);
    }

    /// Waits until something is so.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not happen in {DEADLINE:?}"),
        }
    }

    /// Waits for a stage of the machine.
    pub(crate) async fn until_stage(&self, wanted: machine::machine_status_event::MachineStage) {
        let mut client = self.client().await;
        self.until(&format!("{wanted:?}"), async || {
            let stages = stages(&mut client).await?;
            (stages.last() == Some(&i32::from(wanted))).then_some(())
        })
        .await;
    }

    /// Waits for maintenance mode as apid does: by the door. Events are not served there.
    pub(crate) async fn until_maintenance(&self) {
        let door = self.door().await;
        let mut buffer = vec![0; proto::door::MAX_MESSAGE];
        let len = proto::door::Request::Subscribe(())
            .encode(&mut buffer)
            .unwrap();
        let request = buffer[..len].to_vec();
        door.send(&request).await.unwrap();
        let wait = async {
            loop {
                let told = door.receive(&mut buffer).await.unwrap().unwrap();
                if let Ok(proto::door::Reply::Door(told)) = proto::door::Reply::decode(told)
                    && told.mode == proto::door::Mode::Maintenance
                {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap();
    }

    /// Ends machined as SIGKILL would, and starts it again.
    pub(crate) fn restart(&mut self) {
        drop(self.machined.take().unwrap());
        self.start();
    }

    /// Starts the machine again, as a power cut would: what is in `/run` is gone.
    pub(crate) fn cut_power(&mut self) {
        drop(self.machined.take().unwrap());
        for entry in std::fs::read_dir(self.path("run/ichor")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("machined.") && name != "machined.sock" {
                std::fs::remove_file(path).unwrap();
            }
        }
        self.start();
    }

    /// Opens the door's socket and greets.
    pub(crate) async fn door(&self) -> Connection {
        let path = self.path("run/ichor/machined.sock");
        let connection = Connection::open(&path).await.unwrap();
        let mut buffer = vec![0; proto::door::MAX_MESSAGE];
        let hello = proto::door::Request::Hello(Greeting::OURS);
        let len = hello.encode(&mut buffer).unwrap();
        connection.send(&buffer[..len]).await.unwrap();
        let welcome = connection.receive(&mut buffer).await.unwrap().unwrap();
        assert!(matches!(
            proto::door::Reply::decode(welcome),
            Ok(proto::door::Reply::Welcome(_))
        ));
        connection
    }

    fn listener(&self, path: &str) -> Listener {
        let path = self.path(path.trim_start_matches('/'));
        Listener::over(seqpacket::bind(&path).unwrap()).unwrap()
    }

    fn start_simple(&mut self, path: &str, answer: fn(&[u8], &mut [u8]) -> usize) {
        let listener = self.listener(path);
        self.agents.push(tokio::spawn(async move {
            loop {
                let connection = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut buffer = vec![0; proto::MAX_MESSAGE];
                    let mut out = vec![0; proto::MAX_MESSAGE];
                    while let Ok(Some(bytes)) = connection.receive(&mut buffer).await {
                        let len = answer(bytes, &mut out);
                        if len == 0 {
                            // Nothing to say: a follower waits.
                            std::future::pending::<()>().await;
                        }
                        if connection.send(&out[..len]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }));
    }

    /// Puts a stand-in for imaged where it listens once it was started.
    pub(crate) fn start_imaged(&mut self) -> Arc<Mutex<ImagedState>> {
        let folder = self.path(proto::images::STORE.trim_start_matches('/'));
        std::fs::create_dir_all(folder).unwrap();
        let listener = self.listener(proto::images::SOCKET);
        let state = Arc::new(Mutex::new(ImagedState::default()));
        let shared = Arc::clone(&state);
        self.agents.push(tokio::spawn(async move {
            loop {
                let connection = listener.accept().await.unwrap();
                tokio::spawn(serve_imaged(connection, Arc::clone(&shared)));
            }
        }));
        state
    }

    fn start_netd(&mut self) {
        let listener = self.listener(paths::NETD_SOCKET);
        let net = self.net.subscribe();
        self.agents.push(tokio::spawn(async move {
            loop {
                let connection = listener.accept().await.unwrap();
                tokio::spawn(serve_netd(connection, net.clone()));
            }
        }));
    }

    fn start_init(&mut self) {
        let listener = self.listener(paths::INIT_SOCKET);
        let (state, news) = (Arc::clone(&self.init), self.init_news.clone());
        self.agents.push(tokio::spawn(async move {
            loop {
                let connection = listener.accept().await.unwrap();
                tokio::spawn(serve_init(connection, Arc::clone(&state), news.clone()));
            }
        }));
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.root);
    }
}
