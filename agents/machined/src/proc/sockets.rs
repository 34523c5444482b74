// SPDX-License-Identifier: MPL-2.0
//! `/proc/net/tcp` and the like: sockets of the node, and whose they are.
//!
//! Owns: those files (proc_pid_net(5), Documentation/networking/proc_net_tcp.rst).
//! Never: holds more than so many sockets, or stops at a line it does not know.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::machine::ConnectRecord;
use api::machine::connect_record::{Process, State, TimerActive};
use api::machine::netstat_request::{Filter, L4proto};

use crate::places::Places;

/// As many as fit the longest reply that apid labels (4 MiB), with a good name each.
const SOCKETS_MAX: usize = 16 * 1024;

/// Why sockets are not told.
#[derive(Debug)]
pub(crate) enum Error {
    /// A file of the kernel cannot be read.
    Unread(&'static str, io::Error),
    /// There are more than [`SOCKETS_MAX`].
    TooMany,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unread(name, error) => write!(f, "cannot read /proc/net/{name}: {error}"),
            Self::TooMany => write!(
                f,
                "more than {SOCKETS_MAX} sockets; ask for one protocol, or only for those that listen"
            ),
        }
    }
}

/// The names of the protocols that are wanted, which are those of their files.
fn names(wanted: &L4proto) -> impl Iterator<Item = &'static str> + use<> {
    [
        ("tcp", wanted.tcp),
        ("tcp6", wanted.tcp6),
        ("udp", wanted.udp),
        ("udp6", wanted.udp6),
        ("udplite", wanted.udplite),
        ("udplite6", wanted.udplite6),
        ("raw", wanted.raw),
        ("raw6", wanted.raw6),
    ]
    .into_iter()
    .filter_map(|(name, is_wanted)| is_wanted.then_some(name))
}

/// Lists sockets of the node's own network. A protocol that the kernel does not have has none.
pub(crate) fn list(
    places: &Places,
    wanted: &L4proto,
    filter: Filter,
) -> Result<Vec<ConnectRecord>, Error> {
    let mut sockets = Vec::new();
    for name in names(wanted) {
        let file = match File::open(places.at("/proc/net").join(name)) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::Unread(name, error)),
        };
        for line in file.lines() {
            let line = line.map_err(|error| Error::Unread(name, error))?;
            let Some(socket) = parse(name, &line).filter(|socket| is_told(filter, socket)) else {
                continue;
            };
            if sockets.len() >= SOCKETS_MAX {
                return Err(Error::TooMany);
            }
            sockets.push(socket);
        }
    }
    Ok(sockets)
}

/// Says whose the sockets are. One whose process is not seen, or ends meanwhile, stays nobody's.
pub(crate) fn name_processes(places: &Places, sockets: &mut [ConnectRecord]) {
    let mut places_of: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, socket) in sockets.iter().enumerate() {
        if socket.inode != 0 {
            places_of.entry(socket.inode).or_default().push(index);
        }
    }
    let Ok(processes) = std::fs::read_dir(places.at("/proc")) else {
        return;
    };
    for process in processes.flatten() {
        let pid = process
            .file_name()
            .to_str()
            .and_then(|pid| pid.parse().ok());
        let Some(pid) = pid else { continue };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let mut name = None;
        for descriptor in descriptors.flatten() {
            let Ok(target) = std::fs::read_link(descriptor.path()) else {
                continue;
            };
            let inode = target.to_str().and_then(socket_inode);
            let Some(indexes) = inode.and_then(|inode| places_of.get(&inode)) else {
                continue;
            };
            let name = name.get_or_insert_with(|| {
                let comm = std::fs::read_to_string(process.path().join("comm"));
                comm.unwrap_or_default().trim_end().to_owned()
            });
            for index in indexes {
                let owner = sockets
                    .get_mut(*index)
                    .map(|socket| socket.process.get_or_insert_default());
                // The first that has it; others inherited it.
                if let Some(owner) = owner.filter(|owner| owner.pid == 0) {
                    *owner = Process {
                        pid,
                        name: name.clone(),
                    };
                }
            }
        }
    }
}

