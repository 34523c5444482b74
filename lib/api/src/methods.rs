// SPDX-License-Identifier: MPL-2.0
//! Every method of the node's API: path, streaming, roles, availability before configuration.
//!
//! Owns: the table. apid admits by it, machined answers `Unimplemented` for what it names.
//! Never: lists a method that a client cannot find in `proto/`; a test compares the two.

use self::Maintenance::{Admins, Anyone, Closed, ReadOnly};
use self::Streams::{ClientStream, ServerStream, Unary};
use crate::rbac::{Role, Roles};

/// How messages flow in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// One request, one reply.
    Unary,
    /// One request, many replies.
    ServerStream,
    /// Many requests, one reply.
    ClientStream,
}

/// Who may call a method while the node has no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// Any peer.
    Anyone,
    /// Peers that reach the node over an authenticated tunnel.
    Admins,
    /// Nobody, because it would write a resource; the answer is that of a running node.
    ReadOnly,
    /// Nobody; the answer is `Unimplemented`.
    Closed,
}

/// How a reply carries `common.Metadata`, which names the node that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// The reply is `repeated X messages = 1`, and each `X` has `metadata = 1`.
    InMessages,
    /// Each message of the stream has `metadata = 1` itself.
    InEach,
    /// The reply has no place for it; such a method takes one node only.
    Nowhere,
}

/// One method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The HTTP/2 path: `/package.Service/Name`.
    pub path: &'static str,
    /// How messages flow.
    pub streams: Streams,
    /// The roles that open it.
    pub roles: Roles,
    /// Who may call it before there is a configuration.
    pub maintenance: Maintenance,
}

impl Method {
    /// Returns `package.Service`.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default()
    }

    /// Returns the name of the method inside its service.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the longest request message of the method, in bytes: far more than anybody needs, far less
    /// than would hurt. Configurations, values of META and lists of nodes are refused with better words by
    /// who reads them, so a little more than those take is read.
    #[must_use]
    pub fn request_max(&self) -> usize {
        match self.name() {
            "ApplyConfiguration" | "GenerateConfiguration" => 2 * 1024 * 1024,
            "MetaWrite" => 512 * 1024,
            "HealthCheck" | "PacketCapture" | "EtcdRecover" => 256 * 1024,
            _ => 64 * 1024,
        }
    }

    /// Says where replies carry the name of the node.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        match (self.service(), self.streams) {
            ("cosi.resource.State" | "securityapi.SecurityService", _) => Envelope::Nowhere,
            (_, ServerStream) => Envelope::InEach,
            (_, Unary | ClientStream) => Envelope::InMessages,
        }
    }
}

/// Finds a method by its path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.path == path)
}

/// Says whether any method of `service` (`package.Service`) is in the table.
#[must_use]
pub fn is_service(service: &str) -> bool {
    METHODS.iter().any(|method| method.service() == service)
}

const ADMINS: Roles = Roles::of(&[Role::Admin]);
const OPERATORS: Roles = Roles::of(&[Role::Admin, Role::Operator]);
const READERS: Roles = Roles::of(&[Role::Admin, Role::Operator, Role::Reader]);
const BACKUP: Roles = Roles::of(&[Role::Admin, Role::Operator, Role::EtcdBackup]);
// trustd asks for a token, not for a role; through apid nobody gets there.
const NOBODY: Roles = Roles::NONE;

const fn row(
    path: &'static str,
    streams: Streams,
    roles: Roles,
    maintenance: Maintenance,
) -> Method {
    Method {
        path,
        streams,
        roles,
        maintenance,
    }
}

