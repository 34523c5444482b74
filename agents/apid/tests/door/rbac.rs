// SPDX-License-Identifier: MPL-2.0
//! Who may call what, as a table: every method, every set of roles, before and after configuration.
//!
//! Owns: the expectation, written down from the documents and from nothing in this repository.
//! Never: reads it off the table that apid decides by.

use std::collections::BTreeSet;

use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::house::{House, PATIENCE};
use crate::passing::with;

/// The roles, by the letters of [`RULES`]; the last opens nothing.
const ROLES: [(char, &str); 5] = [
    ('a', "os:admin"),
    ('o', "os:operator"),
    ('r', "os:reader"),
    ('b', "os:etcd:backup"),
    ('i', "os:impersonator"),
];

/// Path; the roles that open it (admin, operator, reader, backup of etcd); and whether it is served
/// before there is a configuration: to anybody (`yes`), to peers of the management tunnel alone
/// (`admin`), denied to all because it writes a resource (`read`), or not.
#[rustfmt::skip]
const RULES: &[(&str, &str, &str)] = &[
    ("/machine.MachineService/ApplyConfiguration", "a---", "yes"),
    ("/machine.MachineService/Bootstrap", "a---", "no"),
    ("/machine.MachineService/CPUInfo", "aor-", "no"),
    ("/machine.MachineService/Containers", "aor-", "no"),
    ("/machine.MachineService/Copy", "a---", "no"),
    ("/machine.MachineService/DiskStats", "aor-", "no"),
    ("/machine.MachineService/DiskUsage", "aor-", "no"),
    ("/machine.MachineService/Dmesg", "aor-", "no"),
    ("/machine.MachineService/EtcdAlarmDisarm", "ao--", "no"),
    ("/machine.MachineService/EtcdAlarmList", "ao--", "no"),
    ("/machine.MachineService/EtcdDefragment", "ao--", "no"),
    ("/machine.MachineService/EtcdForfeitLeadership", "a---", "no"),
    ("/machine.MachineService/EtcdLeaveCluster", "a---", "no"),
    ("/machine.MachineService/EtcdMemberList", "aor-", "no"),
    ("/machine.MachineService/EtcdRecover", "a---", "no"),
    ("/machine.MachineService/EtcdRemoveMember", "a---", "no"),
    ("/machine.MachineService/EtcdRemoveMemberByID", "a---", "no"),
    ("/machine.MachineService/EtcdSnapshot", "ao-b", "no"),
    ("/machine.MachineService/EtcdStatus", "ao--", "no"),
    ("/machine.MachineService/Events", "aor-", "no"),
    ("/machine.MachineService/GenerateClientConfiguration", "a---", "no"),
    ("/machine.MachineService/GenerateConfiguration", "a---", "yes"),
    ("/machine.MachineService/Hostname", "aor-", "no"),
    ("/machine.MachineService/ImageList", "aor-", "no"),
    ("/machine.MachineService/ImagePull", "ao--", "no"),
    ("/machine.MachineService/Kubeconfig", "a---", "no"),
    ("/machine.MachineService/List", "aor-", "no"),
    ("/machine.MachineService/LoadAvg", "aor-", "no"),
    ("/machine.MachineService/Logs", "aor-", "no"),
    ("/machine.MachineService/Memory", "aor-", "no"),
    ("/machine.MachineService/MetaDelete", "a---", "admin"),
    ("/machine.MachineService/MetaWrite", "a---", "admin"),
    ("/machine.MachineService/Mounts", "aor-", "no"),
    ("/machine.MachineService/Netstat", "aor-", "no"),
    ("/machine.MachineService/NetworkDeviceStats", "aor-", "no"),
    ("/machine.MachineService/PacketCapture", "ao--", "no"),
    ("/machine.MachineService/Processes", "aor-", "no"),
    ("/machine.MachineService/Read", "a---", "no"),
    ("/machine.MachineService/Reboot", "ao--", "no"),
    ("/machine.MachineService/Reset", "a---", "admin"),
    ("/machine.MachineService/Restart", "ao--", "no"),
    ("/machine.MachineService/Rollback", "a---", "no"),
    ("/machine.MachineService/ServiceList", "aor-", "no"),
    ("/machine.MachineService/ServiceRestart", "ao--", "no"),
    ("/machine.MachineService/ServiceStart", "ao--", "no"),
    ("/machine.MachineService/ServiceStop", "ao--", "no"),
    ("/machine.MachineService/Shutdown", "ao--", "no"),
    ("/machine.MachineService/Stats", "aor-", "no"),
    ("/machine.MachineService/SystemStat", "aor-", "no"),
    ("/machine.MachineService/Upgrade", "a---", "admin"),
    ("/machine.MachineService/Version", "aor-", "admin"),
    ("/cluster.ClusterService/HealthCheck", "aor-", "no"),
    ("/cosi.resource.State/Create", "a---", "read"),
    ("/cosi.resource.State/Destroy", "a---", "read"),
    ("/cosi.resource.State/Get", "aor-", "yes"),
    ("/cosi.resource.State/List", "aor-", "yes"),
    ("/cosi.resource.State/Update", "a---", "read"),
    ("/cosi.resource.State/Watch", "aor-", "yes"),
    ("/inspect.InspectService/ControllerRuntimeDependencies", "aor-", "no"),
    ("/storage.StorageService/Disks", "aor-", "yes"),
    ("/time.TimeService/Time", "aor-", "no"),
    ("/time.TimeService/TimeCheck", "aor-", "no"),
    ("/securityapi.SecurityService/Certificate", "----", "no"),
];