/// `socket:[12345]` (proc_pid_fd(5)).
fn socket_inode(target: &str) -> Option<u64> {
    let number = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

/// TCP listens in a state of its own; what has no other end of UDP and raw takes from anybody.
fn is_told(filter: Filter, socket: &ConnectRecord) -> bool {
    let listens = match socket.state() {
        State::Listen => true,
        State::Close => !socket.l4proto.starts_with("tcp"),
        State::Reserved
        | State::Established
        | State::SynSent
        | State::SynRecv
        | State::FinWait1
        | State::FinWait2
        | State::TimeWait
        | State::Closewait
        | State::Lastack
        | State::Closing => false,
    };
    match filter {
        Filter::All => true,
        Filter::Connected => !listens,
        Filter::Listening => listens,
    }
}

fn parse(protocol: &str, line: &str) -> Option<ConnectRecord> {
    let mut words = line.split_ascii_whitespace();
    // The head of the file has no number there.
    words.next()?.strip_suffix(':')?.parse::<u64>().ok()?;
    let (local_ip, local_port) = address(words.next()?)?;
    let (remote_ip, remote_port) = address(words.next()?)?;
    let state = i32::from_str_radix(words.next()?, 16).ok()?;
    let (sending, received) = pair(words.next()?)?;
    let (timer, when) = pair(words.next()?)?;
    let retransmits = u64::from_str_radix(words.next()?, 16).ok()?;
    let uid = words.next()?.parse().ok()?;
    let timeout = words.next()?.parse().ok()?;
    let inode = words.next()?.parse().ok()?;
    let references = words.next()?.parse().ok()?;
    let pointer = u64::from_str_radix(words.next()?, 16).ok()?;
    Some(ConnectRecord {
        l4proto: protocol.to_owned(),
        localip: local_ip.to_string(),
        localport: local_port,
        remoteip: remote_ip.to_string(),
        remoteport: remote_port,
        state: State::try_from(state).unwrap_or(State::Reserved).into(),
        txqueue: sending,
        rxqueue: received,
        tr: i32::try_from(timer)
            .ok()
            .and_then(|timer| TimerActive::try_from(timer).ok())
            .unwrap_or(TimerActive::Off)
            .into(),
        timerwhen: when,
        retrnsmt: retransmits,
        uid,
        timeout,
        inode,
        r#ref: references,
        pointer,
        // Always there: `talosctl netstat -p` looks into it unasked. Number 0 is nobody.
        process: Some(Process::default()),
        netns: String::new(),
    })
}

fn pair(word: &str) -> Option<(u64, u64)> {
    let (first, second) = word.split_once(':')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(first)?, number(second)?))
}

