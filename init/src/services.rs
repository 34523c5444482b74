// SPDX-License-Identifier: MPL-2.0
//! The core services: what each is given, and why.
//!
//! Owns: the table of services that are there without anybody asking.
//! Never: grows by configuration; machined defines the others over the control socket.

use proto::memory::door_max;
use proto::paths::{
    INIT_SOCKET, LOGD_SOCKET, MACHINE_API_SOCKET, MACHINED_SOCKET, NETD_SOCKET, READER_API_SOCKET,
    SYSLOG_SOCKET, TRUST_SOCKET, UDEVD_SOCKET, UID_APID, UID_DASHBOARD, UID_LOGD, UID_NETD,
    UID_ROOT, UID_TRUSTD,
};
use proto::service::{Ready, Restart, Seccomp, ServiceSpec};
use sys::thread::CapabilitySet;

/// How a socket carries its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One datagram is one message of `proto`.
    Messages,
    /// gRPC.
    Stream,
    /// One datagram is one message of whoever sends it.
    Datagrams,
}

/// A socket that init makes and keeps.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// Where.
    pub path: &'static str,
    /// How.
    pub kind: Kind,
    /// Who may connect, besides root: nobody with mode 0600, the group with 0660, all with 0666.
    pub mode: u32,
    /// Its group.
    pub gid: u32,
}

/// init's own socket: machined asks everything, logd for pipes.
pub const CONTROL: Listener = open_to(INIT_SOCKET, Kind::Messages, UID_LOGD);

/// A core service.
#[derive(Debug, Clone, Copy)]
pub struct CoreService {
    name: &'static str,
    /// Its program.
    pub path: &'static str,
    /// User and group.
    uid: u32,
    capabilities: CapabilitySet,
    /// Bytes, on a machine with so many.
    memory_max: fn(u64) -> u64,
    pids_max: u32,
    cpu_weight: u16,
    oom_score_adj: i16,
    after: &'static [&'static str],
    /// Its sockets, at descriptors 4, 5, …
    pub listeners: &'static [Listener],
}

/// How long a core service may take to end: all hold nothing that takes longer to write.
const STOP_TIMEOUT_MS: u32 = 5_000;

/// Those that stand between the operator and an answer: a node whose processors are all busy, with
/// its boot or with its guests, still answers. They use little over any longer time.
const FOREGROUND: u16 = 1_000;
/// Those whose work can wait a moment; the same as guests get.
const BACKGROUND: u16 = 100;

const MIB: u64 = 1024 * 1024;

/// A socket for root alone.
const fn for_root(path: &'static str, kind: Kind) -> Listener {
    Listener {
        path,
        kind,
        mode: 0o600,
        gid: UID_ROOT,
    }
}

/// A socket for root and one other user, whose group has the same number.
const fn open_to(path: &'static str, kind: Kind, gid: u32) -> Listener {
    Listener {
        path,
        kind,
        mode: 0o660,
        gid,
    }
}

/// A socket for everybody.
const fn open_to_all(path: &'static str, kind: Kind) -> Listener {
    Listener {
        path,
        kind,
        mode: 0o666,
        gid: UID_ROOT,
    }
}