/// Calls `path` with an empty message. One reply is all that is looked at.
async fn call(channel: &Channel, path: &'static str, metadata: &[(&'static str, &str)]) -> Status {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let call = grpc.unary(with((), metadata), path.parse().unwrap(), codec);
    match timeout(PATIENCE, call).await.unwrap() {
        Ok(_) => Status::ok(""),
        Err(status) => status,
    }
}

/// Whether apid let the call through: its own refusals say so.
fn passed(status: &Status) -> bool {
    let own = [
        "not authorized",
        "not available in maintenance mode",
        "this node has no method",
        "write access is not allowed",
    ];
    !own.iter().any(|text| status.message().contains(text))
}

#[test]
fn the_expectation_names_every_method_that_is_served() {
    let expected: BTreeSet<&str> = RULES.iter().map(|(path, ..)| *path).collect();
    let served: BTreeSet<&str> = api::methods::METHODS.iter().map(|m| m.path).collect();

    assert_eq!(expected, served);
    assert_eq!(expected.len(), RULES.len());
}

#[tokio::test]
async fn rbac_01_every_set_of_roles_opens_what_the_documents_say_and_nothing_else() {
    let house = House::running().await;
    for bits in 0..32_u32 {
        let set: Vec<_> = (0..5_u32)
            .filter(|bit| bits & (1 << bit) != 0)
            .map(|bit| ROLES[usize::try_from(bit).unwrap()])
            .collect();
        let roles: Vec<&str> = set.iter().map(|(_, role)| *role).collect();
        let identity = house.client_with(&roles);
        let channel = house.channel(Some(&identity)).await.unwrap();
        for (path, opened_by, _) in RULES {
            let status = call(&channel, path, &[]).await;

            let told = format!("{path} {roles:?}: {status}");
            if *opened_by == "----" {
                // trustd's: it has a door of its own.
                assert_eq!(status.code(), Code::Unimplemented, "{told}");
                assert!(!passed(&status), "{told}");
            } else if set.iter().any(|(letter, _)| opened_by.contains(*letter)) {
                assert!(passed(&status), "{told}");
            } else {
                assert_eq!(status.code(), Code::PermissionDenied, "{told}");
                assert_eq!(status.message(), "not authorized", "{told}");
            }
        }
    }
}

#[tokio::test]
async fn before_configuration_a_stranger_gets_what_the_documents_say_whatever_it_claims() {
    let house = House::maintenance().await;
    let channel = house.channel(None).await.unwrap();
    for claim in ROLES.iter().map(|(_, role)| *role).chain(["os:nobody"]) {
        for (path, _, maintenance) in RULES {
            let status = call(&channel, path, &[("talos-role", claim)]).await;

            let told = format!("{path} as {claim}: {status}");
            if *maintenance == "yes" {
                assert!(passed(&status), "{told}");
            } else if *maintenance == "read" {
                assert_eq!(status.code(), Code::PermissionDenied, "{told}");
                assert_eq!(status.message(), "write access is not allowed", "{told}");
            } else {
                assert_eq!(status.code(), Code::Unimplemented, "{told}");
                assert!(!passed(&status), "{told}");
            }
        }
    }
}
