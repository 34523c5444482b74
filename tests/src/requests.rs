// SPDX-License-Identifier: MPL-2.0
//! A request for every method that a node serves, and what a control plane answers to it.
//!
//! Owns: a harmless request for each row of the table of methods.
//! Never: ends a machine: the methods that do are left to the test.

use api::cosi::resource as state;
use api::methods::{METHODS, Method};
use api::{common, machine, time};
use prost::Message as _;
use tonic::Code;

/// The methods that end a machine.
pub const POWER: &[&str] = &[
    "/machine.MachineService/Reboot",
    "/machine.MachineService/Shutdown",
];

/// A key of META that nobody uses.
const META_KEY: u32 = 0x0d;

/// The service of trustd, which has a door of its own and asks for a token.
const TRUSTD: &str = "securityapi.SecurityService";

/// What one method is asked, and answers.
#[derive(Debug, Clone)]
pub struct Case {
    /// The method.
    pub method: &'static Method,
    /// The request.
    pub request: Vec<u8>,
    /// What it ends with on a control plane that runs.
    pub code: Code,
}

/// All methods but those of [`POWER`] and trustd's, in the order of the table.
#[must_use]
pub fn cases() -> Vec<Case> {
    let wanted = METHODS
        .iter()
        .filter(|method| method.service() != TRUSTD && !POWER.contains(&method.path));
    let case = |method: &'static Method| Case {
        method,
        // Nothing at all is a request of every type.
        request: request(method).unwrap_or_default(),
        code: expected(method),
    };
    wanted.map(case).collect()
}

/// The request, where an empty one asks for nothing of use.
fn request(method: &Method) -> Option<Vec<u8>> {
    match method.service() {
        "machine.MachineService" => of_the_machine(method.name()),
        "cosi.resource.State" => of_resources(method.name()),
        "time.TimeService" if method.name() == "TimeCheck" => {
            let server = "127.0.0.1".to_owned();
            Some(time::TimeRequest { server }.encode_to_vec())
        }
        _ => None,
    }
}

fn of_the_machine(name: &str) -> Option<Vec<u8>> {
    let folder = || "/etc".to_owned();
    Some(match name {
        "Copy" => machine::CopyRequest {
            root_path: folder(),
        }
        .encode_to_vec(),
        "DiskUsage" => machine::DiskUsageRequest {
            paths: vec![folder()],
            ..Default::default()
        }
        .encode_to_vec(),
        "Events" => machine::EventsRequest {
            tail_events: -1,
            ..Default::default()
        }
        .encode_to_vec(),
        "GenerateClientConfiguration" => machine::GenerateClientConfigurationRequest {
            roles: vec!["os:reader".to_owned()],
            crt_ttl: Some(prost_types::Duration {
                seconds: 3600,
                nanos: 0,
            }),
        }
        .encode_to_vec(),
        "ImageList" => machine::ImageListRequest {
            namespace: common::ContainerdNamespace::NsSystem.into(),
        }
        .encode_to_vec(),
        "List" => machine::ListRequest {
            root: folder(),
            ..Default::default()
        }
        .encode_to_vec(),
        "Logs" => machine::LogsRequest {
            id: "machined".to_owned(),
            tail_lines: 3,
            ..Default::default()
        }
        .encode_to_vec(),
        "MetaDelete" => machine::MetaDeleteRequest { key: META_KEY }.encode_to_vec(),
        "MetaWrite" => machine::MetaWriteRequest {
            key: META_KEY,
            value: b"written through an endpoint".to_vec(),
        }
        .encode_to_vec(),
        "Netstat" => machine::NetstatRequest {
            l4proto: Some(machine::netstat_request::L4proto {
                tcp: true,
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec(),
        "PacketCapture" => machine::PacketCaptureRequest {
            interface: "eth0".to_owned(),
            snap_len: 64,
            ..Default::default()
        }
        .encode_to_vec(),
        "Read" => machine::ReadRequest {
            path: "/etc/hosts".to_owned(),
        }
        .encode_to_vec(),
        _ => return None,
    })
}

fn of_resources(name: &str) -> Option<Vec<u8>> {
    let namespace = "config".to_owned();
    let r#type = "MachineTypes.config.talos.dev".to_owned();
    Some(match name {
        "Get" => state::GetRequest {
            namespace,
            r#type,
            id: "machine-type".to_owned(),
            ..Default::default()
        }
        .encode_to_vec(),
        "List" => state::ListRequest {
            namespace,
            r#type,
            ..Default::default()
        }
        .encode_to_vec(),
        "Watch" => state::WatchRequest {
            namespace,
            r#type,
            ..Default::default()
        }
        .encode_to_vec(),
        _ => return None,
    })
}

fn expected(method: &Method) -> Code {
    match method.name() {
        // What they are for is not built.
        "Bootstrap" | "Reset" | "Rollback" | "Upgrade" => Code::Unimplemented,
        name if name.starts_with("Etcd") => Code::Unimplemented,
        // Nothing is named, and nothing is no name.
        "ApplyConfiguration" | "GenerateConfiguration" | "ImagePull" => Code::InvalidArgument,
        "Restart" | "ServiceRestart" | "ServiceStart" | "ServiceStop" => Code::NotFound,
        // It was not written before; the table has it in front of `MetaWrite`.
        "MetaDelete" => Code::NotFound,
        // Machines of tests have no time server.
        "Time" | "TimeCheck" => Code::Unavailable,
        // Resources are written by nobody but the node.
        "Create" | "Destroy" | "Update" => Code::PermissionDenied,
        _ => Code::Ok,
    }
}
