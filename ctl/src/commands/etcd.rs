// SPDX-License-Identifier: MPL-2.0
//! `etcd`.
//!
//! Owns: the tables of members, and the file of a snapshot.
//! Never: knows whether a node has etcd: it says so.

use std::io::Write as _;
use std::path::Path;

use api::machine as m;
use api::machine::etcd_member_alarm::AlarmType;
use api::machine::{EtcdMemberAlarm, EtcdMemberStatus};

use crate::args_etcd::{Alarm, Etcd};
use crate::beside::Readers;
use crate::places::Environment;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;
use crate::written::Written;

pub(crate) async fn run(
    session: &Session,
    asked: &Etcd,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut machine = session.machine();
    let failed = |status| session.failed(&status);
    match asked {
        Etcd::Alarm(Alarm::List) => {
            let reply = machine.etcd_alarm_list(session.request(())?).await;
            let mut table = alarm_table();
            for message in reply.map_err(failed)?.into_inner().messages {
                if let Some(node) = session.node(message.metadata.as_ref(), screen) {
                    add_alarms(&mut table, &node, &message.member_alarms);
                }
            }
            screen.table(&table);
        }
        Etcd::Alarm(Alarm::Disarm) => {
            let reply = machine.etcd_alarm_disarm(session.request(())?).await;
            let mut table = alarm_table();
            for message in reply.map_err(failed)?.into_inner().messages {
                if let Some(node) = session.node(message.metadata.as_ref(), screen) {
                    add_alarms(&mut table, &node, &message.member_alarms);
                }
            }
            screen.table(&table);
        }
        Etcd::Defrag => {
            let reply = machine.etcd_defragment(session.request(())?).await;
            for message in reply.map_err(failed)?.into_inner().messages {
                done(session, message.metadata.as_ref(), "defragmented", screen);
            }
        }
        Etcd::ForfeitLeadership => {
            let request = session.request(m::EtcdForfeitLeadershipRequest {})?;
            let reply = machine.etcd_forfeit_leadership(request).await;
            for message in reply.map_err(failed)?.into_inner().messages {
                let what = match message.member.as_str() {
                    "" => "was no leader".to_owned(),
                    member => format!("the leader is {member} now"),
                };
                done(session, message.metadata.as_ref(), &what, screen);
            }
        }
        Etcd::Leave => {
            let request = session.request(m::EtcdLeaveClusterRequest {})?;
            let reply = machine.etcd_leave_cluster(request).await;
            for message in reply.map_err(failed)?.into_inner().messages {
                done(session, message.metadata.as_ref(), "left etcd", screen);
            }
        }
        Etcd::Members => members(session, screen).await?,
        Etcd::RemoveMember { member } => remove(session, member, screen).await?,
        Etcd::Snapshot { path } => snapshot(session, path, environment, screen).await?,
        Etcd::Status => status(session, screen).await?,
    }
    Ok(())
}

fn done(
    session: &Session,
    metadata: Option<&api::common::Metadata>,
    what: &str,
    screen: &mut Screen<'_>,
) {
    if let Some(node) = session.node(metadata, screen) {
        screen.print(format_args!("{node}: {what}\n"));
    }
}

/// Members have numbers, which people know in this form.
fn id(member: u64) -> String {
    format!("{member:016x}")
}

fn alarm_table() -> Table {
    Table::new(&["NODE", "MEMBER", "ALARM"])
}

fn add_alarms(table: &mut Table, node: &str, alarms: &[EtcdMemberAlarm]) {
    for alarm in alarms {
        let name = match AlarmType::try_from(alarm.alarm) {
            Ok(AlarmType::None) => "NONE",
            Ok(AlarmType::Nospace) => "NOSPACE",
            Ok(AlarmType::Corrupt) => "CORRUPT",
            Err(_) => "?",
        };
        table.row([node.to_owned(), id(alarm.member_id), name.to_owned()]);
    }
}