/// Every method that a node serves, by service.
pub const METHODS: &[Method] = &[
    row(
        "/machine.MachineService/ApplyConfiguration",
        Unary,
        ADMINS,
        Anyone,
    ),
    row("/machine.MachineService/Bootstrap", Unary, ADMINS, Closed),
    row("/machine.MachineService/CPUInfo", Unary, READERS, Closed),
    row("/machine.MachineService/Containers", Unary, READERS, Closed),
    row("/machine.MachineService/Copy", ServerStream, ADMINS, Closed),
    row("/machine.MachineService/DiskStats", Unary, READERS, Closed),
    row(
        "/machine.MachineService/DiskUsage",
        ServerStream,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/Dmesg",
        ServerStream,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdAlarmDisarm",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdAlarmList",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdDefragment",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdForfeitLeadership",
        Unary,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdLeaveCluster",
        Unary,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdMemberList",
        Unary,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdRecover",
        ClientStream,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdRemoveMember",
        Unary,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdRemoveMemberByID",
        Unary,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdSnapshot",
        ServerStream,
        BACKUP,
        Closed,
    ),
    row(
        "/machine.MachineService/EtcdStatus",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/Events",
        ServerStream,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/GenerateClientConfiguration",
        Unary,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/GenerateConfiguration",
        Unary,
        ADMINS,
        Anyone,
    ),
    row("/machine.MachineService/Hostname", Unary, READERS, Closed),
    row(
        "/machine.MachineService/ImageList",
        ServerStream,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/ImagePull",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/Kubeconfig",
        ServerStream,
        ADMINS,
        Closed,
    ),
    row(
        "/machine.MachineService/List",
        ServerStream,
        READERS,
        Closed,
    ),
    row("/machine.MachineService/LoadAvg", Unary, READERS, Closed),
    row(
        "/machine.MachineService/Logs",
        ServerStream,
        READERS,
        Closed,
    ),
    row("/machine.MachineService/Memory", Unary, READERS, Closed),
    row("/machine.MachineService/MetaDelete", Unary, ADMINS, Admins),
    row("/machine.MachineService/MetaWrite", Unary, ADMINS, Admins),
    row("/machine.MachineService/Mounts", Unary, READERS, Closed),
    row("/machine.MachineService/Netstat", Unary, READERS, Closed),
    row(
        "/machine.MachineService/NetworkDeviceStats",
        Unary,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/PacketCapture",
        ServerStream,
        OPERATORS,
        Closed,
    ),
    row("/machine.MachineService/Processes", Unary, READERS, Closed),
    row("/machine.MachineService/Read", ServerStream, ADMINS, Closed),
    row("/machine.MachineService/Reboot", Unary, OPERATORS, Closed),
    row("/machine.MachineService/Reset", Unary, ADMINS, Admins),
    row("/machine.MachineService/Restart", Unary, OPERATORS, Closed),
    row("/machine.MachineService/Rollback", Unary, ADMINS, Closed),
    row(
        "/machine.MachineService/ServiceList",
        Unary,
        READERS,
        Closed,
    ),
    row(
        "/machine.MachineService/ServiceRestart",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/ServiceStart",
        Unary,
        OPERATORS,
        Closed,
    ),
    row(
        "/machine.MachineService/ServiceStop",
        Unary,
        OPERATORS,
        Closed,
    ),
    row("/machine.MachineService/Shutdown", Unary, OPERATORS, Closed),
    row("/machine.MachineService/Stats", Unary, READERS, Closed),
    row("/machine.MachineService/SystemStat", Unary, READERS, Closed),
    row("/machine.MachineService/Upgrade", Unary, ADMINS, Admins),
    row("/machine.MachineService/Version", Unary, READERS, Admins),
    row(
        "/cluster.ClusterService/HealthCheck",
        ServerStream,
        READERS,
        Closed,
    ),
    row("/cosi.resource.State/Create", Unary, ADMINS, ReadOnly),
    row("/cosi.resource.State/Destroy", Unary, ADMINS, ReadOnly),
    row("/cosi.resource.State/Get", Unary, READERS, Anyone),
    row("/cosi.resource.State/List", ServerStream, READERS, Anyone),
    row("/cosi.resource.State/Update", Unary, ADMINS, ReadOnly),
    row("/cosi.resource.State/Watch", ServerStream, READERS, Anyone),
    row(
        "/inspect.InspectService/ControllerRuntimeDependencies",
        Unary,
        READERS,
        Closed,
    ),
    row("/storage.StorageService/Disks", Unary, READERS, Anyone),
    row("/time.TimeService/Time", Unary, READERS, Closed),
    row("/time.TimeService/TimeCheck", Unary, READERS, Closed),
    row(
        "/securityapi.SecurityService/Certificate",
        Unary,
        NOBODY,
        Closed,
    ),
];

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::field_descriptor_proto::Label;
    use prost_types::{DescriptorProto, FileDescriptorSet};

    use super::*;

    fn described() -> FileDescriptorSet {
        FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap()
    }

    fn message(set: &FileDescriptorSet, name: &str) -> DescriptorProto {
        set.file
            .iter()
            .flat_map(|f| f.message_type.iter().map(move |m| (f.package(), m)))
            .find(|(package, m)| format!(".{package}.{}", m.name()) == name)
            .unwrap_or_else(|| panic!("no message {name}"))
            .1
            .clone()
    }

    fn has_metadata(m: &DescriptorProto) -> bool {
        m.field
            .iter()
            .any(|f| f.number() == 1 && f.type_name() == ".common.Metadata")
    }

    #[test]
    fn rpc_003_the_table_and_the_proto_files_name_the_same_methods() {
        let set = described();
        let mut declared: Vec<(String, Streams)> = Vec::new();
        for file in &set.file {
            for service in &file.service {
                for m in &service.method {
                    let streams = match (m.client_streaming(), m.server_streaming()) {
                        (false, false) => Unary,
                        (false, true) => ServerStream,
                        (true, false) => ClientStream,
                        (true, true) => panic!("{} streams both ways", m.name()),
                    };
                    let path = format!("/{}.{}/{}", file.package(), service.name(), m.name());
                    declared.push((path, streams));
                }
            }
        }
        let mut listed: Vec<(String, Streams)> = METHODS
            .iter()
            .map(|m| (m.path.to_owned(), m.streams))
            .collect();
        declared.sort_by(|a, b| a.0.cmp(&b.0));
        listed.sort_by(|a, b| a.0.cmp(&b.0));

        assert_eq!(declared, listed);
        assert_eq!(listed.len(), 63);
    }

    #[test]
    fn every_envelope_is_where_the_proto_files_have_it() {
        let set = described();
        for file in &set.file {
            for service in &file.service {
                for m in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), m.name());
                    let reply = message(&set, m.output_type());
                    match find(&path).unwrap().envelope() {
                        Envelope::InEach => assert!(has_metadata(&reply), "{path}"),
                        Envelope::InMessages => {
                            let field = reply.field.first().unwrap();
                            assert_eq!((field.number(), field.label()), (1, Label::Repeated));
                            assert!(has_metadata(&message(&set, field.type_name())), "{path}");
                        }
                        Envelope::Nowhere => assert!(!has_metadata(&reply), "{path}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_not_exactly_right_finds_nothing() {
        for path in [
            "",
            "/",
            "//",
            "machine.MachineService/Version",
            "/machine.MachineService/version",
            "/machine.MachineService/Version/",
            "/machine.MachineService//Version",
            "/machine.MachineService",
            "/grpc.health.v1.Health/Check",
            "/machine.MachineService/Version?x=1",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn a_method_knows_its_service_and_name() {
        let m = find("/machine.MachineService/EtcdRecover").unwrap();

        assert_eq!(
            (m.service(), m.name()),
            ("machine.MachineService", "EtcdRecover")
        );
        assert_eq!(m.envelope(), Envelope::InMessages);
        assert!(is_service("time.TimeService") && !is_service("time"));
    }
}
