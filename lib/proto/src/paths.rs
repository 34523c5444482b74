// SPDX-License-Identifier: MPL-2.0
//! Where the programs of a node meet: sockets, descriptors and users.
//!
//! Owns: every path and number that two programs must agree on.
//! Never: holds a path that only one program uses.

/// The folder of all internal sockets.
pub const RUN: &str = "/run/ichor";
/// init: see [`crate::supervisor`].
pub const INIT_SOCKET: &str = "/run/ichor/init.sock";
/// logd: see [`crate::log`].
pub const LOGD_SOCKET: &str = "/run/ichor/logd.sock";
/// logd, for any program: syslog(3) (`SOCK_DGRAM`).
pub const SYSLOG_SOCKET: &str = "/dev/log";
/// netd: see [`crate::net`].
pub const NETD_SOCKET: &str = "/run/ichor/netd.sock";
/// udevd: see [`crate::udev`].
pub const UDEVD_SOCKET: &str = "/run/ichor/udevd.sock";
/// machined, for apid: see [`crate::door`].
pub const MACHINED_SOCKET: &str = "/run/ichor/machined.sock";
/// machined, for trustd: see [`crate::trust`].
pub const TRUST_SOCKET: &str = "/run/ichor/trust.sock";
/// machined, gRPC: the machine API (`SOCK_STREAM`).
pub const MACHINE_API_SOCKET: &str = "/system/run/machined/machine.sock";
/// machined, gRPC, for the dashboard: the machine API as a reader may use it (`SOCK_STREAM`).
pub const READER_API_SOCKET: &str = "/system/run/machined/reader.sock";
/// Where agents' programs are.
pub const AGENTS: &str = "/usr/lib/ichor";
/// The sandbox program.
pub const SANDBOX: &str = "/usr/lib/ichor/sandbox";
/// The resolver configuration that netd writes and `/etc/resolv.conf` shows.
pub const RESOLV_CONF: &str = "/system/etc/resolv.conf";
/// The folder that holds logd's rings; it outlives logd.
pub const LOG_RINGS: &str = "/run/ichor/log";

/// Readiness: a service writes a newline here and closes it.
pub const READY_FD: i32 = 3;
/// The first of a service's listening sockets, in the order of its description.
pub const FIRST_LISTENER_FD: i32 = 4;
/// How many listening sockets a service may have.
pub const MAX_LISTENERS: usize = 4;
/// For the sandbox only: a file that holds the encoded [`crate::service::ServiceSpec`].
pub const SANDBOX_SPEC_FD: i32 = 60;
/// For the sandbox only: a close-on-exec pipe that takes one [`crate::service::SpawnFailure`].
pub const SANDBOX_ERROR_FD: i32 = 61;

/// The user of init, machined and udevd.
pub const UID_ROOT: u32 = 0;
/// The user of apid (the documents' number).
pub const UID_APID: u32 = 50;
/// The user of trustd (the documents' number).
pub const UID_TRUSTD: u32 = 51;
/// The user of logd.
pub const UID_LOGD: u32 = 52;
/// The user of netd.
pub const UID_NETD: u32 = 53;
/// The user of imaged.
pub const UID_IMAGED: u32 = 54;
/// The user of the dashboard on the node's own screen.
pub const UID_DASHBOARD: u32 = 55;