async fn members(session: &Session, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let request = session.request(m::EtcdMemberListRequest { query_local: true })?;
    let reply = session.machine().etcd_member_list(request).await;
    let reply = reply.map_err(|status| session.failed(&status))?;
    let mut table = Table::new(&[
        "NODE",
        "ID",
        "HOSTNAME",
        "PEER URLS",
        "CLIENT URLS",
        "LEARNER",
    ]);
    for message in reply.into_inner().messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        for member in message.members {
            table.row([
                node.clone(),
                id(member.id),
                member.hostname,
                member.peer_urls.join(","),
                member.client_urls.join(","),
                member.is_learner.to_string(),
            ]);
        }
    }
    screen.table(&table);
    Ok(())
}

async fn status(session: &Session, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let reply = session.machine().etcd_status(session.request(())?).await;
    let reply = reply.map_err(|status| session.failed(&status))?;
    let mut table = Table::new(&[
        "NODE",
        "MEMBER",
        "DB SIZE",
        "IN USE",
        "LEADER",
        "RAFT INDEX",
        "RAFT TERM",
        "RAFT APPLIED INDEX",
        "LEARNER",
        "ERRORS",
    ]);
    for message in reply.into_inner().messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            let member = message.member_status.unwrap_or_default();
            table.row(std::iter::once(node).chain(status_cells(&member)));
        }
    }
    screen.table(&table);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn status_cells(member: &EtcdMemberStatus) -> [String; 9] {
    let bytes = |count: i64| u64::try_from(count).unwrap_or_default();
    let (size, used) = (bytes(member.db_size), bytes(member.db_size_in_use));
    let part = if size == 0 {
        0.0
    } else {
        100.0 * used as f64 / size as f64
    };
    [
        id(member.member_id),
        units::size(size),
        format!("{} ({part:.2}%)", units::size(used)),
        id(member.leader),
        member.raft_index.to_string(),
        member.raft_term.to_string(),
        member.raft_applied_index.to_string(),
        member.is_learner.to_string(),
        member.errors.join(", "),
    ]
}

/// By its id, or by its host name, which is the older way.
#[expect(
    deprecated,
    reason = "the documents still have names, and only nodes know their ids"
)]
async fn remove(session: &Session, member: &str, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let mut machine = session.machine();
    let failed = |status| session.failed(&status);
    let what = format!("removed {member}");
    if let Ok(member_id) = u64::from_str_radix(member, 16) {
        let request = session.request(m::EtcdRemoveMemberByIdRequest { member_id })?;
        let reply = machine.etcd_remove_member_by_id(request).await;
        for message in reply.map_err(failed)?.into_inner().messages {
            done(session, message.metadata.as_ref(), &what, screen);
        }
        return Ok(());
    }
    let request = session.request(m::EtcdRemoveMemberRequest {
        member: member.to_owned(),
    })?;
    let reply = machine.etcd_remove_member(request).await;
    for message in reply.map_err(failed)?.into_inner().messages {
        done(session, message.metadata.as_ref(), &what, screen);
    }
    Ok(())
}

/// The file is there when it is whole.
async fn snapshot(
    session: &Session,
    path: &Path,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("etcd snapshot")?;
    let target = environment.path(path);
    let request = session.request_to(node, m::EtcdSnapshotRequest {})?;
    let failed = |status| session.failed_at(node, &status);
    let reply = session.machine().etcd_snapshot(request).await;
    let mut stream = reply.map_err(failed)?.into_inner();
    // Nothing is made for a node that has no etcd, which is said in the first message.
    let mut message = stream.message().await.map_err(failed)?;
    let (written, mut file) = Written::begin(&target, 0, Readers::Owner)?;
    let mut progress = Progress::endless(path.display().to_string());
    let mut count: u64 = 0;
    while let Some(data) = message {
        if let Some(metadata) = data.metadata.filter(|metadata| !metadata.error.is_empty()) {
            let node = session.name_of(node);
            return Err(Trouble::new(format!("{node}: {}", metadata.error)));
        }
        file.write_all(&data.bytes)
            .map_err(|error| Trouble::file("write", &target, &error))?;
        count = count.saturating_add(data.bytes.len() as u64);
        progress.at(count, screen);
        message = stream.message().await.map_err(failed)?;
    }
    written.finish(&file)?;
    screen.print(format_args!(
        "etcd snapshot saved to {:?} ({count} bytes)\n",
        path.display().to_string()
    ));
    Ok(())
}
