// SPDX-License-Identifier: MPL-2.0
//! The enumerations of the contract, value by value.
//!
//! Owns: their names and numbers, as the documents have them.
//! Never: has those that belong to resources; they have words of their own.

/// Compares an enumeration with the names and numbers of its row.
macro_rules! row {
    ($found:expr, $row:literal, $type:ty, [$($name:literal = $number:literal),* $(,)?]) => {
        $(
            let value = <$type>::from_str_name($name).map(|value| value as i32);
            if value != Some($number) {
                $found.push(format!("{} {}: {value:?}", $row, $name));
            }
        )*
    };
}

#[test]
fn enum_01_to_03_and_35_to_51_have_the_names_and_numbers_of_the_documents() {
    let mut wrong: Vec<String> = Vec::new();
    row!(
        wrong,
        "ENUM-01",
        api::common::Code,
        ["FATAL" = 0, "LOCKED" = 1, "CANCELED" = 2]
    );
    row!(
        wrong,
        "ENUM-02",
        api::common::ContainerDriver,
        ["CONTAINERD" = 0, "CRI" = 1]
    );
    row!(
        wrong,
        "ENUM-03",
        api::common::ContainerdNamespace,
        ["NS_UNKNOWN" = 0, "NS_SYSTEM" = 1, "NS_CRI" = 2]
    );
    row!(
        wrong,
        "ENUM-35",
        api::inspect::DependencyEdgeType,
        [
            "OUTPUT_EXCLUSIVE" = 0,
            "OUTPUT_SHARED" = 3,
            "INPUT_STRONG" = 1,
            "INPUT_WEAK" = 2,
            "INPUT_DESTROY_READY" = 4
        ]
    );
    row!(
        wrong,
        "ENUM-36",
        api::machine::apply_configuration_request::Mode,
        [
            "REBOOT" = 0,
            "AUTO" = 1,
            "NO_REBOOT" = 2,
            "STAGED" = 3,
            "TRY" = 4
        ]
    );
    row!(
        wrong,
        "ENUM-37",
        api::machine::connect_record::State,
        [
            "RESERVED" = 0,
            "ESTABLISHED" = 1,
            "SYN_SENT" = 2,
            "SYN_RECV" = 3,
            "FIN_WAIT1" = 4,
            "FIN_WAIT2" = 5,
            "TIME_WAIT" = 6,
            "CLOSE" = 7,
            "CLOSEWAIT" = 8,
            "LASTACK" = 9,
            "LISTEN" = 10,
            "CLOSING" = 11
        ]
    );
    row!(
        wrong,
        "ENUM-38",
        api::machine::connect_record::TimerActive,
        [
            "OFF" = 0,
            "ON" = 1,
            "KEEPALIVE" = 2,
            "TIMEWAIT" = 3,
            "PROBE" = 4
        ]
    );
    row!(
        wrong,
        "ENUM-39",
        api::machine::etcd_member_alarm::AlarmType,
        ["NONE" = 0, "NOSPACE" = 1, "CORRUPT" = 2]
    );
    row!(
        wrong,
        "ENUM-40",
        api::machine::list_request::Type,
        ["REGULAR" = 0, "DIRECTORY" = 1, "SYMLINK" = 2]
    );
    row!(
        wrong,
        "ENUM-41",
        api::machine::machine_config::MachineType,
        [
            "TYPE_UNKNOWN" = 0,
            "TYPE_INIT" = 1,
            "TYPE_CONTROL_PLANE" = 2,
            "TYPE_WORKER" = 3
        ]
    );
    row!(
        wrong,
        "ENUM-42",
        api::machine::machine_status_event::MachineStage,
        [
            "UNKNOWN" = 0,
            "BOOTING" = 1,
            "INSTALLING" = 2,
            "MAINTENANCE" = 3,
            "RUNNING" = 4,
            "REBOOTING" = 5,
            "SHUTTING_DOWN" = 6,
            "RESETTING" = 7,
            "UPGRADING" = 8
        ]
    );
    row!(
        wrong,
        "ENUM-43",
        api::machine::netstat_request::Filter,
        ["ALL" = 0, "CONNECTED" = 1, "LISTENING" = 2]
    );
    row!(
        wrong,
        "ENUM-44",
        api::machine::phase_event::Action,
        ["START" = 0, "STOP" = 1]
    );
    row!(
        wrong,
        "ENUM-45",
        api::machine::reboot_request::Mode,
        ["DEFAULT" = 0, "POWERCYCLE" = 1]
    );
    row!(
        wrong,
        "ENUM-46",
        api::machine::reset_request::WipeMode,
        ["ALL" = 0, "SYSTEM_DISK" = 1, "USER_DISKS" = 2]
    );
    row!(
        wrong,
        "ENUM-47",
        api::machine::sequence_event::Action,
        ["NOOP" = 0, "START" = 1, "STOP" = 2]
    );
    row!(
        wrong,
        "ENUM-48",
        api::machine::service_state_event::Action,
        [
            "INITIALIZED" = 0,
            "PREPARING" = 1,
            "WAITING" = 2,
            "RUNNING" = 3,
            "STOPPING" = 4,
            "FINISHED" = 5,
            "FAILED" = 6,
            "SKIPPED" = 7
        ]
    );
    row!(
        wrong,
        "ENUM-49",
        api::machine::task_event::Action,
        ["START" = 0, "STOP" = 1]
    );
    row!(
        wrong,
        "ENUM-50",
        api::machine::upgrade_request::RebootMode,
        ["DEFAULT" = 0, "POWERCYCLE" = 1]
    );
    row!(
        wrong,
        "ENUM-51",
        api::storage::disk::DiskType,
        ["UNKNOWN" = 0, "SSD" = 1, "HDD" = 2, "NVME" = 3, "SD" = 4]
    );

    assert_eq!(wrong, Vec::<String>::new());
}