/// The kernel writes addresses in words of 32 bits as they lie in memory.
fn address(word: &str) -> Option<(IpAddr, u32)> {
    let (ip, port) = word.split_once(':')?;
    let port = u32::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at..at.checked_add(8)?)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, at) in bytes.chunks_mut(4).zip([0, 8, 16, 24]) {
                place.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    const LISTENS: &str = "   0: 0100007F:C350 00000000:0000 0A 00000000:00000005 00:00000000 00000000    50        0 1234 1 0000000000000000 100 0 0 10 0\n";
    const TALKS: &str = "   1: 0F02000A:C350 0202000A:0102 01 0000000A:00000000 02:000003F2 00000003     0        7 1235 2 ffff888003a4c000 20 4 30 10 -1\n";
    const SIX: &str = "   0: 00000000000000000000000001000000:0044 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1236 2 0000000000000000 0\n";

    fn node() -> (Folder, Places) {
        let folder = Folder::new();
        let net = folder.path().join("proc/net");
        std::fs::create_dir_all(&net).unwrap();
        std::fs::write(net.join("tcp"), format!("{HEAD}{LISTENS}{TALKS}")).unwrap();
        std::fs::write(net.join("udp6"), format!("{HEAD}{SIX}nonsense\n")).unwrap();
        let places = Places::under(folder.path());
        (folder, places)
    }

    const ALL: L4proto = L4proto {
        tcp: true,
        tcp6: true,
        udp: true,
        udp6: true,
        udplite: true,
        udplite6: true,
        raw: true,
        raw6: true,
    };

    #[test]
    fn every_field_of_a_line_is_where_the_api_has_it() {
        let (_folder, places) = node();

        let sockets = list(&places, &ALL, Filter::All).unwrap();

        assert_eq!(sockets.len(), 3);
        let talks = &sockets[1];
        assert_eq!(
            (talks.localip.as_str(), talks.localport),
            ("10.0.2.15", 50_000)
        );
        assert_eq!(
            (talks.remoteip.as_str(), talks.remoteport),
            ("10.0.2.2", 258)
        );
        assert_eq!(talks.state(), State::Established);
        assert_eq!((talks.txqueue, talks.rxqueue), (10, 0));
        assert_eq!(
            (talks.tr(), talks.timerwhen),
            (TimerActive::Keepalive, 0x3f2)
        );
        assert_eq!((talks.retrnsmt, talks.timeout, talks.inode), (3, 7, 1235));
        assert_eq!((talks.r#ref, talks.pointer), (2, 0xffff_8880_03a4_c000));
        assert_eq!((sockets[0].uid, sockets[0].rxqueue), (50, 5));
        assert_eq!(sockets[2].l4proto, "udp6");
        assert_eq!(
            (sockets[2].localip.as_str(), sockets[2].localport),
            ("::1", 68)
        );
    }

    #[test]
    fn listening_and_connected_are_two_halves() {
        let (_folder, places) = node();
        let inodes = |filter| {
            let sockets = list(&places, &ALL, filter).unwrap();
            sockets
                .iter()
                .map(|socket| socket.inode)
                .collect::<Vec<_>>()
        };

        assert_eq!(inodes(Filter::Listening), [1234, 1236]);
        assert_eq!(inodes(Filter::Connected), [1235]);
    }

    #[test]
    fn a_socket_has_the_name_of_its_process() {
        let (folder, places) = node();
        let descriptors = folder.path().join("proc/77/fd");
        std::fs::create_dir_all(&descriptors).unwrap();
        std::fs::write(folder.path().join("proc/77/comm"), "apid\n").unwrap();
        std::os::unix::fs::symlink("socket:[1234]", descriptors.join("5")).unwrap();
        std::os::unix::fs::symlink("/dev/null", descriptors.join("0")).unwrap();

        let mut sockets = list(&places, &ALL, Filter::All).unwrap();
        name_processes(&places, &mut sockets);

        let process = sockets[0].process.as_ref().unwrap();
        assert_eq!((process.pid, process.name.as_str()), (77, "apid"));
    }

    /// talosctl reads the process of every socket without asking whether there is one.
    #[test]
    fn a_socket_whose_process_is_not_seen_has_an_empty_one() {
        let (_folder, places) = node();

        let mut sockets = list(&places, &ALL, Filter::All).unwrap();
        let nobody = Some(Process::default());
        assert!(sockets.iter().all(|socket| socket.process == nobody));
        name_processes(&places, &mut sockets);

        assert!(sockets.iter().all(|socket| socket.process == nobody));
    }

    #[test]
    fn more_sockets_than_a_reply_holds_are_refused_with_what_to_do() {
        let (folder, places) = node();
        let many = LISTENS.repeat(SOCKETS_MAX + 1);
        std::fs::write(folder.path().join("proc/net/tcp"), many).unwrap();

        let refused = list(&places, &ALL, Filter::All).unwrap_err();

        assert!(refused.to_string().contains("ask for one protocol"));
        assert_eq!(list(&places, &ALL, Filter::Connected).unwrap().len(), 0);
    }
}