/// The core services in their start order. Sockets are there before any of them runs, so nobody
/// waits for those it calls ([`supervise::order`]); `after` orders the end: logd outlives the
/// others to hear their last words. Memory limits fit a machine of 128 MiB together.
pub const CORE: &[CoreService] = &[
    // First, to have everybody's words. SYSLOG: reading the kernel's log where dmesg is
    // restricted. Its rings are fixed in size.
    CoreService {
        name: "logd",
        path: "/usr/lib/ichor/logd",
        uid: UID_LOGD,
        capabilities: CapabilitySet::SYSLOG,
        memory_max: |_| 8 * MIB,
        pids_max: 4,
        cpu_weight: BACKGROUND,
        oom_score_adj: -900,
        after: &[],
        listeners: &[
            for_root(LOGD_SOCKET, Kind::Messages),
            open_to_all(SYSLOG_SOCKET, Kind::Datagrams),
        ],
    },
    // Device nodes and links: user 0, because devtmpfs is root's. MKNOD, CHOWN and FOWNER for
    // nodes; NET_ADMIN to name interfaces; SYS_MODULE for drivers: nobody else on the node has it.
    CoreService {
        name: "udevd",
        path: "/usr/lib/ichor/udevd",
        uid: UID_ROOT,
        capabilities: CapabilitySet::MKNOD
            .union(CapabilitySet::CHOWN)
            .union(CapabilitySet::FOWNER)
            .union(CapabilitySet::NET_ADMIN)
            .union(CapabilitySet::SYS_MODULE),
        memory_max: |_| 8 * MIB,
        pids_max: 4,
        cpu_weight: BACKGROUND,
        oom_score_adj: -900,
        after: &["logd"],
        listeners: &[for_root(UDEVD_SOCKET, Kind::Messages)],
    },
    // Links, addresses, routes (NET_ADMIN); DHCP on raw sockets (NET_RAW) and port 68
    // (NET_BIND_SERVICE). It reads packets from the network, so it has no rights on files.
    CoreService {
        name: "netd",
        path: "/usr/lib/ichor/netd",
        uid: UID_NETD,
        capabilities: CapabilitySet::NET_ADMIN
            .union(CapabilitySet::NET_RAW)
            .union(CapabilitySet::NET_BIND_SERVICE),
        memory_max: |_| 8 * MIB,
        pids_max: 4,
        cpu_weight: FOREGROUND,
        oom_score_adj: -900,
        after: &["logd"],
        listeners: &[for_root(NETD_SOCKET, Kind::Messages)],
    },
    // The brain: user 0 for init's socket and for sysctls. SYS_ADMIN for the host name and
    // hardening sysctls, NET_ADMIN for network sysctls, SYS_PTRACE to list processes with their
    // programs, SYS_TIME for the clock, CHOWN to give apid its socket.
    CoreService {
        name: "machined",
        path: "/usr/lib/ichor/machined",
        uid: UID_ROOT,
        capabilities: CapabilitySet::SYS_ADMIN
            .union(CapabilitySet::NET_ADMIN)
            .union(CapabilitySet::SYS_PTRACE)
            .union(CapabilitySet::SYS_TIME)
            .union(CapabilitySet::CHOWN),
        memory_max: |_| 48 * MIB,
        // One, 16 that look at files for clients, 16 that wait for paths on dead mounts.
        pids_max: 48,
        cpu_weight: FOREGROUND,
        oom_score_adj: -999,
        after: &["logd"],
        listeners: &[
            open_to(MACHINED_SOCKET, Kind::Messages, UID_APID),
            open_to(MACHINE_API_SOCKET, Kind::Stream, UID_APID),
            // trustd runs on control planes alone; machined starts it there.
            open_to(TRUST_SOCKET, Kind::Messages, UID_TRUSTD),
            // The dashboard runs where there is a screen; machined starts it there.
            open_to(READER_API_SOCKET, Kind::Stream, UID_DASHBOARD),
        ],
    },
    // The door: no capability, no file of its own, only its TCP port, which is above 1023. It
    // needs 3 MiB; what clients can make it hold at one time is added up in its limits.rs.
    CoreService {
        name: "apid",
        path: "/usr/lib/ichor/apid",
        uid: UID_APID,
        capabilities: CapabilitySet::empty(),
        memory_max: door_max,
        pids_max: 32,
        cpu_weight: FOREGROUND,
        oom_score_adj: -998,
        after: &["logd"],
        listeners: &[],
    },
];

impl CoreService {
    /// The row as a description, for a machine with `memory` bytes.
    #[must_use]
    pub fn spec(&self, memory: u64) -> ServiceSpec<'static> {
        let mut spec = ServiceSpec::new(self.name, self.path);
        spec.uid = self.uid;
        spec.gid = self.uid;
        spec.capabilities = self.capabilities.bits();
        spec.memory_max = (self.memory_max)(memory);
        spec.pids_max = self.pids_max;
        spec.cpu_weight = self.cpu_weight;
        spec.oom_score_adj = self.oom_score_adj;
        spec.restart = Restart::Always;
        spec.ready = Ready::OnMessage;
        spec.stop_timeout_ms = STOP_TIMEOUT_MS;
        spec.seccomp = Seccomp::Agent;
        for other in self.after {
            // The table has fewer than AFTER_MAX names; a test holds it to that.
            let _ = spec.after.push(other);
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use proto::paths::MAX_LISTENERS;
    use proto::service::AFTER_MAX;

    use super::{CORE, MIB};

    #[test]
    fn rows_fit_the_limits_of_the_contract() {
        for row in CORE {
            assert!(row.listeners.len() <= MAX_LISTENERS, "{}", row.name);
            assert!(row.after.len() <= AFTER_MAX, "{}", row.name);
            assert!(crate::supervisor::is_good_name(row.name), "{}", row.name);
        }
    }

    #[test]
    fn every_row_comes_after_those_it_needs() {
        for (place, row) in CORE.iter().enumerate() {
            for other in row.after {
                assert!(
                    CORE[..place].iter().any(|earlier| earlier.name == *other),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn core_services_together_fit_a_machine_of_128_mib() {
        let all: u64 = CORE.iter().map(|row| (row.memory_max)(128 * MIB)).sum();

        assert!(all <= 108 * MIB, "{all}");
    }

    #[test]
    fn xtn_07_only_the_device_agent_may_load_modules() {
        for row in CORE {
            let may = row
                .capabilities
                .contains(sys::thread::CapabilitySet::SYS_MODULE);
            assert_eq!(may, row.name == "udevd", "{}", row.name);
        }
    }

    #[test]
    fn log_08_only_words_are_taken_from_everybody() {
        for listener in CORE.iter().flat_map(|row| row.listeners) {
            let is_open = listener.mode & 0o006 != 0;
            let is_syslog = listener.path == proto::paths::SYSLOG_SOCKET;
            assert_eq!(is_open, is_syslog, "{}", listener.path);
        }
    }

    #[test]
    fn only_the_network_agent_may_send_raw_packets() {
        for row in CORE {
            let raw = row
                .capabilities
                .contains(sys::thread::CapabilitySet::NET_RAW);
            assert_eq!(raw, row.name == "netd", "{}", row.name);
        }
    }
}
